import { DEFAULT_LIMITS } from "@joinery/shared";
import { decodeServerFrame, forEachFrame, type RawFrame } from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import { type Frame, FrameInParts } from "../../../../server/src/engine/frame.ts";
import { LargeFrames } from "../../../../server/src/protocols/joinery/large-frames.ts";
import { Outgoing } from "../../../../server/src/protocols/joinery/outgoing.ts";
import { TurnEnd } from "../../../../server/src/protocols/turn-end.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { clientFrames, NativeStage, openFrame, serverFrames, Typist } from "../../../support/native-wire.ts";

const LARGE = new Uint8Array(20_000);

function stage(maxBufferedBytes = 100_000) {
  const clock = new FakeClock();
  const sends: Uint8Array[][] = [];
  const emptied: number[] = [];
  const outbox = {
    bufferedBytes: 0,
    remainingBytes: 0,
    send: (messages: readonly Uint8Array[]) => sends.push([...messages]),
    pauseInput: () => undefined,
    resumeInput: () => undefined,
    probe: () => undefined,
    close: () => undefined,
  };
  const outgoing = new Outgoing({
    clock,
    outbox,
    turnEnd: new TurnEnd(clock),
    largeFrames: new LargeFrames(DEFAULT_LIMITS.maxFragmentBytes),
    maxBufferedBytes,
    drained: () => emptied.push(sends.length),
  });
  return { clock, sends, emptied, outbox, outgoing };
}

/** The frames of each message, in words. */
function inWords(messages: readonly Uint8Array[]): string[][] {
  return messages.map((message) => {
    const words: string[] = [];
    forEachFrame(message, (raw: RawFrame) => {
      const frame = decodeServerFrame(raw);
      words.push(frame?.type === "select" ? `select ${frame.channel}` : String(frame?.type));
    });
    return words;
  });
}

describe("what one turn has for a connection", () => {
  test("goes in one message at the end of the turn, with a SELECT where the channel changes", () => {
    const { clock, sends, outgoing } = stage();
    outgoing.send(1, [serverFrames.durable(1), serverFrames.durable(2)], null);
    outgoing.send(1, [serverFrames.durable(3)], null);
    outgoing.send(2, [serverFrames.durable(1)], null);
    outgoing.sendControl(serverFrames.ping());
    expect(sends).toEqual([]);
    clock.turn();
    expect(sends.map(inWords)).toEqual([
      [["select 1", "durable", "durable", "durable", "select 2", "durable", "ping"]],
    ]);
    outgoing.send(2, [serverFrames.durable(2)], null);
    clock.turn();
    expect(inWords(sends[1] ?? [])).toEqual([["durable"]]);
  });

  test("is sent as it is where it is one frame, or a large one: others are sent the same bytes", () => {
    const { clock, sends, outgoing } = stage();
    const small = serverFrames.durable(1);
    const large = serverFrames.batch(1, 1, LARGE);
    outgoing.send(1, [], null);
    clock.turn();
    outgoing.send(1, [small], null);
    clock.turn();
    expect(sends[1]?.[0]).toBe(small);
    outgoing.send(1, [small, large, small], null);
    clock.turn();
    expect(sends[2]).toHaveLength(3);
    expect(sends[2]?.[1]).toBe(large);
  });

  test("goes in fragments that are views of a frame, where that can be written", () => {
    const { clock, sends, outbox, outgoing } = stage(10_000_000);
    const sentInParts: Frame[] = [];
    const frame = serverFrames.catchUp(new Uint8Array(2 * DEFAULT_LIMITS.maxFragmentBytes), false);
    Object.assign(outbox, { sendParts: (frames: readonly Frame[]) => sentInParts.push(...frames) });
    outgoing.send(0, [frame], null);
    clock.turn();
    const parts = sentInParts.filter((one) => one instanceof FrameInParts);
    expect(parts).toHaveLength(2);
    for (const { body } of parts) expect(body.buffer).toBe(frame.buffer);
    Object.assign(outbox, { sendParts: undefined });
    outgoing.send(0, [frame], null);
    clock.turn();
    expect(sends.flat().map(({ length }) => length)).toEqual(sentInParts.map(({ length }) => length));
  });

  test("is handed over before the turn ends when it is much, in messages of bounded size", () => {
    const { clock, sends, outgoing } = stage();
    const frame = serverFrames.batch(1, 1, new Uint8Array(10_000));
    for (let i = 0; i < 30; i++) outgoing.send(1, [frame], null);
    expect(sends.length).toBeGreaterThan(3);
    clock.turn();
    const messages = sends.flat();
    expect(inWords(messages).flat()).toEqual(["select 1", ...new Array(30).fill("batch")]);
    for (const { length } of messages) expect(length).toBeLessThan(80_000);
  });

  test("counts as buffered while it waits", () => {
    const { clock, outgoing, outbox } = stage();
    outgoing.send(1, [serverFrames.batch(1, 1, LARGE), serverFrames.durable(1)], null);
    const waiting = outgoing.bufferedBytes;
    expect(waiting).toBeGreaterThan(LARGE.length);
    expect(outgoing.remainingBytes).toBe(waiting);
    outbox.bufferedBytes = 7;
    outbox.remainingBytes = 5;
    clock.turn();
    expect([outgoing.bufferedBytes, outgoing.remainingBytes]).toEqual([7, 5]);
  });

  test("that was above the mark and is taken at once is told to have gone", () => {
    const { emptied, outgoing, outbox, clock } = stage();
    outgoing.send(1, [serverFrames.durable(1)], null);
    clock.turn();
    expect(emptied).toEqual([]);
    outbox.bufferedBytes = 200_000;
    expect(outgoing.isAboveMark).toBe(true);
    outgoing.send(1, [serverFrames.durable(1)], null);
    clock.turn();
    expect(emptied).toEqual([]);
    outbox.bufferedBytes = 0;
    outgoing.send(1, [serverFrames.durable(1)], null);
    clock.turn();
    expect(emptied).toEqual([3]);
  });
});

describe("a connection with many documents", () => {
  test("has what all of them have for it in one message", async () => {
    const stage = new NativeStage();
    const reader = await stage.greeted();
    const writers = await Promise.all(["a", "b", "c"].map((document) => stage.joined(document)));
    for (const [i, document] of ["a", "b", "c"].entries()) {
      reader.say(i + 1, openFrame(document, { stateVector: Uint8Array.of(0) }));
    }
    await stage.settle();
    reader.take();
    reader.messages.length = 0;
    for (const [i, writer] of writers.entries())
      writer.say(1, clientFrames.update(2, new Typist(i + 1).type("x")));
    stage.clock.turn();
    expect(reader.messages).toHaveLength(1);
    expect(reader.take().map(({ type, on }) => [type, on])).toEqual([
      ["batch", 1],
      ["batch", 2],
      ["batch", 3],
    ]);
  });
});

describe("what many documents say while they are busy", () => {
  const DOCUMENTS = 40;

  /** Each of so many documents says something, a moment after the one before. */
  function everyDocumentSpeaks({ clock, outgoing }: ReturnType<typeof stage>, documents = DOCUMENTS): void {
    for (let channel = 1; channel <= documents; channel++) {
      outgoing.send(channel, [serverFrames.batch(1, 0, Uint8Array.of(0, 0))], null);
      clock.turn();
      clock.advance(5);
    }
  }

  test("goes in at most one message every 60 ms, in order and all of it", () => {
    const on = stage();
    everyDocumentSpeaks(on);
    on.clock.advance(60);
    on.sends.length = 0;
    everyDocumentSpeaks(on);
    on.clock.advance(60);
    expect(on.sends.length).toBeGreaterThan(1);
    expect(on.sends.length).toBeLessThanOrEqual(1 + (DOCUMENTS * 5 + 60) / 60);
    const selected = inWords(on.sends.flat()).flat();
    const all = Array.from({ length: DOCUMENTS }, (_, i) => [`select ${i + 1}`, "batch"]);
    expect(selected).toEqual(all.flat());
  });

  test("goes at the end of the turn where they are few, however busy", () => {
    const on = stage();
    for (let i = 0; i < 100; i++) {
      on.outgoing.send(1 + (i % 5), [serverFrames.durable(i)], null);
      on.clock.turn();
      on.clock.advance(1);
    }
    expect(on.sends).toHaveLength(100);
  });

  test("goes at once when they were quiet for a window, and when they have been for a while", () => {
    const on = stage();
    everyDocumentSpeaks(on);
    on.clock.advance(120);
    on.sends.length = 0;
    everyDocumentSpeaks(on, 1);
    expect(on.sends).toHaveLength(1);
    on.clock.advance(5000);
    everyDocumentSpeaks(on, 1);
    everyDocumentSpeaks(on, 1);
    expect(on.sends).toHaveLength(3);
  });

  test("is taken along by what a client may wait for, which goes at the end of the turn", () => {
    const on = stage();
    everyDocumentSpeaks(on);
    on.clock.advance(120);
    everyDocumentSpeaks(on, 1);
    on.sends.length = 0;
    on.outgoing.send(2, [serverFrames.batch(2, 0, Uint8Array.of(0, 0))], null);
    on.clock.turn();
    expect(on.sends).toHaveLength(0);
    on.outgoing.send(3, [serverFrames.caughtUp(1, 1)], null);
    on.clock.turn();
    expect(on.sends.flatMap(inWords).flat()).toEqual(["select 2", "batch", "select 3", "caughtUp"]);
    on.clock.advance(100);
    expect(on.sends).toHaveLength(1);
  });

  test("waits no longer than until it is as much as may: who reads all does not lag", () => {
    const on = stage(1000);
    everyDocumentSpeaks(on);
    on.clock.advance(120);
    for (let channel = 1; channel <= DOCUMENTS; channel++) {
      on.outgoing.send(channel, [serverFrames.batch(1, 0, LARGE.subarray(0, 100))], null);
      expect(on.outgoing.isAboveMark).toBe(false);
    }
    on.clock.turn();
    expect(
      inWords(on.sends.flat())
        .flat()
        .filter((word) => word === "batch"),
    ).toHaveLength(2 * DOCUMENTS);
  });

  test("waits no more when the connection is gone", () => {
    const on = stage();
    everyDocumentSpeaks(on);
    on.clock.advance(120);
    everyDocumentSpeaks(on, 2);
    on.sends.length = 0;
    on.outgoing.send(9, [serverFrames.durable(1)], null);
    on.outgoing.close();
    on.clock.advance(1000);
    expect(on.sends).toHaveLength(0);
  });
});
