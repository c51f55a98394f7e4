/** Reads fields of JSON that somebody sent. All throw JoineryError INVALID_OPTION (never), naming the place. */

import type { Json } from "../inspect/content-values.ts";
import { malformed, shown } from "./malformed.ts";

const HALF_A_PAIR = "is no valid Unicode: it has half of a surrogate pair";

/** An object of JSON, whose fields are not looked at yet. */
export type Fields = Readonly<Record<string, unknown>>;

export function objectAt(place: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw malformed(place, "must be an object");
}

export function listAt(place: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw malformed(place, "must be a list");
}

export function textAt(place: string, value: unknown): string {
  if (typeof value !== "string") throw malformed(place, "must be text");
  if (!value.isWellFormed()) throw malformed(place, HALF_A_PAIR);
  return value;
}

/** A whole number that is not negative. */
export function countAt(place: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(place, `is ${shown(value)}, it must be a whole number, and not negative`);
}

/** Refuses what is not among the fields that are known. */
export function demandKnown(place: string, fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) {
      throw malformed(place, `has an unknown field ${shown(name)}: it has ${known.join(", ")}`);
    }
  }
}

/** As deep as updates may have values: deeper ones overflow the stack of whoever reads them. */
const MAX_VALUE_DEPTH = 64;

/** JSON that updates can carry as a plain value. */
export function plainAt(place: string, value: unknown): Json {
  const problem = plainProblem(value);
  if (problem !== null) throw malformed(place, problem);
  return value as Json;
}

/** Formatting: names and plain values. */
export function attributesAt(place: string, value: unknown): Readonly<Record<string, Json>> {
  return plainAt(place, objectAt(place, value)) as Readonly<Record<string, Json>>;
}

/** Why a value is no JSON that updates can carry, as a predicate; `null` where it is. */
export function plainProblem(value: unknown, depth = 0): string | null {
  if (depth > MAX_VALUE_DEPTH) return `is nested more than ${MAX_VALUE_DEPTH} deep`;
  if (typeof value === "string") return value.isWellFormed() ? null : HALF_A_PAIR;
  if (value === null || typeof value === "boolean" || Number.isFinite(value)) return null;
  if (typeof value !== "object" || value instanceof Uint8Array) return "must be JSON";
  for (const [key, inner] of Object.entries(value)) {
    // lib0 assigns what it reads: under this name that is no key.
    if (key === "__proto__") return 'has the key "__proto__", which Yjs cannot read back';
    const problem = key.isWellFormed() ? plainProblem(inner, depth + 1) : HALF_A_PAIR;
    if (problem !== null) return problem;
  }
  return null;
}
