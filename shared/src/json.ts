import { decodeUtf8 } from "lib0/string";

/**
 * Whether the bytes are UTF-8 of one JSON value that is nested at most `maxDepth` deep. Deeper values parse, but
 * overflow the stack of whoever walks or prints them.
 *
 * @param kind `"object"` accepts only objects, not arrays, strings, numbers, booleans or null.
 * Cost: parses the value.
 */
export function isJson(bytes: Uint8Array, maxDepth: number, kind: "any" | "object"): boolean {
  let text: string;
  let value: unknown;
  try {
    text = decodeUtf8(bytes);
    value = JSON.parse(text);
  } catch {
    return false;
  }
  if (kind === "object" && (typeof value !== "object" || value === null || Array.isArray(value)))
    return false;
  return depthOf(text) <= maxDepth;
}

/** Nesting of a valid JSON text. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === "\\") i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "[" || char === "{") deepest = Math.max(deepest, ++depth);
    else if (char === "]" || char === "}") depth--;
  }
  return deepest;
}
