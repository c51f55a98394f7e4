import { DEFAULT_LIMITS, encodeAwareness, JoineryError, parseDocumentName } from "@joinery/shared";
import * as decoding from "lib0/decoding";
import { describe, expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import type { EngineEvent, Outbox } from "../../../server/src/engine/ports.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { Rooms } from "../../../server/src/engine/rooms.ts";
import { ANONYMOUS, admitAs, NO_REQUEST } from "../../../server/src/protocols/admission.ts";
import type { DialectDriver } from "../../../server/src/protocols/driver.ts";
import { Y_WEBSOCKET, yWebsocketDriver } from "../../../server/src/protocols/y-websocket.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** Keeps what was sent; closed once, by the engine or, as a transport would, for what a driver throws. */
class KeptOutbox implements Outbox {
  readonly bufferedBytes = 0;
  readonly remainingBytes = 0;
  readonly frames: Uint8Array[] = [];
  closed: JoineryError | null = null;
  pauses = 0;

  send(frames: readonly Uint8Array[]): void {
    this.frames.push(...frames);
  }

  pauseInput(): void {
    this.pauses++;
  }

  resumeInput(): void {
    this.pauses--;
  }

  probe(): void {
    // Whoever is there stays.
  }

  close(error: JoineryError): void {
    this.closed ??= error;
  }

  /** What was sent since the last time. */
  take(): Uint8Array[] {
    return this.frames.splice(0);
  }
}

interface Connected {
  readonly driver: DialectDriver;
  readonly outbox: KeptOutbox;
}

class Stage {
  readonly storage = new MemoryStorage();
  readonly clock = new FakeClock();
  readonly events: EngineEvent[] = [];
  readonly rooms = new Rooms({
    storage: this.storage,
    clock: this.clock,
    random: { bytes: (length) => new Uint8Array(length) },
    log: { report: (event) => this.events.push(event) },
  });

  connect(path: string, permission: "read" | "write" = "write"): Connected {
    const outbox = new KeptOutbox();
    const admissions = admitAs({ ...ANONYMOUS, rights: Rights.from(permission) });
    const { rooms, clock } = this;
    const start = yWebsocketDriver({ clock, limits: DEFAULT_LIMITS, onLimit: () => undefined });
    return { driver: start({ rooms, outbox, admissions, request: NO_REQUEST, path }), outbox };
  }

  /** Connects, and waits until the document is loaded and the server has asked its question. */
  async join(path = "notes", permission: "read" | "write" = "write"): Promise<Connected> {
    const connected = this.connect(path, permission);
    await this.settle();
    expect(connected.outbox.take()).toHaveLength(1);
    return connected;
  }

  /** Lets promises settle, and the turn end. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.turn();
    }
  }

  /** Names of documents that have something on disk. */
  async stored(): Promise<string[]> {
    const names: string[] = [];
    for await (const { document } of this.storage.list("")) names.push(document);
    return names;
  }
}

async function newStage(): Promise<Stage> {
  const stage = new Stage();
  await stage.storage.open();
  return stage;
}

const STEP_1 = Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc()));
const EMPTY_STEP_2 = Y_WEBSOCKET.catchUp(Uint8Array.of(0, 0), true);
const QUERY = Uint8Array.of(3);

function edit(text: string): { doc: Y.Doc; update: Uint8Array } {
  const doc = new Y.Doc();
  doc.clientID = 8;
  doc.getText("text").insert(0, text);
  return { doc, update: Y.encodeStateAsUpdate(doc) };
}

const presenceOf = (name: string): Uint8Array =>
  encodeAwareness([{ clientId: 7, clock: 1, state: new TextEncoder().encode(JSON.stringify({ name })) }]);

describe("a connection", () => {
  test("is asked for what the server misses once the document is loaded, and not read until then", async () => {
    const stage = await newStage();
    const { outbox } = stage.connect("notes");
    expect(outbox.frames).toEqual([]);
    expect(outbox.pauses).toBe(1);
    await stage.settle();
    expect(outbox.frames).toEqual([STEP_1]);
    expect(outbox.pauses).toBe(0);
  });

  test("is answered step 1 by step 2, also when it asked before the document was loaded", async () => {
    const stage = await newStage();
    const { driver, outbox } = stage.connect("notes");
    driver.receive(STEP_1);
    await stage.settle();
    expect(outbox.frames).toEqual([STEP_1, EMPTY_STEP_2]);
  });

  test("gets what others write, and what they wrote before", async () => {
    const stage = await newStage();
    const ann = await stage.join();
    const ben = await stage.join();
    ben.driver.receive(STEP_1);
    const { update } = edit("hello");
    ben.outbox.take();
    ann.driver.receive(Y_WEBSOCKET.update(update));
    await stage.settle();
    expect(ben.outbox.take()).toEqual([Y_WEBSOCKET.update(update)]);
    const late = await stage.join();
    late.driver.receive(STEP_1);
    expect(late.outbox.take()).toEqual([Y_WEBSOCKET.catchUp(update, true)]);
    expect(await stage.stored()).toEqual(["notes"]);
  });

  test("that answers the question with step 2 has its edits stored", async () => {
    const stage = await newStage();
    const { driver, outbox } = await stage.join();
    driver.receive(Y_WEBSOCKET.catchUp(edit("hello").update, true));
    await stage.settle();
    expect(outbox.closed).toBeNull();
    expect(await stage.stored()).toEqual(["notes"]);
  });

  test("that is gone leaves its room", async () => {
    const stage = await newStage();
    const { driver } = await stage.join();
    expect(stage.rooms.counts().sessions).toBe(1);
    driver.closed();
    driver.closed();
    expect(stage.rooms.counts().sessions).toBe(0);
  });
});

describe("the document's name", () => {
  test.each([
    ["notes", "notes"],
    ["team/notes", "team/notes"],
    ["team%2Fnotes", "team/notes"],
    ["%E6%BC%A2%20%F0%9F%8E%88", "漢 🎈"],
    ["100%2525", "100%25"],
    ["a+b", "a+b"],
    ["a%3Fb%23c", "a?b#c"],
    ["a//b/", "a//b/"],
    ["%2e%2e/x", "../x"],
    ["__proto__", "__proto__"],
  ])("of the path %s is %s", async (path, name) => {
    const stage = await newStage();
    const { driver } = await stage.join(path);
    driver.receive(Y_WEBSOCKET.update(edit("a").update));
    await stage.settle();
    expect(await stage.stored()).toEqual([name]);
    expect(await stage.storage.load(parseDocumentName(name))).not.toBeNull();
  });

  test.each([
    ["empty", "", /empty/],
    ["half a percent sign", "100%", /percent-encoded/],
    ["percent signs that are no UTF-8", "%ff%fe", /percent-encoded/],
    ["half a surrogate pair in UTF-8", "%ED%A0%80", /percent-encoded/],
    ["a control character", "a%00b", /control characters/],
    ["a line break", "a%0Ab", /control characters/],
    ["too long once it is decoded", "%C3%A9".repeat(257), /longer than 512 bytes/],
  ])("may not be %s", async (_, path, reason) => {
    const stage = await newStage();
    expect(() => stage.connect(path)).toThrow(JoineryError);
    expect(() => stage.connect(path)).toThrow(
      expect.objectContaining({ code: "INVALID_NAME", message: expect.stringMatching(reason) }),
    );
    expect(stage.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
  });

  test("is measured decoded", async () => {
    const stage = await newStage();
    await stage.join("%C3%A9".repeat(256));
  });
});

describe("a frame that does not decode throws MALFORMED_FRAME and changes nothing", () => {
  const update = Y_WEBSOCKET.update(edit("hello").update);
  test.each([
    ["no bytes", [], /ends too early at byte 0/],
    ["a kind that is unknown", [4], /kind 4 is unknown/],
    ["a large kind", [0xe8, 0x07], /kind 1000 is unknown/],
    ["what only a server says", [2, 0, 0], /kind 2 is unknown/],
    ["a sync step that is unknown", [0, 3, 0], /step 3 is unknown/],
    ["a sync step that is missing", [0], /ends too early at byte 1/],
    ["an update longer than the frame", [0, 2, 100, 0], /ends too early/],
    ["a length of 2^53", [0, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], /integer is too large/],
    ["bytes behind an update", [...update, 0], /1 bytes left over/],
    ["bytes behind a question", [...STEP_1, 0, 0], /2 bytes left over/],
    ["bytes behind presence", [...Y_WEBSOCKET.presence(presenceOf("eve")), 0], /1 bytes left over/],
    ["bytes behind a query", [3, 0], /1 bytes left over/],
  ])("%s", async (_, bytes, reason) => {
    const stage = await newStage();
    const { driver } = await stage.join();
    expect(() => driver.receive(Uint8Array.from(bytes))).toThrow(JoineryError);
    expect(() => driver.receive(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: "MALFORMED_FRAME", message: expect.stringMatching(reason) }),
    );
    await stage.settle();
    expect(await stage.stored()).toEqual([]);
  });

  test.each([
    ["step 1", Y_WEBSOCKET.ask(Y.encodeStateVector(edit("hello").doc))],
    ["step 2", Y_WEBSOCKET.catchUp(edit("hello").update, true)],
    ["an update", update],
    ["presence", Y_WEBSOCKET.presence(presenceOf("eve"))],
    ["a query", QUERY],
  ])("%s that is cut off, at every byte", async (_, whole) => {
    const stage = await newStage();
    const { driver, outbox } = await stage.join();
    for (let length = 0; length < whole.length; length++) {
      expect(() => driver.receive(whole.slice(0, length))).toThrow(/^frame: .+ at byte \d+$/);
    }
    expect(outbox.closed).toBeNull();
    driver.receive(whole);
    expect(outbox.closed).toBeNull();
  });
});

describe("a frame that decodes around something that does not closes its sender alone", () => {
  const cutShort = (bytes: Uint8Array, frame: (bytes: Uint8Array) => Uint8Array): Uint8Array[] =>
    Array.from({ length: bytes.length }, (_, length) => frame(bytes.slice(0, length)));

  test.each([
    ["a state vector", cutShort(Y.encodeStateVector(edit("hello").doc), Y_WEBSOCKET.ask)],
    ["an answer", cutShort(edit("hello").update, (bytes) => Y_WEBSOCKET.catchUp(bytes, true))],
    ["an update", cutShort(edit("hello").update, Y_WEBSOCKET.update)],
    ["presence", cutShort(presenceOf("eve"), Y_WEBSOCKET.presence)],
  ])("%s, cut off at every byte", async (_, frames) => {
    const stage = await newStage();
    const ann = await stage.join();
    ann.driver.receive(STEP_1);
    for (const frame of frames) {
      const eve = await stage.join();
      eve.driver.receive(frame);
      expect(eve.outbox.closed).toMatchObject({ code: "MALFORMED_UPDATE" });
    }
    ann.outbox.take();
    await stage.settle();
    expect(ann.outbox.take()).toEqual([]);
    expect(ann.outbox.closed).toBeNull();
    expect(stage.rooms.counts().sessions).toBe(1);
    expect(await stage.stored()).toEqual([]);
  });
});

describe("who may only read", () => {
  test("is told so by an auth frame when it writes, stays, and nothing is stored", async () => {
    const stage = await newStage();
    const { driver, outbox } = await stage.join("notes", "read");
    for (const frame of [Y_WEBSOCKET.update(edit("a").update), Y_WEBSOCKET.catchUp(edit("b").update, true)]) {
      driver.receive(frame);
      expect(outbox.take()).toMatchObject([{ 0: 2, 1: 0 }]);
    }
    await stage.settle();
    expect(outbox.closed).toBeNull();
    expect(await stage.stored()).toEqual([]);
  });

  test("is not told so for the empty answer that it gives when it has nothing", async () => {
    const stage = await newStage();
    const { driver, outbox } = await stage.join("notes", "read");
    driver.receive(EMPTY_STEP_2);
    expect(outbox.take()).toEqual([]);
  });

  test("reads what others write, and shows presence", async () => {
    const stage = await newStage();
    const ann = await stage.join();
    ann.driver.receive(STEP_1);
    ann.outbox.take();
    const reader = await stage.join("notes", "read");
    reader.driver.receive(STEP_1);
    expect(reader.outbox.take()).toEqual([EMPTY_STEP_2]);
    const { update } = edit("hello");
    ann.driver.receive(Y_WEBSOCKET.update(update));
    await stage.settle();
    expect(reader.outbox.take()).toEqual([Y_WEBSOCKET.update(update)]);
    ann.outbox.take();
    reader.driver.receive(Y_WEBSOCKET.presence(presenceOf("reader")));
    stage.clock.advance(100);
    expect(ann.outbox.take()).toEqual([Y_WEBSOCKET.presence(presenceOf("reader"))]);
  });
});

describe("presence", () => {
  test("is told to who asks, and not before anybody is here", async () => {
    const stage = await newStage();
    const ann = await stage.join();
    ann.driver.receive(QUERY);
    expect(ann.outbox.take()).toEqual([]);
    ann.driver.receive(Y_WEBSOCKET.presence(presenceOf("ann")));
    await stage.settle();
    const ben = await stage.join();
    ben.driver.receive(QUERY);
    expect(ben.outbox.take()).toEqual([Y_WEBSOCKET.presence(presenceOf("ann"))]);
  });

  test("has a frame that keeps a connection alive, in which y-protocols sees no event", async () => {
    const stage = await newStage();
    const { driver, outbox } = await stage.join();
    driver.keepAlive();
    const [frame, ...others] = outbox.take();
    expect(others).toEqual([]);
    const decoder = decoding.createDecoder(frame as Uint8Array);
    expect(decoding.readVarUint(decoder)).toBe(1);
    const awareness = new Awareness(new Y.Doc());
    const events: unknown[] = [];
    awareness.on("change", (event: unknown) => events.push(event));
    awareness.on("update", (event: unknown) => events.push(event));
    applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), "test");
    expect(decoding.hasContent(decoder)).toBe(false);
    expect(events).toEqual([]);
    awareness.destroy();
  });
});
