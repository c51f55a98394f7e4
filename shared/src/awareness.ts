import { ByteReader, equalBytes } from "./byte-reader.ts";
import { JoineryError } from "./errors.ts";
import { isJson } from "./json.ts";
import { LIMITS } from "./limits.ts";

/** One client's presence as it travels. */
export interface AwarenessEntry {
  readonly clientId: number;
  readonly clock: number;
  /** The state's JSON in UTF-8; `null` when the client is gone. A view into the update that it came in. */
  readonly state: Uint8Array | null;
}

/**
 * Decodes a y-protocols awareness update without parsing the states in it. Each client comes once: of several
 * entries of one, the newest is taken. y-protocols writes such an update only after it heard one, and so it is no
 * reason to refuse anybody.
 *
 * @param maxEntries One with more is refused before they are read. Default: what a room may have told a client.
 * @throws JoineryError MALFORMED_UPDATE (never retry) when it does not decode or has bytes left over,
 * PRESENCE_TOO_LARGE (never retry).
 * Cost: linear in entries; states are not copied.
 */
export function decodeAwareness(update: Uint8Array, maxEntries = MAX_ENTRIES): AwarenessEntry[] {
  const reader = new ByteReader(update, "awareness update");
  const count = reader.count(3);
  if (count > maxEntries) {
    const message = `an awareness update has ${count} entries, the limit is ${maxEntries}`;
    throw new JoineryError("PRESENCE_TOO_LARGE", message);
  }
  const entries: AwarenessEntry[] = [];
  const places = count > 1 ? new Map<number, number>() : null;
  for (let i = 0; i < count; i++) {
    const clientId = reader.clientId();
    const clock = reader.varUint();
    const state = reader.varBytes();
    const entry = { clientId, clock, state: equalBytes(state, NULL) ? null : state };
    const place = places?.get(clientId);
    if (place === undefined) {
      places?.set(clientId, entries.length);
      entries.push(entry);
    } else if (isNewer(entry, entries[place] as AwarenessEntry)) {
      entries[place] = entry;
    }
  }
  reader.end();
  return entries;
}

const MAX_ENTRIES = LIMITS.maxPresenceIds.default + LIMITS.maxPresenceTombstones.default;

/** As y-protocols decides: the greater clock wins; of two with the same, that the client is gone. */
function isNewer(entry: AwarenessEntry, known: AwarenessEntry): boolean {
  return entry.clock > known.clock || (entry.clock === known.clock && entry.state === null);
}

/**
 * Encodes entries as a y-protocols awareness update.
 *
 * Cost: linear in bytes, which are copied once; a crowd's presence is hundreds of kilobytes several times a second.
 */
export function encodeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  let length = varUintBytes(entries.length);
  for (const { clientId, clock, state } of entries) {
    const { length: stateBytes } = state ?? NULL;
    length += varUintBytes(clientId) + varUintBytes(clock) + varUintBytes(stateBytes) + stateBytes;
  }
  const bytes = new Uint8Array(length);
  let at = writeVarUint(bytes, 0, entries.length);
  for (const { clientId, clock, state } of entries) {
    const written = state ?? NULL;
    at = writeVarUint(bytes, at, clientId);
    at = writeVarUint(bytes, at, clock);
    at = writeVarUint(bytes, at, written.length);
    bytes.set(written, at);
    at += written.length;
  }
  return bytes;
}

function varUintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) bytes++;
  return bytes;
}

/** Returns the position behind it. */
function writeVarUint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let left = value;
  // Not by bits: clocks may be beyond 32 of them.
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[at++] = (left % 0x80) | 0x80;
  bytes[at++] = left;
  return at;
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
