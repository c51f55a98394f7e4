import * as encoding from "lib0/encoding";
import { decodeUtf8 } from "lib0/string";
import { ByteReader } from "./byte-reader.ts";

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
    entries.push({ clientId, clock, state: isNull(state) ? null : state });
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

function isNull(state: Uint8Array): boolean {
  return state.length === 4 && state.every((byte, i) => byte === NULL[i]);
}

/**
 * Whether a state is a JSON object, the only thing that y-protocols gives an editor to read.
 *
 * Cost: parses the state; for the first state of a client and for states that are not trusted.
 */
export function isAwarenessObject(state: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(decodeUtf8(state));
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
