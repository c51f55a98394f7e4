import type { PackedUpdates } from "./packed-updates.ts";
import { CONTENT_BITS } from "./structs.ts";

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_PARENT_SUB = 0x20;

/** Reads where an item was put, from bytes that were inspected; its content is left alone. */
export class StructHead {
  readonly #updates: PackedUpdates;
  /** What Yjs knows the content by. */
  ref = 0;
  hasOrigin = false;
  originClient = 0;
  originClock = 0;
  hasRightOrigin = false;
  rightClient = 0;
  rightClock = 0;
  /** Where the item stands, if it has no neighbour to copy that from. */
  parent: "none" | "root" | "item" = "none";
  rootName = "";
  parentClient = 0;
  parentClock = 0;
  /** Position of its key's length, of one that has a parent; below 0 without a key. */
  keyPosition = -1;
  /** Position of its content. */
  contentPosition = 0;

  constructor(updates: PackedUpdates) {
    this.#updates = updates;
  }

  /** @param position Of an item that was not collected. */
  read(position: number): void {
    const reader = this.#updates.readerAt(position);
    const start = position - reader.position;
    const info = reader.byte();
    this.ref = info & CONTENT_BITS;
    this.hasOrigin = (info & HAS_ORIGIN) !== 0;
    this.hasRightOrigin = (info & HAS_RIGHT_ORIGIN) !== 0;
    this.parent = "none";
    this.keyPosition = -1;
    if (this.hasOrigin) {
      this.originClient = reader.varUint();
      this.originClock = reader.varUint();
    }
    if (this.hasRightOrigin) {
      this.rightClient = reader.varUint();
      this.rightClock = reader.varUint();
    }
    if (!this.hasOrigin && !this.hasRightOrigin) {
      if (reader.varUint() === 1) {
        this.parent = "root";
        this.rootName = reader.varString();
      } else {
        this.parent = "item";
        this.parentClient = reader.varUint();
        this.parentClock = reader.varUint();
      }
      if (info & HAS_PARENT_SUB) {
        this.keyPosition = start + reader.position;
        reader.skip(reader.varUint());
      }
    }
    this.contentPosition = start + reader.position;
  }
}
