import {
  forEachDelete,
  inspectUpdate,
  JoineryError,
  type StructBlock,
  StructCursor,
  StructKind,
} from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { block, bytesOf, deletion, gc, item, raw, skip, text, textAfter, update } from "./raw-update.ts";
import { documentOf, SAMPLES } from "./sample-documents.ts";

/** What a cursor says of each struct of an update. */
function walked(bytes: Uint8Array) {
  return inspectUpdate(bytes).blocks.flatMap((of) => {
    const cursor = new StructCursor(bytes, of);
    const structs = [];
    while (cursor.next()) {
      const { client, clock, length, kind, parent } = cursor;
      structs.push({
        id: { client, clock },
        length,
        kind,
        origin: cursor.hasOrigin ? { client: cursor.originClient, clock: cursor.originClock } : null,
        rightOrigin: cursor.hasRightOrigin ? { client: cursor.rightClient, clock: cursor.rightClock } : null,
        parent:
          parent === "root"
            ? cursor.rootName
            : parent === "item"
              ? { client: cursor.parentClient, clock: cursor.parentClock }
              : null,
      });
    }
    expect(cursor.next(), "a cursor that is through stays so").toBe(false);
    return structs;
  });
}

/** The same as Yjs' own decoder would give it. */
function walkedByYjs(bytes: Uint8Array): ReturnType<typeof walked> {
  return Y.decodeUpdate(bytes).structs.map((struct) => {
    const { id, length } = struct;
    const isItem = struct instanceof Y.Item;
    return {
      id: plain(id),
      length,
      kind: kindByYjs(struct),
      origin: isItem && struct.origin ? plain(struct.origin) : null,
      rightOrigin: isItem && struct.rightOrigin ? plain(struct.rightOrigin) : null,
      parent: isItem ? parentByYjs(struct.parent) : null,
    };
  });
}

function plain({ client, clock }: Y.ID) {
  return { client, clock };
}

function kindByYjs(struct: Y.Item | Y.GC | Y.Skip): StructKind {
  if (struct instanceof Y.Skip) return StructKind.SKIP;
  if (struct instanceof Y.GC) return StructKind.GC;
  if (struct.content instanceof Y.ContentDeleted) return StructKind.DELETED;
  return struct.content instanceof Y.ContentType ? StructKind.TYPE : StructKind.OTHER;
}

/** Of an item that is not in a document yet: a root's name, an id, or nothing. */
function parentByYjs(parent: unknown) {
  return parent instanceof Y.ID ? plain(parent) : typeof parent === "string" ? parent : null;
}

/** All updates of a sample: as they came, as a state, and merged so that they leave gaps. */
function formsOf(updates: readonly Uint8Array[]): Uint8Array[] {
  const gapped = Y.mergeUpdates(updates.filter((_, i) => i !== 1));
  return [...updates, Y.encodeStateAsUpdate(documentOf(updates)), gapped];
}

describe.each(SAMPLES)("the structs of $name", ({ updates }) => {
  test("are what Yjs' decoder sees", () => {
    for (const bytes of formsOf(updates)) expect(walked(bytes)).toEqual(walkedByYjs(bytes));
  });

  test("lie in the bytes one behind the other, and each is a struct by itself", () => {
    for (const bytes of formsOf(updates)) {
      for (const of of inspectUpdate(bytes).blocks) {
        const cursor = new StructCursor(bytes, of);
        let end = of.start;
        while (cursor.next()) {
          expect(cursor.start).toBe(end);
          end = cursor.end;
          const alone = update([[1, cursor.client, cursor.clock, bytes.slice(cursor.start, cursor.end)]]);
          expect(inspectUpdate(alone).blocks).toMatchObject([{ client: cursor.client, clock: cursor.clock }]);
          expect(walked(alone)).toEqual(walkedByYjs(alone));
        }
        expect(end).toBe(of.end);
      }
    }
  });

  test("are followed by the ranges that are deleted, in the order in which Yjs' decoder sees them", () => {
    for (const bytes of formsOf(updates)) {
      const deleted: [number, number, number][] = [];
      forEachDelete(bytes, inspectUpdate(bytes).deletesStart, (...range) => deleted.push(range));
      const { clients } = Y.decodeUpdate(bytes).ds;
      expect(deleted).toEqual(
        [...clients].flatMap(([client, items]) => items.map(({ clock, len }) => [client, clock, len])),
      );
    }
  });
});

describe("a struct", () => {
  const cursorAt = (
    ...structs: Parameters<typeof block> extends [unknown, unknown, ...infer S] ? S : never
  ) => {
    const bytes = update([block(9, 100, ...structs)]);
    return new StructCursor(bytes, inspectUpdate(bytes).blocks[0] as StructBlock);
  };

  test("says whether it is the value of a key, where it has no neighbour to ask", () => {
    const cursor = cursorAt([0x28, 1, "map", "key", 1, 126], [raw(0xa8), 9, 100, 1, 126], text("a"));
    const seen: boolean[] = [];
    while (cursor.next()) seen.push(cursor.hasParentSub);
    expect(seen).toEqual([true, false, false]);
  });

  test("keeps nothing of the one before it", () => {
    const cursor = cursorAt(
      [raw(0xc4), 1, 2, 3, 4, "a"],
      [4, 0, 5, 6, "b"],
      item(7, 2),
      item(1, 3),
      gc(1),
      skip(2),
    );
    const seen = [];
    while (cursor.next()) {
      const { kind, clock, length, hasOrigin, hasRightOrigin, parent } = cursor;
      seen.push([kind, clock, length, hasOrigin, hasRightOrigin, parent]);
    }
    expect(seen).toEqual([
      [StructKind.OTHER, 100, 1, true, true, "none"],
      [StructKind.OTHER, 101, 1, false, false, "item"],
      [StructKind.TYPE, 102, 1, false, false, "root"],
      [StructKind.DELETED, 103, 3, false, false, "root"],
      [StructKind.GC, 106, 1, false, false, "none"],
      [StructKind.SKIP, 107, 2, false, false, "none"],
    ]);
  });

  test("has its root's name decoded when somebody asks, without losing its place", () => {
    const cursor = cursorAt([4, 1, "a root 🎈", "text"], textAfter(9, 103, "more"));
    cursor.next();
    expect([cursor.rootName, cursor.rootName]).toEqual(["a root 🎈", "a root 🎈"]);
    expect(cursor.next()).toBe(true);
    expect(cursor).toMatchObject({ clock: 104, length: 4, originClock: 103 });
  });

  test("is checked although the block says it is there", () => {
    const bytes = update([block(9, 0, text("abc"))]);
    const [of] = inspectUpdate(bytes).blocks as [StructBlock];
    const cursor = new StructCursor(bytes, { ...of, count: 5 });
    cursor.next();
    expect(() => {
      while (cursor.next());
    }).toThrow(JoineryError);
    const cut = new StructCursor(bytes.subarray(0, of.end - 1), of);
    expect(() => cut.next()).toThrow(/^update: ends too early at byte \d+$/);
  });

  test("may have a root's name of any length: it was let in", () => {
    const name = "n".repeat(5_000);
    const bytes = update([block(9, 0, [4, 1, name, "text"])]);
    const start = bytesOf(1, 1, 9, 0).length;
    const cursor = new StructCursor(bytes, { client: 9, clock: 0, count: 1, start, end: bytes.length - 1 });
    expect(cursor.next()).toBe(true);
    expect(cursor.rootName).toBe(name);
  });
});

describe("a delete set", () => {
  const isTidy = (...deletions: Parameters<typeof update>[1] & object): boolean =>
    inspectUpdate(update([], deletions)).hasTidyDeletes;

  test("is tidy as Yjs writes it", () => {
    expect(isTidy()).toBe(true);
    expect(isTidy(deletion(9, [0, 1], [2, 1], [7, 100]), deletion(8, [0, 1]), deletion(3, [5, 5]))).toBe(
      true,
    );
  });

  test("is tidy whatever the order of its clients: Yrs writes any", () => {
    expect(isTidy(deletion(3, [5, 5]), deletion(9, [0, 1]), deletion(8, [0, 1]))).toBe(true);
  });

  test.each([
    ["ranges that touch", [deletion(9, [0, 2], [2, 1])]],
    ["ranges that overlap", [deletion(9, [0, 3], [2, 3])]],
    ["a range twice", [deletion(9, [0, 3], [0, 3])]],
    ["ranges that descend", [deletion(9, [5, 1], [0, 1])]],
    ["a client twice in a row", [deletion(9, [0, 1]), deletion(9, [5, 1])]],
    ["a client twice, apart", [deletion(9, [0, 1]), deletion(8, [0, 1]), deletion(9, [5, 1])]],
    ["a client twice, once without ranges", [deletion(9), deletion(9, [5, 1])]],
    ["trouble with the last client alone", [deletion(9, [0, 1]), deletion(8, [0, 1], [1, 1])]],
  ])("is not tidy with %s", (_, deletions) => {
    expect(isTidy(...deletions)).toBe(false);
  });

  test("may have clients without ranges, which are passed over", () => {
    const bytes = update([], [deletion(9), deletion(8), deletion(7, [3, 2]), deletion(6)]);
    const { deletes, deletesStart, needs } = inspectUpdate(bytes);
    expect([deletes, [...needs]]).toEqual([1, [[7, 5]]]);
    const deleted: number[][] = [];
    forEachDelete(bytes, deletesStart, (...range) => deleted.push(range));
    expect(deleted).toEqual([[7, 3, 2]]);
  });

  test("is checked although it was inspected", () => {
    const bytes = update([], [deletion(9, [3, 2])]);
    expect(() => forEachDelete(bytes.subarray(0, -1), 1, () => undefined)).toThrow(
      /^update: .+ at byte \d+$/,
    );
  });
});
