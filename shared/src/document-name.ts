import { encodeUtf8 } from "lib0/string";
import { JoineryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** The name of a document: 1 to `maxNameBytes` bytes of UTF-8, any Unicode but control characters, and not "." or "..". */
export type DocumentName = string & { readonly __documentName: true };

// C0, DEL and C1 controls, and the two Unicode line separators, which break log lines.
// biome-ignore lint/suspicious/noControlCharactersInRegex: reason: control characters are what it looks for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

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
    throw new JoineryError("INVALID_NAME", `document name is longer than ${maxBytes} bytes`);
  if (name === "." || name === "..")
    throw new JoineryError("INVALID_NAME", `document name is "${name}", which no URL can say`);
  if (FORBIDDEN.test(name)) throw new JoineryError("INVALID_NAME", "document name has control characters");
  return name as DocumentName;
}
