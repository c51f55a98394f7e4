import { JoineryError } from "@joinery/shared";

/** What is shown of text that the client wrote. */
const MAX_SHOWN_LENGTH = 100;

/**
 * INVALID_OPTION (never) for JSON that is no edit.
 *
 * @param place Where it is, as `edits[2].nodes[0]`.
 * @param what What is wrong with it, as a predicate: "is no object".
 */
export function malformed(place: string, what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `${place} ${what}`);
}

/** JSON of something, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}
