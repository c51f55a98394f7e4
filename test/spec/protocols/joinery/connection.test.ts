import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { makeFrame } from "../../../../shared/src/protocol/frame-writer.ts";
import {
  clientFrames,
  EMPTY,
  HELLO,
  joined,
  NativeStage,
  NOTHING,
  openFrame,
  serverFrames,
  Typist,
  textOf,
  type Wire,
} from "../../../support/native-wire.ts";

const ERROR = { code: "INTERNAL", retry: "backoff", message: "" } as const;
const ID = new Uint8Array(8);

async function connected(): Promise<{ stage: NativeStage; wire: Wire }> {
  const stage = new NativeStage();
  return { stage, wire: stage.connect() };
}

describe("hello", () => {
  test("[H2] [H6] is answered with the version, what both sides can do, and what the server's limits are", async () => {
    const { stage, wire } = await connected();
    wire.send(HELLO);
    await stage.settle();
    expect(wire.take()).toEqual([
      {
        type: "hello",
        on: 0,
        version: 1,
        capabilities: 1,
        agent: "joinery",
        maxMessageBytes: stage.limits.maxMessageBytes,
        fragmentBytes: stage.limits.maxFragmentBytes,
        maxDocuments: stage.limits.maxDocumentsPerConnection,
        keepAliveMs: 15_000,
      },
    ]);
  });

  test("[H6] of a client that can do more or less is answered with what both can", async () => {
    for (const [theirs, both] of [
      [0, 0],
      [0xff, 1],
    ] as const) {
      const { stage, wire } = await connected();
      wire.send(clientFrames.hello({ version: 1, capabilities: theirs, agent: "", token: "" }));
      await stage.settle();
      expect(wire.takeOf("hello")[0]?.capabilities).toBe(both);
    }
  });

  test("[H3] of another version is refused, naming both, with FAILED and 4426", async () => {
    const { stage, wire } = await connected();
    wire.send(clientFrames.hello({ version: 7, capabilities: 0, agent: "", token: "" }));
    await stage.settle();
    const [failed] = wire.take();
    expect(failed).toMatchObject({ type: "failed", code: "VERSION_UNSUPPORTED", retry: "never" });
    expect(failed).toMatchObject({ message: expect.stringMatching(/version 7.*version 1/) });
    expect(wire.closed).toMatchObject({ code: 4426 });
  });

  test("[H4] under another version's subprotocol is refused in kind", async () => {
    const stage = new NativeStage();
    const wire = stage.connect(undefined, "joinery.v2");
    await stage.settle();
    expect(wire.take()).toMatchObject([{ type: "failed", code: "VERSION_UNSUPPORTED" }]);
    expect(wire.closed).toMatchObject({ code: 4426, reason: expect.stringContaining("joinery.v2") });
  });
});

/** One message after another, and what is wrong with the last one. */
const MALFORMED: [what: string, messages: Uint8Array[]][] = [
  ["an empty message", [new Uint8Array()]],
  ["[C5] a message of 10,001 frames", [HELLO, joined(new Array(10_001).fill(clientFrames.pong()))]],
  ["[H1] a frame before hello", [clientFrames.ping()]],
  ["an open before hello", [openFrame("notes")]],
  ["[H1] hello twice", [HELLO, HELLO]],
  ["a frame that ends too early", [HELLO, Uint8Array.of(0x02, 5, 1)]],
  ["[C3] an unknown frame", [HELLO, Uint8Array.of(0x2f, 0)]],
  ["[C11] a ping of 126 bytes", [HELLO, clientFrames.ping(new Uint8Array(126))]],
  ["an edit on no channel", [HELLO, clientFrames.update(1, EMPTY)]],
  [
    "[C8] an edit on a channel that was never opened",
    [HELLO, clientFrames.select(3), clientFrames.update(1, EMPTY)],
  ],
  ["a channel 0 that is opened", [HELLO, openFrame("notes")]],
  ["[C7] a channel that is opened twice", [HELLO, clientFrames.select(1), openFrame("a"), openFrame("b")]],
  [
    "[C7] a channel that is opened after a greater one",
    [HELLO, clientFrames.select(2), openFrame("a"), clientFrames.select(1), openFrame("b")],
  ],
  ["a frame for servers to send: GOAWAY", [HELLO, serverFrames.goaway(1, 1)]],
  ["a frame for servers to send: FAILED", [HELLO, serverFrames.failed(ERROR)]],
  [
    "[C3] a frame for servers to send: BATCH",
    [HELLO, clientFrames.select(1), openFrame("a"), serverFrames.batch(1, 1, EMPTY)],
  ],
  ["an update with number 0", [HELLO, clientFrames.select(1), openFrame("a"), clientFrames.update(0, EMPTY)]],
  [
    "[U1] a first update with number 2",
    [HELLO, clientFrames.select(1), openFrame("a"), clientFrames.update(2, EMPTY)],
  ],
  [
    "[U1] an answer that repeats an update's number",
    [
      HELLO,
      clientFrames.select(1),
      openFrame("a"),
      clientFrames.update(1, EMPTY),
      clientFrames.answer(1, EMPTY),
    ],
  ],
  ["an open with unknown flags", [HELLO, clientFrames.select(1), makeFrame(0x10, Uint8Array.of(64, 1, 97))]],
  [
    "[C4] a close with something in it",
    [HELLO, clientFrames.select(1), openFrame("a"), makeFrame(0x1e, EMPTY)],
  ],
  [
    "[B2] a fragment that begins in the middle of what is here",
    [
      HELLO,
      clientFrames.select(1),
      openFrame("a"),
      clientFrames.fragment({ id: ID, total: 9, offset: 0, bytes: EMPTY }),
      clientFrames.fragment({ id: ID, total: 9, offset: 5, bytes: EMPTY }),
    ],
  ],
  [
    "[B3] fragments that make up a frame that is never large",
    [
      HELLO,
      clientFrames.select(1),
      openFrame("a"),
      clientFrames.fragment({ id: ID, total: 2, offset: 0, bytes: clientFrames.ping() }),
    ],
  ],
];

describe("[C10] a connection is closed with FAILED and 4422 for", () => {
  test.each(MALFORMED)("%s", async (_, messages) => {
    const { stage, wire } = await connected();
    for (const message of messages) wire.send(message);
    await stage.settle();
    expect(wire.takeOf("failed")).toMatchObject([{ code: "MALFORMED_FRAME", retry: "never" }]);
    expect(wire.closed?.code).toBe(4422);
    await stage.advance(60_000);
    expect(stage.rooms.counts().sessions).toBe(0);
  });
});

describe("a connection", () => {
  test("[C11] answers a ping with the same bytes, and takes a pong as it is", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted();
    wire.send(clientFrames.ping(Uint8Array.of(1, 2, 3)), clientFrames.pong(), clientFrames.ping());
    await stage.settle();
    expect(wire.take()).toMatchObject([
      { type: "pong", payload: Uint8Array.of(1, 2, 3) },
      { type: "pong", payload: new Uint8Array() },
    ]);
  });

  test("[C16] is pinged to be kept alive, once it has said hello", async () => {
    const { stage, wire } = await connected();
    await stage.settle();
    wire.connection.keepAlive();
    await stage.settle();
    expect(wire.take()).toEqual([]);
    wire.send(HELLO);
    await stage.settle();
    wire.take();
    wire.connection.keepAlive();
    await stage.settle();
    expect(wire.take()).toMatchObject([{ type: "ping" }]);
  });

  test("is told when to come back before the server stops", async () => {
    const stage = new NativeStage();
    const wire = await stage.joined();
    wire.connection.goAway(1000, 4000);
    const draining = stage.rooms.drain(1000);
    await stage.settle();
    await draining;
    expect(wire.take()).toMatchObject([
      { type: "goaway", afterMs: 1000, withinMs: 4000 },
      { type: "close", on: 1, code: "SERVER_DRAINING", retry: "backoff", number: 0, remote: null },
    ]);
  });

  test("[W2] [W4] may bring new tokens, for itself or a document", async () => {
    const stage = new NativeStage();
    const wire = await stage.joined();
    wire.send(clientFrames.token(0, "a"), clientFrames.token(1, "b"));
    await stage.settle();
    expect([wire.take(), wire.closed]).toEqual([[], null]);
  });

  test("[C3] skips optional frames that it does not know", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted();
    wire.send(makeFrame(0x40, EMPTY), clientFrames.ping());
    await stage.settle();
    expect(wire.take()).toMatchObject([{ type: "pong" }]);
  });

  test("[C6] keeps the selected channel from one message to the next", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted();
    wire.send(clientFrames.select(5));
    wire.send(openFrame("notes"));
    await stage.settle();
    expect(wire.take()).toMatchObject([
      { type: "opened", on: 5 },
      { type: "ask", on: 5 },
    ]);
  });

  test("[C8] ignores frames for a channel that is closed", async () => {
    const stage = new NativeStage();
    const wire = await stage.joined();
    wire.say(1, clientFrames.close(), clientFrames.sync(NOTHING), clientFrames.update(9, EMPTY));
    await stage.settle();
    expect([wire.take(), wire.closed]).toEqual([[], null]);
    expect(stage.rooms.counts().sessions).toBe(0);
  });

  test("[O6] that ends takes all of its sessions with it, once what it sent is let in", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted();
    for (const channel of [1, 2, 3]) wire.say(channel, openFrame(`document ${channel}`));
    await stage.settle();
    expect(stage.rooms.counts().sessions).toBe(3);
    wire.socket.close();
    await stage.settle();
    expect(stage.rooms.counts().sessions).toBe(0);
  });

  test("[C9] [O7] goes on when documents are refused, which is told on their channels", async () => {
    const stage = new NativeStage();
    const wire = await stage.joined();
    wire.say(2, openFrame("bad\u0000name"));
    wire.say(1, clientFrames.update(2, Uint8Array.of(9)));
    wire.say(3, openFrame("other"));
    await stage.settle();
    const said = wire.take();
    expect(said).toMatchObject([
      { type: "close", on: 2, code: "INVALID_NAME", retry: "never" },
      { type: "close", on: 1, code: "MALFORMED_UPDATE", retry: "never", number: 2 },
      { type: "opened", on: 3 },
      { type: "ask", on: 3 },
    ]);
    expect(wire.closed).toBeNull();
  });
});

describe("a message of many frames that take long", () => {
  test("[C14] is handled in several turns, in order, and others get theirs in between", async () => {
    const stage = new NativeStage();
    const [ann, ben] = [await stage.joined("one"), await stage.joined("two")];
    const typist = new Typist(7);
    // Each look at the clock takes a while, as a frame does that asks for much.
    let elapsedMs = 0;
    const look = vi.spyOn(stage.clock, "monotonicMs").mockImplementation(() => {
      elapsedMs += 5;
      return 2_000_000 + elapsedMs;
    });
    const updates = Array.from({ length: 40 }, (_, i) => clientFrames.update(i + 2, typist.type(`${i} `)));
    const order: string[] = [];
    stage.signalHandlers.set("seen", {
      schema: z.string().transform((who) => order.push(who)),
    });
    const seen = (who: string) =>
      clientFrames.signal({ kind: "all" }, "seen", new TextEncoder().encode(JSON.stringify(who)));
    ann.say(1, ...updates, seen("ann"));
    ann.say(1, clientFrames.update(42, typist.type("and the next message")), seen("ann again"));
    ben.say(1, seen("ben"));
    ann.socket.close();
    await stage.settle();
    expect(order).toEqual(["ben", "ann", "ann again"]);
    look.mockRestore();
    await stage.advance(1000);
    const eve = await stage.greeted();
    eve.say(1, openFrame("one", { stateVector: NOTHING }));
    await stage.settle();
    expect(textOf(...eve.takeOf("catchUp").map(({ update }) => update))).toBe(typist.text);
  });
});
