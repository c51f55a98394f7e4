import * as encoding from "lib0/encoding";
import { ByteReader } from "./byte-reader.ts";

/** For each client id, how many of its clock ticks are known: all below this clock. */
export type StateVector = ReadonlyMap<number, number>;

/**
 * Decodes a Yjs v1 state vector.
 *
 * @throws JoineryError MALFORMED_UPDATE (never retry) when it does not decode or has bytes left over.
 * Cost: linear in its bytes.
 */
export function decodeStateVector(bytes: Uint8Array): StateVector {
  const reader = new ByteReader(bytes, "state vector");
  const clients = reader.count(2);
  const clocks = new Map<number, number>();
  for (let i = 0; i < clients; i++) {
    const client = reader.clientId();
    clocks.set(client, reader.varUint());
  }
  reader.end();
  return clocks;
}

/** Encodes a Yjs v1 state vector. The order of clients is the map's. */
export function encodeStateVector(clocks: StateVector): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, clocks.size);
  for (const [client, clock] of clocks) {
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock);
  }
  return encoding.toUint8Array(encoder);
}
