import { utf8Width } from "./utf8.ts";

/** Stands for the position behind something that is not JSON. */
const INVALID = -1;

const TRUE = asciiOf("true");
const FALSE = asciiOf("false");
const NULL = asciiOf("null");

/**
 * Whether the bytes from `start` up to `end` are UTF-8 of one JSON value (RFC 8259; what JSON.parse takes) that is
 * nested at most `maxDepth` deep. Deeper values parse, but overflow the stack of whoever walks or prints them.
 *
 * @param kind `"object"` accepts only objects, not arrays, strings, numbers, booleans or null.
 * Cost: one pass; allocates nothing, whereas a parsed value may take tens of times its bytes.
 */
export function isJson(
  bytes: Uint8Array,
  maxDepth: number,
  kind: "any" | "object",
  start = 0,
  end: number = bytes.length,
): boolean {
  const at = skipSpace(bytes, start, end);
  if (kind === "object" && byteAt(bytes, at, end) !== 0x7b) return false;
  const behind = skipValue(bytes, at, end, maxDepth);
  return behind !== INVALID && skipSpace(bytes, behind, end) === end;
}

/** Returns the position behind the value at `at`. */
function skipValue(bytes: Uint8Array, at: number, end: number, depthLeft: number): number {
  switch (byteAt(bytes, at, end)) {
    case 0x22: // "
      return skipString(bytes, at, end);
    case 0x5b: // [
      return depthLeft === 0 ? INVALID : skipArray(bytes, at, end, depthLeft - 1);
    case 0x7b: // {
      return depthLeft === 0 ? INVALID : skipObject(bytes, at, end, depthLeft - 1);
    case 0x74: // t
      return skipWord(bytes, at, end, TRUE);
    case 0x66: // f
      return skipWord(bytes, at, end, FALSE);
    case 0x6e: // n
      return skipWord(bytes, at, end, NULL);
    default:
      return skipNumber(bytes, at, end);
  }
}

function skipArray(bytes: Uint8Array, start: number, end: number, depthLeft: number): number {
  let at = skipSpace(bytes, start + 1, end);
  if (byteAt(bytes, at, end) === 0x5d) return at + 1;
  for (;;) {
    at = skipValue(bytes, at, end, depthLeft);
    if (at === INVALID) return INVALID;
    at = skipSpace(bytes, at, end);
    const next = byteAt(bytes, at, end);
    if (next === 0x5d) return at + 1;
    if (next !== 0x2c) return INVALID;
    at = skipSpace(bytes, at + 1, end);
  }
}

function skipObject(bytes: Uint8Array, start: number, end: number, depthLeft: number): number {
  let at = skipSpace(bytes, start + 1, end);
  if (byteAt(bytes, at, end) === 0x7d) return at + 1;
  for (;;) {
    at = skipString(bytes, at, end);
    if (at === INVALID) return INVALID;
    at = skipSpace(bytes, at, end);
    if (byteAt(bytes, at, end) !== 0x3a) return INVALID;
    at = skipValue(bytes, skipSpace(bytes, at + 1, end), end, depthLeft);
    if (at === INVALID) return INVALID;
    at = skipSpace(bytes, at, end);
    const next = byteAt(bytes, at, end);
    if (next === 0x7d) return at + 1;
    if (next !== 0x2c) return INVALID;
    at = skipSpace(bytes, at + 1, end);
  }
}

function skipString(bytes: Uint8Array, start: number, end: number): number {
  if (byteAt(bytes, start, end) !== 0x22) return INVALID;
  let at = start + 1;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === 0x22) return at + 1;
    if (byte === 0x5c) {
      const width = escapeWidth(bytes, at, end);
      if (width === 0) return INVALID;
      at += width;
    } else if (byte < 0x20) {
      return INVALID;
    } else if (byte < 0x80) {
      at++;
    } else {
      const width = utf8Width(bytes, at, end);
      if (width === 0) return INVALID;
      at += width;
    }
  }
  return INVALID;
}

/** Width in bytes of the escape sequence at `at`, or 0 when there is no such one. */
function escapeWidth(bytes: Uint8Array, at: number, end: number): number {
  switch (byteAt(bytes, at + 1, end)) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      for (let i = at + 2; i < at + 6; i++) {
        if (!isHexDigit(byteAt(bytes, i, end))) return 0;
      }
      return 6;
    default:
      return 0;
  }
}

function skipNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = byteAt(bytes, start, end) === 0x2d ? start + 1 : start;
  // No digit may follow a leading 0: what does is left over, and refused as that.
  at = byteAt(bytes, at, end) === 0x30 ? at + 1 : skipDigits(bytes, at, end);
  if (at !== INVALID && byteAt(bytes, at, end) === 0x2e) at = skipDigits(bytes, at + 1, end);
  if (at !== INVALID && (byteAt(bytes, at, end) | 0x20) === 0x65) {
    const sign = byteAt(bytes, at + 1, end);
    at = skipDigits(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1, end);
  }
  return at;
}

/** One or more. */
function skipDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (isDigit(byteAt(bytes, at, end))) at++;
  return at === start ? INVALID : at;
}

function skipWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) {
    if (byteAt(bytes, start + i, end) !== word[i]) return INVALID;
  }
  return start + word.length;
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (;;) {
    const byte = byteAt(bytes, at, end);
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

/** The byte, or -1 behind the end: the bytes there are somebody else's. */
function byteAt(bytes: Uint8Array, at: number, end: number): number {
  return at < end ? (bytes[at] as number) : -1;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

function asciiOf(word: string): Uint8Array {
  return Uint8Array.from(word, (char) => char.charCodeAt(0));
}
