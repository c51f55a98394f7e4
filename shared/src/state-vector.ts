import * as encoding from "lib0/encoding";
import { MAX_CLOCK } from "./clock.ts";
import { LIMITS } from "./limits.ts";
import { UpdateReader } from "./update-reader.ts";

/** For each client id, how many of its clock ticks are known: all below this clock. */
export type StateVector = ReadonlyMap<number, number>;

/**
 * Decodes a Yjs v1 state vector.
 *
 * @param maxClients Most clients that are accepted; the default is the limit's.
 * @throws JoineryError MALFORMED_UPDATE when it does not decode, names a client twice or has bytes left over;
 * UPDATE_TOO_LARGE when it has too many clients (both never retry).
 * Cost: linear in its bytes.
 */
export function decodeStateVector(
  bytes: Uint8Array,
  maxClients: number = LIMITS.maxStateVectorClients.default,
): StateVector {
  const reader = new UpdateReader(bytes, "state vector");
  const clients = reader.count(2);
  if (clients > maxClients) reader.exceeds("maxStateVectorClients", `has more than ${maxClients} clients`);
  const clocks = new Map<number, number>();
  for (let i = 0; i < clients; i++) {
    const client = reader.clientId();
    // Yjs takes the last of several, so that what it is sent would depend on their order.
    if (clocks.has(client)) reader.fail("client comes twice");
    const clock = reader.varUint();
    if (clock > MAX_CLOCK) reader.fail("clock is too large");
    clocks.set(client, clock);
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
