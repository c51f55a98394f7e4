import { type DocumentHandle, JoineryClient, type OpenOptions } from "@joinery/client";
import { serverFrames } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { BRANCH, ONE_BRANCH } from "../../support/branch.ts";
import { FakeEnvironment } from "../../support/client-environment.ts";
import {
  LINEAGE,
  OTHER_LINEAGE,
  type ScriptedLink,
  ScriptedServer,
} from "../../support/client-scripted-server.ts";

const EMPTY = Uint8Array.of(0, 0);

/** How a server lets a client in, to what it has one batch of. */
const OPENED = {
  lineage: LINEAGE,
  seq: 1,
  durableSeq: 1,
  permission: "write",
  user: "",
  branch: ONE_BRANCH,
  beginning: "exchange",
} as const;

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;

  constructor() {
    this.client = new JoineryClient({ url: "ws://test", environment: this.environment });
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  settle(): Promise<void> {
    return this.environment.settle();
  }

  async open(options?: OpenOptions): Promise<DocumentHandle> {
    const notes = this.client.open("notes", options);
    await this.settle();
    return notes;
  }

  /** Opens a document that the server lets in; it is live, and its first answer acknowledged. */
  async live(options?: OpenOptions): Promise<{ notes: DocumentHandle; channel: number }> {
    const notes = await this.open(options);
    const channel = this.link.welcome("notes");
    await this.settle();
    this.link.on(channel, serverFrames.ack(1, 1));
    await this.settle();
    return { notes, channel };
  }

  /** The link breaks and comes back. */
  async reconnect(): Promise<void> {
    this.link.lose();
    await this.environment.advance(1_000);
  }
}

function type(notes: DocumentHandle, text: string): void {
  notes.doc.getText("text").insert(notes.doc.getText("text").length, text);
}

function textOf(...updates: Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

function updateOf(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

describe("a document", () => {
  test("greets and opens in one message", async () => {
    const stage = new Stage();
    await stage.open();
    expect(stage.link.subprotocol).toBe("joinery.v1");
    expect(stage.link.messages).toHaveLength(1);
    expect(stage.link.types()).toEqual(["hello", "open"]);
    const open = stage.link.last("open");
    expect(open).toMatchObject({ document: "notes", revision: null, lineage: null, offersSeed: false });
    expect(open.stateVector).toEqual(Uint8Array.of(0));
  });

  test("[K7] is synced when the server has caught it up, and not before", async () => {
    const stage = new Stage();
    const notes = await stage.open();
    expect(notes.status.kind).toBe("connecting");
    const channel = stage.link.channelOf("notes");
    stage.link.on(
      channel,
      serverFrames.opened({
        lineage: LINEAGE,
        seq: 2,
        durableSeq: 2,
        permission: "write",
        user: "ann",
        branch: ONE_BRANCH,
        beginning: "exchange",
      }),
      serverFrames.catchUp(updateOf("hello"), false),
    );
    await stage.settle();
    expect(notes.synced).toBe(false);
    const synced = notes.whenSynced();
    stage.link.on(channel, serverFrames.caughtUp(2, 2));
    await synced;
    expect(notes.getSnapshot()).toMatchObject({
      synced: true,
      saved: true,
      user: "ann",
      permission: "write",
    });
    expect(notes.status.kind).toBe("online");
    expect(notes.doc.getText("text").toString()).toBe("hello");
  });

  test("[U5] is saved when the log is durable up to where the edit is, and not when it is acknowledged", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    expect(notes.saved).toBe(true);
    type(notes, "a");
    expect(notes.saved).toBe(false);
    expect(notes.unsaved.count).toBe(1);
    await stage.settle();
    const { number, update } = stage.link.last("update");
    expect(textOf(update)).toBe("a");
    stage.link.on(channel, serverFrames.ack(number, 2));
    await stage.settle();
    expect(notes.saved).toBe(false);
    stage.link.on(channel, serverFrames.durable(1));
    await stage.settle();
    expect(notes.saved).toBe(false);
    stage.link.on(channel, serverFrames.durable(2));
    await notes.whenSaved();
    expect(notes.unsaved).toEqual({ count: 0, bytes: 0 });
  });

  test("sends all edits of one turn as one update", async () => {
    const stage = new Stage();
    const { notes } = await stage.live();
    for (const letter of "together") type(notes, letter);
    await stage.settle();
    expect(stage.link.all("update")).toHaveLength(1);
    expect(textOf(stage.link.last("update").update)).toBe("together");
    expect(notes.unsaved.count).toBe(8);
  });

  test("[U1] numbers updates and answers together, from 1 in each session", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    expect(stage.link.last("answer").number).toBe(1);
    type(notes, "a");
    await stage.settle();
    stage.link.on(channel, serverFrames.ask(Uint8Array.of(0)));
    await stage.settle();
    type(notes, "b");
    await stage.settle();
    expect(stage.link.all("update").map(({ number }) => number)).toEqual([2, 4]);
    expect(stage.link.last("answer").number).toBe(3);
    expect(textOf(stage.link.last("answer").update)).toBe("a");
  });

  test("[R5] [R7] comes back by revision, and gives back what it does not know durable in one answer", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    stage.link.on(channel, serverFrames.batch(2, 2, updateOf("durable ")));
    // A crash may take this from the server.
    stage.link.on(channel, serverFrames.batch(3, 2, updateOf("remote ")));
    type(notes, "acknowledged ");
    await stage.settle();
    stage.link.on(channel, serverFrames.ack(2, 4));
    type(notes, "sent ");
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open")).toMatchObject({
      revision: { lineage: LINEAGE, seq: 2, branch: BRANCH },
      lineage: null,
      stateVector: null,
    });
    const again = stage.link.channelOf("notes");
    stage.link.on(
      again,
      serverFrames.opened({
        lineage: LINEAGE,
        seq: 2,
        durableSeq: 2,
        permission: "write",
        user: "",
        branch: ONE_BRANCH,
        beginning: "continue",
      }),
      serverFrames.caughtUp(2, 2),
    );
    await stage.settle();
    expect(stage.link.types()).toEqual(["hello", "open", "presence", "answer"]);
    const { number, update } = stage.link.last("answer");
    expect(number).toBe(1);
    const { structs } = Y.decodeUpdate(update);
    const written = structs
      .map((struct) => ("content" in struct && "str" in struct.content ? struct.content.str : ""))
      .join("");
    for (const word of ["remote ", "acknowledged ", "sent "]) expect(written).toContain(word);
    expect(written).not.toContain("durable");
    expect(notes.saved).toBe(false);
    stage.link.on(again, serverFrames.ack(1, 3), serverFrames.durable(3));
    await notes.whenSaved();
  });

  test("[L9] [R13] gives all that it has when the server does not know its revision any more", async () => {
    const stage = new Stage();
    stage.environment.chance = 0.1;
    const { notes } = await stage.live();
    type(notes, "mine");
    await stage.settle();
    stage.link.on(stage.link.channelOf("notes"), serverFrames.ack(2, 2), serverFrames.durable(2));
    stage.link.on(stage.link.channelOf("notes"), serverFrames.batch(2, 2, Uint8Array.of(0, 0)));
    await stage.settle();
    expect(notes.saved).toBe(true);
    await stage.reconnect();
    expect(stage.link.last("open").revision).toEqual({ lineage: LINEAGE, seq: 2, branch: BRANCH });
    stage.link.welcome("notes", { seq: 2, durableSeq: 2 });
    await stage.settle();
    expect(stage.link.types()).toContain("sync");
    expect(textOf(stage.link.last("answer").update)).toBe("mine");
    // Until that is durable it has no revision.
    await stage.reconnect();
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: LINEAGE });
    const again = stage.link.welcome("notes", { seq: 2, durableSeq: 2 });
    await stage.settle();
    stage.link.on(again, serverFrames.ack(1, 2));
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open").revision).toEqual({ lineage: LINEAGE, seq: 2, branch: BRANCH });
  });

  test("[L10] names what was durable when its edits were saved, also if the catch-up was cut off", async () => {
    const stage = new Stage();
    stage.environment.chance = 0.1;
    const { notes } = await stage.live();
    type(notes, "mine");
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open").confirmed, "its revision says as much").toEqual([]);
    stage.link.on(
      stage.link.channelOf("notes"),
      serverFrames.opened({ ...OPENED, seq: 3, durableSeq: 3, beginning: "continue" }),
    );
    await stage.settle();
    stage.link.on(stage.link.channelOf("notes"), serverFrames.ack(1, 4), serverFrames.durable(4));
    await stage.settle();
    expect(notes.saved).toBe(true);
    await stage.reconnect();
    expect(stage.link.last("open")).toMatchObject({
      revision: { lineage: LINEAGE, seq: 1, branch: BRANCH },
      confirmed: [{ seq: 4, branch: BRANCH }],
    });
  });

  test("has nothing to say when it comes back and nothing was edited", async () => {
    const stage = new Stage();
    const { notes } = await stage.live();
    await stage.reconnect();
    stage.link.welcome("notes", { beginning: "continue" });
    await stage.settle();
    expect(notes.synced).toBe(true);
    expect(stage.link.all("answer")).toHaveLength(0);
    expect(stage.link.all("update")).toHaveLength(0);
  });

  test("[R6] has no revision before the catch-up that it got is durable", async () => {
    const stage = new Stage();
    await stage.open();
    stage.link.welcome("notes", { seq: 5, durableSeq: 3 });
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: LINEAGE });
    const channel = stage.link.welcome("notes", { seq: 5, durableSeq: 3 });
    stage.link.on(channel, serverFrames.durable(5));
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open").revision).toEqual({ lineage: LINEAGE, seq: 5, branch: BRANCH });
  });

  test("[L4] keeps no lineage of a document that the server never had durable", async () => {
    const stage = new Stage();
    await stage.open();
    stage.link.welcome("notes", { seq: 1, durableSeq: 0 });
    await stage.settle();
    await stage.reconnect();
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: null });
  });

  test("[K2] asks for the difference when the server has folded its revision away", async () => {
    const stage = new Stage();
    const { notes } = await stage.live();
    type(notes, "mine");
    await stage.settle();
    await stage.reconnect();
    const channel = stage.link.channelOf("notes");
    stage.link.on(
      channel,
      serverFrames.opened({
        lineage: LINEAGE,
        seq: 9,
        durableSeq: 9,
        permission: "write",
        user: "",
        branch: ONE_BRANCH,
        beginning: "compare",
      }),
    );
    await stage.settle();
    expect(stage.link.last("sync").stateVector).toEqual(Y.encodeStateVector(notes.doc));
    expect(textOf(stage.link.last("answer").update)).toBe("mine");
  });

  test("[K11] opens anew when a batch is missing", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    stage.link.on(channel, serverFrames.batch(3, 1, updateOf("x")));
    await stage.settle();
    expect(stage.link.types().at(-1)).toBe("close");
    expect(notes.status).toMatchObject({ kind: "offline", code: "INTERNAL" });
    await stage.environment.advance(1_000);
    expect(stage.link.all("open")).toHaveLength(2);
    expect(stage.link.channelOf("notes")).toBe(channel + 1);
  });

  test("[U9] [W3] sends nothing while it may only read, and all when it may write", async () => {
    const stage = new Stage();
    const notes = await stage.open();
    const channel = stage.link.welcome("notes", { permission: "read" });
    await stage.settle();
    expect(stage.link.last("answer").update).toEqual(EMPTY);
    type(notes, "mine");
    await stage.settle();
    expect(stage.link.all("update")).toHaveLength(0);
    expect(notes.getSnapshot()).toMatchObject({ permission: "read", saved: false, synced: true });
    stage.link.on(channel, serverFrames.permission("write", "promoted"));
    await stage.settle();
    // What the server lacks is asked for anew.
    stage.link.welcome("notes");
    await stage.settle();
    expect(textOf(stage.link.last("answer").update)).toBe("mine");
  });

  test("[R13] has no revision while it may only read and has not given what it has", async () => {
    const stage = new Stage();
    await stage.open();
    const first = stage.link.channelOf("notes");
    stage.link.on(first, serverFrames.opened(OPENED), serverFrames.catchUp(updateOf("somebody's"), false));
    await stage.reconnect();
    stage.link.welcome("notes", { permission: "read" });
    await stage.settle();
    stage.link.lose();
    stage.environment.wake();
    await stage.settle();
    // What it has may be what the server has lost.
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: LINEAGE });
  });

  test("[R6] [R7] gives back the pieces of a catch-up that was cut off: the server may have lost them since", async () => {
    const stage = new Stage();
    stage.environment.chance = 0.1;
    const { notes } = await stage.live();
    await stage.reconnect();
    stage.link.on(
      stage.link.channelOf("notes"),
      serverFrames.opened({ ...OPENED, seq: 3, beginning: "continue" }),
      serverFrames.catchUp(updateOf("not durable"), false),
    );
    await stage.reconnect();
    expect(stage.link.last("open").revision).toEqual({ lineage: LINEAGE, seq: 1, branch: BRANCH });
    const channel = stage.link.welcome("notes", { beginning: "continue" });
    await stage.settle();
    expect(notes.doc.getText("text").toString()).toBe("not durable");
    expect(textOf(stage.link.last("answer").update)).toBe("not durable");
    stage.link.on(channel, serverFrames.ack(1, 2), serverFrames.durable(2));
    await stage.reconnect();
    stage.link.welcome("notes", { seq: 2, beginning: "continue" });
    await stage.settle();
    expect(stage.link.all("answer")).toHaveLength(0);
  });

  test.each([
    ["before OPENED", [], serverFrames.caughtUp(1, 1)],
    ["before OPENED", [], serverFrames.ask(Uint8Array.of(0))],
    ["before CAUGHT_UP", [serverFrames.opened(OPENED)], serverFrames.batch(2, 1, EMPTY)],
    ["twice", [serverFrames.opened(OPENED)], serverFrames.opened(OPENED)],
  ])("takes the link for lost when the server says %s what it may not", async (_when, before, frame) => {
    const stage = new Stage();
    const notes = await stage.open();
    stage.link.on(stage.link.channelOf("notes"), ...before);
    expect(notes.status.code).toBeNull();
    stage.link.on(stage.link.channelOf("notes"), frame);
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
    expect(notes.getSnapshot()).toMatchObject({ synced: false, status: { kind: "offline" } });
  });

  test("[S7] gives no seed that was asked for on an earlier connection", async () => {
    const stage = new Stage();
    const gates: (() => void)[] = [];
    const seed = () => new Promise<void>((resolve) => gates.push(resolve));
    const notes = await stage.open({ seed });
    for (let round = 0; round < 2; round++) {
      stage.link.on(stage.link.channelOf("notes"), serverFrames.opened({ ...OPENED, seq: 0, durableSeq: 0 }));
      stage.link.on(stage.link.channelOf("notes"), serverFrames.seed());
      if (round === 0) await stage.reconnect();
    }
    await stage.settle();
    for (const open of gates) open();
    await stage.settle();
    expect(gates).toHaveLength(2);
    expect(stage.link.all("seed")).toHaveLength(1);
    await notes.close();
  });

  test("[O8] [U8] keeps its copy when the server refuses an edit, and gives it out", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    type(notes, "too much");
    await stage.settle();
    const error = { code: "UPDATE_TOO_LARGE", retry: "never", message: "more than is allowed" } as const;
    stage.link.on(channel, serverFrames.close(error, 2, null));
    await stage.settle();
    expect(notes.status).toMatchObject({
      kind: "refused",
      code: "UPDATE_TOO_LARGE",
      reason: "more than is allowed",
    });
    expect(notes.unsaved.count).toBe(1);
    expect(textOf(notes.rescue().unsaved)).toBe("too much");
    await expect(notes.whenSaved()).rejects.toMatchObject({ failure: { code: "UPDATE_TOO_LARGE" } });
    await stage.reconnect();
    expect(stage.link.all("open")).toHaveLength(0);
    notes.retry();
    await stage.settle();
    expect(stage.link.all("open")).toHaveLength(1);
  });

  test("[O8] is asked for again after a pause when the server closed it for now", async () => {
    const stage = new Stage();
    stage.environment.chance = 0.05;
    const { notes, channel } = await stage.live();
    const error = { code: "STORAGE_UNAVAILABLE", retry: "backoff", message: "come back" } as const;
    stage.link.on(channel, serverFrames.close(error, 0, null));
    await stage.settle();
    expect(notes.status).toMatchObject({ kind: "offline", code: "STORAGE_UNAVAILABLE" });
    expect(notes.status.retryAtMs).toBe(stage.environment.clock.now() + 50);
    await stage.environment.advance(50);
    stage.link.welcome("notes", { beginning: "continue" });
    await stage.settle();
    expect(notes.status).toMatchObject({ kind: "online", code: null });
    expect(stage.server.links).toHaveLength(1);
  });

  test("[C9] does not trouble the others on the connection when it is refused", async () => {
    const stage = new Stage();
    const { notes, channel } = await stage.live();
    const other = stage.client.open("other");
    await stage.settle();
    stage.link.welcome("other");
    await stage.settle();
    const error = { code: "PERMISSION_DENIED", retry: "never", message: "not you" } as const;
    stage.link.on(channel, serverFrames.close(error, 0, null));
    type(other, "goes on");
    await stage.settle();
    expect(notes.status.kind).toBe("refused");
    expect(other.status.kind).toBe("online");
    expect(textOf(stage.link.last("update").update)).toBe("goes on");
  });

  test("inflates what is compressed, and takes what follows in order", async () => {
    const { deflateRawSync } = await import("node:zlib");
    const stage = new Stage();
    const notes = await stage.open();
    const channel = stage.link.channelOf("notes");
    const base = new Y.Doc();
    base.getText("text").insert(0, "base");
    const snapshot = new Uint8Array(deflateRawSync(Y.encodeStateAsUpdate(base)));
    const before = Y.encodeStateVector(base);
    base.getText("text").insert(4, " and more");
    stage.link.on(
      channel,
      serverFrames.opened({
        lineage: LINEAGE,
        seq: 1,
        durableSeq: 1,
        permission: "write",
        user: "",
        branch: ONE_BRANCH,
        beginning: "exchange",
      }),
      serverFrames.catchUp(snapshot, true),
      serverFrames.caughtUp(1, 1),
      serverFrames.batch(2, 2, Y.encodeStateAsUpdate(base, before)),
    );
    expect(notes.synced).toBe(false);
    await stage.settle();
    expect(notes.synced).toBe(true);
    expect(notes.doc.getText("text").toString()).toBe("base and more");
  });
});

describe("a lineage that is not ours", () => {
  async function conflicting(options?: OpenOptions) {
    const stage = new Stage();
    const { notes } = await stage.live(options);
    type(notes, "mine");
    await stage.settle();
    await stage.reconnect();
    const error = { code: "LINEAGE_CHANGED", retry: "never", message: "another document" } as const;
    stage.link.on(
      stage.link.channelOf("notes"),
      serverFrames.close(error, 0, { lineage: OTHER_LINEAGE, seq: 7 }),
    );
    await stage.settle();
    return { stage, notes };
  }

  test("[L1] [L5] is told, with both, and nothing is merged", async () => {
    const { notes } = await conflicting();
    expect(notes.status).toMatchObject({ kind: "refused", code: "LINEAGE_CHANGED" });
    expect(notes.conflict).toEqual({
      local: { lineage: LINEAGE, seq: 1 },
      remote: { lineage: OTHER_LINEAGE, seq: 7 },
    });
    expect(notes.unsaved.count).toBe(1);
  });

  test("[L5] is merged when the application says so", async () => {
    const { stage, notes } = await conflicting();
    await notes.resolve("merge");
    await stage.settle();
    expect(stage.link.last("open")).toMatchObject({ revision: null, lineage: null });
    expect(notes.conflict).toBeNull();
    const channel = stage.link.channelOf("notes");
    stage.link.on(
      channel,
      serverFrames.opened({
        lineage: OTHER_LINEAGE,
        seq: 7,
        durableSeq: 7,
        permission: "write",
        user: "",
        branch: ONE_BRANCH,
        beginning: "exchange",
      }),
      serverFrames.ask(Uint8Array.of(0)),
      serverFrames.catchUp(updateOf("theirs"), false),
      serverFrames.caughtUp(7, 7),
    );
    await stage.settle();
    expect(textOf(stage.link.last("answer").update)).toContain("mine");
    expect(notes.saved).toBe(false);
    stage.link.on(channel, serverFrames.ack(1, 8), serverFrames.durable(8));
    await notes.whenSaved();
    expect(notes.doc.getText("text").toString()).toMatch(/mine/);
    expect(notes.doc.getText("text").toString()).toMatch(/theirs/);
  });

  test("[L5] takes the place of ours when the application discards", async () => {
    const { stage, notes } = await conflicting();
    const before = notes.doc;
    const docs: Y.Doc[] = [];
    notes.on("doc", (doc) => docs.push(doc));
    await notes.resolve("discard");
    await stage.settle();
    expect(docs).toEqual([notes.doc]);
    expect(notes.doc).not.toBe(before);
    expect(notes.saved).toBe(true);
    expect(stage.link.last("open")).toMatchObject({
      revision: null,
      lineage: null,
      stateVector: Uint8Array.of(0),
    });
  });

  test("[L5] leaves ours as another document when the application keeps a copy", async () => {
    const { stage, notes } = await conflicting({ onLineage: () => "keep-as-copy" });
    expect(
      stage.link
        .all("open")
        .map(({ document }) => document)
        .sort(),
    ).toEqual(["notes", "notes", "notes (copy)"]);
    const channel = stage.link.welcome("notes (copy)", { lineage: OTHER_LINEAGE });
    await stage.settle();
    expect(textOf(stage.link.last("answer").update)).toBe("mine");
    stage.link.on(channel, serverFrames.ack(1, 2), serverFrames.durable(2));
    await stage.settle();
    expect(notes.doc.getText("text").toString()).toBe("");
    // Once it is saved, nobody has it open.
    expect(stage.link.types().at(-1)).toBe("close");
  });

  test("is noticed even if the server does not", async () => {
    const stage = new Stage();
    const { notes } = await stage.live();
    await stage.reconnect();
    stage.link.welcome("notes", { lineage: OTHER_LINEAGE, beginning: "continue" });
    await stage.settle();
    expect(notes.status).toMatchObject({ kind: "refused", code: "LINEAGE_CHANGED" });
  });
});
