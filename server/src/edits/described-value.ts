import { fromBase64 } from "lib0/buffer";
import { objectAt, plainAt } from "./fields.ts";
import { malformed } from "./malformed.ts";

/** What Yjs writes of a bigint: 64 bits. */
const MAX_BIGINT = 2n ** 63n;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/**
 * The value that `describeValue` says so: `{"$bigint": "12"}` is a bigint.
 *
 * @throws JoineryError INVALID_OPTION (never), naming the place.
 */
export function valueDescribedAt(place: string, json: unknown): unknown {
  return undescribed(place, plainAt(place, json));
}

function undescribed(place: string, json: unknown): unknown {
  if (Array.isArray(json)) return json.map((item) => undescribed(place, item));
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json);
  const [first] = entries;
  if (entries.length === 1 && first?.[0].startsWith("$")) return marked(place, ...first);
  return plainObject(place, entries);
}

function marked(place: string, mark: string, of: unknown): unknown {
  switch (mark) {
    case "$undefined":
      return undefined;
    case "$bigint":
      return bigintAt(place, of);
    case "$number":
      if (NUMBERS.has(of)) return NUMBERS.get(of);
      throw malformed(place, 'has a "$number" that is none of NaN, Infinity, -Infinity');
    case "$bytes":
      return bytesAt(place, of);
    case "$object":
      return plainObject(place, Object.entries(objectAt(place, of)));
    default:
      throw malformed(
        place,
        `has ${JSON.stringify(mark)}, which means nothing: an object that has it is {"$object": …}`,
      );
  }
}

function plainObject(place: string, entries: readonly [string, unknown][]): object {
  return Object.fromEntries(entries.map(([key, inner]) => [key, undescribed(place, inner)]));
}

function bigintAt(place: string, of: unknown): bigint {
  const value = typeof of === "string" && /^-?\d{1,19}$/.test(of) ? BigInt(of) : null;
  if (value !== null && value >= -MAX_BIGINT && value < MAX_BIGINT) return value;
  throw malformed(place, 'has a "$bigint" that is no whole number of 64 bits in digits');
}

/** Bytes, from base64 with its padding. */
export function bytesAt(place: string, of: unknown): Uint8Array {
  if (typeof of === "string" && of.length % 4 === 0 && BASE64.test(of)) return fromBase64(of);
  throw malformed(place, "has bytes that are no base64 with its padding");
}
