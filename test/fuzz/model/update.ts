/**
 * A Yjs v1 update as named parts that can say anything: what Yjs would write, and what it never would. Parts are
 * plain and mutable, because mutating them is what they are for.
 */

export interface Id {
  client: number;
  clock: number;
}

export type Parent = { kind: "root"; name: string } | { kind: "item"; id: Id };

export type Content =
  | { kind: "deleted"; length: number }
  | { kind: "json"; values: string[] }
  | { kind: "binary"; bytes: Uint8Array }
  | { kind: "string"; text: string }
  | { kind: "embed"; json: string }
  | { kind: "format"; key: string; json: string }
  /** `name` is written for XML elements (3) and hooks (5). */
  | { kind: "type"; ref: number; name: string }
  | { kind: "any"; values: unknown[] }
  | { kind: "doc"; guid: string; options: unknown }
  /** Bytes as they are, behind any content number; `length` is what it takes of the clock. */
  | { kind: "raw"; ref: number; bytes: Uint8Array; length: number };

export interface Item {
  kind: "item";
  origin: Id | null;
  rightOrigin: Id | null;
  /** Written when there is no neighbour to copy it from. */
  parent: Parent;
  parentSub: string | null;
  content: Content;
}

export type Struct = Item | { kind: "gc"; length: number } | { kind: "skip"; length: number };

export interface Block {
  client: number;
  clock: number;
  structs: Struct[];
  /** Said instead of the number of structs. */
  count?: number;
}

export interface DeleteRange {
  clock: number;
  length: number;
}

export interface Deletion {
  client: number;
  ranges: DeleteRange[];
  /** Said instead of the number of ranges. */
  count?: number;
}

export interface Update {
  blocks: Block[];
  deletions: Deletion[];
  /** Said instead of the number of blocks. */
  blockCount?: number;
  /** Said instead of the number of deletions. */
  deletionCount?: number;
  /** Bytes after the end. */
  trailing?: Uint8Array;
  /** Which integer, counted from the start, is written with more bytes than it needs. */
  paddedInteger?: number;
}

/** How far a struct advances its client's clock. */
export function lengthOf(struct: Struct): number {
  return struct.kind === "item" ? contentLength(struct.content) : struct.length;
}

export function contentLength(content: Content): number {
  switch (content.kind) {
    case "deleted":
    case "raw":
      return content.length;
    case "json":
    case "any":
      return content.values.length;
    case "string":
      return content.text.length;
    default:
      return 1;
  }
}

/** The clock after the block's last struct. */
export function endOf(block: Block): number {
  return block.structs.reduce((clock, struct) => clock + lengthOf(struct), block.clock);
}

export const root = (name: string): Parent => ({ kind: "root", name });

/** An item in a root type, with no neighbours. */
export function itemIn(parent: Parent, content: Content, parentSub: string | null = null): Item {
  return { kind: "item", origin: null, rightOrigin: null, parent, parentSub, content };
}

export function itemAfter(origin: Id, content: Content, rightOrigin: Id | null = null): Item {
  return { kind: "item", origin, rightOrigin, parent: root(""), parentSub: null, content };
}

export function itemBefore(rightOrigin: Id, content: Content): Item {
  return { kind: "item", origin: null, rightOrigin, parent: root(""), parentSub: null, content };
}

export const text = (value: string): Content => ({ kind: "string", text: value });

export const blockOf = (client: number, clock: number, ...structs: Struct[]): Block => ({
  client,
  clock,
  structs,
});

/** An update of blocks, and of a delete set that is given as [client, clock, length]. */
export function updateOf(blocks: Block[], deletions: (readonly [number, number, number])[] = []): Update {
  return {
    blocks,
    deletions: deletions.map(([client, clock, length]) => ({ client, ranges: [{ clock, length }] })),
  };
}
