import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { Rights } from "../../../../server/src/engine/rights.ts";
import type { SignalContext, SignalHandler } from "../../../../server/src/engine/signals.ts";
import {
  clientFrames,
  NativeStage,
  type NativeStageOptions,
  type Wire,
} from "../../../support/native-wire.ts";
import { sayingDialect } from "../../../support/world.ts";

const ALL = { kind: "all" } as const;

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const read = (payload: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(payload));

async function three(options: NativeStageOptions = {}) {
  const stage = new NativeStage(options);
  const ann = await stage.joined("notes", { author: "ann", rights: Rights.WRITER });
  const tab = await stage.joined("notes", { author: "ann", rights: Rights.WRITER });
  const ben = await stage.joined("notes", { author: "ben", rights: Rights.READER });
  return { stage, ann, tab, ben };
}

function heard(wire: Wire): unknown[] {
  return wire.takeOf("signal").map(({ user, name, payload }) => [user, name, read(payload)]);
}

describe("a signal", () => {
  test.each([
    ["[G1] to all goes to everybody, its sender too", ALL, [1, 1, 1]],
    ["[G1] to the others goes to everybody else", { kind: "others" } as const, [0, 1, 1]],
    ["[G1] to a user goes to all of that user's sessions", { kind: "user", user: "ann" } as const, [1, 1, 0]],
    ["to somebody who is not there goes nowhere", { kind: "user", user: "eve" } as const, [0, 0, 0]],
    ["to nobody in particular goes nowhere", { kind: "user", user: "" } as const, [0, 0, 0]],
  ])("%s", async (_, to, expected) => {
    const { stage, ann, tab, ben } = await three();
    const elsewhere = await stage.joined("other", { author: "ann", rights: Rights.WRITER });
    ann.say(1, clientFrames.signal(to, "wave", json({ at: 1 })));
    await stage.settle();
    expect([ann, tab, ben].map((wire) => heard(wire).length)).toEqual(expected);
    expect(heard(elsewhere)).toEqual([]);
  });

  test("[G2] says who sent it, as the server knows them, and the same bytes go to all", async () => {
    const { stage, ann, ben } = await three();
    ann.say(1, clientFrames.signal(ALL, "wave", json({ at: 1 })));
    await stage.settle();
    const [signal] = ben.takeOf("signal");
    expect(signal).toMatchObject({ user: "ann", name: "wave", session: expect.any(Number) });
    expect(signal?.session).toBeGreaterThan(0);
    expect(ann.messages.at(-1)).toBe(ben.messages.at(-1));
  });

  test("[G4] is neither stored nor kept for who comes later", async () => {
    const { stage, ann } = await three();
    ann.say(1, clientFrames.signal(ALL, "wave", json(1)));
    await stage.settle();
    expect(heard(await stage.joined())).toEqual([]);
    expect(await stage.storage.load("notes" as never)).toBeNull();
  });

  test("[G4] is not queued for who reads too slowly, and that is counted", async () => {
    const { stage, ann, ben } = await three({ limits: { maxBufferedBytes: 1024 } });
    ben.connection.stall();
    for (let i = 0; i < 10; i++) {
      ann.say(1, clientFrames.signal(ALL, "wave", json("x".repeat(500))));
      await stage.settle();
    }
    expect(stage.rooms.counts().droppedSignals).toBeGreaterThan(5);
    ben.connection.readAgain();
    await stage.settle();
    expect(heard(ben).length).toBeLessThan(4);
    expect(heard(ann)).toHaveLength(10);
  });

  test("goes past who speaks a dialect that has no word for it", async () => {
    const { stage, ann } = await three();
    const frames: Uint8Array[] = [];
    const outbox = {
      send: (sent: readonly Uint8Array[]) => frames.push(...sent),
      bufferedBytes: 0,
      remainingBytes: 0,
      pauseInput: () => undefined,
      resumeInput: () => undefined,
      probe: () => undefined,
      close: () => undefined,
    };
    stage.rooms.open({
      document: "notes" as never,
      dialect: sayingDialect(),
      outbox,
      author: "",
      rights: Rights.WRITER,
    });
    const before = frames.length;
    ann.say(1, clientFrames.signal(ALL, "wave", json(1)));
    await stage.settle();
    expect(frames.length).toBe(before);
  });

  test.each([
    ["[G3] without a name", {}, "", json(1)],
    ["with a name that is too long", {}, "n".repeat(65), json(1)],
    ["[G3] that is too large", { maxSignalBytes: 20 }, "wave", json("x".repeat(30))],
    ["[G3] that is not JSON", {}, "wave", Uint8Array.of(0x7b)],
    ["that is not UTF-8", {}, "wave", Uint8Array.of(0x22, 0xff, 0x22)],
    ["that is nested too deep", {}, "wave", new TextEncoder().encode(`${"[".repeat(65)}${"]".repeat(65)}`)],
  ])("%s is refused, its sender told, and the session goes on", async (_, limits, name, payload) => {
    const { stage, ann, ben } = await three({ limits });
    ann.say(1, clientFrames.signal(ALL, name, payload), clientFrames.signal(ALL, "next", json(2)));
    await stage.settle();
    expect(ann.takeOf("notice")).toMatchObject([{ on: 1, code: "SIGNAL_REFUSED", retry: "never" }]);
    expect(heard(ben)).toEqual([["ann", "next", 2]]);
  });

  test("[G3] more than a session may send in a second is refused", async () => {
    const { stage, ann, ben } = await three({ limits: { maxSignalsPerSecond: 2, maxBurstMs: 1000 } });
    for (let i = 0; i < 5; i++) ann.say(1, clientFrames.signal(ALL, "wave", json(i)));
    await stage.settle();
    expect(heard(ben).map((signal) => (signal as unknown[])[2])).toEqual([0, 1]);
    expect(ann.takeOf("notice")).toHaveLength(3);
    await stage.advance(500);
    ann.say(1, clientFrames.signal(ALL, "wave", json(9)));
    await stage.settle();
    expect(heard(ben)).toHaveLength(1);
  });
});

/** Registers a handler as a server does, typed by its schema. */
function register<Schema extends SignalHandler["schema"]>(
  stage: NativeStage,
  name: string,
  handler: SignalHandler<Schema>,
): void {
  stage.signalHandlers.set(name, handler as unknown as SignalHandler);
}

describe.each([
  ["zod", z.object({ at: z.number().transform(String) })],
  ["valibot", v.object({ at: v.pipe(v.number(), v.transform(String)) })],
] as const)("a signal with a handler and a schema of %s", (_, schema) => {
  test("[G6] is given to the handler as the schema made it, and passed on as it came", async () => {
    const { stage, ann, ben } = await three();
    const given: unknown[] = [];
    register(stage, "wave", {
      schema: schema as typeof schema & z.ZodType<{ at: string }>,
      handle: (payload, context) => {
        expectTypeOf(payload).toEqualTypeOf<{ at: string }>();
        given.push(payload, context.document, context.user);
      },
    });
    ann.say(1, clientFrames.signal({ kind: "others" }, "wave", json({ at: 5 })));
    await stage.settle();
    expect(given).toEqual([{ at: "5" }, "notes", "ann"]);
    expect(heard(ben)).toEqual([["ann", "wave", { at: 5 }]]);
    expect(heard(ann)).toEqual([]);
  });

  test("[G5] is refused when the schema refuses it, which its sender is told with the place", async () => {
    const { stage, ann, ben } = await three();
    const given: unknown[] = [];
    register(stage, "wave", { schema: schema as z.ZodType, handle: (payload) => void given.push(payload) });
    ann.say(1, clientFrames.signal(ALL, "wave", json({ at: "five" })));
    await stage.settle();
    expect(ann.takeOf("notice")).toMatchObject([
      { code: "SIGNAL_REFUSED", message: expect.stringMatching(/^signal "wave": at: /) },
    ]);
    expect([given, heard(ben)]).toEqual([[], []]);
  });
});

describe("a handler", () => {
  test("types what it is given by its schema", () => {
    const ofZod = { schema: z.object({ at: z.coerce.date() }), handle: (_: { at: Date }) => true };
    expectTypeOf(ofZod).toExtend<SignalHandler<typeof ofZod.schema>>();
    const ofValibot = { schema: v.object({ at: v.string() }), handle: (_: { at: string }) => true };
    expectTypeOf(ofValibot).toExtend<SignalHandler<typeof ofValibot.schema>>();
    const wrong = { schema: z.object({ at: z.number() }), handle: (_: { at: Date }) => true };
    expectTypeOf(wrong).not.toExtend<SignalHandler<typeof wrong.schema>>();
  });

  test.each([
    ["false", () => false, 0],
    ["a promise of false", async () => false, 0],
    ["true", () => true, 1],
    ["nothing", () => undefined, 1],
    ["a promise of nothing", async () => undefined, 1],
  ])("[G6] that returns %s decides whether it is passed on", async (_, handle, expected) => {
    const { stage, ann, ben } = await three();
    register(stage, "wave", { schema: z.unknown(), handle });
    ann.say(1, clientFrames.signal(ALL, "wave", json(1)));
    await stage.settle();
    expect(heard(ben)).toHaveLength(expected);
    expect(ann.takeOf("notice")).toEqual([]);
  });

  test("may answer the sender alone, in the server's name", async () => {
    const { stage, ann, ben } = await three();
    register(stage, "ask", {
      schema: z.string(),
      handle: (question, { send }: SignalContext) => {
        send("answer", { to: question });
        return false;
      },
    });
    ann.say(1, clientFrames.signal(ALL, "ask", json("why")));
    await stage.settle();
    expect(ann.takeOf("signal")).toMatchObject([{ user: "", session: 0, name: "answer" }]);
    expect(heard(ben)).toEqual([]);
  });

  test("that throws is reported, its signal is not passed on, and its sender told no more than that", async () => {
    const { stage, ann, ben } = await three();
    register(stage, "wave", {
      schema: z.unknown(),
      handle: () => {
        throw new Error("the database says no");
      },
    });
    ann.say(1, clientFrames.signal(ALL, "wave", json(1)));
    await stage.settle();
    expect(stage.eventsOf("signal-failed")).toMatchObject([{ error: { message: "the database says no" } }]);
    expect(ann.takeOf("notice")).toMatchObject([
      { code: "INTERNAL", message: expect.not.stringContaining("database") },
    ]);
    expect(heard(ben)).toEqual([]);
  });

  test("that does not decide has a bounded number of signals waiting for it", async () => {
    const { stage, ann, ben } = await three({ limits: { maxPendingSignals: 2 } });
    const decided = Promise.withResolvers<void>();
    register(stage, "wave", { schema: z.unknown(), handle: () => decided.promise });
    for (let i = 0; i < 3; i++) ann.say(1, clientFrames.signal(ALL, "wave", json(i)));
    await stage.settle();
    expect(ann.takeOf("notice")).toMatchObject([{ code: "SIGNAL_REFUSED" }]);
    expect(heard(ben)).toEqual([]);
    decided.resolve();
    await stage.settle();
    expect(heard(ben)).toHaveLength(2);
    ann.say(1, clientFrames.signal(ALL, "wave", json(3)));
    await stage.settle();
    expect(heard(ben)).toHaveLength(1);
  });
});

describe("presence that is refused", () => {
  test("[P4] is told in a notice, and the session goes on", async () => {
    const { stage, ann, ben } = await three({ limits: { maxPresenceBytes: 64 } });
    const tooLarge = Uint8Array.of(1, 7, 1, 66, 0x7b, ...new Uint8Array(64).fill(0x20), 0x7d);
    ann.say(1, clientFrames.presence(tooLarge), clientFrames.presence(Uint8Array.of(9, 9)));
    ann.say(1, clientFrames.presence(Uint8Array.of(1, 7, 1, 2, 0x7b, 0x7d)));
    await stage.settle();
    expect(ann.takeOf("notice")).toMatchObject([
      { on: 1, code: "PRESENCE_TOO_LARGE", retry: "never" },
      { on: 1, code: "MALFORMED_UPDATE", retry: "never" },
    ]);
    expect(ben.takeOf("presence")).toMatchObject([{ users: new Map([[7, "ann"]]) }]);
  });
});

describe("a handler that hangs", () => {
  const KIB = 1024;

  /** A handler that ends when the test says so. */
  function hanging(stage: NativeStage) {
    const handled: PromiseWithResolvers<boolean>[] = [];
    stage.signalHandlers.set("slow", {
      schema: z.unknown(),
      handle: () => {
        const outcome = Promise.withResolvers<boolean>();
        handled.push(outcome);
        return outcome.promise;
      },
    });
    return handled;
  }

  const refusals = (wire: Wire): (string | null)[] => wire.takeOf("notice").map(({ message }) => message);
  const say = async (stage: NativeStage, wire: Wire, times: number, value = 0) => {
    for (let i = 0; i < times; i++) wire.say(1, clientFrames.signal(ALL, "slow", json(value)));
    await stage.settle();
  };

  test("[G3] keeps a quarter of what all may have waiting in a document, and no more in all", async () => {
    // Room for eight in all, so for two in a document.
    const stage = new NativeStage({ limits: { maxPendingSignalBytes: 8 * (KIB + 64) } });
    const handled = hanging(stage);
    const wires: Wire[] = [];
    for (const document of ["a", "a", "b", "c", "d", "e"]) wires.push(await stage.joined(document));
    const [ann, tab, ...others] = wires as [Wire, Wire, ...Wire[]];
    await say(stage, ann, 2);
    expect(refusals(ann)).toEqual([]);
    // Another session in the same document finds no room, others elsewhere do.
    await say(stage, tab, 1);
    expect(refusals(tab)).toHaveLength(1);
    for (const wire of others.slice(0, -1)) await say(stage, wire, 2);
    expect(others.flatMap(refusals)).toEqual([]);
    expect(handled).toHaveLength(8);
    const last = others.at(-1) as Wire;
    await say(stage, last, 1);
    expect(refusals(last)).toEqual(["too many signals wait already"]);
    const limits = stage.eventsOf("input-refused").map(({ error }) => error.limit);
    expect(limits).toEqual(["maxPendingSignalBytes", "maxPendingSignalBytes"]);
    handled[0]?.resolve(true);
    await stage.settle();
    expect(heard(tab)).toEqual([["", "slow", 0]]);
    await say(stage, last, 1);
    expect(refusals(last)).toEqual([]);
  });

  test("[G3] is given up after a time, and what it says then is not passed on", async () => {
    const stage = new NativeStage({ limits: { signalTimeoutMs: 1000, maxPendingSignals: 2 } });
    const handled = hanging(stage);
    const [ann, ben] = [await stage.joined(), await stage.joined()];
    await say(stage, ann, 1);
    await stage.advance(600);
    await say(stage, ann, 1, 1);
    await stage.advance(600);
    expect(refusals(ann)).toEqual(['signal "slow" was not decided within 1000 ms']);
    handled[0]?.resolve(true);
    handled[1]?.resolve(true);
    await stage.settle();
    expect(heard(ben)).toEqual([["", "slow", 1]]);
    expect(stage.eventsOf("signal-failed")).toEqual([]);
  });

  test("counts against its session for as long as it hangs", async () => {
    const stage = new NativeStage({ limits: { signalTimeoutMs: 1000, maxPendingSignals: 2 } });
    const handled = hanging(stage);
    const ann = await stage.joined();
    await say(stage, ann, 2);
    await stage.advance(2000);
    ann.take();
    await say(stage, ann, 1);
    expect(refusals(ann)).toEqual(["2 signals of this session wait already"]);
    handled[0]?.reject(new Error("too late"));
    await stage.settle();
    await say(stage, ann, 1);
    expect([refusals(ann), handled.length]).toEqual([[], 3]);
  });

  test("is not waited for when its document is gone", async () => {
    const stage = new NativeStage({ idleRoomMs: 10 });
    const handled = hanging(stage);
    const ann = await stage.joined();
    await say(stage, ann, 1);
    ann.socket.close();
    await stage.advance(20);
    expect([stage.rooms.counts().rooms, stage.clock.pendingTimers]).toEqual([0, 0]);
    handled[0]?.resolve(true);
    await stage.settle();
  });
});
