import * as decoding from "lib0/decoding";
import {
  type Block,
  type Content,
  type Deletion,
  type Id,
  lengthOf,
  type Parent,
  type Struct,
  type Update,
} from "./update.ts";

/** Takes a well-formed update apart. Encoding the result gives the same bytes. Throws what lib0 throws for others. */
export function decodeUpdate(bytes: Uint8Array): Update {
  const decoder = decoding.createDecoder(bytes);
  const blocks = listOf(decoder, () => readBlock(decoder));
  const deletions = listOf(decoder, () => readDeletion(decoder));
  if (decoding.hasContent(decoder)) throw new Error("bytes left over");
  return { blocks, deletions };
}

function listOf<T>(decoder: decoding.Decoder, read: () => T): T[] {
  const items: T[] = [];
  for (let left = decoding.readVarUint(decoder); left > 0; left--) items.push(read());
  return items;
}

function readBlock(decoder: decoding.Decoder): Block {
  let count = decoding.readVarUint(decoder);
  const block: Block = {
    client: decoding.readVarUint(decoder),
    clock: decoding.readVarUint(decoder),
    structs: [],
  };
  for (; count > 0; count--) block.structs.push(readStruct(decoder));
  if (block.structs.some((struct) => lengthOf(struct) < 1)) throw new Error("struct without length");
  return block;
}

function readDeletion(decoder: decoding.Decoder): Deletion {
  const client = decoding.readVarUint(decoder);
  const ranges = listOf(decoder, () => ({
    clock: decoding.readVarUint(decoder),
    length: decoding.readVarUint(decoder),
  }));
  return { client, ranges };
}

function readStruct(decoder: decoding.Decoder): Struct {
  const info = decoding.readUint8(decoder);
  const ref = info & 0x1f;
  if (ref === 0) return { kind: "gc", length: decoding.readVarUint(decoder) };
  if (ref === 10) return { kind: "skip", length: decoding.readVarUint(decoder) };
  const origin = info & 0x80 ? readId(decoder) : null;
  const rightOrigin = info & 0x40 ? readId(decoder) : null;
  let parent: Parent = { kind: "root", name: "" };
  let parentSub: string | null = null;
  if (!origin && !rightOrigin) {
    parent =
      decoding.readVarUint(decoder) === 1
        ? { kind: "root", name: decoding.readVarString(decoder) }
        : { kind: "item", id: readId(decoder) };
    if (info & 0x20) parentSub = decoding.readVarString(decoder);
  } else if (info & 0x20) {
    // Only the flag says so; the key itself is a neighbour's.
    parentSub = "";
  }
  return { kind: "item", origin, rightOrigin, parent, parentSub, content: readContent(decoder, ref) };
}

function readId(decoder: decoding.Decoder): Id {
  return { client: decoding.readVarUint(decoder), clock: decoding.readVarUint(decoder) };
}

function readContent(decoder: decoding.Decoder, ref: number): Content {
  switch (ref) {
    case 1:
      return { kind: "deleted", length: decoding.readVarUint(decoder) };
    case 2:
      return { kind: "json", values: listOf(decoder, () => decoding.readVarString(decoder)) };
    case 3:
      return { kind: "binary", bytes: decoding.readVarUint8Array(decoder) };
    case 4:
      return { kind: "string", text: decoding.readVarString(decoder) };
    case 5:
      return { kind: "embed", json: decoding.readVarString(decoder) };
    case 6:
      return { kind: "format", key: decoding.readVarString(decoder), json: decoding.readVarString(decoder) };
    case 7: {
      const type = decoding.readVarUint(decoder);
      const name = type === 3 || type === 5 ? decoding.readVarString(decoder) : "";
      return { kind: "type", ref: type, name };
    }
    case 8:
      return { kind: "any", values: listOf(decoder, () => decoding.readAny(decoder)) };
    case 9:
      return { kind: "doc", guid: decoding.readVarString(decoder), options: decoding.readAny(decoder) };
    default:
      throw new Error(`content ${ref} is unknown`);
  }
}
