/** What the routes that read documents have in common. */

import { JoineryError } from "@joinery/shared";
import type { Revision } from "../../engine/ports.ts";
import { type Moment, parseMoment } from "../../inspect/at.ts";
import { revisionText } from "./revision.ts";
import type { Field } from "./schema.ts";
import { described, text, wholeNumber } from "./schema.ts";
import { isoOf } from "./time.ts";

const MAX_TEXT_LENGTH = 64 * 1024;
/** A batch is at most as large as what was merged into it. */
export const MAX_UPDATE_BYTES: number = 2 ** 30;

export const count: Field<number> = wholeNumber(0, Number.MAX_SAFE_INTEGER);
export const anyText: Field<string> = text(MAX_TEXT_LENGTH, { minLength: 0 });

export const lineage: Field<string> = described(
  "Which life of its name the document is; 32 zeros where damage has taken that.",
  text(32),
  "9f86d081884c7d659a2feaa0c55ad015",
);
export const branch: Field<string> = described(
  "Which branch of the log `seq` is of; zeros where that is not known.",
  text(16),
  "4a1f6c0e2b7d9853",
);
export const revision: Field<string> = described(
  "As its `ETag`: `<lineage>.<branch>.<seq>`.",
  text(128),
  "9f86d081884c7d659a2feaa0c55ad015.4a1f6c0e2b7d9853.17",
);
export const damage: Field<string> = described(
  "What is wrong with what is stored; `null` for nothing.",
  anyText,
);

/** A day alone, or a time without a zone, would be one of the server's. */
const HAS_ZONE = /(?:Z|[+-]\d\d:?\d\d)$/i;

/** A `seq`, or a time by ISO 8601. */
export const pointInLog: Field<Moment> = {
  is: "a seq, or a time by ISO 8601 with its zone",
  json: { type: "string", anyOf: [{ pattern: "^\\d{1,16}$" }, { format: "date-time" }] },
  description: "As it was then: after the batch with this `seq`, or at this time by ISO 8601.",
  example: "2026-11-21T10:00:00Z",
  read: (value) => {
    if (typeof value !== "string" || !(/^\d+$/.test(value) || HAS_ZONE.test(value))) return undefined;
    try {
      // What it says of the time now is not read.
      return parseMoment(value, 0, "at");
    } catch (thrown) {
      // It says what may be said at a command line, which is more.
      if (thrown instanceof JoineryError && thrown.code === "INVALID_OPTION") return undefined;
      throw thrown;
    }
  },
};

/** Of what was damaged it is not known. */
export function timeOrNull(ms: number): string | null {
  return ms === 0 ? null : isoOf(ms);
}

/** Without a copy of the bytes. */
export function base64Of({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("base64");
}

/** The headers of an answer that is about one document, for people. */
export const ABOUT_HEADERS = {
  "Joinery-Revision": "What the answer is of: `<lineage>.<branch>.<seq>`.",
  "Joinery-Damage":
    "What is wrong with what is stored, where this is what is sound of it. What is no printable ASCII, and `%`, is percent-encoded.",
} as const;

/** Those of an answer in a format that may have no form for something. */
export const ABOUT_ROOTS_HEADERS = {
  ...ABOUT_HEADERS,
  "Joinery-Left-Out":
    "Names of roots that have something, but no such form: percent-encoded, with commas between them; `...` ends those that would be too long a list.",
} as const;

/** The headers of an answer that is about one document. */
export function headersOf(
  revision: Revision,
  { damage = null, leftOut = [] }: { damage?: JoineryError | null; leftOut?: readonly string[] } = {},
): Record<string, string> {
  return {
    "Joinery-Revision": revisionText(revision),
    ...(damage !== null && { "Joinery-Damage": headerText(damage.message) }),
    ...(leftOut.length > 0 && { "Joinery-Left-Out": headerNames(leftOut) }),
  };
}

/** An answer has so much of what is said in a header: some clients take no more than 8 KB of all of them. */
const MAX_HEADER_LENGTH = 2048;

/** Text as a header has it: what is no printable ASCII, and "%", is percent-encoded. */
function headerText(text: string): string {
  const encoded = text.toWellFormed().replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, encodeURIComponent);
  // Not within what stands for one character.
  return encoded.length <= MAX_HEADER_LENGTH
    ? encoded
    : encoded.slice(0, MAX_HEADER_LENGTH).replace(/(?:%[0-9A-F]{2}|%[0-9A-F]?)+$/, "");
}

function headerNames(names: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const name of names) {
    const encoded = encodeURIComponent(name.toWellFormed());
    length += encoded.length + ", ".length;
    // A header takes no ellipsis.
    if (length > MAX_HEADER_LENGTH) return [...shown, "..."].join(", ");
    shown.push(encoded);
  }
  return shown.join(", ");
}
