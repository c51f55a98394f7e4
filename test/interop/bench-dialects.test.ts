/**
 * The benchmark's clients beside the published ones: on opening, typing and moving a cursor both send Joinery the same
 * bytes, and are sent the same. Where they differ, the difference is written here.
 */

import { decodeAwareness } from "@joinery/shared";
import { decodeClientFrame, decodeServerFrame, forEachFrame } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import type { Dialect, Incoming } from "../../bench/src/dialects/dialect.ts";
import { hocuspocus } from "../../bench/src/dialects/hocuspocus.ts";
import { joineryV1 } from "../../bench/src/dialects/joinery.ts";
import { yWebsocket } from "../../bench/src/dialects/y-websocket.ts";
import { Actor } from "../../bench/src/load/actor.ts";
import { Client } from "../../bench/src/load/client.ts";
import { Ledger } from "../../bench/src/load/ledger.ts";
import { HocuspocusPeer } from "../support/hocuspocus-peer.ts";
import { Peer, TEXT } from "../support/peer.ts";
import { type Recording, RecordingProxy } from "../support/recording-proxy.ts";
import { until } from "../support/until.ts";
import { becomes, openClient } from "./native-client.ts";
import { openStage } from "./stage.ts";

const DOCUMENT = "bench";
const CLIENT_ID = 77;
/** Of a Hocuspocus server: whether what came is safe. */
const SYNC_STATUS = 8;

/** Somebody who is recorded: how they join, what they type into, and where their cursor is. */
interface Person {
  joined(): Promise<void>;
  type(): void;
  /** The same place as that of the benchmark's actor. */
  moveCursor(): void;
}

/** A dialect, and which messages of the server say that what a client sent is safe: there they are waited for. */
interface Spoken {
  readonly dialect: Dialect;
  readonly acknowledges?: (messages: readonly Uint8Array[]) => number;
  /** How often on arrival. */
  readonly onArrival?: number;
}

/** Records one person alone on a server: who comes, types a character and then moves the cursor. */
async function record(spoken: Spoken, enter: (proxy: RecordingProxy) => Person): Promise<Recording> {
  const { dialect, acknowledges, onArrival = 0 } = spoken;
  const stage = await openStage();
  const proxy = await RecordingProxy.start(stage.server.wsUrl);
  onTestFinished(() => proxy.close());
  const person = enter(proxy);
  await person.joined();
  const recording = proxy.recordings[0] as Recording;
  const isSaid = (times: number) =>
    until(`${times} acknowledgements`, () => (acknowledges?.(sent(recording, "server")) ?? times) >= times);
  await isSaid(onArrival);
  const before = sent(recording, "client").length;
  person.type();
  await until("the edit to be sent", () => sent(recording, "client").length > before);
  await isSaid(onArrival + 1);
  person.moveCursor();
  await until("the cursor to come back", () =>
    heard(dialect, sent(recording, "server")).some(
      (incoming) => isPresence(incoming) && !isArrival(incoming),
    ),
  );
  return recording;
}

/** By a client of its own: some count what they read. */
function heard(dialect: Dialect, messages: readonly Uint8Array[]): Incoming[] {
  const wire = dialect(DOCUMENT);
  return messages.flatMap((message) => [...wire.read(message)]);
}

const isPresence = ({ kind }: Incoming) => kind === "presence";

/** Of somebody who has no state yet. */
function isArrival(incoming: Incoming): boolean {
  return incoming.kind === "presence" && statesOf(incoming.update).join() === "{}";
}

function statesOf(presence: Uint8Array): string[] {
  return decodeAwareness(presence).map(({ state }) => Buffer.from(state ?? []).toString());
}

function sent(recording: Recording, from: "client" | "server"): Uint8Array[] {
  return recording.passed.filter((passed) => passed.from === from).map(({ message }) => message);
}

/** As the benchmark's load has them. */
function benchClient(dialect: Dialect) {
  return (proxy: RecordingProxy): Person => {
    const actor = new Actor(CLIENT_ID);
    const wire = dialect(DOCUMENT);
    const ledgers = { edits: new Ledger(), presence: new Ledger() };
    const client = new Client(actor, wire, ledgers, { sampled: true, keepsUpdates: false });
    onTestFinished(() => client.close());
    return {
      joined: () => client.join(Number(new URL(proxy.wsUrl).port)),
      type: () => client.send("edit", wire.update(actor.type())),
      moveCursor: () => client.send("presence", wire.presence(actor.moveCursor())),
    };
  };
}

function newDoc(): Y.Doc {
  const doc = new Y.Doc();
  doc.clientID = CLIENT_ID;
  return doc;
}

/** What an actor types first, and where their cursor is then. */
function atEditor(doc: Y.Doc, awareness: Awareness): Omit<Person, "joined"> {
  const actor = new Actor(CLIENT_ID);
  actor.moveCursor();
  return {
    type: () => doc.getText(TEXT).insert(0, "\n"),
    moveCursor: () => awareness.setLocalState(actor.lastState),
  };
}

function yWebsocketProvider(proxy: RecordingProxy): Person {
  const peer = new Peer(proxy.wsUrl, DOCUMENT, { doc: newDoc() });
  onTestFinished(() => peer.leave());
  return {
    joined: async () => {
      await peer.synced();
    },
    ...atEditor(peer.doc, peer.awareness),
  };
}

function hocuspocusProvider(proxy: RecordingProxy): Person {
  const peer = new HocuspocusPeer(4, `${proxy.wsUrl}/`, DOCUMENT, { doc: newDoc() });
  onTestFinished(() => peer.leave());
  return {
    joined: async () => {
      await peer.synced();
    },
    ...atEditor(peer.doc, peer.awareness),
  };
}

function joineryClient(proxy: RecordingProxy): Person {
  const handle = openClient({ url: proxy.wsUrl }).open(DOCUMENT, { doc: newDoc() });
  return {
    joined: () => becomes(handle, "synced", ({ synced }) => synced),
    ...atEditor(handle.doc, handle.awareness),
  };
}

/**
 * Without the presence in which a provider says on arrival that it has no state yet, and its echo: the benchmark's
 * clients say nothing of themselves before their first cursor.
 */
function withoutArrival(frames: readonly Uint8Array[], dialect: Dialect): Uint8Array[] {
  return frames.filter((frame) => !heard(dialect, [frame]).some(isArrival));
}

const hocuspocusStatus = (messages: readonly Uint8Array[]) =>
  messages.filter((message) => message.at(-2) === SYNC_STATUS && message.at(-1) === 1).length;
const durable = (messages: readonly Uint8Array[]) =>
  heard(joineryV1, messages).filter(({ kind }) => kind === "durable").length;

describe.each([
  { name: "y-websocket", spoken: { dialect: yWebsocket }, provider: yWebsocketProvider },
  {
    name: "@hocuspocus/provider 4",
    spoken: { dialect: hocuspocus, acknowledges: hocuspocusStatus, onArrival: 1 },
    provider: hocuspocusProvider,
  },
])("beside $name", ({ spoken, provider }) => {
  test("the benchmark's client sends and is sent the same bytes, but for the empty presence on arrival", async () => {
    const { dialect } = spoken;
    const [real, bench] = await Promise.all([record(spoken, provider), record(spoken, benchClient(dialect))]);
    expect(bench.path).toBe(real.path);
    for (const from of ["client", "server"] as const) {
      expect(hex(sent(bench, from))).toEqual(hex(withoutArrival(sent(real, from), dialect)));
    }
    const ofArrival = sent(real, "client").length - sent(bench, "client").length;
    expect(ofArrival).toBe(1);
  });
});

test("the benchmark's clients do not send back the presence of others, which a y-websocket provider does", async () => {
  const stage = await openStage();
  const proxy = await RecordingProxy.start(stage.server.wsUrl);
  onTestFinished(() => proxy.close());
  const ann = new Peer(proxy.wsUrl, DOCUMENT);
  onTestFinished(() => ann.leave());
  const ben = await stage.join(DOCUMENT).synced();
  await ann.synced();
  ben.awareness.setLocalState({ name: "Ben" });
  const recording = proxy.recordings[0] as Recording;
  const isBen = (incoming: Incoming) =>
    incoming.kind === "presence" && statesOf(incoming.update).join() === '{"name":"Ben"}';
  await until("Ann to send what Ben said", () => heard(yWebsocket, sent(recording, "client")).some(isBen));
});

describe("beside @joinery/client", () => {
  // It says on arrival that it has no state yet, by a first clock; it has a name, and can inflate.
  test("the benchmark's client sends and is sent the same frames, but for its name, what it can inflate, and the empty presence on arrival", async () => {
    const spoken = { dialect: joineryV1, acknowledges: durable };
    const [real, bench] = await Promise.all([
      record(spoken, joineryClient),
      record(spoken, benchClient(joineryV1)),
    ]);
    expect(bench.subprotocol).toBe(real.subprotocol);
    expect(bench.path).toBe(real.path);
    const frames = framesOf(real, "client").filter((frame) => frame.state !== "{}");
    expect(framesOf(bench, "client")).toEqual(frames);
    expect(serverTypes(bench)).toEqual(serverTypes(real));
  });
});

/** Without acknowledgements: one may stand for several. */
function serverTypes(recording: Recording): string[] {
  const frames = framesOf(recording, "server").filter(({ type, state }) => state !== "{}" && type !== "ack");
  return frames.map(({ type }) => type);
}

type Frame = {
  readonly type: string;
  readonly state?: string;
  readonly agent?: string;
  readonly capabilities?: number;
};

/** Without what is a client's own business: its name, what it can, and at which clock its presence is. */
function framesOf(recording: Recording, from: "client" | "server"): Frame[] {
  const frames: Frame[] = [];
  for (const message of sent(recording, from)) {
    forEachFrame(message, (raw) => {
      const frame = from === "client" ? decodeClientFrame(raw) : decodeServerFrame(raw);
      if (frame === null) throw new Error(`a frame of type ${raw.type} is unknown`);
      if (frame.type === "presence") frames.push({ type: frame.type, state: statesOf(frame.update).join() });
      else if (frame.type === "hello") frames.push({ ...frame, agent: "", capabilities: 0 });
      else frames.push(frame);
    });
  }
  return frames;
}

function hex(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => Buffer.from(frame).toString("hex"));
}
