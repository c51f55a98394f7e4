import { encodeUtf8 } from "lib0/string";
import { JoineryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * The name of a document: 1 to `maxNameBytes` bytes of UTF-8 in Unicode's normalisation form C, without characters
 * that control text or its direction, and not "." or "..".
 */
export type DocumentName = string & { readonly __documentName: true };

// C0, DEL and C1 controls, and the two Unicode line separators, which break log lines.
// biome-ignore lint/suspicious/noControlCharactersInRegex: reason: control characters are what it looks for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Unicode's bidirectional controls: they can make one name look like another. */
const DIRECTION_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/**
 * Checks a name that came from outside.
 *
 * @param maxBytes Longest accepted name in bytes of UTF-8.
 * @throws JoineryError INVALID_NAME (never retry), saying which rule the name breaks.
 */
export function parseDocumentName(
  name: string,
  maxBytes: number = LIMITS.maxNameBytes.default,
): DocumentName {
  if (name.length === 0) throw new JoineryError("INVALID_NAME", "document name is empty");
  if (!name.isWellFormed()) throw new JoineryError("INVALID_NAME", "document name is not valid Unicode");
  const bytes = name.length > maxBytes ? name.length : encodeUtf8(name).length;
  if (bytes > maxBytes)
    throw new JoineryError("INVALID_NAME", `document name is longer than ${maxBytes} bytes`, {
      limit: "maxNameBytes",
    });
  if (name === "." || name === "..")
    throw new JoineryError("INVALID_NAME", `document name is "${name}", which no URL can say`);
  if (CONTROLS.test(name)) throw new JoineryError("INVALID_NAME", "document name has control characters");
  if (DIRECTION_CONTROLS.test(name))
    throw new JoineryError("INVALID_NAME", "document name has characters that change the direction of text");
  // Two names that look the same would be two documents. To change the name silently would be to open another one.
  if (name.normalize("NFC") !== name)
    throw new JoineryError("INVALID_NAME", "document name is not in Unicode normalisation form C (NFC)");
  return name as DocumentName;
}
