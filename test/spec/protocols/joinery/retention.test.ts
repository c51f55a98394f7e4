import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import {
  clientFrames,
  joined,
  NativeStage,
  NOTHING,
  openFrame,
  type Wire,
} from "../../../support/native-wire.ts";
import { FaultyStorage } from "../../../support/world.ts";

setFlagsFromString("--expose-gc");
const gc: () => void = runInNewContext("gc");

/** A frame of a type that is passed over. */
const PADDING = Uint8Array.of(0x40, 0x80, 0x80, 0x40);

/** Sends frames in a message of a megabyte. */
function sendLarge(wire: Wire, ...frames: readonly Uint8Array[]): WeakRef<ArrayBufferLike> {
  const frame = joined(frames);
  const message = new Uint8Array(PADDING.length + (1 << 20) + frame.length);
  message.set(PADDING);
  message.set(frame, PADDING.length + (1 << 20));
  wire.socket.send(message);
  return new WeakRef(message.buffer);
}

/** Whether the message is still in memory, a while later. */
async function isKept(stage: NativeStage, message: WeakRef<ArrayBufferLike>): Promise<boolean> {
  await stage.settle();
  gc();
  await stage.settle();
  gc();
  return message.deref() !== undefined;
}

describe("a message of which little is kept", () => {
  test("does not stay in memory for what its OPEN said", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted();
    const partial = { id: new Uint8Array(8), have: 5 };
    const open = openFrame("notes", { stateVector: NOTHING, partial });
    const message = sendLarge(wire, clientFrames.select(1), open);
    expect(await isKept(stage, message)).toBe(false);
    expect(wire.takeOf("opened")).toHaveLength(1);
  });

  test("does not stay in memory while a document loads", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    storage.hold();
    const wire = await stage.greeted();
    wire.say(1, openFrame("notes"));
    await stage.settle();
    const message = sendLarge(wire, clientFrames.sync(NOTHING));
    expect(await isKept(stage, message)).toBe(false);
    storage.release();
    await stage.settle();
    expect(wire.takeOf("caughtUp")).toHaveLength(1);
  });

  test("does not stay in memory for the question of a client that reads slowly", async () => {
    const stage = new NativeStage({ limits: { maxBufferedBytes: 100 } });
    const wire = await stage.joined();
    wire.connection.stall();
    for (let i = 0; i < 50; i++) wire.send(clientFrames.ping(new Uint8Array(100)));
    await stage.settle();
    const message = sendLarge(wire, clientFrames.sync(Uint8Array.of(1, 9, 0)));
    expect(await isKept(stage, message)).toBe(false);
    expect(stage.sessions.map(({ state }) => state)).toEqual(["lagging"]);
  });

  test("does not stay in memory for a signal that the application has not decided on", async () => {
    const stage = new NativeStage();
    const wire = await stage.joined();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    stage.signalHandlers.set("wave", { schema: z.number(), handle: () => promise });
    const message = sendLarge(wire, clientFrames.signal({ kind: "all" }, "wave", Uint8Array.of(0x31)));
    expect(await isKept(stage, message)).toBe(false);
    resolve(true);
    await stage.settle();
    expect(wire.takeOf("signal")).toMatchObject([{ payload: Uint8Array.of(0x31) }]);
  });
});
