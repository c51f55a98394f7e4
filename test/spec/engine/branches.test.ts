import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import {
  branchAt,
  MAX_BRANCHES,
  newestOf,
  UNKNOWN_BRANCH,
  withOwnBranch,
} from "../../../server/src/engine/branches.ts";
import type { Branch, BranchId, Storage } from "../../../server/src/engine/ports.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { FaultyStorage, World } from "../../support/world.ts";

const NOTES = "notes" as DocumentName;
const [ONE, TWO, OWN] = ["1".repeat(16), "2".repeat(16), "a".repeat(16)] as [BranchId, BranchId, BranchId];

async function branchesOf(storage: Storage): Promise<readonly Branch[]> {
  return (await storage.load(NOTES))?.branches ?? [];
}

/** One life of a server, in which somebody types these words; each is a batch. */
async function live(world: World, ...words: readonly string[]): Promise<void> {
  const ann = await world.join("notes");
  for (const word of words) {
    ann.type(word);
    await world.settle();
  }
  ann.vanish();
  await world.settle();
}

describe("a life of the server", () => {
  test("[L7] begins a branch with the first batch that it appends, and with none before", async () => {
    const storage = new MemoryStorage();
    await live(new World({ storage, life: 1 }), "one ", "two ");
    const first = await branchesOf(storage);
    expect(first).toEqual([{ seq: 1, id: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
    await live(new World({ storage, life: 2 }));
    expect(await branchesOf(storage)).toEqual(first);
    await live(new World({ storage, life: 3 }), "three");
    const [, second, ...none] = await branchesOf(storage);
    expect(second).toEqual({ seq: 3, id: expect.not.stringMatching(String(first[0]?.id)) });
    expect(none).toEqual([]);
  });

  test("goes on with its branch when the document was let go of in between", async () => {
    const storage = new MemoryStorage();
    const world = new World({ storage, idleRoomMs: 1000 });
    await live(world, "one");
    await world.advance(2000);
    expect(world.eventsOf("room-evicted")).toHaveLength(1);
    await live(world, "two");
    expect(await branchesOf(storage)).toHaveLength(1);
  });

  test("[L7] begins it again when the batch that was to begin it could not be written", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    storage.appendErrors.push(new Error("EIO"));
    await live(world, "lost");
    expect(await storage.load(NOTES)).toBeNull();
    await live(world, "one");
    expect(await branchesOf(storage)).toMatchObject([{ seq: 1 }]);
  });

  test("has one branch for all documents, and others have another", async () => {
    const storage = new MemoryStorage();
    const world = new World({ storage, life: 1 });
    await live(world, "one");
    const other = await world.join("other");
    other.type("two");
    await world.settle();
    const [ofOther] = (await storage.load("other" as DocumentName))?.branches ?? [];
    expect([ofOther]).toEqual(await branchesOf(storage));
  });
});

describe("the branches of a log", () => {
  const known: readonly Branch[] = [
    { seq: 3, id: ONE },
    { seq: 7, id: TWO },
  ];

  test.each([
    [0, UNKNOWN_BRANCH],
    [2, UNKNOWN_BRANCH],
    [3, ONE],
    [6, ONE],
    [7, TWO],
    [1000, TWO],
  ])("batch %d is of %s", (seq, id) => {
    expect(branchAt(known, seq)).toBe(id);
  });

  test("go on with a new one behind their end, or with our own", () => {
    expect(withOwnBranch(known, OWN, 9)).toEqual([...known, { seq: 10, id: OWN }]);
    expect(withOwnBranch([], OWN, 0)).toEqual([{ seq: 1, id: OWN }]);
    expect(withOwnBranch(known, TWO, 9)).toBe(known);
    // Nothing can be said of what a damaged document lost.
    expect(withOwnBranch(known, OWN, 5)).toEqual([known[0], { seq: 6, id: OWN }]);
    expect(withOwnBranch(known, TWO, 5)).toEqual([known[0], { seq: 6, id: TWO }]);
  });

  test("are the last thousand: what is older is not known any more", () => {
    let branches: readonly Branch[] = [];
    for (let seq = 1; seq <= MAX_BRANCHES + 5; seq++) {
      branches = withOwnBranch(branches, seq.toString(16).padStart(16, "0") as BranchId, seq - 1);
    }
    expect(branches).toHaveLength(MAX_BRANCHES);
    expect(branchAt(branches, 5)).toBe(UNKNOWN_BRANCH);
    expect(branchAt(branches, 6)).not.toBe(UNKNOWN_BRANCH);
  });

  test("are told by where the newest begins, and which is before it", () => {
    expect(newestOf(known)).toEqual({ seq: 7, id: TWO, before: ONE });
    expect(newestOf([{ seq: 1, id: ONE }])).toEqual({ seq: 1, id: ONE, before: UNKNOWN_BRANCH });
  });
});
