/** Writes of the offline store that are slow, fail, or are lost, on a real database. */

import { describe, expect, test, vi } from "vitest";
import { BRANCH } from "../support/branch.ts";
import { held, levelStage, memoryStage, summary } from "./offline-stage.ts";
import { LINEAGE, sorted, update } from "./offline-store.contract.ts";

const REVISION = { lineage: LINEAGE, seq: 7, branch: BRANCH };

function quotaError(): Error {
  return Object.assign(new Error("the quota is used up"), { name: "QuotaExceededError" });
}

describe("batches", () => {
  test("what is given in one turn is one batch, what comes during it is the next", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    stage.databases.batchFault = async (write) => {
      await released;
      return write();
    };
    document.addLocal(update(1));
    document.addLocal(update(2));
    document.addRemote(update(3));
    await vi.waitFor(() => expect(stage.databases.batches.length).toBe(1));
    document.addLocal(update(4));
    document.saved(1);
    document.setRevision(REVISION, LINEAGE);
    document.addLocal(update(5));
    release();
    await document.flush();
    expect(stage.databases.batches.map(({ operations }) => summary(operations))).toEqual([
      ["put remote", "put local"],
      ["put local", "put revision"],
    ]);
    expect((await stage.found()).unsaved).toEqual([update(1), update(2), update(4), update(5)]);
  });

  test("only local edits wait for the disk: everything else is on the server", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    await document.flush();
    document.addLocal(update(2));
    await document.flush();
    document.saved(1);
    await document.flush();
    document.compact(update(1, 2));
    await document.flush();
    expect(stage.databases.batches.map(({ sync }) => sync)).toEqual([false, true, false, false]);
  });

  test("a revision takes the place of the one before it", async () => {
    const stage = memoryStage();
    const document = await stage.tab();
    for (let seq = 1; seq <= 5; seq++) {
      document.setRevision({ lineage: LINEAGE, seq, branch: BRANCH }, LINEAGE);
      await document.flush();
    }
    expect(stage.rows.rows.size).toBe(1);
    const next = await stage.tab();
    next.setRevision(REVISION, LINEAGE);
    await next.flush();
    expect(stage.rows.rows.size, "also of that which another one wrote").toBe(1);
    next.setRevision(null, LINEAGE);
    next.setRevision(null, LINEAGE);
    await next.flush();
    expect((await stage.found()).revision).toBeNull();
  });

  test("what voids a revision is not written: that something came since says it", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    document.addRemote(update(2));
    document.setRevision(null, LINEAGE);
    await document.flush();
    expect(stage.databases.batches.map(({ operations }) => summary(operations))).toEqual([
      ["put remote", "put revision"],
      ["put remote"],
    ]);
    expect((await stage.found()).revision).toBeNull();
  });

  test("a revision is not on disk before the updates that it covers", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(1);
    document.addRemote(update(1));
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    expect(stage.databases.batches.map(({ operations }) => summary(operations))).toEqual([
      ["put remote"],
      ["put remote", "put revision"],
    ]);
  });
});

describe("a write that fails", () => {
  test("[D8] is told once, tried again after pauses that grow, and told to be over when all is on disk", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(3);
    document.addLocal(update(1));
    const attempts = (count: number) =>
      vi.waitFor(() => {
        expect(stage.databases.batches.length).toBe(count);
        expect(stage.clock.pendingTimers).toBe(count < 4 ? 1 : 0);
      });
    await attempts(1);
    for (const [pauseMs, count] of [
      [1000, 2],
      [2000, 3],
      [4000, 4],
    ] as const) {
      stage.clock.advance(pauseMs - 1);
      expect(stage.databases.batches.length).toBe(count - 1);
      document.addLocal(update(count));
      stage.clock.advance(1);
      await attempts(count);
    }
    await document.flush();
    expect(stage.states.map((error) => error?.message ?? null)).toEqual([
      'the local copy of document "notes" cannot be written, and waits in memory: no space left on device',
      null,
    ]);
    expect((await stage.found()).unsaved).toEqual([1, 2, 3, 4].map((n) => update(n)));

    stage.databases.failBatches(1);
    document.addLocal(update(5));
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    expect(stage.states.length).toBe(3);
    await document.flush();
    expect(stage.states.length).toBe(4);
    expect(stage.states.at(-1)).toBeNull();
  });

  test("keeps nothing from being tried when somebody asks for it", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(1);
    document.addLocal(update(1));
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    await document.flush();
    expect(stage.clock.pendingTimers).toBe(0);
    expect((await stage.found()).unsaved).toEqual([update(1)]);
  });

  test("is told to every document that waits, and to no other", async () => {
    const stage = await levelStage();
    const store = await stage.store();
    const told: string[] = [];
    const [first, second] = [
      await store.open("first", () => told.push("first")),
      await store.open("second", () => told.push("second")),
    ];
    await store.open("idle", () => told.push("idle"));
    stage.databases.failBatches(1);
    first.addLocal(update(1));
    second.addRemote(update(2));
    await expect(first.flush()).rejects.toMatchObject({ message: expect.stringContaining('"first"') });
    expect(told).toEqual(["first", "second"]);
  });

  test("has the database closed and opened again, unless the browser said that it changed nothing", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(1, quotaError());
    document.addLocal(update(1));
    await expect(document.flush()).rejects.toMatchObject({ message: expect.stringContaining("quota") });
    expect(stage.databases.openCount).toBe(1);
    stage.databases.failBatches(1);
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    expect(stage.databases.openCount).toBe(2);
    await document.flush();
    expect((await stage.found()).unsaved).toEqual([update(1)]);
  });

  test("is tried again when the database cannot even be opened", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(1);
    stage.databases.openFault = () => {
      throw new Error("the disk is gone");
    };
    document.addLocal(update(1));
    await expect(document.flush()).rejects.toMatchObject({ message: expect.stringContaining("no space") });
    await expect(document.flush()).rejects.toMatchObject({ message: expect.stringContaining("no space") });
    expect(stage.errors.length).toBe(1);
    stage.databases.openFault = null;
    await document.flush();
    expect((await stage.found()).unsaved).toEqual([update(1)]);
  });

  test("that happened all the same changes nothing", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    await document.flush();
    stage.databases.batchFault = async (write) => {
      stage.databases.batchFault = null;
      await write();
      throw new Error("the answer got lost");
    };
    document.addLocal(update(2));
    document.addRemote(update(3));
    document.setRevision(REVISION, LINEAGE);
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    await document.flush();
    expect(await stage.found()).toMatchObject({ unsaved: [update(2)], revision: REVISION, told: [] });
  });

  test("loses what waits only when the handle is closed, which says so", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    stage.databases.failBatches(2);
    document.addLocal(update(1));
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    await expect(document.close()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    expect((await stage.found()).unsaved).toEqual([]);
  });
});

describe("a fold that fails", () => {
  test("holds up nobody's edits, leaves the copy as it was, and is not due for a while", async () => {
    const stage = await levelStage();
    const document = await stage.tab({ minLogBytes: 1 });
    document.addRemote(update(1));
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    expect(document.compactionDueInMs).toBe(0);
    stage.databases.batchFault = async (write, operations) => {
      if (summary(operations).includes("put snapshot")) throw quotaError();
      return write();
    };
    document.compact(update(1));
    document.addLocal(update(2));
    await document.flush();
    expect(stage.errors.length).toBe(1);
    expect(stage.clock.pendingTimers).toBe(0);
    expect(await stage.found()).toMatchObject({
      updates: [update(1), update(2)],
      unsaved: [update(2)],
      revision: REVISION,
    });
    expect(document.compactionDueInMs).toBe(10_000);
    stage.clock.advance(10_000);
    expect(document.compactionDueInMs).toBe(0);
    document.compact(update(1, 2));
    document.addLocal(update(3));
    await document.flush();
    expect(
      stage.states.map((error) => error?.message),
      "told once, also while edits are written",
    ).toEqual(['the local copy of document "notes" cannot be compacted: the quota is used up']);
    stage.databases.batchFault = null;
    document.compact(update(1, 2, 3));
    await document.flush();
    expect(stage.states.length).toBe(2);
    expect(stage.states.at(-1)).toBeNull();
    expect(await stage.found()).toMatchObject({
      updates: [update(1, 2, 3), update(2), update(3)],
      revision: REVISION,
    });
  });

  test("leaves a copy that claims nothing, when it was to bring what waited", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    stage.databases.failBatches(1, quotaError());
    document.addRemote(update(2));
    document.compact(update(1, 2));
    document.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    document.addLocal(update(3));
    await expect(document.flush()).rejects.toMatchObject({ message: expect.stringContaining("compacted") });
    expect(await stage.found()).toMatchObject({ updates: [update(1), update(3)], revision: REVISION });
    expect(stage.states.at(-1), "the copy is not whole yet").not.toBeNull();
    document.compact(update(1, 2, 3));
    await document.flush();
    expect(stage.states.at(-1)).toBeNull();
    expect(await stage.found()).toMatchObject({ revision: { lineage: LINEAGE, seq: 8, branch: BRANCH } });
  });

  test("leaves nothing behind that the next one does not take away, whether it happened or not", async () => {
    for (const didHappen of [true, false]) {
      const stage = memoryStage();
      const document = await stage.tab();
      document.addRemote(update(1));
      document.addLocal(update(2));
      document.setRevision(REVISION, LINEAGE);
      await document.flush();
      stage.databases.batchFault = async (write) => {
        stage.databases.batchFault = null;
        if (didHappen) await write();
        throw new Error("no answer");
      };
      document.compact(update(1, 2));
      document.saved(1);
      await Promise.allSettled([document.flush()]);
      document.compact(update(1, 2));
      await document.flush();
      expect(stage.rows.rows.size, "a snapshot and a revision").toBe(2);
      expect(await stage.found()).toMatchObject({ updates: [update(1, 2)], unsaved: [], revision: REVISION });
    }
  });
});

describe("a queue that is full", () => {
  test("lets go of what came from the server, asks for the whole document, and claims nothing meanwhile", async () => {
    const stage = await levelStage();
    const document = await stage.tab({ maxQueueBytes: 10 });
    document.addRemote(update(1));
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    document.addLocal(update(2));
    document.addRemote(new Uint8Array(11));
    expect(document.compactionDueInMs).toBe(0);
    document.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    document.addRemote(update(3));
    document.setRevision({ lineage: LINEAGE, seq: 9, branch: BRANCH }, LINEAGE);
    await expect(document.flush()).rejects.toMatchObject({ message: expect.stringContaining("compacted") });
    expect(await stage.found()).toMatchObject({
      updates: [update(1), update(2)],
      unsaved: [update(2)],
      revision: REVISION,
    });
    document.compact(update(1, 2, 3));
    await document.flush();
    expect(await stage.found()).toMatchObject({
      updates: [update(1, 2, 3), update(2)],
      unsaved: [update(2)],
      revision: { lineage: LINEAGE, seq: 9, branch: BRANCH },
    });
  });

  test("does not grow while writes fail, and keeps every local edit", async () => {
    const stage = await levelStage();
    const document = await stage.tab({ maxQueueBytes: 10 });
    stage.databases.failBatches(5);
    for (let n = 0; n < 5; n++) {
      document.addRemote(new Uint8Array(6));
      document.addLocal(update(n));
      await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    }
    const bytes = (kind: string) =>
      stage.databases.batches.at(-1)?.operations.filter((one) => summary([one])[0] === kind).length;
    expect(bytes("put remote")).toBe(1);
    expect(bytes("put local")).toBe(5);
    await Promise.allSettled([document.flush()]);
    document.compact(update(9));
    await document.flush();
    const found = await stage.found();
    expect(found.unsaved).toEqual([0, 1, 2, 3, 4].map((n) => update(n)));
    expect(sorted(found.updates).at(-1)).toEqual(update(9));
  });
});

describe("a database that was cleared while it was open", () => {
  test("gets back what is unsaved at once, and all else with the next fold", async () => {
    const stage = memoryStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    document.addLocal(update(2));
    document.setRevision(REVISION, LINEAGE);
    await document.flush();
    stage.rows.rows.clear();
    stage.databases.failBatches(1, new Error("the database connection is closing"));
    document.addLocal(update(3));
    await Promise.allSettled([document.flush()]);
    expect(stage.errors.map(({ message }) => message)).toContain(
      'the local copy of document "notes" is not as it was written, and is written again',
    );
    await Promise.allSettled([document.flush()]);
    expect(await stage.found()).toMatchObject({ unsaved: [update(2), update(3)], revision: null });
    expect(document.compactionDueInMs).toBe(0);
    expect(stage.states.at(-1)).not.toBeNull();
    document.compact(update(1, 2, 3));
    await document.flush();
    expect(stage.states.at(-1)).toBeNull();
    expect(await stage.found()).toMatchObject({
      updates: [update(1, 2, 3), update(2), update(3)],
      unsaved: [update(2), update(3)],
      revision: REVISION,
    });
  });
});

describe("a database that was closed by the browser", () => {
  test("is opened again by who only reads", async () => {
    const stage = memoryStage();
    const store = await stage.store();
    stage.databases.readFault = new Error("the database connection is closing");
    expect((await store.open("notes", fail)).copy.updates).toEqual([]);
    expect(stage.databases.openCount).toBe(2);
    stage.databases.readFault = new Error("the database connection is closing");
    expect(await store.pending()).toEqual([]);
    expect(stage.databases.openCount).toBe(3);
  });
});

describe("a copy that takes the place of another", () => {
  test("leaves nothing of it behind, whatever failed before", async () => {
    for (const didHappen of [false, true]) {
      const stage = memoryStage();
      const document = await stage.tab();
      // Many small edits, which are put together: the former records are to go.
      for (let n = 0; n < 64; n++) {
        document.addLocal(update(n));
        if (n === 63) {
          stage.databases.batchFault = async (write) => {
            stage.databases.batchFault = null;
            if (didHappen) await write();
            throw new Error("no answer");
          };
        }
        await Promise.allSettled([document.flush()]);
      }
      document.replace({ updates: [], unsaved: [], revision: null, lineage: null, confirmed: [] });
      await document.flush();
      expect(stage.rows.rows.size, "its revision, which says that it has none").toBe(1);
      expect(await stage.found()).toEqual({
        updates: [],
        unsaved: [],
        revision: null,
        lineage: null,
        confirmed: [],
        told: [],
      });
    }
  });

  test("leaves nothing of it behind when a fold of the former one fails later", async () => {
    const stage = memoryStage();
    const document = await stage.tab();
    document.addRemote(update(1));
    await document.flush();
    document.compact(update(1));
    const hold = held(stage);
    const flushed = document.flush();
    await vi.waitFor(() => expect(stage.databases.batches.length).toBe(2));
    document.replace({ updates: [update(7)], unsaved: [], revision: null, lineage: null, confirmed: [] });
    hold.fail(quotaError());
    await Promise.allSettled([flushed]);
    await document.flush();
    expect((await stage.found()).updates).toEqual([update(7)]);
  });
});

function fail(error: Error | null): never {
  throw error;
}
