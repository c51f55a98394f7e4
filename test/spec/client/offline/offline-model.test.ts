/**
 * Tabs edit one document and receive it from a server, on a database that fails, lies or is cleared; whatever they
 * did, what somebody finds who opens the document at that moment keeps the store's promises. An update is a list of
 * numbers, a document the set of all of them.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { openLevelStore } from "../../../../client/src/offline/level-store.ts";
import type { OfflineDocument, OfflineStore } from "../../../../client/src/offline/ports.ts";
import { BRANCH } from "../../../support/branch.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { type BatchFault, MemoryRows, WatchedDatabases } from "../../../support/offline-databases.ts";

const LINEAGE = "00112233445566778899aabbccddeeff";

const ACTIONS = {
  edit: 6,
  send: 3,
  receive: 6,
  stranger: 4,
  durable: 4,
  revision: 5,
  fold: 2,
  flush: 4,
  hide: 3,
  turn: 4,
  reload: 1,
  serverCrash: 1,
  refuse: 1,
  lie: 1,
  clear: 0.3,
  drop: 0.3,
  time: 2,
} as const;
type Action = keyof typeof ACTIONS;

const steps = fc.array(
  fc.record({
    action: fc.oneof(
      ...Object.entries(ACTIONS).map(([action, weight]) => ({
        arbitrary: fc.constant(action as Action),
        weight: weight * 10,
      })),
    ),
    tab: fc.nat(1),
  }),
  { maxLength: 80, size: "max" },
);

interface Tab {
  readonly store: OfflineStore;
  document: OfflineDocument;
  has: Set<number>;
  unsaved: number[];
  /** How many of them the server was sent. */
  sent: number;
  /** Up to where it received the server's log; `null` before it has synced. */
  seq: number | null;
  readonly databases: WatchedDatabases;
  /** The database lost something, and it has not noticed. */
  isUnaware: boolean;
  /** A batch did not happen, and nobody said so. */
  hasLost: boolean;
  /** On disk for certain. */
  stored: { all: Set<number>; unsaved: Set<number> };
}

class World {
  readonly rows = new MemoryRows();
  readonly #clock = new FakeClock();
  readonly #tabs: Tab[] = [];
  #log: number[][] = [];
  #durable = 0;
  #nextId = 1;
  #nextRandom = 1;

  async start(): Promise<void> {
    for (const _ of [0, 1]) this.#tabs.push(await this.#load());
  }

  async play(action: Action, index: number): Promise<void> {
    const tab = this.#tabs[index] as Tab;
    switch (action) {
      case "edit":
        return this.#edit(tab);
      case "send":
        return this.#send(tab);
      case "receive":
        return this.#receive(tab);
      case "stranger":
        this.#log.push([this.#nextId++]);
        return;
      case "durable":
        return this.#becomeDurable();
      case "revision":
        if (tab.seq === null || tab.seq === 0 || tab.seq > this.#durable) return;
        return tab.document.setRevision({ lineage: LINEAGE, seq: tab.seq, branch: BRANCH }, LINEAGE);
      case "fold":
        return tab.document.compact(encode(tab.has));
      case "hide":
        return tab.store.writeNow();
      case "flush":
        return this.#flush(tab);
      case "turn":
        for (let i = 0; i < 5; i++) await null;
        return;
      case "reload":
        this.#tabs[index] = await this.#load();
        return;
      case "serverCrash":
        this.#log.length = this.#durable;
        for (const each of this.#tabs) [each.seq, each.sent] = [null, 0];
        return;
      case "refuse":
        return failOnce(tab, () => Promise.reject(new Error("no space left on device")));
      case "lie":
        return failOnce(tab, async (write) => {
          await write();
          throw new Error("it happened all the same");
        });
      case "drop":
        return failOnce(tab, async () => {
          forget(tab);
          tab.hasLost = true;
        });
      case "clear":
        return this.#clear();
      case "time":
        return this.#clock.advance(600_000);
    }
  }

  /** What somebody finds who opens the document now. */
  async check(): Promise<void> {
    const store = await this.#openStore(new WatchedDatabases(this.rows.copy().open));
    const { copy } = await store.open("notes", fail);
    const content = new Set(copy.updates.flatMap(decode));
    const unsaved = new Set(copy.unsaved.flatMap(decode));
    const durable = new Set(this.#log.slice(0, this.#durable).flat());
    for (const tab of this.#tabs) {
      expect(content, "what was flushed is in the document").toEqual(union(content, tab.stored.all));
      // Another tab may have been told that it is.
      const owed = new Set([...tab.stored.unsaved].filter((id) => !durable.has(id)));
      expect(unsaved, "an edit that was flushed and not saved is unsaved").toEqual(union(unsaved, owed));
    }
    const [entry] = await store.pending();
    expect(entry?.unsaved ?? 0, "unsaved edits are listed").toBe(copy.unsaved.length);
    if (copy.revision === null) return;
    const { seq } = copy.revision;
    expect(seq).toBeLessThanOrEqual(this.#durable);
    const covered = new Set(this.#log.slice(0, seq).flat());
    expect(content, "what the revision covers is in the document").toEqual(union(content, covered));
    const known = union(durable, unsaved);
    expect(known, "what the server may lack is known").toEqual(union(known, content));
  }

  async #load(): Promise<Tab> {
    const databases = new WatchedDatabases(this.rows.open);
    const store = await this.#openStore(databases);
    const document = await store.open("notes", (error) => {
      if (error !== null) tab.isUnaware = false;
    });
    const { updates, unsaved, revision } = document.copy;
    const has = new Set(updates.flatMap(decode));
    const tab: Tab = {
      store,
      document,
      databases,
      isUnaware: false,
      hasLost: false,
      has,
      unsaved: unsaved.flatMap(decode),
      sent: 0,
      seq: revision?.seq ?? null,
      stored: { all: new Set(), unsaved: new Set() },
    };
    return tab;
  }

  #openStore(databases: WatchedDatabases): Promise<OfflineStore> {
    return openLevelStore("tabs", {
      clock: this.#clock,
      random: () => (this.#nextRandom++ * 0.618) % 1,
      openDatabase: databases.open,
      limits: { maxQueueBytes: 24, minLogBytes: 64, minLogRecords: 8 },
    });
  }

  #edit(tab: Tab): void {
    const id = this.#nextId++;
    tab.has.add(id);
    tab.unsaved.push(id);
    tab.document.addLocal(encode([id]));
  }

  #send(tab: Tab): void {
    if (tab.seq === null) {
      this.#sync(tab);
      return;
    }
    const ids = tab.unsaved.slice(tab.sent);
    if (ids.length > 0) this.#log.push(ids);
    tab.sent = tab.unsaved.length;
  }

  #receive(tab: Tab): void {
    if (tab.seq === null) {
      this.#sync(tab);
      return;
    }
    const entry = this.#log[tab.seq];
    if (entry === undefined) return;
    tab.seq++;
    this.#add(tab, entry);
  }

  /** Without a revision both sides say all that they have. */
  #sync(tab: Tab): void {
    const onServer = new Set(this.#log.flat());
    const rest = [...tab.has].filter((id) => !onServer.has(id));
    if (rest.length > 0) this.#log.push(rest);
    this.#add(tab, this.#log.flat());
    tab.sent = tab.unsaved.length;
    tab.seq = this.#log.length;
  }

  #add(tab: Tab, ids: readonly number[]): void {
    const news = ids.filter((id) => !tab.has.has(id));
    for (const id of news) tab.has.add(id);
    if (news.length > 0) tab.document.addRemote(encode(news));
  }

  #becomeDurable(): void {
    this.#durable = this.#log.length;
    const durable = new Set(this.#log.flat());
    for (const tab of this.#tabs) {
      const isSaved = tab.unsaved.map((id) => durable.has(id));
      const count = isSaved.includes(false) ? isSaved.indexOf(false) : isSaved.length;
      if (count === 0) continue;
      tab.unsaved.splice(0, count);
      tab.sent = Math.max(0, tab.sent - count);
      tab.document.saved(count);
    }
  }

  async #flush(tab: Tab): Promise<void> {
    const given = { all: new Set(tab.has), unsaved: new Set(tab.unsaved) };
    try {
      await tab.document.flush();
    } catch {
      return; // Some of it may not be there.
    }
    if (!tab.isUnaware && !tab.hasLost) tab.stored = given;
  }

  /** Somebody clears the site's data: all connections break. */
  #clear(): void {
    this.rows.rows.clear();
    for (const tab of this.#tabs) {
      forget(tab);
      failOnce(tab, () => Promise.reject(new Error("the database connection is closing")));
    }
  }
}

/** What it has on disk is not known, until it notices. */
function forget(tab: Tab): void {
  tab.stored = { all: new Set(), unsaved: new Set() };
  tab.isUnaware = true;
}

function failOnce({ databases }: Tab, fault: BatchFault): void {
  databases.batchFault = (write, operations) => {
    databases.batchFault = null;
    return fault(write, operations);
  };
}

test("whoever opens a document finds what was flushed, and no revision that says too much", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (played) => {
      const world = new World();
      await world.start();
      for (const { action, tab } of played) {
        await world.play(action, tab);
        await world.check();
      }
    }),
    { numRuns: Number(process.env.OFFLINE_RUNS ?? 150) },
  );
}, 600_000);

function fail(error: Error | null): never {
  throw error;
}

function encode(ids: Iterable<number>): Uint8Array {
  return new Uint8Array(Uint32Array.from(ids).buffer);
}

function decode(update: Uint8Array): number[] {
  return [...new Uint32Array(update.slice().buffer)];
}

function union(a: ReadonlySet<number>, b: ReadonlySet<number>): Set<number> {
  return new Set([...a, ...b]);
}
