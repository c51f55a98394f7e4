import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { MemoryOfflineStore } from "../../support/client-memory-store.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";

/** A device with a store, and a server that may be away. */
class Stage {
  readonly world = new ClientWorld();
  readonly store = new MemoryOfflineStore();

  constructor() {
    onTestFinished(() => this.world.close());
  }

  /** The application starts on the device. */
  app() {
    const environment = this.world.environment();
    environment.store = this.store;
    return this.world.client({ environment, offline: "documents" });
  }

  open(document = "notes", client = this.app()): Person {
    return new Person(client, client.open(document));
  }

  settle(): Promise<void> {
    return this.world.settle();
  }
}

describe("a client that keeps documents on its device", () => {
  test("[D1] [D2] shows a document at once when it is opened offline, and merges on return", async () => {
    const stage = new Stage();
    const first = stage.open();
    first.type("kept");
    await first.notes.whenLoaded();
    await stage.settle();
    await first.leave();
    stage.world.kill();
    const again = stage.open();
    await again.notes.whenLoaded();
    expect(again.text).toBe("kept");
    expect(again.notes.getSnapshot()).toMatchObject({ synced: false, saved: true, isLoaded: true });
    again.type(" and more");
    await stage.settle();
    expect(again.notes.status.kind).toBe("offline");
    expect(again.notes.saved).toBe(false);
    stage.world.start();
    await stage.world.advance(2_000);
    expect(again.notes.saved).toBe(true);
    const other = await stage.world.join();
    expect(other.text).toBe("kept and more");
  });

  test("[D2] still knows what is unsaved after a reload", async () => {
    const stage = new Stage();
    stage.world.kill();
    const first = stage.open();
    first.type("a");
    first.type("b");
    await stage.settle();
    await first.leave();
    const again = stage.open();
    await again.notes.whenLoaded();
    expect(again.notes.unsaved.count).toBe(2);
    expect(again.notes.saved).toBe(false);
    expect(await again.client.pending()).toMatchObject([{ document: "notes", unsaved: 2 }]);
    stage.world.start();
    await stage.world.advance(2_000);
    expect(again.notes.saved).toBe(true);
    expect(stage.store.copy("notes").unsaved).toEqual([]);
    expect(stage.store.copy("notes").revision).not.toBeNull();
  });

  test("counts what is typed before its copy was read", async () => {
    const stage = new Stage();
    const notes = stage.open();
    notes.type("early");
    expect(notes.notes.getSnapshot()).toMatchObject({ isLoaded: false, saved: false });
    await stage.settle();
    expect(notes.notes.saved).toBe(true);
    expect(stage.store.copy("notes").updates).toHaveLength(1);
  });

  test("keeps what is typed in a document that is closed before its copy was read", async () => {
    const stage = new Stage();
    const first = stage.open();
    first.type("in haste");
    await first.leave();
    const again = stage.open();
    await again.notes.whenLoaded();
    expect(again.text).toBe("in haste");
    await stage.settle();
    expect(again.notes.saved).toBe(true);
  });

  test("keeps remote edits once, and its own echo not at all", async () => {
    const stage = new Stage();
    const ann = stage.open();
    await stage.settle();
    const ben = await stage.world.join();
    ann.type("mine ");
    await stage.settle();
    ben.type("theirs");
    await stage.settle();
    expect(stage.store.copy("notes").updates).toHaveLength(2);
    await ann.leave();
    const again = stage.open();
    await again.notes.whenLoaded();
    expect(again.text).toBe("mine theirs");
  });

  test("comes back by revision after a reload", async () => {
    const stage = new Stage();
    const ann = stage.open();
    ann.type("x".repeat(10_000));
    await stage.settle();
    const ben = await stage.world.join();
    await ann.leave();
    ben.type("y");
    await stage.settle();
    const { revision } = stage.store.copy("notes");
    expect(revision?.seq).toBe(1);
    const again = stage.open();
    await stage.settle();
    expect(again.text).toBe(`${"x".repeat(10_000)}y`);
    expect(again.notes.saved).toBe(true);
    expect(stage.store.copy("notes").revision?.seq).toBe(2);
  });

  test("[D3] has no revision on the device while remote edits may be lost with the server", async () => {
    const stage = new Stage();
    const ann = stage.open();
    ann.type("a");
    await stage.settle();
    const ben = await stage.world.join();
    stage.world.disk.hold();
    ben.type("b");
    await stage.settle();
    expect(ann.text).toContain("b");
    expect(stage.store.copy("notes").revision).toBeNull();
    // The server loses it, its author never comes back, and our application is started anew.
    stage.world.kill();
    await ben.leave();
    await ann.leave();
    stage.world.start();
    const again = stage.open();
    await stage.settle();
    expect(again.notes.saved).toBe(true);
    const cid = await stage.world.join();
    expect(cid.text).toBe(again.text);
    expect(cid.text).toContain("b");
  });

  test("[D6] syncs documents that nobody opens, and then lets go of them", async () => {
    const stage = new Stage();
    stage.world.kill();
    for (const document of ["one", "two", "three", "four", "five", "six"]) {
      const person = stage.open(document);
      person.type(document);
      await stage.settle();
      await person.leave();
    }
    stage.world.start();
    const client = stage.app();
    expect(await client.pending()).toHaveLength(6);
    await stage.settle();
    // What many documents have for a connection is gathered for a moment.
    await stage.world.advance(100);
    await stage.settle();
    expect(await client.pending()).toEqual([]);
    expect(stage.store.openDocuments.size).toBe(0);
    expect((await stage.world.join("six")).text).toBe("six");
  });

  test("brings edits of a document that was closed too early", async () => {
    const stage = new Stage();
    const client = stage.app();
    const keeper = stage.open("other", client);
    await stage.settle();
    const notes = stage.open("notes", client);
    await stage.settle();
    stage.world.disk.hold();
    notes.type("late");
    void notes.notes.close();
    await stage.settle();
    stage.world.disk.release();
    await stage.settle();
    expect(await client.pending()).toEqual([]);
    expect((await stage.world.join()).text).toBe("late");
    expect(keeper.notes.status.kind).toBe("online");
  });

  test("gives a document to the application that it was syncing in the background", async () => {
    const stage = new Stage();
    stage.world.kill();
    const first = stage.open();
    first.type("kept");
    await stage.settle();
    await first.leave();
    stage.world.start();
    stage.world.disk.hold();
    const client = stage.app();
    await stage.settle();
    expect(stage.store.openDocuments.has("notes")).toBe(true);
    const notes = client.open("notes");
    await stage.settle();
    stage.world.disk.release();
    await stage.settle();
    expect(notes.saved).toBe(true);
    expect(notes.doc.getText("text").toString()).toBe("kept");
  });

  test("gives up documents that are refused, and says nothing is saved", async () => {
    const stage = new Stage();
    const ann = stage.open();
    ann.type("mine");
    await stage.settle();
    await ann.leave();
    stage.world.kill();
    const offline = stage.open();
    await offline.notes.whenLoaded();
    offline.type(" more");
    await stage.settle();
    await offline.leave();
    await stage.world.disk.erase("notes" as never);
    stage.world.start();
    const client = stage.app();
    await stage.settle();
    expect(await client.pending()).toMatchObject([{ document: "notes", unsaved: 1 }]);
    expect(stage.store.openDocuments.size).toBe(0);
    const notes = client.open("notes");
    await stage.settle();
    expect(notes.status.code).toBe("LINEAGE_CHANGED");
    await notes.resolve("keep-as-copy", "notes of mine");
    await stage.settle();
    expect(notes.status.kind).toBe("online");
    expect(notes.doc.getText("text").toString()).toBe("");
    expect((await stage.world.join("notes of mine")).text).toBe("mine more");
    expect(await client.pending()).toEqual([]);
  });

  test("[D4] goes on in memory when a write fails, and says so", async () => {
    const stage = new Stage();
    const ann = stage.open();
    await stage.settle();
    stage.store.fail("notes", "the disk is full");
    expect(ann.notes.getSnapshot().offlineError?.message).toBe("the disk is full");
    ann.type("goes on");
    await stage.settle();
    expect(ann.notes.saved).toBe(true);
  });

  test("[D8] says no more that a write failed when all is on disk again", async () => {
    const stage = new Stage();
    const ann = stage.open();
    const errors: Error[] = [];
    ann.notes.on("error", (error) => errors.push(error));
    await stage.settle();
    let told = 0;
    ann.notes.subscribe(() => told++);
    stage.store.fail("notes", "the disk is full");
    await stage.settle();
    stage.store.recover("notes");
    await stage.settle();
    expect(ann.notes.getSnapshot().offlineError).toBeNull();
    expect([told, errors.length]).toEqual([2, 1]);
  });

  test("[D5] goes on without a copy that is damaged, and says so", async () => {
    const stage = new Stage();
    stage.store.damaged.add("notes");
    const errors: Error[] = [];
    const ann = stage.open();
    ann.notes.on("error", (error) => errors.push(error));
    ann.type("goes on");
    await stage.settle();
    expect(errors.map(({ message }) => message)).toEqual(["notes is damaged"]);
    expect(ann.notes.getSnapshot().offlineError?.code).toBe("OFFLINE_STORE_FAILED");
    expect(ann.notes.saved).toBe(true);
  });

  test("says so when the store cannot be opened at all, and works without it", async () => {
    const stage = new Stage();
    const client = stage.world.client({ offline: "nowhere" });
    const ann = stage.open("notes", client);
    ann.type("goes on");
    await stage.settle();
    expect(client.getSnapshot().offlineError).not.toBeNull();
    expect(ann.notes.saved).toBe(true);
  });

  test("[D5] goes on without a copy that Yjs cannot read, leaves it as it is, and says so", async () => {
    const stage = new Stage();
    const unreadable = {
      updates: [Uint8Array.of(1, 9, 9)],
      unsaved: [],
      revision: null,
      lineage: null,
      confirmed: [],
    };
    stage.store.copies.set("notes", unreadable);
    stage.store.compactAfter = 0;
    const ann = stage.open();
    ann.type("goes on");
    await stage.world.advance(5_000);
    expect(ann.notes.getSnapshot()).toMatchObject({ isLoaded: true, saved: true });
    expect(ann.notes.getSnapshot().offlineError?.message).toMatch(/cannot be read/);
    await ann.leave();
    expect(stage.store.copy("notes")).toBe(unreadable);
    expect(stage.store.openDocuments.size).toBe(0);
  });

  test("[D9] writes what waits when its page is hidden or about to go", async () => {
    const stage = new Stage();
    const environment = stage.world.environment();
    environment.store = stage.store;
    const client = stage.world.client({ environment, offline: "documents" });
    await client.pending();
    environment.toBackground();
    environment.hide();
    expect(stage.store.hurries).toBe(2);
    await client.close();
    environment.hide();
    expect(stage.store.hurries).toBe(2);
  });

  test("[D6] gives up what cannot be read or written instead of trying it for ever", async () => {
    const stage = new Stage();
    for (const document of ["newer", "full"]) {
      const update = Uint8Array.of(0, 0);
      stage.store.copies.set(document, {
        updates: [update],
        unsaved: [update],
        revision: null,
        lineage: null,
        confirmed: [],
      });
    }
    stage.store.damaged.add("newer");
    stage.store.full.add("full");
    stage.store.keepsUnsaved.add("full");
    const client = stage.app();
    await client.pending();
    await stage.settle();
    const { opened } = stage.store;
    await stage.settle();
    expect(stage.store.opened).toBe(opened);
    expect(opened).toBe(2);
    expect(client.getSnapshot().offlineError?.message).toBe("the disk is full");
    // They are tried again at the next connection.
    stage.store.full.clear();
    stage.store.keepsUnsaved.clear();
    stage.world.cut();
    await stage.world.advance(2_000);
    expect(await client.pending()).toMatchObject([{ document: "newer" }]);
    expect(client.getSnapshot().offlineError).toBeNull();
  });

  test("has its copy compacted when that is due", async () => {
    const stage = new Stage();
    stage.store.compactAfter = 10;
    const ann = stage.open();
    await stage.settle();
    for (let i = 0; i < 20; i++) ann.type("x");
    await stage.world.advance(5_000);
    expect(stage.store.copy("notes").updates).toHaveLength(1);
    await ann.leave();
    const again = stage.open();
    await again.notes.whenLoaded();
    expect(again.text).toBe("x".repeat(20));
  });

  test("has its copy compacted after it was opened, and when it is closed, if that is due", async () => {
    const stage = new Stage();
    const first = stage.open();
    await stage.settle();
    for (let i = 0; i < 20; i++) first.type("x");
    await stage.settle();
    await first.leave();
    expect(stage.store.copy("notes").updates).toHaveLength(20);
    stage.store.compactAfter = 10;
    const second = stage.open();
    await second.notes.whenLoaded();
    await second.leave();
    expect(stage.store.copy("notes").updates, "at the end").toHaveLength(1);
    stage.store.compactAfter = 0;
    const third = stage.open();
    await stage.world.advance(5_000);
    expect(stage.store.compactions, "and at the beginning").toBe(2);
    stage.store.compactAfter = 1;
    await third.leave();
    expect(stage.store.compactions, "it is not due").toBe(2);
  });

  test("compacts no copy that was closed before it was read", async () => {
    const stage = new Stage();
    const first = stage.open();
    first.type("kept");
    await stage.settle();
    await first.leave();
    stage.store.compactAfter = 0;
    const hasty = stage.open();
    await hasty.leave();
    expect(stage.store.compactions).toBe(0);
    expect(stage.store.copy("notes").updates).toHaveLength(1);
  });

  test("looks whether a compaction is due after a write failed, and after it has recovered", async () => {
    const stage = new Stage();
    const ann = stage.open();
    ann.type("a");
    ann.type("b");
    await stage.settle();
    for (const change of [() => stage.store.fail("notes", "cleared"), () => stage.store.recover("notes")]) {
      stage.store.compactAfter = 0;
      const before = stage.store.compactions;
      change();
      await stage.world.advance(2_000);
      expect(stage.store.compactions).toBeGreaterThan(before);
      stage.store.compactAfter = Number.POSITIVE_INFINITY;
      await stage.world.advance(60_000);
    }
  });

  test("counts as edited what an application brings in a Y.Doc, but not what the copy has", async () => {
    const stage = new Stage();
    stage.world.kill();
    const first = stage.open();
    first.type("kept");
    await stage.settle();
    const { doc } = first.notes;
    await first.leave();
    doc.getText("text").insert(0, "meanwhile ");
    const client = stage.app();
    const notes = client.open("notes", { doc });
    await notes.whenLoaded();
    expect(notes.unsaved.count).toBe(2);
    expect(doc.getText("text").toString()).toBe("meanwhile kept");
    stage.world.start();
    await stage.world.advance(2_000);
    expect(notes.saved).toBe(true);
    const other = new Y.Doc();
    for (const update of stage.store.copy("notes").updates) Y.applyUpdate(other, update);
    expect(other.getText("text").toString()).toBe("meanwhile kept");
  });
});

describe("a document that is to be forgotten", () => {
  test("[D10] is removed from the device, and stays on the server", async () => {
    const stage = new Stage();
    const ann = stage.open();
    ann.type("kept");
    await stage.settle();
    await ann.notes.close();
    await ann.client.forget("notes");
    expect(stage.store.copies.has("notes")).toBe(false);
    const again = stage.open("notes", ann.client);
    expect(again.text).toBe("");
    await stage.settle();
    expect(again.text).toBe("kept");
    await ann.client.forget("never there");
  });

  test("[D10] is not while it is open, or has edits that are not saved, unless they are to be discarded", async () => {
    const stage = new Stage();
    stage.world.kill();
    const ann = stage.open();
    ann.type("precious");
    await stage.settle();
    const refusal = (why: string) => ({ code: "INVALID_OPTION", message: expect.stringContaining(why) });
    await expect(ann.client.forget("notes", { discardUnsaved: true })).rejects.toMatchObject(refusal("open"));
    await ann.notes.close();
    await expect(ann.client.forget("notes")).rejects.toMatchObject(refusal("not saved (1)"));
    expect(stage.store.copy("notes").unsaved).toHaveLength(1);
    expect(ann.client.getSnapshot().offlineError).toBeNull();
    await ann.client.forget("notes", { discardUnsaved: true });
    expect(stage.store.copies.has("notes")).toBe(false);
    expect(await ann.client.pending()).toEqual([]);
  });

  test("[D10] is not synced in the background any more", async () => {
    const stage = new Stage();
    stage.world.kill();
    const first = stage.open();
    first.type("kept");
    await stage.settle();
    await first.leave();
    stage.world.start();
    stage.world.disk.hold();
    const client = stage.app();
    await client.pending();
    await stage.settle();
    expect(stage.store.openDocuments.has("notes")).toBe(true);
    await client.forget("notes", { discardUnsaved: true });
    expect(stage.store.openDocuments.size).toBe(0);
    stage.world.disk.release();
    await stage.settle();
    expect(stage.store.copies.has("notes")).toBe(false);
  });

  test("is nothing to a client that keeps none", async () => {
    const stage = new Stage();
    const client = stage.world.client();
    await expect(client.forget("notes")).resolves.toBeUndefined();
  });
});
