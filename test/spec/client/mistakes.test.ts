/** What applications do wrong, or at an awkward moment: nothing is lost by it, and nothing untrue is said. */

import { type DocumentHandle, JoineryClient, type OpenOptions } from "@joinery/client";
import { serverFrames } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { Awareness, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { BRANCH } from "../../support/branch.ts";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { MemoryOfflineStore } from "../../support/client-memory-store.ts";
import { LINEAGE, type ScriptedLink, ScriptedServer } from "../../support/client-scripted-server.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;
  readonly notes: DocumentHandle;
  readonly errors: string[] = [];

  constructor(options: OpenOptions = {}, store: MemoryOfflineStore | null = null) {
    this.environment.store = store;
    const { environment } = this;
    this.client = new JoineryClient({ url: "ws://test", environment, ...(store && { offline: "kept" }) });
    this.notes = this.client.open("notes", options);
    this.notes.on("error", ({ message }) => this.errors.push(message));
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  get text(): Y.Text {
    return this.notes.doc.getText("text");
  }

  settle(): Promise<void> {
    return this.environment.settle();
  }

  async live(): Promise<number> {
    await this.notes.whenLoaded();
    await this.settle();
    const channel = this.link.welcome("notes");
    await this.settle();
    this.link.on(channel, serverFrames.ack(1, 1));
    await this.settle();
    return channel;
  }

  async reconnect(): Promise<void> {
    this.link.lose();
    await this.environment.advance(1_000);
  }
}

function updateOf(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

describe("an observer that throws", () => {
  test("is told of, and the document goes on where it was", async () => {
    const stage = new Stage();
    const channel = await stage.live();
    stage.text.observe(() => {
      throw new Error("in an observer");
    });
    stage.link.on(channel, serverFrames.batch(2, 1, updateOf("theirs")));
    await stage.settle();
    expect(stage.errors).toEqual(["in an observer"]);
    expect(stage.notes.status.kind).toBe("online");
    // What it brought is known: it is given back if the server loses it.
    await stage.reconnect();
    expect(stage.link.last("open").revision).toEqual({ lineage: LINEAGE, seq: 1, branch: BRANCH });
    stage.link.welcome("notes", { beginning: "continue" });
    await stage.settle();
    const answer = new Y.Doc();
    Y.applyUpdate(answer, stage.link.last("answer").update);
    expect(answer.getText("text").toString()).toBe("theirs");
  });

  test("before the client hears of an update makes it compare all, because nobody knows what was missed", async () => {
    const doc = new Y.Doc();
    let throws = false;
    doc.on("update", () => {
      if (throws) throw new Error("in a listener");
    });
    const store = new MemoryOfflineStore();
    const stage = new Stage({ doc }, store);
    const channel = await stage.live();
    throws = true;
    stage.link.on(channel, serverFrames.batch(2, 2, updateOf("theirs")));
    throws = false;
    await stage.settle();
    expect(stage.notes.status).toMatchObject({ kind: "offline", code: "INTERNAL" });
    await stage.environment.advance(1_000);
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: LINEAGE });
    // Neither does the copy on the device lack it.
    const kept = new Y.Doc();
    for (const update of store.copy("notes").updates) Y.applyUpdate(kept, update);
    expect(kept.getText("text").toString()).toBe("theirs");
  });

  test("of presence ends no connection, and keeps none from coming back", async () => {
    const stage = new Stage();
    const channel = await stage.live();
    const ben = new Awareness(new Y.Doc());
    onTestFinished(() => ben.destroy());
    ben.setLocalState({ name: "ben" });
    stage.notes.awareness.on("change", () => {
      throw new Error("in a cursor");
    });
    stage.link.on(channel, serverFrames.presence(new Map(), encodeAwarenessUpdate(ben, [ben.clientID])));
    await stage.settle();
    expect(stage.notes.status.kind).toBe("online");
    await stage.reconnect();
    expect(stage.client.status.kind).toBe("online");
    expect(stage.link.types()).toContain("open");
    expect(new Set(stage.errors)).toEqual(new Set(["in a cursor"]));
  });
});

describe("an edit made", () => {
  test("in an observer of a remote edit is sent, and saved when it is durable", async () => {
    const stage = new Stage();
    const channel = await stage.live();
    stage.text.observe(({ transaction }) => {
      if (!transaction.local) stage.notes.doc.getArray("seen").push([1]);
    });
    stage.link.on(channel, serverFrames.batch(2, 2, updateOf("theirs")));
    expect(stage.notes.saved).toBe(false);
    await stage.settle();
    const { number, update } = stage.link.last("update");
    expect(Y.decodeUpdate(update).structs).toHaveLength(1);
    stage.link.on(channel, serverFrames.ack(number, 3));
    expect(stage.notes.saved).toBe(false);
    stage.link.on(channel, serverFrames.durable(3));
    expect(stage.notes.saved).toBe(true);
  });

  test("when the document says that it is synced, or saved, is not said to be saved with what was before", async () => {
    const stage = new Stage();
    const saved: boolean[] = [];
    stage.notes.on("synced", () => stage.text.insert(0, "a"));
    stage.notes.on("saved", (isSaved) => {
      saved.push(isSaved);
      if (isSaved && stage.text.length === 1) stage.text.insert(1, "b");
    });
    // It was in time for the answer, which `live` acknowledges.
    const channel = await stage.live();
    expect(stage.notes.unsaved.count).toBe(1);
    expect(stage.notes.saved).toBe(false);
    expect(stage.link.last("update").number).toBe(2);
    stage.link.on(channel, serverFrames.ack(2, 2), serverFrames.durable(2));
    await stage.settle();
    expect(stage.notes.saved).toBe(true);
    expect(saved).toEqual([true, false, true, false, true]);
  });

  test("by undo counts as any other", async () => {
    const stage = new Stage();
    const channel = await stage.live();
    const undo = new Y.UndoManager(stage.text);
    stage.text.insert(0, "a");
    undo.undo();
    await stage.settle();
    expect(stage.notes.unsaved.count).toBe(2);
    stage.link.on(channel, serverFrames.ack(2, 2), serverFrames.durable(2));
    expect(stage.notes.saved).toBe(true);
  });

  test("elsewhere, that was waiting for what the server brings, is sent to the server", async () => {
    const stage = new Stage();
    const channel = await stage.live();
    const theirs = new Y.Doc();
    theirs.getText("text").insert(0, "a");
    const first = Y.encodeStateAsUpdate(theirs);
    const vector = Y.encodeStateVector(theirs);
    theirs.getText("text").insert(1, "b");
    // By another provider, which is ahead of the server.
    Y.applyUpdate(stage.notes.doc, Y.encodeStateAsUpdate(theirs, vector));
    expect(stage.text.toString()).toBe("");
    stage.link.on(channel, serverFrames.batch(2, 2, first));
    expect(stage.text.toString()).toBe("ab");
    expect(stage.notes.saved).toBe(false);
    await stage.settle();
    const sent = new Y.Doc();
    Y.applyUpdate(sent, stage.link.last("update").update);
    expect(sent.getText("text").toString()).toBe("ab");
  });
});

describe("a document", () => {
  test("whose Y.Doc is destroyed is closed: it could not tell of edits any more", async () => {
    const stage = new Stage();
    await stage.live();
    const saved = stage.notes.whenSynced();
    await saved;
    stage.notes.doc.destroy();
    expect(stage.notes.status.kind).toBe("closed");
    await stage.settle();
    expect(stage.link.types().at(-1)).toBe("close");
    expect(stage.client.open("notes")).not.toBe(stage.notes);
  });

  test("closed by an observer does not take for stored what it did not store", async () => {
    const store = new MemoryOfflineStore();
    const stage = new Stage({}, store);
    const channel = await stage.live();
    stage.link.on(channel, serverFrames.durable(1));
    await stage.settle();
    stage.text.observe(() => void stage.notes.close());
    stage.link.on(channel, serverFrames.batch(2, 2, updateOf("theirs")));
    await stage.settle();
    const { revision, updates } = store.copy("notes");
    expect(updates).toEqual([]);
    expect(revision?.seq ?? 0).toBeLessThan(2);
  });

  test("is loaded, and says so, even if the server refuses the connection", async () => {
    const store = new MemoryOfflineStore();
    const update = updateOf("kept");
    store.copies.set("notes", {
      updates: [update],
      unsaved: [],
      revision: null,
      lineage: null,
      confirmed: [],
    });
    const stage = new Stage({}, store);
    const loaded = stage.notes.whenLoaded();
    stage.server.isWelcoming = false;
    stage.link.lose(4403, "not you");
    await loaded;
    expect(stage.text.toString()).toBe("kept");
    expect(stage.notes.status.kind).toBe("refused");
  });

  test("that is closed twice is closed when all is stored, both times", async () => {
    const store = new MemoryOfflineStore();
    const stage = new Stage({}, store);
    await stage.settle();
    store.full.add("notes");
    await expect(stage.notes.close()).rejects.toThrow("the disk is full");
    await expect(stage.notes.close()).rejects.toThrow("the disk is full");
    store.full.clear();
  });
});

describe("a client", () => {
  test("closes its store also when a document could not be stored, and says that", async () => {
    const store = new MemoryOfflineStore();
    const environment = new FakeEnvironment(new ScriptedServer().connect);
    environment.store = store;
    const client = new JoineryClient({ url: "ws://test", environment, offline: "kept" });
    client.open("notes");
    await environment.settle();
    store.full.add("notes");
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await expect(closing).rejects.toThrow("the disk is full");
    expect(store.isClosed).toBe(true);
    expect(environment.clock.pendingTimers).toBe(0);
  });

  test("in a program without page, network events or navigator works the same", async () => {
    const { standardEnvironment } = await import("@joinery/client");
    const environment = standardEnvironment();
    const stops = [environment.onWake, environment.onHide, environment.onOffline].map((on) =>
      on(() => undefined),
    );
    for (const stop of stops) stop();
    const { deflateRawSync } = await import("node:zlib");
    const bytes = new Uint8Array(deflateRawSync(new Uint8Array(100_000)));
    expect(await environment.inflate(bytes, 100_000)).toHaveLength(100_000);
    await expect(environment.inflate(bytes, 99_999)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    await expect(environment.inflate(Uint8Array.of(255), 99_999)).rejects.toThrow();
  });
});

describe("a choice about a document that is refused", () => {
  async function refused(): Promise<{ world: ClientWorld; store: MemoryOfflineStore; ann: Person }> {
    const world = new ClientWorld();
    onTestFinished(() => world.close());
    const environment = world.environment();
    const store = new MemoryOfflineStore();
    environment.store = store;
    const client = world.client({ environment, offline: "kept" });
    const ann = new Person(client, client.open("notes"));
    ann.type("mine");
    await world.settle();
    world.kill();
    for await (const { document } of world.disk.list("")) await world.disk.erase(document);
    world.start();
    await world.advance(1_000);
    expect(ann.notes.status.code).toBe("LINEAGE_CHANGED");
    return { world, store, ann };
  }

  test("[R10] is due before anything counts as saved: the server has lost what it had", async () => {
    const { ann, world } = await refused();
    expect(ann.notes.unsaved.count).toBe(0);
    expect(ann.notes.saved).toBe(false);
    await ann.notes.resolve("merge");
    await world.settle();
    expect(ann.notes.saved).toBe(true);
  });

  test("[L5] keeps what is typed while the copy is being made", async () => {
    const { ann, world } = await refused();
    const resolved = ann.notes.resolve("keep-as-copy", "copy");
    ann.type(" and more");
    await resolved;
    await world.settle();
    expect(ann.text).toBe("");
    expect((await world.join("copy")).text).toBe("mine and more");
  });

  test("changes nothing when the copy cannot be made, and can be made again", async () => {
    const { ann, world, store } = await refused();
    store.full.add("copy");
    await expect(ann.notes.resolve("keep-as-copy", "copy")).rejects.toThrow("the disk is full");
    expect(ann.text).toBe("mine");
    expect(ann.notes.conflict).not.toBeNull();
    store.full.clear();
    await ann.notes.resolve("keep-as-copy", "copy");
    await world.settle();
    expect((await world.join("copy")).text).toBe("mine");
  });

  test("that comes too late, because another one was made, does nothing", async () => {
    const { ann, world } = await refused();
    const copying = ann.notes.resolve("keep-as-copy", "copy");
    await ann.notes.resolve("merge");
    await expect(copying).rejects.toThrow(/nothing to keep-as-copy/);
    await world.settle();
    expect(ann.text).toBe("mine");
    expect(ann.notes.saved).toBe(true);
  });
});
