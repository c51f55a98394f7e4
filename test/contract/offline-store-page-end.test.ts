/** What is begun when a page is hidden or about to go, beside what is under way, and what becomes of it when it fails. */

import { describe, expect, test } from "vitest";
import { BRANCH } from "../support/branch.ts";
import { held, keysOf, memoryStage, summary } from "./offline-stage.ts";
import { LINEAGE, update } from "./offline-store.contract.ts";

const REVISION = { lineage: LINEAGE, seq: 7, branch: BRANCH };

describe("a page that is about to go", () => {
  test("[D9] has everything begun that waits, before it is told of anything else", async () => {
    const stage = memoryStage();
    const store = await stage.store();
    const document = await store.open("notes", fail);
    document.addRemote(update(1));
    document.addLocal(update(2));
    expect(stage.databases.batches).toEqual([]);
    store.writeNow();
    expect(stage.databases.batches.map(({ operations }) => summary(operations))).toEqual([
      ["put remote", "put local"],
    ]);
    store.writeNow();
    await document.flush();
    expect(stage.databases.batches.length, "once").toBe(1);
    expect((await stage.found()).unsaved).toEqual([update(2)]);
  });

  test("[D9] has local edits begun also beside a batch that is under way, and does not wait for a retry", async () => {
    const stage = memoryStage();
    const store = await stage.store();
    const document = await store.open("notes", (error) => stage.states.push(error));
    stage.databases.failBatches(1);
    document.addLocal(update(1));
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    const hold = held(stage);
    document.addLocal(update(2));
    store.writeNow();
    expect(stage.databases.batches.length, "again, at once").toBe(2);
    document.addLocal(update(3));
    document.addRemote(update(4));
    store.writeNow();
    expect(stage.databases.batches.slice(1).map(({ operations }) => summary(operations))).toEqual([
      ["put local", "put local"],
      ["put local"],
    ]);
    hold.release();
    await document.flush();
    expect(await stage.found()).toMatchObject({ unsaved: [1, 2, 3].map((n) => update(n)), told: [] });
    expect(stage.states.at(-1)).toBeNull();
  });

  test.each([
    ["the one under way", [0]],
    ["the one beside it", [1]],
    ["both", [0, 1]],
  ])("[D9] keeps every edit when %s fails", async (_, failing) => {
    for (const didHappen of [false, true]) {
      const stage = memoryStage();
      const store = await stage.store();
      const document = await store.open("notes", (error) => stage.states.push(error));
      let batch = 0;
      stage.databases.batchFault = async (write) => {
        const isFailing = failing.includes(batch++);
        await null;
        if (didHappen || !isFailing) await write();
        if (isFailing) throw new Error("no answer");
      };
      document.addLocal(update(1));
      document.addRemote(update(9));
      document.setRevision(REVISION, LINEAGE);
      store.writeNow();
      document.addLocal(update(2));
      store.writeNow();
      document.saved(1);
      document.addLocal(update(3));
      await Promise.allSettled([document.flush()]);
      expect(stage.states.at(-1)).toMatchObject({ code: "OFFLINE_STORE_FAILED" });
      await document.flush();
      expect(stage.states.at(-1)).toBeNull();
      expect(await stage.found()).toMatchObject({
        unsaved: [update(2), update(3)],
        revision: REVISION,
        told: [],
      });
      await document.close();
      expect(keysOf(stage.rows, "local").length, "and leaves nothing else behind").toBe(2);
    }
  });
});

function fail(error: Error | null): never {
  throw error;
}
