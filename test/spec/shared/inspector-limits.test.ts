import { DEFAULT_LIMITS, inspectUpdate, NO_UPDATE_LIMITS, type UpdateLimits } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { block, deletion, gc, item, type Part, raw, text, textAfter, update } from "./raw-update.ts";

const inspectWith = (limits: Partial<UpdateLimits>, bytes: Uint8Array) => () =>
  inspectUpdate(bytes, { ...DEFAULT_LIMITS, ...limits });

const tooLarge = (reason: string) =>
  expect.objectContaining({
    code: "UPDATE_TOO_LARGE",
    message: expect.stringContaining(`update: ${reason}`),
  });

describe("the structs of an update", () => {
  const bytes = update([block(9, 0, gc(1), gc(1)), block(8, 0, text("ab"), textAfter(8, 1, "c"))]);

  test("may be as many as the limit says, all clients together, and no more", () => {
    expect(inspectWith({ maxUpdateStructs: 4 }, bytes)().structCount).toBe(4);
    expect(inspectWith({ maxUpdateStructs: 3 }, bytes)).toThrow(tooLarge("has more than 3 structs at byte"));
  });

  test("are counted before they are read", () => {
    const many = update([[1_000, 9, 0, new Uint8Array(2_000).fill(0xff)]]);
    expect(inspectWith({ maxUpdateStructs: 999 }, many)).toThrow(tooLarge("has more than 999 structs"));
  });

  test("are refused by the default when there is one too many", () => {
    const many = (count: number): Uint8Array =>
      update([[count, 9, 0, new Uint8Array(count * 2).map((_, i) => i % 2)]]);
    expect(inspectUpdate(many(400_000)).structCount).toBe(400_000);
    expect(() => inspectUpdate(many(400_001))).toThrow(tooLarge("has more than 400000 structs"));
  });
});

describe("the ranges that an update deletes", () => {
  const bytes = update([], [deletion(9, [0, 1], [2, 1]), deletion(8, [0, 1])]);

  test("may be as many as the limit says, all clients together, and no more", () => {
    expect(inspectWith({ maxUpdateDeletes: 3 }, bytes)().deletes).toBe(3);
    expect(inspectWith({ maxUpdateDeletes: 2 }, bytes)).toThrow(tooLarge("deletes more than 2 ranges"));
  });
});

describe("the clients of an update", () => {
  const limits = { maxStateVectorClients: 2 };

  test.each([
    [
      "that it is of",
      update([block(9, 0, gc(1)), block(8, 0, gc(1))]),
      update([9, 8, 7].map((of) => block(of, 0, gc(1)))),
    ],
    [
      "that it refers to",
      update([block(9, 5, textAfter(9, 0, "a"), textAfter(1, 0, "b"))]),
      update([block(9, 5, textAfter(9, 0, "a"), [raw(0xc4), 1, 0, 2, 0, "b"])]),
    ],
    [
      "of which it deletes",
      update([], [deletion(1, [0, 1]), deletion(2, [0, 1])]),
      update([], [deletion(1, [0, 1]), deletion(2, [0, 1]), deletion(3, [0, 1])]),
    ],
  ])("%s may be as many as the limit says, and no more", (_, two, three) => {
    inspectWith(limits, two)();
    expect(inspectWith(limits, three)).toThrow(
      expect.objectContaining({
        code: "UPDATE_TOO_LARGE",
        message: expect.stringMatching(/more than 2 clients at/),
      }),
    );
  });
});

describe("the name of a root", () => {
  const named = (name: string): Uint8Array => update([block(9, 0, [4, 1, name, "text"])]);

  test.each([
    ["one byte", "a", 1024],
    ["three bytes", "漢", 341],
  ])("is limited in bytes: of characters with %s", (_, character, most) => {
    expect(inspectUpdate(named(character.repeat(most))).structCount).toBe(1);
    expect(() => inspectUpdate(named(character.repeat(most + 1)))).toThrow(
      tooLarge("name of a root is longer than 1024 bytes"),
    );
  });

  test("may be as long as another limit says, and empty", () => {
    expect(inspectWith({ maxRootNameBytes: 3 }, named("abc"))().structCount).toBe(1);
    expect(inspectWith({ maxRootNameBytes: 3 }, named("abcd"))).toThrow(tooLarge("name of a root"));
    expect(inspectUpdate(named("")).structCount).toBe(1);
  });

  test("is no limit for other names: they cost what they weigh, and once", () => {
    const long = "k".repeat(100_000);
    const contents: Part[] = [
      [0x28, 1, "map", long, 1, 126], // a map's key
      item(7, 3, long), // an element's name
      item(6, long, "true"), // a format's name
    ];
    for (const content of contents) expect(inspectUpdate(update([block(9, 0, content)])).structCount).toBe(1);
  });
});

test("what was let in once is inspected without limits", () => {
  const bytes = update([block(9, 0, [4, 1, "n".repeat(5_000), "text"], gc(1))], [deletion(9, [0, 1])]);
  expect(inspectUpdate(bytes, NO_UPDATE_LIMITS)).toMatchObject({ structCount: 2, deletes: 1 });
});
