import { isJson } from "./json.ts";
import type { UpdateReader } from "./update-reader.ts";

const MAX_DEPTH = 64;

/** Tag of an object in lib0's "any" encoding. */
const OBJECT = 118;

/** Largest number of a type that Yjs 13 knows: Y.XmlText. */
const MAX_TYPE = 6;
const XML_ELEMENT = 3;
const XML_HOOK = 5;

/**
 * Reads an item's content and checks it. Returns the clock ticks that it takes.
 *
 * @param ref What Yjs knows the content by.
 */
export function readContent(reader: UpdateReader, ref: number): number {
  switch (ref) {
    case 1: // Deleted
      return reader.varUint();
    case 2: {
      // JSON, the content of arrays before Yjs 13.
      const count = reader.count(1);
      for (let i = 0; i < count; i++) readJson(reader, true);
      return count;
    }
    case 3: // Binary
      reader.skip(reader.varUint());
      return 1;
    case 4: // String
      return reader.skipVarString();
    case 5: // Embed
      readJson(reader, false);
      return 1;
    case 6: // Format
      reader.skipVarString();
      readJson(reader, false);
      return 1;
    case 7: {
      // Type. XML elements and hooks carry their name.
      const type = reader.varUint();
      if (type > MAX_TYPE) reader.fail(`type ${type} is unknown`);
      if (type === XML_ELEMENT || type === XML_HOOK) reader.skipVarString();
      return 1;
    }
    case 8: {
      // Any
      const count = reader.count(1);
      for (let i = 0; i < count; i++) skipAny(reader, 0);
      return count;
    }
    case 9: // Doc
      reader.skipVarString();
      readSubdocumentOptions(reader);
      return 1;
    default:
      return reader.fail(`content ${ref} is unknown`);
  }
}

/** Yjs spreads these over the options of a new Y.Doc, so some keys would replace what is not theirs to choose. */
function readSubdocumentOptions(reader: UpdateReader): void {
  if (reader.byte() !== OBJECT) reader.fail("options of a subdocument are not an object");
  const count = reader.count(2);
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    skipKey(reader);
    if (hasText(reader, start + 1, "guid")) reader.fail("options of a subdocument have a guid");
    if (hasText(reader, start + 1, "gcFilter")) reader.fail("options of a subdocument have a gcFilter");
    skipAny(reader, 1);
  }
}

/**
 * Skips a key of an object. lib0 assigns what it reads: under `__proto__` that is no key but what the object
 * inherits from, and an object that inherits from bytes cannot be written again by anybody.
 */
function skipKey(reader: UpdateReader): void {
  const start = reader.position;
  reader.skipVarString();
  if (hasText(reader, start + 1, "__proto__")) reader.fail('an object has the key "__proto__"');
}

function readJson(reader: UpdateReader, mayBeUndefined: boolean): void {
  const length = reader.varUint();
  const start = reader.position;
  reader.skip(length);
  if (isJson(reader.bytes, MAX_DEPTH, "any", start, reader.position)) return;
  // Yjs writes an undefined among JSON contents as this word.
  if (mayBeUndefined && hasText(reader, start, "undefined")) return;
  reader.position = start;
  reader.fail("JSON is not valid or nested too deep");
}

/** Whether what was read from `start` on is this ASCII text. */
function hasText({ bytes, position }: UpdateReader, start: number, text: string): boolean {
  if (position - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/**
 * Skips one value of lib0's "any" encoding. A number may be written in any of its forms: lib0 writes integers above
 * 2^31 as floats, Yrs does not, and all read both.
 */
function skipAny(reader: UpdateReader, depth: number): void {
  if (depth > MAX_DEPTH) reader.fail(`value is nested more than ${MAX_DEPTH} deep`);
  const tag = reader.byte();
  switch (tag) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return;
    case 125: // integer
      reader.skipVarInt();
      return;
    case 124: // float32
      reader.skip(4);
      return;
    case 123: // float64
    case 122: // bigint
      reader.skip(8);
      return;
    case 119: // string
      reader.skipVarString();
      return;
    case OBJECT: {
      const count = reader.count(2);
      for (let i = 0; i < count; i++) {
        skipKey(reader);
        skipAny(reader, depth + 1);
      }
      return;
    }
    case 117: {
      // array
      const count = reader.count(1);
      for (let i = 0; i < count; i++) skipAny(reader, depth + 1);
      return;
    }
    case 116: // bytes
      reader.skip(reader.varUint());
      return;
    default:
      reader.fail(`value ${tag} is unknown`);
  }
}
