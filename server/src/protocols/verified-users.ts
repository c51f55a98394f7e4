/**
 * Presence for dialects that cannot say whose it is: the state itself says so, by a property that the server puts last,
 * `"verifiedUser":"ann"`, or `null` for nobody in particular. Of a name that an object has twice, the last one counts:
 * whatever a client writes under it is not what others read.
 */

import { type AwarenessEntry, decodeAwareness, encodeAwareness } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { Author, PresenceUsers } from "../engine/ports.ts";

const OPEN = 0x7b;
const CLOSE = 0x7d;
const COMMA = 0x2c;

const NOBODY = propertyOf(null);

/** What was made of an update, as long as that is in memory: all dialects, and who comes later, are sent the same. */
const made = new WeakMap<Uint8Array, Uint8Array>();

/**
 * An awareness update that says of each who is here whom the server takes them for.
 *
 * @param update As the engine has it: states are JSON objects. What is none stays as it is: it has no properties to read.
 * Cost: copies the update, once for all who are sent it; nothing is parsed.
 */
export function withVerifiedUsers(update: Uint8Array, users: PresenceUsers): Uint8Array {
  const known = made.get(update);
  if (known) return known;
  const entries = decodeAwareness(update, Number.POSITIVE_INFINITY);
  const verified = encodeAwareness(entries.map((entry) => verifiedEntry(entry, users)));
  made.set(update, verified);
  return verified;
}

function verifiedEntry(entry: AwarenessEntry, users: PresenceUsers): AwarenessEntry {
  const { clientId, state } = entry;
  if (state === null) return entry;
  const user = users.get(clientId);
  return { ...entry, state: withProperty(state, user === undefined ? NOBODY : propertyOf(user)) };
}

function propertyOf(user: Author | null): Uint8Array {
  return encodeUtf8(`"verifiedUser":${JSON.stringify(user)}`);
}

function withProperty(state: Uint8Array, property: Uint8Array): Uint8Array {
  const end = lastBefore(state, state.length);
  if (state[end] !== CLOSE || state.find((byte) => !isSpace(byte)) !== OPEN) return state;
  // What stands right before the end of an object with properties is the end of one of these.
  const separator = state[lastBefore(state, end)] === OPEN ? [] : [COMMA];
  const whole = new Uint8Array(end + separator.length + property.length + 1);
  whole.set(state.subarray(0, end));
  whole.set(separator, end);
  whole.set(property, end + separator.length);
  whole[whole.length - 1] = CLOSE;
  return whole;
}

/** The last byte before that place that is no white space; -1 if there is none. */
function lastBefore(bytes: Uint8Array, place: number): number {
  let last = place - 1;
  while (last >= 0 && isSpace(bytes[last] as number)) last--;
  return last;
}

/** As JSON has it. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
