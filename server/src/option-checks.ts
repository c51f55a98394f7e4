/** Checks that options share: those of a server, and those of its parts. Each names the option and what it may be. */

import { JoineryError } from "@joinery/shared";

/** Refuses what is not an object, and a name that is not known: a misspelt option is not ignored. */
export function refuseUnknown(options: object, known: readonly string[], prefix: string): void {
  requireObject(prefix.replace(/\.$/, "") || "options", options);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new JoineryError(
      "INVALID_OPTION",
      `there is no option "${prefix}${name}"; there are ${known.join(", ")}`,
    );
  }
}

/** @throws JoineryError INVALID_OPTION (never retry). */
export function requireObject(name: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw invalid(name, value, "an object");
}

/**
 * Whole numbers, unless it has no unit.
 *
 * @throws JoineryError INVALID_OPTION (never retry).
 */
export function checkNumber(name: string, value: unknown, min: number, max: number, unit = ""): number {
  const isAllowed = typeof value === "number" && value >= min && value <= max;
  if (isAllowed && (unit === "" || Number.isInteger(value))) return value;
  const kind = unit === "" ? "number" : "whole number";
  throw invalid(name, value, `a ${kind} from ${min} to ${max}${unit && ` (${unit})`}`);
}

/** @throws JoineryError INVALID_OPTION (never retry). */
export function checkText(name: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0) return value;
  throw invalid(name, value, "a text that is not empty");
}

/** @throws JoineryError INVALID_OPTION (never retry). */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(name, value, "true or false");
}

/** @param allowed What it must be, as the end of a sentence. */
export function invalid(name: string, value: unknown, allowed: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `option "${name}" is ${show(value)}, it must be ${allowed}`);
}

/** A value as somebody wrote it, as far as that can be told. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
