import { type DocumentHandle, JoineryClient } from "@joinery/client";
import { serverFrames } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { type ScriptedLink, ScriptedServer } from "../../support/client-scripted-server.ts";

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client = new JoineryClient({ url: "ws://test", environment: this.environment });
  readonly notes: DocumentHandle = this.client.open("notes");
  /** What others see. */
  readonly others = new Awareness(new Y.Doc());

  constructor() {
    onTestFinished(async () => {
      this.others.destroy();
      await this.client.close();
    });
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  async live(): Promise<this> {
    await this.settle();
    this.link.welcome("notes");
    await this.settle();
    return this;
  }

  async settle(): Promise<void> {
    await this.environment.settle();
    for (const { update } of this.link.all("presence")) applyAwarenessUpdate(this.others, update, null);
  }

  async advance(ms: number): Promise<void> {
    await this.environment.advance(ms);
    await this.settle();
  }

  /** What others see of us. */
  get seen(): unknown {
    return this.others.getStates().get(this.notes.doc.clientID);
  }

  /** Somebody else announces something. */
  announce(ben: Awareness, user = ""): void {
    const users = new Map(user === "" ? [] : [[ben.clientID, user]]);
    const update = encodeAwarenessUpdate(ben, [ben.clientID]);
    this.link.on(this.link.channelOf("notes"), serverFrames.presence(users, update));
  }
}

function somebody(): Awareness {
  const ben = new Awareness(new Y.Doc());
  onTestFinished(() => ben.destroy());
  return ben;
}

describe("presence", () => {
  test("[P6] set often is told at a pace, the first time at once and always the newest", async () => {
    const stage = await new Stage().live();
    const before = stage.link.all("presence").length;
    for (let x = 0; x < 100; x++) {
      stage.notes.setPresence({ x });
      if (x === 0) stage.notes.setPresence({ name: "ann" });
      await stage.advance(1);
    }
    await stage.advance(100);
    expect(stage.link.all("presence").length - before).toBe(3);
    expect(stage.seen).toEqual({ name: "ann", x: 99 });
  });

  test("of one turn is told once", async () => {
    const stage = await new Stage().live();
    const before = stage.link.all("presence").length;
    for (let i = 0; i < 10; i++) stage.notes.awareness.setLocalStateField("cursor", i);
    await stage.settle();
    expect(stage.link.all("presence").length - before).toBe(1);
    expect(stage.seen).toEqual({ cursor: 9 });
  });

  test("is told again after a reconnect, under a newer clock", async () => {
    const stage = await new Stage().live();
    stage.notes.setPresence({ name: "ann" });
    await stage.settle();
    const clock = () => stage.others.meta.get(stage.notes.doc.clientID)?.clock ?? 0;
    const before = clock();
    stage.link.lose();
    await stage.advance(1_000);
    await stage.live();
    expect(clock()).toBeGreaterThan(before);
    expect(stage.seen).toEqual({ name: "ann" });
  });

  test("[P2] of others has the user that the server verified beside what they say", async () => {
    const stage = await new Stage().live();
    const ben = somebody();
    ben.setLocalState({ name: "the king" });
    stage.announce(ben, "ben");
    expect(stage.notes.others()).toEqual([
      { clientId: ben.clientID, user: "ben", state: { name: "the king" }, isTyping: false },
    ]);
    expect(stage.notes.others()).toBe(stage.notes.others());
  });

  test("of others is not shown while there is no connection, and is again afterwards", async () => {
    const stage = await new Stage().live();
    const ben = somebody();
    ben.setLocalState({ name: "ben" });
    stage.announce(ben);
    stage.link.lose();
    expect(stage.notes.others()).toEqual([]);
    expect(stage.notes.awareness.getStates().has(ben.clientID)).toBe(false);
    await stage.advance(1_000);
    await stage.live();
    stage.announce(ben);
    expect(stage.notes.others()).toHaveLength(1);
  });

  test("that somebody else says of us is put right", async () => {
    const stage = await new Stage().live();
    stage.notes.setPresence({ name: "ann" });
    await stage.settle();
    const { clientID } = stage.notes.awareness;
    const forged = somebody();
    forged.clientID = clientID;
    forged.meta.set(clientID, { clock: 50, lastUpdated: 0 });
    forged.setLocalState({ name: "forged" });
    stage.announce(forged);
    await stage.settle();
    expect(stage.notes.awareness.getLocalState()).toEqual({ name: "ann" });
    expect(stage.seen).toEqual({ name: "ann" });
  });

  test("tells those who watch it, and not those who watch the document", async () => {
    const stage = await new Stage().live();
    let seen = 0;
    let told = 0;
    stage.notes.presence.subscribe(() => seen++);
    stage.notes.subscribe(() => told++);
    const ben = somebody();
    ben.setLocalState({ name: "ben" });
    stage.announce(ben);
    await stage.settle();
    expect([seen, told]).toEqual([1, 0]);
  });

  test("is one thing to watch for as long as the document is open, also when its Y.Doc becomes another", async () => {
    const stage = await new Stage().live();
    const { presence, awareness } = stage.notes;
    const ben = somebody();
    ben.setLocalState({ name: "ben" });
    stage.announce(ben);
    await stage.settle();
    const seen: number[] = [];
    presence.subscribe(() => seen.push(presence.getSnapshot().length));
    const full = { code: "DOCUMENT_FULL", retry: "never", message: "it is full" } as const;
    stage.link.on(stage.link.channelOf("notes"), serverFrames.close(full, 0, null));
    await stage.settle();
    const awarenesses: Awareness[] = [];
    stage.notes.on("doc", () => awarenesses.push(stage.notes.awareness));
    await stage.notes.resolve("discard");
    await stage.live();
    stage.announce(ben);
    await stage.settle();
    expect(stage.notes.presence).toBe(presence);
    expect(seen).toEqual([0, 1]);
    expect(stage.notes.others()).toMatchObject([{ state: { name: "ben" } }]);
    expect(awarenesses).toEqual([stage.notes.awareness]);
    expect(awarenesses).not.toContain(awareness);
  });

  test("uses the application's own awareness, and leaves it alive", async () => {
    const stage = await new Stage().live();
    const awareness = somebody();
    const board = stage.client.open("board", { awareness });
    expect(board.doc).toBe(awareness.doc);
    expect(board.awareness).toBe(awareness);
    await board.close();
    awareness.setLocalState({ still: "here" });
    expect(awareness.getLocalState()).toEqual({ still: "here" });
  });
});

describe("typing", () => {
  test("[P7] is seen for 3 s after the last keystroke, and said at most once a second", async () => {
    const stage = await new Stage().live();
    const before = stage.link.all("presence").length;
    for (let i = 0; i < 20; i++) {
      stage.notes.typing();
      await stage.advance(100);
    }
    expect(stage.link.all("presence").length - before).toBe(2);
    expect(stage.seen).toMatchObject({ typing: 2 });
    await stage.advance(2_899);
    expect(stage.seen).toMatchObject({ typing: 2 });
    await stage.advance(1);
    expect(stage.seen).toMatchObject({ typing: null });
  });

  test("[P7] of others expires by itself, even if they freeze", async () => {
    const stage = await new Stage().live();
    const [ben, cid] = [somebody(), somebody()];
    const typing = () => stage.notes.others().map(({ isTyping }) => isTyping);
    ben.setLocalState({ typing: 1 });
    stage.announce(ben);
    await stage.advance(2_000);
    cid.setLocalState({ typing: 1 });
    stage.announce(cid);
    expect(typing()).toEqual([true, true]);
    await stage.settle();
    let told = 0;
    stage.notes.presence.subscribe(() => told++);
    await stage.advance(1_000);
    expect(typing()).toEqual([false, true]);
    await stage.advance(2_000);
    expect(typing()).toEqual([false, false]);
    expect(told).toBe(2);
    ben.setLocalState({ typing: 2 });
    stage.announce(ben);
    expect(typing()).toEqual([true, false]);
    ben.setLocalState({ typing: null });
    stage.announce(ben);
    expect(typing()).toEqual([false, false]);
  });
});
