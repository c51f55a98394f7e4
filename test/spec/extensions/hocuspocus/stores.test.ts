import { SkipFurtherHooksError } from "@hocuspocus/common";
import { describe, expect, test } from "vitest";
import type { AnyExtension } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import type { HostedDocument } from "../../../../server/src/extensions/hocuspocus/hosted-document.ts";
import { MemoryStorage } from "../../../../server/src/storage/memory.ts";
import { FaultyStorage } from "../../../support/world.ts";
import { Stage } from "./stage.ts";

interface Payload {
  readonly document: HostedDocument;
  readonly documentName: string;
  readonly clientsCount: number;
  readonly lastContext: Record<string, unknown>;
}

/** Stores texts, and can be held up and made to fail. */
class Database {
  /** What was stored, in order. */
  readonly stored: string[] = [];
  /** Names of hooks other than that, in order. */
  readonly told: string[] = [];
  /** How often the next calls fail. */
  failures = 0;
  gate: Promise<void> | null = null;
  readonly extension: AnyExtension = {
    extensionName: "Database",
    onStoreDocument: async ({ document }: Payload) => {
      if (this.gate !== null) await this.gate;
      if (this.failures-- > 0) throw new Error("database down");
      this.stored.push(document.getText("text").toString());
    },
    afterStoreDocument: () => void this.told.push("after"),
    afterUnloadDocument: () => void this.told.push("unloaded"),
  };

  async stage(options: Parameters<typeof Stage.with>[1] = {}) {
    return await Stage.with([this.extension], options);
  }
}

describe("a document that a process before this one has written", () => {
  /** As it is after that was killed. */
  async function written(): Promise<MemoryStorage> {
    const storage = new MemoryStorage();
    const stage = await Stage.with([], { storage });
    (await stage.join("notes")).type("a");
    await stage.settle();
    return storage;
  }

  test("is stored once when it is first opened, changed or not", async () => {
    const database = new Database();
    const stage = await database.stage({ storage: await written() });
    const ann = await stage.join("notes");
    await stage.advance(2_000);
    expect(database.stored).toEqual(["a"]);
    for (let round = 0; round < 3; round++) {
      (round === 0 ? ann : await stage.join("notes")).vanish();
      await stage.advance(30_000);
    }
    expect(database.stored).toEqual(["a"]);
    expect(database.told).toEqual(["after", "unloaded", "unloaded", "unloaded"]);
  });

  test("is stored until that succeeds, and nobody's change it is", async () => {
    const payloads: Payload[] = [];
    const database = new Database();
    database.failures = 1;
    const stage = await Stage.with(
      [{ onStoreDocument: (payload: Payload) => void payloads.push(payload) }, database.extension],
      { storage: await written() },
    );
    await stage.join("notes");
    await stage.advance(2_000);
    expect(stage.plugin.counts).toMatchObject({ pendingStores: 1, failingStores: 1 });
    await stage.advance(1_000);
    expect(database.stored).toEqual(["a"]);
    expect(payloads).toMatchObject([{ lastContext: {}, lastTransactionOrigin: { source: "local" } }, {}]);
  });

  test("is stored once more where too many others were stored since", async () => {
    const database = new Database();
    const stage = await database.stage({ storage: await written(), pluginLimits: { maxStoredMarks: 1 } });
    for (const name of ["notes", "other", "notes"]) {
      const ann = await stage.join(name);
      if (name === "other") ann.type("b");
      ann.vanish();
      await stage.advance(30_000);
    }
    expect(database.stored).toEqual(["a", "b", "a"]);
    expect(stage.limitHits).toEqual(["maxStoredMarks", "maxStoredMarks"]);
  });
});

describe("a document that changes", () => {
  test("is stored when it was quiet for the debounce", async () => {
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(1_999);
    ann.type("b");
    await stage.advance(1_999);
    expect(database.stored).toEqual([]);
    await stage.advance(1);
    expect(database.stored).toEqual(["ab"]);
    expect(database.told).toEqual(["after"]);
    await stage.advance(60_000);
    expect(database.stored).toEqual(["ab"]);
  });

  test("is stored at the latest after maxDebounce, however busy it is", async () => {
    const database = new Database();
    const stage = await database.stage({ configuration: { debounce: 500, maxDebounce: 1_200 } });
    const ann = await stage.join("notes");
    for (let i = 0; i < 4; i++) {
      ann.type("x");
      await stage.advance(400);
    }
    expect(database.stored).toEqual(["xxx"]);
  });

  test("is stored by one call at a time; what changes meanwhile comes with the next one", async () => {
    const gate = Promise.withResolvers<void>();
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    database.gate = gate.promise;
    ann.type("a");
    await stage.advance(2_000);
    expect(stage.instance.documents.get("notes")?.saveMutex.isLocked()).toBe(true);
    ann.type("b");
    await stage.advance(2_000);
    database.gate = null;
    gate.resolve();
    await stage.settle();
    expect(database.stored).toEqual(["ab", "ab"]);
    expect(stage.plugin.counts).toMatchObject({ pendingStores: 0 });
  });

  test("is not stored again for what an extension has stored elsewhere", async () => {
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    const write = (origin: object) =>
      stage.instance.documents
        .get("notes")
        ?.transact((transaction) => transaction.doc.getText("text").insert(0, "x"), origin);
    write({ source: "redis" });
    write({ source: "local", skipStoreHooks: true });
    await stage.advance(10_000);
    expect([database.stored, ann.text]).toEqual([[], "xx"]);
    write({ source: "local" });
    await stage.advance(10_000);
    expect(database.stored).toEqual(["xxx"]);
  });

  test("is told who changed it last", async () => {
    const contexts: unknown[] = [];
    const stage = await Stage.with([
      {
        onConnect: ({ socketId }: { socketId: string }) => ({ socketId }),
        onStoreDocument: ({ lastContext }: Payload) => void contexts.push(lastContext),
      },
    ]);
    const ann = await stage.join("notes", { socketId: "ann" });
    const ben = await stage.join("notes", { socketId: "ben" });
    ann.type("a");
    await stage.settle();
    ben.type("b");
    await stage.advance(2_000);
    expect(contexts).toEqual([{ socketId: "ben" }]);
  });
});

describe("the last client that leaves", () => {
  test("has the document stored at once", async () => {
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    ann.type("a");
    ann.vanish();
    await stage.settle();
    expect(database.stored).toEqual([]);
    ben.vanish();
    await stage.settle();
    expect(database.stored).toEqual(["a"]);
  });

  test("leaves it to its time where the configuration says so", async () => {
    const database = new Database();
    const stage = await database.stage({ configuration: { unloadImmediately: false } });
    const ann = await stage.join("notes");
    ann.type("a");
    ann.vanish();
    await stage.settle();
    expect(database.stored).toEqual([]);
    await stage.advance(2_000);
    expect(database.stored).toEqual(["a"]);
  });
});

describe("a store that fails", () => {
  test("is tried again, ever more seldom, until it succeeds", async () => {
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    database.failures = 3;
    ann.type("a");
    const failed: number[] = [];
    for (let second = 0; second <= 9; second++) {
      await stage.advance(second === 0 ? 0 : 1_000);
      failed.push(stage.reports.length);
    }
    // Due after 2 s, then after 1, 2 and 4 s more.
    expect(failed).toEqual([0, 0, 1, 2, 2, 3, 3, 3, 3, 3]);
    expect(database.stored).toEqual(["a"]);
    expect(database.told).toEqual(["after"]);
  });

  test("does not hold up another document", async () => {
    const seen: string[] = [];
    const stage = await Stage.with([
      {
        onStoreDocument: ({ documentName }: Payload) => {
          if (documentName === "broken") return new Promise(() => undefined);
          seen.push(documentName);
          return Promise.resolve();
        },
      },
    ]);
    for (const name of ["broken", "sound"]) (await stage.join(name)).type("a");
    await stage.advance(2_000);
    expect(seen).toEqual(["sound"]);
    await stage.advance(10_000);
    expect(stage.reports).toMatchObject([{ type: "hook-timed-out", document: "broken" }]);
  });

  test("keeps the document in memory until it is stored", async () => {
    const database = new Database();
    const stage = await database.stage();
    const ann = await stage.join("notes");
    database.failures = 100;
    ann.type("a");
    ann.vanish();
    await stage.advance(200_000);
    expect(stage.world.rooms.counts().rooms).toBe(1);
    expect(stage.plugin.counts).toMatchObject({ pendingStores: 1, failingStores: 1 });
    database.failures = 0;
    await stage.advance(100_000);
    expect(database.stored).toEqual(["a"]);
    expect(stage.world.rooms.counts().rooms).toBe(0);
    expect(database.told).toEqual(["after", "unloaded"]);
  });

  test("that another extension has made good is none", async () => {
    const stage = await Stage.with([
      { onStoreDocument: () => Promise.reject(new SkipFurtherHooksError()) },
      { onStoreDocument: () => expect.unreachable(), afterStoreDocument: () => expect.unreachable() },
    ]);
    (await stage.join("notes")).type("a");
    await stage.advance(2_000);
    expect(stage.plugin.counts).toMatchObject({ pendingStores: 0 });
    expect(stage.reported).toEqual([]);
  });
});

describe("a document that leaves memory", () => {
  test("is stored before, asked about then, and told of after", async () => {
    const told: string[] = [];
    const stage = await Stage.with(
      [
        {
          onStoreDocument: () => void told.push("store"),
          onDisconnect: () => void told.push("disconnect"),
          beforeUnloadDocument: ({ document }: Payload) => void told.push(`before ${document.isDestroyed}`),
          afterUnloadDocument: () => void told.push("after"),
        },
      ],
      { configuration: { unloadImmediately: false, debounce: 60_000, maxDebounce: 60_000 } },
    );
    const ann = await stage.join("notes");
    const document = stage.instance.documents.get("notes");
    ann.type("a");
    ann.vanish();
    await stage.advance(30_000);
    expect(told).toEqual(["disconnect", "store", "before false", "after"]);
    expect(document?.isDestroyed).toBe(true);
    expect(stage.instance.documents.size).toBe(0);
  });

  test("stays when an extension has a veto, and is asked about again", async () => {
    let asked = 0;
    const stage = await Stage.with([
      { beforeUnloadDocument: () => (++asked < 3 ? Promise.reject(new Error("busy")) : Promise.resolve()) },
    ]);
    (await stage.join("notes")).vanish();
    await stage.advance(30_000);
    await stage.advance(30_000);
    expect([asked, stage.world.rooms.counts().rooms]).toEqual([2, 1]);
    await stage.advance(30_000);
    expect([asked, stage.world.rooms.counts().rooms]).toEqual([3, 0]);
  });

  test("stays for whoever comes while it is stored", async () => {
    const gate = Promise.withResolvers<void>();
    const database = new Database();
    const stage = await database.stage({
      configuration: { unloadImmediately: false, debounce: 60_000, maxDebounce: 60_000 },
    });
    const ann = await stage.join("notes");
    database.gate = gate.promise;
    ann.type("a");
    ann.vanish();
    await stage.advance(30_000);
    const ben = await stage.join("notes");
    database.gate = null;
    gate.resolve();
    await stage.settle();
    ben.type("b");
    await stage.advance(60_000);
    expect(database.stored).toEqual(["a", "ab"]);
    expect(database.told).not.toContain("unloaded");
  });
});

describe("a room that fails", () => {
  test("has stored what was not, and its document is gone then", async () => {
    const storage = new FaultyStorage();
    const database = new Database();
    const stage = await database.stage({ storage });
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    storage.appendErrors.push(new Error("disk gone"));
    ann.type("b");
    await stage.settle();
    expect(ann.closed).not.toBeNull();
    expect(database.stored).toEqual(["ab"]);
    expect(stage.plugin.counts).toEqual({
      hostedDocuments: 0,
      hostedBytes: 0,
      pendingStores: 0,
      failingStores: 0,
    });
  });

  test("and could not be stored is stored from its next room, and what is older does not come after it", async () => {
    const storage = new FaultyStorage();
    const database = new Database();
    const stage = await database.stage({ storage });
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    // Once because the client left, once because the room ended.
    database.failures = 2;
    storage.appendErrors.push(new Error("disk gone"));
    ann.type("b");
    await stage.settle();
    expect([database.stored, stage.plugin.counts.failingStores]).toEqual([[], 1]);
    const ben = await stage.join("notes", {});
    ben.type("c");
    await stage.advance(60_000);
    expect(database.stored).toEqual(["ac"]);
    expect(stage.plugin.counts).toMatchObject({ hostedDocuments: 1, pendingStores: 0 });
  });
});

describe("a server that stops", () => {
  test("stores everything that is due, and then says that it has stopped", async () => {
    const told: string[] = [];
    const stage = await Stage.with([
      {
        onStoreDocument: ({ documentName, document }: Payload) =>
          void told.push(`${documentName}: ${document.getText("text").toString()}`),
        afterUnloadDocument: ({ documentName }: Payload) => void told.push(`${documentName} unloaded`),
        onDestroy: () => void told.push("destroyed"),
      },
    ]);
    for (const name of ["one", "two"]) (await stage.join(name)).type("a");
    const drained = stage.world.rooms.drain(1_000, () => stage.plugin.draining?.() ?? null);
    await stage.settle();
    await drained;
    const closed = stage.plugin.close?.();
    await stage.settle();
    await closed;
    expect([...told.slice(0, 2).sort(), ...told.slice(2, 4).sort(), told[4]]).toEqual([
      "one: a",
      "two: a",
      "one unloaded",
      "two unloaded",
      "destroyed",
    ]);
  });

  test("tries once more what failed, and goes when that fails again", async () => {
    const database = new Database();
    const stage = await database.stage();
    (await stage.join("notes")).type("a");
    database.failures = 1;
    await stage.advance(2_000);
    expect(database.stored).toEqual([]);
    const drained = stage.world.rooms.drain(1_000, () => stage.plugin.draining?.() ?? null);
    await stage.settle();
    await drained;
    expect(database.stored).toEqual(["a"]);
  });
});
