/** Several tabs on one database, each with the same document open. */

import { describe, expect, test } from "vitest";
import { BRANCH } from "../support/branch.ts";
import { keysOf, levelStage, memoryStage } from "./offline-stage.ts";
import { LINEAGE, OTHER_LINEAGE, sorted, update } from "./offline-store.contract.ts";

const REVISION = { lineage: LINEAGE, seq: 7, branch: BRANCH };

describe("two tabs", () => {
  test("write without overwriting each other, and the next one finds it all", async () => {
    const stage = await levelStage();
    const [ann, bob] = [await stage.tab(), await stage.tab()];
    for (const n of [1, 2, 3]) {
      ann.addLocal(update(n));
      bob.addLocal(update(n + 10));
      await Promise.all([ann.flush(), bob.flush()]);
    }
    const found = await stage.found();
    expect(sorted(found.unsaved)).toEqual([1, 2, 3, 11, 12, 13].map((n) => update(n)));
    expect(found.told).toEqual([]);
  });

  test("say of their own edits that they are saved, and of those that they found", async () => {
    const stage = await levelStage();
    const ann = await stage.tab();
    ann.addLocal(update(1));
    await ann.flush();
    const bob = await stage.tab();
    bob.addLocal(update(2));
    ann.addLocal(update(3));
    await Promise.all([ann.flush(), bob.flush()]);
    expect(bob.copy.unsaved).toEqual([update(1)]);
    bob.saved(2);
    await bob.flush();
    expect(await stage.found()).toMatchObject({ unsaved: [update(3)] });
    ann.saved(2);
    await ann.flush();
    const found = await stage.found();
    expect(found.unsaved).toEqual([]);
    expect(new Set(found.updates.map(([n]) => n))).toEqual(new Set([1, 2, 3]));
  });

  test("fold without taking away what the other one wrote since", async () => {
    const stage = memoryStage();
    const ann = await stage.tab();
    ann.addRemote(update(1));
    await ann.flush();
    const bob = await stage.tab();
    ann.addRemote(update(2));
    bob.addRemote(update(3));
    bob.addLocal(update(4));
    await Promise.all([ann.flush(), bob.flush()]);
    ann.compact(update(1, 2));
    await ann.flush();
    bob.compact(update(1, 3, 4));
    await bob.flush();
    const found = await stage.found();
    expect(found.updates).toEqual([update(1, 2), update(1, 3, 4), update(4)]);
    expect(keysOf(stage.rows, "snapshot").length).toBe(2);
    const next = await stage.tab();
    next.compact(update(1, 2, 3, 4));
    await next.flush();
    expect(keysOf(stage.rows, "snapshot").length, "the next one folds them into one").toBe(1);
  });

  test("have a revision when both have one, and the higher one counts", async () => {
    const stage = await levelStage();
    const [ann, bob] = [await stage.tab(), await stage.tab()];
    ann.addRemote(update(1));
    ann.setRevision(REVISION, LINEAGE);
    bob.addRemote(update(1));
    bob.addRemote(update(2));
    await Promise.all([ann.flush(), bob.flush()]);
    expect((await stage.found()).revision, "nobody vouches for the second one").toBeNull();
    bob.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    await bob.flush();
    expect((await stage.found()).revision).toEqual({ lineage: LINEAGE, seq: 8, branch: BRANCH });
  });

  test("have no revision once one folded what the other one built upon, until that one folds or says it again", async () => {
    const stage = await levelStage();
    const ann = await stage.tab();
    ann.addRemote(update(1));
    ann.setRevision(REVISION, LINEAGE);
    await ann.flush();
    const bob = await stage.tab();
    bob.compact(update(1));
    await bob.flush();
    expect((await stage.found()).revision).toEqual(REVISION);
    ann.addRemote(update(2));
    ann.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    await ann.flush();
    expect(await stage.found()).toMatchObject({ updates: [update(1), update(2)], revision: null });
    ann.compact(update(1, 2));
    await ann.flush();
    expect((await stage.found()).revision).toEqual({ lineage: LINEAGE, seq: 8, branch: BRANCH });
  });

  test("do not claim what another one removed", async () => {
    const stage = await levelStage();
    const ann = await stage.tab();
    ann.addRemote(update(1));
    ann.setRevision(REVISION, LINEAGE);
    await ann.flush();
    const store = await stage.store();
    await store.remove("notes");
    ann.addRemote(update(2));
    ann.addLocal(update(3));
    ann.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    await ann.flush();
    expect(await stage.found()).toMatchObject({
      updates: [update(2), update(3)],
      unsaved: [update(3)],
      revision: null,
      lineage: LINEAGE,
    });
  });
});

describe("a copy that one tab gave up for another lineage", () => {
  const giveUp = async () => {
    const stage = memoryStage();
    const ann = await stage.tab();
    ann.addRemote(update(1));
    ann.setRevision(REVISION, LINEAGE);
    await ann.flush();
    const bob = await stage.tab();
    bob.addLocal(update(2));
    await bob.flush();
    // Which copy is the newest one is a matter of time.
    stage.clock.advance(10);
    ann.replace({
      updates: [update(8)],
      unsaved: [],
      revision: { lineage: OTHER_LINEAGE, seq: 1, branch: BRANCH },
      lineage: OTHER_LINEAGE,
      confirmed: [],
    });
    await ann.flush();
    return { stage, bob };
  };

  test("is not merged with what the other tab still writes, which is told and set aside", async () => {
    const { stage, bob } = await giveUp();
    bob.addLocal(update(3));
    await bob.flush();
    const found = await stage.found();
    expect(found).toMatchObject({
      updates: [update(8)],
      unsaved: [],
      revision: { lineage: OTHER_LINEAGE, seq: 1, branch: BRANCH },
      lineage: OTHER_LINEAGE,
    });
    expect(found.told).toEqual([
      expect.stringMatching(
        /^2 records of the local copy of document "notes" cannot be used and are kept aside: local \w+\/0: it is of lineage 0011/,
      ),
    ]);
    const next = await stage.tab();
    expect(next.compactionDueInMs).toBe(0);
    next.compact(update(8));
    await next.flush();
    expect((await stage.found()).told, "told until it was set aside").toEqual([]);
    expect([...stage.rows.rows.keys()].filter((key) => key.startsWith("03")).length).toBe(2);
    const store = await stage.store();
    expect(await store.pending()).toEqual([]);
  });

  test("is one copy again when the other tab gives it up too", async () => {
    const { stage, bob } = await giveUp();
    bob.replace({
      updates: [update(8), update(9)],
      unsaved: [update(9)],
      revision: null,
      lineage: OTHER_LINEAGE,
      confirmed: [],
    });
    await bob.flush();
    const found = await stage.found();
    expect(found).toMatchObject({ unsaved: [update(9)], revision: null, lineage: OTHER_LINEAGE, told: [] });
  });
});

test("what tabs knew to be durable is said by what they wrote, whoever has folded or given it up", async () => {
  const stage = memoryStage();
  const ann = await stage.tab();
  ann.addRemote(update(1));
  ann.setRevision(REVISION, LINEAGE);
  await ann.flush();
  const bob = await stage.tab();
  const other = { seq: 3, branch: "8".repeat(16) };
  ann.replace({ updates: [update(8)], unsaved: [], revision: null, lineage: LINEAGE, confirmed: [other] });
  await ann.flush();
  bob.setRevision(REVISION, LINEAGE);
  bob.addLocal(update(2));
  await bob.flush();
  expect((await stage.found()).confirmed).toEqual(
    expect.arrayContaining([other, { seq: 7, branch: BRANCH }]),
  );
});
