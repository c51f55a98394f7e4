import { decodeAwareness, encodeAwareness } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { clientFrames, NativeStage, type Wire } from "../../../support/native-wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a session announces: names under client ids, all with this clock. */
function presence(clock: number, names: Readonly<Record<number, string>>): Uint8Array {
  const entries = Object.entries(names).map(([clientId, name]) => ({
    clientId: Number(clientId),
    clock,
    state: encoder.encode(JSON.stringify({ name })),
  }));
  return clientFrames.presence(encodeAwareness(entries));
}

/** Who is shown under which id, as far as was told. */
function shown(wire: Wire): Record<number, unknown> {
  const people: Record<number, unknown> = {};
  for (const { update } of wire.takeOf("presence")) {
    for (const { clientId, state } of decodeAwareness(update, 100)) {
      people[clientId] = state && JSON.parse(decoder.decode(state));
    }
  }
  return people;
}

describe("presence", () => {
  test("[P1] under somebody else's id is dropped, and what comes with it under one's own is not", async () => {
    const stage = new NativeStage();
    const [ann, ben, eve] = [await stage.joined(), await stage.joined(), await stage.joined()];
    ann.say(1, presence(1, { 7: "ann" }));
    await stage.settle();
    for (const wire of [ann, ben, eve]) wire.take();
    ben.say(1, presence(5, { 7: "ann, says ben", 8: "ben" }));
    await stage.settle();
    expect(shown(eve)).toEqual({ 8: { name: "ben" } });
    expect(shown(ann)).toEqual({ 8: { name: "ben" } });
    expect(stage.rooms.counts().foreignPresence).toBe(1);
    // Most of these are echoes: it is no mistake.
    expect(ben.takeOf("notice")).toEqual([]);
    expect(ben.closed).toBeNull();
    ann.say(1, presence(2, { 7: "ann again" }));
    await stage.settle();
    expect(shown(eve)).toEqual({ 7: { name: "ann again" } });
  });

  test("[P1] under an id is its first session's until that one is over", async () => {
    const stage = new NativeStage();
    const [ann, ben, eve] = [await stage.joined(), await stage.joined(), await stage.joined()];
    ann.say(1, presence(1, { 7: "ann" }));
    await stage.settle();
    ann.say(1, clientFrames.close());
    await stage.settle();
    eve.take();
    ben.say(1, presence(3, { 7: "ann on another device" }));
    await stage.settle();
    expect(shown(eve)).toEqual({ 7: { name: "ann on another device" } });
  });
});
