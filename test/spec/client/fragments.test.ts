import { deflateRawSync } from "node:zlib";
import { type DocumentHandle, JoineryClient } from "@joinery/client";
import {
  type Beginning,
  type ClientFrame,
  decodeClientFrame,
  inFragments,
  type LineageId,
  Reassembly,
  readReassembled,
  serverFrames,
} from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { ONE_BRANCH } from "../../support/branch.ts";
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

  /** The server says how much it has of the frame whose parts came last. */
  async progress(channel: number, ...haves: number[]): Promise<void> {
    const { id } = this.link.last("fragment");
    this.link.on(channel, ...haves.map((have) => serverFrames.progress({ id, have })));
    await this.settle();
  }

  /** Nothing happens, but that the link shows that it lives. */
  async quiet(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      await this.environment.advance(Math.min(left, 10_000));
      this.link.say(serverFrames.pong());
    }
  }

  /** The server lets the client in, and asks for what it misses. */
  async opened(
    options: {
      lineage?: LineageId;
      beginning?: Beginning;
      ask?: Uint8Array | null;
      permission?: "read" | "write";
    } = {},
  ): Promise<number> {
    await this.settle();
    const channel = this.link.channelOf("notes");
    const { lineage = LINEAGE, beginning = "exchange", ask = Uint8Array.of(0) } = options;
    const { permission = "write" } = options;
    this.link.on(
      channel,
      serverFrames.opened({
        lineage,
        seq: 1,
        durableSeq: 1,
        branch: ONE_BRANCH,
        permission,
        user: "",
        beginning,
      }),
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

/** What fragments make up. */
function frameOf(fragments: readonly FrameOf<"fragment">[]): ClientFrame {
  const [first] = fragments;
  if (!first) throw new Error("there are no fragments");
  const reassembly = new Reassembly(first, 1_000_000);
  for (const fragment of fragments) {
    const whole = fragment.bytes.length === 0 ? null : reassembly.add(fragment);
    const frame = whole && decodeClientFrame(readReassembled(whole));
    if (frame) return frame;
  }
  throw new Error(`${reassembly.have} of ${reassembly.total} bytes came`);
}

/** The answer or update that fragments make up. */
function assembled(fragments: readonly FrameOf<"fragment">[]): FrameOf<"answer"> | FrameOf<"update"> {
  const frame = frameOf(fragments);
  if (frame.type !== "answer" && frame.type !== "update") throw new Error(`a ${frame.type} came`);
  return frame;
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
    const channel = await stage.opened();
    stage.link.bufferedBytes = 600 * 1024;
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    expect(stage.link.all("fragment")).toHaveLength(0);
    stage.link.bufferedBytes = 0;
    await stage.environment.advance(20);
    stage.notes.doc.getText("text").insert(0, "x");
    await stage.settle();
    expect(assembled(stage.link.all("fragment")).number).toBe(2);
    await stage.progress(channel, stage.link.last("fragment").total);
    expect(stage.link.last("update").number).toBe(3);
  });

  test("[B8] is followed by another one only when the server has it, which an acknowledgement says, too", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    stage.notes.doc.getText("text").insert(0, "x");
    await stage.progress(channel, 1_000, 2_000, 3_000);
    expect(stage.link.all("update")).toHaveLength(0);
    stage.link.on(channel, serverFrames.ack(2, 2));
    await stage.settle();
    expect(stage.link.last("update").number).toBe(3);
  });

  test("[B5] is begun again when the server let go of it midway, once for all that was on its way", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    const { total } = stage.link.last("fragment");
    expect(stage.link.all("fragment")).toHaveLength(6);
    await stage.progress(channel, 1_000, 2_000, 0, 0, 0, 0);
    const again = stage.link.all("fragment").slice(6);
    expect(again.map(({ offset }) => offset)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
    expect(textOf(assembled(again).update)).toBe(long(5_000));
    await stage.progress(channel, 1_000, 2_000, 3_000, 4_000, 5_000, total);
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(2, 2), serverFrames.durable(2));
    await stage.settle();
    expect(stage.notes.saved).toBe(true);
    expect(stage.link.all("fragment")).toHaveLength(12);
  });

  test("[B5] is begun again after a pause when the server lets go of it again: others may do the same", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    await stage.progress(channel, 1_000, 0, 0, 1_000, 2_000);
    expect(stage.notes.status.kind).toBe("online");
    await stage.progress(channel, 0);
    expect(stage.notes.status).toMatchObject({ kind: "offline", code: "CONNECTION_LOST" });
    const sent = stage.link.all("fragment").length;
    await stage.environment.advance(1_000);
    expect(stage.link.all("open")).toHaveLength(2);
    await stage.opened({ beginning: "continue", ask: null });
    expect(textOf(assembled(stage.link.all("fragment").slice(sent)).update)).toBe(long(5_000));
  });

  test("[B5] of which the server does not say that it is there is brought anew after a while", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    // Not even its beginning was kept.
    await stage.progress(channel, 0, 0, 0, 0, 0, 0);
    await stage.quiet(31_000);
    expect(stage.link.all("open")).toHaveLength(2);
    await stage.opened({ beginning: "continue", ask: null });
    const fragments = stage.link.all("fragment").slice(6);
    expect(assembled(fragments)).toMatchObject({ type: "answer", number: 1 });
    expect(textOf(assembled(fragments).update)).toBe(long(5_000));
  });

  test("[B6] is asked for again when the server does not say at once how much it has", async () => {
    const stage = new Stage();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.opened();
    const { total } = stage.link.last("fragment");
    stage.link.lose();
    await stage.environment.advance(1_000);
    const channel = await stage.opened();
    // The server says nothing that can be asked for again while a client does not read.
    expect(stage.link.all("fragment")).toHaveLength(1);
    await stage.quiet(30_000);
    expect(stage.link.all("fragment").map(({ bytes }) => bytes.length)).toEqual([0, 0]);
    await stage.progress(channel, 5_000);
    expect(stage.link.all("fragment").slice(2)).toMatchObject([{ offset: 5_000, total }]);
  });

  test("[B5] is waited for as long as a slow link goes on taking it", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    await stage.settle();
    stage.link.isStuck = true;
    stage.link.bufferedBytes = 1;
    stage.notes.doc.getText("text").insert(0, long(5_000));
    await stage.settle();
    expect(stage.link.all("fragment")).toHaveLength(6);
    stage.link.isStuck = false;
    for (let i = 0; i < 3; i++) {
      stage.link.bufferedBytes -= 1_000;
      await stage.quiet(30_000);
      expect(stage.link.all("open")).toHaveLength(1);
    }
    // Nothing moves any more.
    await stage.quiet(30_000);
    expect(stage.notes.status).toMatchObject({ kind: "offline", code: "CONNECTION_LOST" });
  });

  test("[K9] [U7] is in a second answer too, when the server asks again for what it dropped", async () => {
    const stage = new Stage();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    const channel = await stage.opened();
    await stage.progress(channel, stage.link.last("fragment").total);
    // It was under an id that somebody else had, say; nothing is acknowledged.
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ask(Uint8Array.of(0)));
    await stage.settle();
    const second = assembled(stage.link.all("fragment").slice(6));
    expect(second).toMatchObject({ type: "answer", number: 2 });
    expect(textOf(second.update)).toBe(stage.text);
  });

  test("that was cut off is sent when the session may write again", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    await stage.settle();
    stage.client.disconnect();
    stage.notes.doc.getText("text").insert(0, long(5_000));
    stage.client.connect();
    await stage.opened({ beginning: "continue", ask: null });
    stage.link.lose();
    await stage.environment.advance(1_000);
    const again = await stage.opened({ beginning: "continue", ask: null, permission: "read" });
    stage.link.on(again, serverFrames.caughtUp(1, 1));
    await stage.settle();
    expect(stage.link.all("fragment")).toHaveLength(0);
    stage.link.on(again, serverFrames.permission("write", ""));
    await stage.settle();
    expect(textOf(assembled(stage.link.all("fragment")).update)).toBe(long(5_000));
  });

  test("[U9] is not gone on with when the session may not write any more", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    stage.link.isStuck = true;
    stage.notes.doc.getText("text").insert(0, long(600_000));
    await stage.settle();
    const sent = stage.link.all("fragment").length;
    expect(sent).toBeLessThan(600);
    stage.link.on(channel, serverFrames.permission("read", "demoted"));
    stage.link.bufferedBytes = 0;
    await stage.environment.advance(100);
    expect(stage.link.all("fragment")).toHaveLength(sent);
    expect(stage.notes.status.kind).not.toBe("refused");
    expect(stage.notes.saved).toBe(false);
  });

  test("[U1] [U9] is not overtaken by an answer when the session may not write any more, and comes when it may", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    stage.link.isStuck = true;
    stage.notes.doc.getText("text").insert(0, long(600_000));
    await stage.settle();
    stage.link.on(channel, serverFrames.permission("read", "demoted"), serverFrames.ask(Uint8Array.of(0)));
    stage.link.bufferedBytes = 0;
    stage.link.isStuck = false;
    await stage.environment.advance(100);
    // The large one has number 2, and did not get through: nothing has number 3 before it.
    const numbers = stage.link.all("answer").map(({ number }) => number);
    expect(numbers).toEqual([1]);
    stage.link.on(channel, serverFrames.permission("write", "promoted"));
    await stage.opened({ beginning: "continue", ask: null });
    await stage.environment.advance(100);
    const [first] = stage.link.all("fragment");
    const again = stage.link.all("fragment").filter(({ id }) => String(id) !== String(first?.id));
    expect(assembled(again)).toMatchObject({ number: 1 });
    expect(textOf(assembled(again).update)).toBe(long(600_000));
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
    await stage.progress(channel, 5_000, first[0]?.total as number);
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
    await stage.opened({ beginning: "continue", ask: null });
    const first = stage.link.all("fragment");
    expect(assembled(first)).toMatchObject({ type: "answer", number: 1 });
    stage.link.lose();
    await stage.environment.advance(1_000);
    const again = await stage.opened({ beginning: "continue", ask: null });
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

describe("a large state vector", () => {
  test("[B1] [K2] goes in parts", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    for (let client = 1; client <= 400; client++) {
      const doc = new Y.Doc();
      doc.clientID = client * 1_000_000;
      doc.getMap("authors").set(`${client}`, true);
      stage.link.on(channel, serverFrames.catchUp(Y.encodeStateAsUpdate(doc), false));
    }
    stage.link.on(channel, serverFrames.caughtUp(1, 1), serverFrames.ack(1, 1));
    await stage.settle();
    stage.link.lose();
    await stage.environment.advance(1_000);
    expect(stage.link.last("open").revision).not.toBeNull();
    await stage.opened({ ask: null });
    const [first] = stage.link.all("fragment");
    const sync = frameOf(stage.link.all("fragment"));
    expect(first?.bytes).toHaveLength(FRAGMENT_BYTES);
    expect(sync).toMatchObject({ type: "sync", stateVector: Y.encodeStateVector(stage.notes.doc) });
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

  test("[B3] that is more than one frame ends the connection, which begins anew", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    const two = new Uint8Array([...frame, ...serverFrames.caughtUp(1, 1)]);
    stage.link.on(channel, ...inFragments(two, id, FRAGMENT_BYTES));
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
  });

  test("[B4] larger than any document is refused, and the others on the connection go on", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, serverFrames.fragment({ id, total: 2 ** 40, offset: 0, bytes: Uint8Array.of(1) }));
    await stage.settle();
    expect(stage.client.status.kind).toBe("online");
    expect(stage.notes.status).toMatchObject({ kind: "refused", code: "MESSAGE_TOO_LARGE" });
    expect(stage.link.types().at(-1)).toBe("close");
  });

  test("that inflates to more than any document is refused", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.environment.maxInflatedBytes = 1_000;
    const deflated = new Uint8Array(deflateRawSync(Y.encodeStateAsUpdate(source)));
    stage.link.on(channel, serverFrames.catchUp(deflated, true), serverFrames.caughtUp(1, 1));
    await stage.settle();
    expect(stage.notes.status).toMatchObject({ kind: "refused", code: "MESSAGE_TOO_LARGE" });
    expect(stage.notes.synced).toBe(false);
  });

  test("lets so much wait for it while it is inflated, and is asked for anew above that", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    const deflated = new Uint8Array(deflateRawSync(Y.encodeStateAsUpdate(source)));
    const large = serverFrames.catchUp(new Uint8Array(1024 * 1024), false);
    stage.link.on(channel, serverFrames.catchUp(deflated, true));
    for (let i = 0; i < 70; i++) stage.link.on(channel, large);
    await stage.settle();
    expect(stage.notes.status).toMatchObject({ kind: "offline", code: "TOO_SLOW" });
    await stage.environment.advance(1_000);
    expect(stage.link.all("open")).toHaveLength(2);
  });

  test("[B2] with a part missing ends the connection, which begins anew", async () => {
    const stage = new Stage();
    const channel = await stage.opened();
    stage.link.on(channel, parts[0] as Uint8Array, parts[2] as Uint8Array);
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
  });
});
