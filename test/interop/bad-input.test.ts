import { once } from "node:events";
import * as encoding from "lib0/encoding";
import { bool, create, uint8Array } from "lib0/prng";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import * as Y from "yjs";
import type { Peer } from "../support/peer.ts";
import { startServer } from "../support/server-process.ts";
import { within } from "../support/until.ts";
import { Stage } from "./stage.ts";

const SYNC = 0;
const AWARENESS = 1;
const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;

const MALFORMED = 4422;
const TOO_LARGE = 1009;

const random = create(2024);

const FRAMES: [what: string, frame: string | Uint8Array, closeCode: number][] = [
  ["a text frame", "hello", MALFORMED],
  ["an empty frame", bytes(), MALFORMED],
  ["an unknown message type", bytes(9), MALFORMED],
  [
    "a message type of many bytes",
    bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
    MALFORMED,
  ],
  ["an unknown sync type", bytes(SYNC, 7, 0), MALFORMED],
  ["a sync message that ends after its type", bytes(SYNC, STEP_1), MALFORMED],
  ["a length beyond the frame", bytes(SYNC, UPDATE, 0xff, 0xff, 0x03, 1), MALFORMED],
  ["a state vector that is none", sync(STEP_1, bytes(5, 1)), MALFORMED],
  ["an update of random bytes", sync(UPDATE, uint8Array(random, 200)), MALFORMED],
  ["a second sync step of random bytes", sync(STEP_2, uint8Array(random, 200)), MALFORMED],
  ["an update cut short", sync(UPDATE, someUpdate().slice(0, -3)), MALFORMED],
  ["an update with bytes left over", sync(UPDATE, new Uint8Array([...someUpdate(), 1, 2, 3])), MALFORMED],
  [
    "an update that claims a billion structs",
    sync(UPDATE, bytes(1, 0x80, 0x94, 0xeb, 0xdc, 0x03, 1, 0)),
    MALFORMED,
  ],
  ["an empty update", sync(UPDATE, bytes()), MALFORMED],
  ["presence of random bytes", message(AWARENESS, uint8Array(random, 100)), MALFORMED],
  ["presence cut short", message(AWARENESS, presence(1, "{}").slice(0, -1)), MALFORMED],
  ["a message of 17 MiB", sync(UPDATE, new Uint8Array(17 * 1024 * 1024)), TOO_LARGE],
];

/** Decodes, but would break an editor that reads it: nobody is to be shown it. Whether the sender goes is its own affair. */
const POISON: [what: string, frame: Uint8Array][] = [
  ["presence that is not JSON", message(AWARENESS, presence(1, "{{{"))],
  ["presence that is a number", message(AWARENESS, presence(2, "42"))],
  ["presence of a megabyte", message(AWARENESS, presence(3, JSON.stringify("x".repeat(2 ** 20))))],
  ["an update that builds upon what nobody has", sync(UPDATE, secondUpdateOfTwo())],
  ["an embed nested five thousand deep", sync(UPDATE, deepEmbed(5000))],
];

let stage: Stage;
let ann: Peer;
let bob: Peer;
beforeAll(async () => {
  stage = new Stage(await startServer());
});
afterAll(async () => await stage.close());
beforeEach(async (context) => {
  ann = await stage.join(context.task.id).synced();
  bob = await stage.join(context.task.id).synced();
  ann.text.insert(0, "before ");
  await bob.reads("before ");
  ann.awareness.setLocalState({ user: { name: "Ann" } });
  bob.awareness.setLocalState({ user: { name: "Bob" } });
  await bob.sees(ann.doc.clientID);
  await ann.sees(bob.doc.clientID);
});

test.each(FRAMES)("%s closes its sender, and nobody else notices", async (_what, frame, closeCode) => {
  const sender = await connect();
  const closed = closeCodeOf(sender);
  sender.send(frame);
  expect(await within("the sender to be closed", closed)).toBe(closeCode);
  await expectUndisturbed();
});

test.each(POISON)("%s reaches nobody", async (_what, frame) => {
  const sender = await connect();
  const closed = closeCodeOf(sender);
  // What follows it on the same connection is answered, or the connection closed: then it has been dealt with.
  const answered = nextStep2(sender);
  sender.send(frame);
  sender.send(sync(STEP_1, bytes(0)));
  await within("an answer or a close", Promise.race([answered, closed]));
  await expectUndisturbed();
  sender.terminate();
});

test("random frames, one connection after the other, disturb nobody", async () => {
  for (let i = 0; i < 200; i++) {
    const sender = await connect();
    const frame = uint8Array(random, 40);
    // Half of them get past the first two bytes.
    if (bool(random)) frame.set([i % 2, i % 3]);
    const closed = closeCodeOf(sender);
    const answered = nextStep2(sender);
    sender.send(frame);
    sender.send(sync(STEP_1, bytes(0)));
    await within("an answer or a close", Promise.race([answered, closed]));
    sender.terminate();
  }
  await expectUndisturbed();
});

async function expectUndisturbed(): Promise<void> {
  expect(stage.server.isRunning).toBe(true);
  bob.text.insert(0, "and ");
  await ann.reads("and before ");
  ann.text.insert(ann.text.length, "after");
  await bob.reads("and before after");
  ann.awareness.setLocalStateField("cursor", 1);
  await bob.sees(ann.doc.clientID, ({ cursor }) => cursor === 1);

  const newcomer = await stage.join(documentOf(ann)).synced();
  expect(newcomer.text.toString()).toBe("and before after");
  newcomer.awareness.setLocalState({ user: { name: "Cid" } });
  await newcomer.sees(ann.doc.clientID, ({ cursor }) => cursor === 1);
  const people = [ann, bob, newcomer].map(({ doc }) => doc.clientID).sort();
  for (const peer of [ann, bob]) {
    await peer.sees(newcomer.doc.clientID);
    expect([...peer.awareness.getStates().keys()].sort()).toEqual(people);
    expect(peer.doc.store).toMatchObject({ pendingStructs: null, pendingDs: null });
    expect(peer.closeCodes).toEqual([]);
  }
}

function documentOf(peer: Peer): string {
  return decodeURIComponent(peer.provider.roomname);
}

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`${stage.server.wsUrl}/${ann.provider.roomname}`);
  await once(socket, "open");
  return socket;
}

async function closeCodeOf(socket: WebSocket): Promise<number> {
  // A socket that is closed while it still sends may report that as an error first; the close follows.
  socket.on("error", () => undefined);
  const [code] = (await once(socket, "close")) as [number];
  return code;
}

async function nextStep2(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer) => {
      if (data[0] === SYNC && data[1] === STEP_2) resolve();
    });
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function message(type: number, body: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, type);
    encoding.writeVarUint8Array(encoder, body);
  });
}

function sync(type: number, body: Uint8Array): Uint8Array {
  return new Uint8Array([SYNC, ...message(type, body)]);
}

function presence(clientId: number, state: string): Uint8Array {
  return encoding.encode((encoder) => {
    for (const value of [1, clientId, 1]) encoding.writeVarUint(encoder, value);
    encoding.writeVarString(encoder, state);
  });
}

function someUpdate(): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("other").insert(0, "some text");
  return Y.encodeStateAsUpdate(doc);
}

function secondUpdateOfTwo(): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("other").insert(0, "first");
  const before = Y.encodeStateVector(doc);
  doc.getText("other").insert(0, "second");
  return Y.encodeStateAsUpdate(doc, before);
}

/** Yjs itself cannot write this: it overflows the stack. So it is written over an embed of the same length. */
function deepEmbed(depth: number): Uint8Array {
  const json = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const embed = { x: "x".repeat(json.length - '{"x":""}'.length) };
  const doc = new Y.Doc();
  doc.getText("other").insertEmbed(0, embed);
  const update = Y.encodeStateAsUpdate(doc);
  update.set(Buffer.from(json), Buffer.from(update).indexOf(JSON.stringify(embed)));
  return update;
}
