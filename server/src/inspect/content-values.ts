/** Values of a document as JSON. Objects have no prototype: keys come from whoever wrote the document. */

import { toBase64 } from "lib0/buffer";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * A value of a document as JSON. What JSON has no word for is an object with one key: `{"$undefined": true}`,
 * `{"$bigint": "12"}`, `{"$number": "NaN"}`, `{"$bytes": "<base64>"}`; an object of the document that could be taken
 * for one of these is `{"$object": …}`.
 */
export function describeValue(value: unknown): Json {
  switch (typeof value) {
    case "undefined":
      return { $undefined: true };
    case "bigint":
      return { $bigint: String(value) };
    case "number":
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "string":
    case "boolean":
      return value;
    default:
      return describeObject(value);
  }
}

function describeObject(value: unknown): Json {
  if (value === null || typeof value !== "object") return null;
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (Array.isArray(value)) return value.map(describeValue);
  const entries = Object.entries(value);
  const described = objectOf(entries.map(([key, inner]) => [key, describeValue(inner)]));
  const [first] = entries;
  return entries.length === 1 && first?.[0].startsWith("$") ? { $object: described } : described;
}

/**
 * A value as applications see it: bytes are base64, bigints their digits. As JSON has it, undefined is nothing, and null
 * in lists, as are NaN and infinities.
 */
export function plainValue(value: unknown): Json | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (value === null || typeof value !== "object") return null;
  if (value instanceof Uint8Array) return toBase64(value);
  if (Array.isArray(value)) return value.map((item: unknown) => plainValue(item) ?? null);
  return definedOnly(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

/** Without a prototype: `__proto__` is a key like any other. */
export function objectOf(entries: readonly (readonly [string, Json])[]): JsonObject {
  const object = Object.create(null) as Record<string, Json>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}

/** Leaves out what is undefined, as JSON does. */
export function definedOnly(entries: readonly (readonly [string, Json | undefined])[]): JsonObject {
  return objectOf(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}

/** A list of one or none. */
export function when<T>(condition: boolean, value: T): readonly T[] {
  return condition ? [value] : [];
}
