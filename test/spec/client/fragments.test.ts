import { type DocumentHandle, JoineryClient } from "@joinery/client";
import {
  decodeClientFrame,
  forEachFrame,
  inFragments,
  type LineageId,
  Reassembly,
  serverFrames,
} from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { FakeEnvironment } from "../../support/client-environment.ts";
import {
  type FrameOf,
  LINEAGE,
  type ScriptedLink,
  ScriptedServer,
} from "../../support/client-scripted-server.ts";

const FRAGMENT_BYTES = 1_000;

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;
  readonly notes: DocumentHandle;

  constructor() {
    this.server.hello = { ...this.server.hello, fragmentBytes: FRAGMENT_BYTES };
    this.client = new JoineryClient({ url: "ws://test", environment: this.environment });
    this.notes = this.client.open("notes");
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  get text(): string {
    return this.notes.doc.getText("text").toString();
  }

  settle(): Promise<void> {
    return this.environment.settle();
  }

  /** The server lets the client in, and asks for what it misses. */
  async opened(
    options: { lineage?: LineageId; isRevisionTaken?: boolean; ask?: Uint8Array | null } = {},
  ): Promise<number> {
    await this.settle();
    const channel = this.link.channelOf("notes");
    const { lineage = LINEAGE, isRevisionTaken = false, ask = Uint8Array.of(0) } = options;
    this.link.on(
      channel,
      serverFrames.opened({ lineage, seq: 1, durableSeq: 1, permission: "write", user: "", isRevisionTaken }),
    );
    if (ask) this.link.on(channel, serverFrames.ask(ask));
    await this.settle();
    return channel;
  }
}

/** Text that does not compress, and so many bytes as an update. */
function long(length: number, seed = 7919): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * seed) % 26))).join("");
}

/** The answer or update that fragments make up. */
function assembled(fragments: readonly FrameOf<"fragment">[]): FrameOf<"answer"> | FrameOf<"update"> {
  const [first] = fragments;
  if (!first) throw new Error("there are no fragments");
  const reassembly = new Reassembly(first, 1_000_000);
  for (const fragment of fragments) {
    const whole = fragment.bytes.length === 0 ? null : reassembly.add(fragment);
    if (!whole) continue;
    let frame = null;
    forEachFrame(whole, (raw) => {
      frame = decodeClientFrame(raw);
    });
    return frame as unknown as FrameOf<"answer">;
  }
  throw new Error(`${reassembly.have} of ${reassembly.total} bytes came`);
}

function textOf(update: Uint8Array): string {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

describe("a large edit", () => {
  test("[B1] [B8] goes in parts, and what is typed meanwhile goes after it", async () => {
    const stage = new Stage();
    await stage.opened();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    const fragments = stage.link.all("fragment");
    expect(fragments).toHaveLength(6);
    expect(fragments.every(({ bytes }) => bytes.length <= FRAGMENT_BYTES)).toBe(true);
    const sent = assembled(fragments);
    expect(sent).toMatchObject({ type: "update", number: 2 });
    expect(textOf(sent.update)).toBe(long(5_000));
  });

  test("is followed by what was typed while the socket was full", async () => {
    const stage = new Stage();
    await stage.opened();
    stage.link.bufferedBytes = 600 * 1024;
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    expect(stage.link.all("fragment")).toHaveLength(0);
    stage.link.bufferedBytes = 0;
    await stage.environment.advance(20);
    stage.notes.doc.getText("text").insert(0, "x");
    await stage.settle();
    expect(assembled(stage.link.all("fragment")).number).toBe(2);
    expect(stage.link.last("update").number).toBe(3);
  });

  test("[B6] goes on after a break where the server says it is", async () => {
    const stage = new Stage();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.opened();
    const first = stage.link.all("fragment");
    stage.link.lose();
    await stage.environment.advance(1_000);
    stage.notes.doc.getText("text").insert(0, "and more ");
    const channel = await stage.opened();
    // It asks how much the server has, and waits for that.
    const [probe, ...none] = stage.link.all("fragment");
    expect(probe).toMatchObject({
      id: first[0]?.id,
      total: first[0]?.total,
      offset: 0,
      bytes: new Uint8Array(0),
    });
    expect(none).toHaveLength(0);
    stage.link.on(channel, serverFrames.progress({ id: (probe as FrameOf<"fragment">).id, have: 4_000 }));
    await stage.settle();
    const rest = stage.link.all("fragment").slice(1);
    expect(rest.map(({ offset }) => offset)).toEqual([4_000, 5_000]);
    expect(textOf(assembled([...first.slice(0, 4), ...rest]).update)).toBe(long(5_000));
    // What was typed since follows as an answer of its own.
    const { number, update } = stage.link.last("answer");
    expect(number).toBe(2);
    const doc = new Y.Doc();
    for (const bytes of [assembled(first).update, update]) Y.applyUpdate(doc, bytes);
    expect(doc.getText("text").toString()).toBe(stage.text);
    stage.link.on(channel, serverFrames.ack(2, 2), serverFrames.caughtUp(2, 2));
    await stage.settle();
    expect(stage.notes.saved).toBe(true);
  });

  test("is said again in whole when the server lacks what it had when it asked", async () => {
    const stage = new Stage();
    const theirs = new Y.Doc();
    theirs.getText("text").insert(0, "theirs ");
    Y.applyUpdate(stage.notes.doc, Y.encodeStateAsUpdate(theirs));
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.opened({ ask: Y.encodeStateVector(theirs) });
    expect(stage.link.all("fragment")).toHaveLength(6);
    stage.link.lose();
    await stage.environment.advance(1_000);
    await stage.opened();
    const fragments = stage.link.all("fragment");
    expect(fragments[0]?.bytes).toHaveLength(FRAGMENT_BYTES);
    expect(textOf(assembled(fragments).update)).toBe(stage.text);
  });

  test("made while offline goes on, too, where the server knows our revision", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    await stage.settle();
    stage.client.disconnect();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    stage.client.connect();
    await stage.opened({ isRevisionTaken: true, ask: null });
    const first = stage.link.all("fragment");
    expect(assembled(first)).toMatchObject({ type: "answer", number: 1 });
    stage.link.lose();
    await stage.environment.advance(1_000);
    const again = await stage.opened({ isRevisionTaken: true, ask: null });
    const probe = stage.link.last("fragment");
    expect(probe.id).toEqual(first[0]?.id);
    stage.link.on(again, serverFrames.progress({ id: probe.id, have: probe.total }));
    await stage.settle();
    // All is there, and still has to be handled in this session.
    expect(stage.link.last("fragment")).toMatchObject({ offset: probe.total - 1 });
    stage.link.on(again, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 2), serverFrames.durable(2));
    await stage.settle();
    expect(stage.link.all("answer")).toHaveLength(0);
    expect(stage.notes.saved).toBe(true);
  });
});

describe("a large snapshot", () => {
  const source = new Y.Doc();
  source.getText("text").insert(0, long(5_000));
  const frame = serverFrames.catchUp(Y.encodeStateAsUpdate(source), false);
  const id = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const parts = [...inFragments(frame, id, FRAGMENT_BYTES)];

  test("[B1] is put together", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, ...parts);
    expect(stage.text).toBe(long(5_000));
    stage.link.on(channel, serverFrames.caughtUp(1, 1));
    expect(stage.notes.synced).toBe(true);
  });

  test("[B7] goes on after a break where it was", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, ...parts.slice(0, 3));
    stage.link.lose();
    await stage.environment.advance(1_000);
    expect(stage.link.last("open").partial).toEqual({ id, have: 3_000 });
    const again = await stage.opened();
    stage.link.on(again, ...inFragments(frame, id, FRAGMENT_BYTES, 3_000));
    expect(stage.text).toBe(long(5_000));
  });

  test("[B7] begins anew when the server has another one by now", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, ...parts.slice(0, 3));
    stage.link.lose();
    await stage.environment.advance(1_000);
    const again = await stage.opened();
    const other = new Y.Doc();
    other.getText("text").insert(0, long(4_000, 104_729));
    const otherFrame = serverFrames.catchUp(Y.encodeStateAsUpdate(other), false);
    stage.link.on(again, ...inFragments(otherFrame, Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9), FRAGMENT_BYTES));
    expect(stage.text).toBe(long(4_000, 104_729));
    stage.link.on(again, serverFrames.caughtUp(1, 1));
    stage.link.lose();
    await stage.environment.advance(1_000);
    expect(stage.link.last("open").partial).toBeNull();
  });

  test("[B2] with a part missing ends the connection, which begins anew", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, parts[0] as Uint8Array, parts[2] as Uint8Array);
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
  });
});
