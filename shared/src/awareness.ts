import * as encoding from "lib0/encoding";
import { ByteReader, equalBytes } from "./byte-reader.ts";
import { isJson } from "./json.ts";

/** One client's presence as it travels. */
export interface AwarenessEntry {
  readonly clientId: number;
  readonly clock: number;
  /** The state's JSON in UTF-8; `null` when the client is gone. A view into the update that it came in. */
  readonly state: Uint8Array | null;
}

/**
 * Decodes a y-protocols awareness update without parsing the states in it.
 *
 * @throws JoineryError MALFORMED_UPDATE (never retry) when it does not decode or has bytes left over.
 * Cost: linear in entries; states are not copied.
 */
export function decodeAwareness(update: Uint8Array): AwarenessEntry[] {
  const reader = new ByteReader(update, "awareness update");
  const count = reader.count(3);
  const entries: AwarenessEntry[] = [];
  for (let i = 0; i < count; i++) {
    const clientId = reader.clientId();
    const clock = reader.varUint();
    const state = reader.varBytes();
    entries.push({ clientId, clock, state: equalBytes(state, NULL) ? null : state });
  }
  reader.end();
  return entries;
}

/** Encodes entries as a y-protocols awareness update. */
export function encodeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, entries.length);
  for (const { clientId, clock, state } of entries) {
    encoding.writeVarUint(encoder, clientId);
    encoding.writeVarUint(encoder, clock);
    encoding.writeVarUint8Array(encoder, state ?? NULL);
  }
  return encoding.toUint8Array(encoder);
}

const NULL = Uint8Array.of(0x6e, 0x75, 0x6c, 0x6c);

const MAX_DEPTH = 16;

/**
 * Whether a state is what y-protocols gives an editor to read: a JSON object, of sane depth. Anything else
 * throws in the clients that it is sent to.
 *
 * Cost: parses the state.
 */
export function isAwarenessState(state: Uint8Array): boolean {
  return isJson(state, MAX_DEPTH, "object");
}
