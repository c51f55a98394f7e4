import * as encoding from "lib0/encoding";
import type { Content, Id, Item, Struct, Update } from "./update.ts";

const CONTENT_REFS = {
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  doc: 9,
} as const;

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_PARENT_SUB = 0x20;

/** Encodes the parts in the order in which they stand, checking nothing. */
export function encodeUpdate(update: Update): Uint8Array {
  return new UpdateWriter(update.paddedInteger ?? -1).write(update);
}

class UpdateWriter {
  readonly #encoder = encoding.createEncoder();
  /** Integers until the padded one. */
  #untilPadded: number;

  constructor(paddedInteger: number) {
    this.#untilPadded = paddedInteger;
  }

  write(update: Update): Uint8Array {
    const { blocks, deletions } = update;
    this.#integer(update.blockCount ?? blocks.length);
    for (const { client, clock, structs, count } of blocks) {
      this.#integer(count ?? structs.length);
      this.#integer(client);
      this.#integer(clock);
      for (const struct of structs) this.#struct(struct);
    }
    this.#integer(update.deletionCount ?? deletions.length);
    for (const { client, ranges, count } of deletions) {
      this.#integer(client);
      this.#integer(count ?? ranges.length);
      for (const range of ranges) {
        this.#integer(range.clock);
        this.#integer(range.length);
      }
    }
    if (update.trailing) encoding.writeUint8Array(this.#encoder, update.trailing);
    return encoding.toUint8Array(this.#encoder);
  }

  #struct(struct: Struct): void {
    if (struct.kind === "item") {
      this.#item(struct);
      return;
    }
    encoding.writeUint8(this.#encoder, struct.kind === "gc" ? 0 : 10);
    this.#integer(struct.length);
  }

  #item({ origin, rightOrigin, parent, parentSub, content }: Item): void {
    const ref = content.kind === "raw" ? content.ref : CONTENT_REFS[content.kind];
    const flags =
      (origin ? HAS_ORIGIN : 0) |
      (rightOrigin ? HAS_RIGHT_ORIGIN : 0) |
      (parentSub === null ? 0 : HAS_PARENT_SUB);
    encoding.writeUint8(this.#encoder, ref | flags);
    if (origin) this.#id(origin);
    if (rightOrigin) this.#id(rightOrigin);
    if (!origin && !rightOrigin) {
      this.#integer(parent.kind === "root" ? 1 : 0);
      if (parent.kind === "root") this.#string(parent.name);
      else this.#id(parent.id);
      if (parentSub !== null) this.#string(parentSub);
    }
    this.#content(content);
  }

  #content(content: Content): void {
    switch (content.kind) {
      case "deleted":
        this.#integer(content.length);
        break;
      case "json":
        this.#integer(content.values.length);
        for (const value of content.values) this.#string(value);
        break;
      case "binary":
        this.#integer(content.bytes.length);
        encoding.writeUint8Array(this.#encoder, content.bytes);
        break;
      case "string":
        this.#string(content.text);
        break;
      case "embed":
        this.#string(content.json);
        break;
      case "format":
        this.#string(content.key);
        this.#string(content.json);
        break;
      case "type":
        this.#integer(content.ref);
        if (content.ref === 3 || content.ref === 5) this.#string(content.name);
        break;
      case "any":
        this.#integer(content.values.length);
        for (const value of content.values) this.#any(value);
        break;
      case "doc":
        this.#string(content.guid);
        this.#any(content.options);
        break;
      case "raw":
        encoding.writeUint8Array(this.#encoder, content.bytes);
        break;
    }
  }

  #id({ client, clock }: Id): void {
    this.#integer(client);
    this.#integer(clock);
  }

  #integer(value: number): void {
    if (this.#untilPadded-- === 0) writePadded(this.#encoder, value);
    else if (value <= Number.MAX_SAFE_INTEGER) encoding.writeVarUint(this.#encoder, value);
    else encoding.writeUint8Array(this.#encoder, hugeVarUint(BigInt(value)));
  }

  #string(value: string): void {
    encoding.writeVarString(this.#encoder, value);
  }

  #any(value: unknown): void {
    // reason: lib0 takes what its own encoding knows; anything else it writes as undefined
    encoding.writeAny(this.#encoder, value as Parameters<typeof encoding.writeAny>[1]);
  }
}

/** Of any size; lib0 writes wrong bytes above 2^53. */
export function hugeVarUint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** The same number with two bytes more than it needs. */
function writePadded(encoder: encoding.Encoder, value: number): void {
  const bytes = hugeVarUint(BigInt(value));
  encoding.writeUint8Array(encoder, bytes.subarray(0, -1));
  encoding.writeUint8(encoder, (bytes.at(-1) as number) | 0x80);
  encoding.writeUint8(encoder, 0x80);
  encoding.writeUint8(encoder, 0);
}
