import { describe, expect, test } from "vitest";
import * as awarenessProtocol from "y-protocols/awareness";
import * as Y from "yjs";
import { type Client, World } from "../../support/world.ts";

async function annAndBen(options: ConstructorParameters<typeof World>[0] = {}) {
  const world = new World(options);
  const ann = await world.join("notes");
  const ben = await world.join("notes");
  ann.show({ name: "ann" });
  ben.show({ name: "ben" });
  await world.settle();
  return { world, ann, ben };
}

/** Sends an entry as if from this client. */
function forge(client: Client, clientId: number, clock: number, state: unknown): void {
  const awareness = new awarenessProtocol.Awareness(new Y.Doc());
  clearInterval(awareness._checkInterval);
  if (state !== null) awareness.states.set(clientId, state as object);
  awareness.meta.set(clientId, { clock, lastUpdated: 0 });
  client.session.presence(awarenessProtocol.encodeAwarenessUpdate(awareness, [clientId]));
}

function clockOf(client: Client, id = client.doc.clientID): number {
  return client.awareness.meta.get(id)?.clock ?? -1;
}

describe("who is here", () => {
  test("everybody sees everybody, and a newcomer too", async () => {
    const { world, ann, ben } = await annAndBen();
    expect(ann.people).toContain("ben");
    expect(ben.people).toContain("ann");
    const eve = await world.join("notes");
    expect(eve.people).toEqual(expect.arrayContaining(["ann", "ben"]));
  });

  test("changes within a window become one frame with the newest state of each", async () => {
    const { world, ann, ben } = await annAndBen({ flush: { kind: "fixed", windowMs: 50 } });
    await world.advance(100);
    ann.show({ name: "ann", cursor: 0 });
    await world.settle();
    const before = ben.sent("presence").length;
    for (let cursor = 1; cursor <= 10; cursor++) ann.show({ name: "ann", cursor });
    await world.advance(50);
    expect(ben.sent("presence")).toHaveLength(before + 1);
    expect(ben.awareness.getStates().get(ann.doc.clientID)).toEqual({ name: "ann", cursor: 10 });
  });

  test("changes faster than others are told are told at a pace, the last one without another", async () => {
    const { world, ann, ben } = await annAndBen({
      limits: { maxPresenceChangesPerSecond: 10, maxBurstMs: 100 },
    });
    await world.advance(1000);
    const before = ben.sent("presence").length;
    for (let cursor = 1; cursor <= 500; cursor++) {
      ann.show({ name: "ann", cursor });
      await world.advance(1);
    }
    expect(ben.sent("presence").length - before).toBeLessThanOrEqual(6);
    await world.advance(100);
    expect(ben.awareness.getStates().get(ann.doc.clientID)).toEqual({ name: "ann", cursor: 500 });
  });

  test("the departed are forgotten after a while", async () => {
    const { world, ann, ben } = await annAndBen();
    const clientId = ann.doc.clientID;
    ann.vanish();
    await world.settle();
    const before = ben.sent("presence").length;
    forge(ben, clientId, 1, { name: "an echo" });
    await world.advance(60_000);
    // Now that is news, and no longer outdated.
    forge(ben, clientId, 1, { name: "ann" });
    await world.settle();
    expect(ben.sent("presence").length).toBe(before + 2);
  });

  test("who leaves politely is gone", async () => {
    const { world, ann, ben } = await annAndBen();
    ann.show(null);
    await world.settle();
    expect(ben.people).toEqual(["ben"]);
  });

  test("whose connection dies is gone for everybody, and for those who come later", async () => {
    const { world, ann, ben } = await annAndBen();
    ann.vanish();
    await world.settle();
    expect(ben.people).toEqual(["ben"]);
    expect((await world.join("notes")).people).not.toContain("ann");
  });

  test("asking tells everybody who is here", async () => {
    const { ann } = await annAndBen();
    const before = ann.sent("presence").length;
    ann.session.queryPresence();
    expect(ann.sent("presence")).toHaveLength(before + 1);
  });

  test("an older clock changes nothing", async () => {
    const { world, ann, ben } = await annAndBen();
    forge(ann, ann.doc.clientID, clockOf(ann) - 1, { name: "old" });
    await world.settle();
    expect(ben.people).toContain("ann");
  });
});

describe("whose presence it is", () => {
  test("an echo of somebody else's entry is dropped without a word", async () => {
    const { world, ann, ben } = await annAndBen();
    const before = ben.frames.length;
    forge(ann, ben.doc.clientID, clockOf(ben), { name: "ben" });
    await world.settle();
    expect(ann.closed).toBeNull();
    expect(ben.frames).toHaveLength(before);
  });

  test("an older connection cannot take over a newer one's id, nor remove it", async () => {
    const { world, ann, ben } = await annAndBen();
    forge(ann, ben.doc.clientID, clockOf(ben) + 5, { name: "fake" });
    forge(ann, ben.doc.clientID, clockOf(ben), null);
    await world.settle();
    expect((await world.join("notes")).people).toEqual(expect.arrayContaining(["ann", "ben"]));
  });

  test("a newer connection of the same author takes its id over, and the old one's death removes nothing", async () => {
    const world = new World();
    const ann = await world.join("notes", { author: "ann" });
    const ben = await world.join("notes", { author: "ben" });
    ann.show({ name: "ann" });
    await world.settle();
    // The old connection is half open: nobody has noticed yet.
    const again = await world.join("notes", { doc: ann.doc, author: "ann" });
    forge(again, ann.doc.clientID, clockOf(ann) + 1, { name: "ann again" });
    await world.settle();
    expect(ben.people).toContain("ann again");
    ann.vanish();
    await world.settle();
    expect(ben.people).toContain("ann again");
  });

  test("where everybody is anonymous, the old connection is asked first, and has to be silent", async () => {
    const { world, ann, ben } = await annAndBen();
    const again = await world.join("notes", { doc: ann.doc });
    forge(again, ann.doc.clientID, clockOf(ann) + 1, { name: "ann again" });
    await world.settle();
    expect(ben.people).toContain("ann");
    ann.onSilent?.();
    await world.settle();
    expect(ann.closed?.code).toBe("CONNECTION_LOST");
    expect(ben.people).toEqual(["ann again", "ben"]);
  });

  test("an echo by a newer window of the same person takes nothing over", async () => {
    const { world, ann, ben } = await annAndBen();
    // ben came later and has an id of his own; he heard ann's newest state on another way.
    forge(ben, ann.doc.clientID, clockOf(ann) + 1, { name: "ann", cursor: 1 });
    ann.awareness.meta.set(ann.doc.clientID, { clock: clockOf(ann) + 1, lastUpdated: 0 });
    ann.show({ name: "ann", cursor: 2 });
    await world.settle();
    expect(ben.awareness.getStates().get(ann.doc.clientID)).toEqual({ name: "ann", cursor: 2 });
    expect(world.rooms.counts().foreignPresence).toBe(1);
  });

  test("another author's id cannot be taken over", async () => {
    const world = new World();
    const ann = await world.join("notes", { author: "ann" });
    const eve = await world.join("notes", { author: "eve" });
    ann.show({ name: "ann" });
    await world.settle();
    forge(eve, ann.doc.clientID, clockOf(ann) + 1, { name: "fake" });
    await world.settle();
    expect((await world.join("notes")).people).toContain("ann");
  });

  test("who comes back with a clock that others have seen is told to announce anew", async () => {
    const { world, ann, ben } = await annAndBen();
    ann.vanish();
    await world.settle();
    const again = await world.join("notes", { doc: ann.doc });
    again.awareness.on("update", () => {
      const update = awarenessProtocol.encodeAwarenessUpdate(again.awareness, [again.doc.clientID]);
      again.session.presence(update);
    });
    // What a provider sends on reconnecting: its state with the clock it had.
    again.awareness.states.set(ann.doc.clientID, { name: "ann" });
    again.awareness.meta.set(ann.doc.clientID, { clock: clockOf(ann), lastUpdated: 0 });
    again.session.presence(awarenessProtocol.encodeAwarenessUpdate(again.awareness, [ann.doc.clientID]));
    await world.settle();
    expect(ben.people).toEqual(["ann", "ben"]);
  });
});

describe("presence that may not come in", () => {
  test.each([
    ["a number", 7],
    ["an array", []],
    ["a text", "hello"],
    ["a state nested too deeply", JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`)],
  ])("%s closes its sender and reaches nobody", async (_, state) => {
    const { world, ann, ben } = await annAndBen();
    const eve = await world.join("notes");
    forge(eve, 99, 1, state);
    await world.settle();
    expect(eve.closed?.code).toBe("MALFORMED_UPDATE");
    expect(ben.awareness.getStates().has(99)).toBe(false);
    expect(ann.closed).toBeNull();
  });

  test("a state over the limit is refused, saying how much is allowed", async () => {
    const { world, ben } = await annAndBen({ limits: { maxPresenceBytes: 100 } });
    const eve = await world.join("notes");
    forge(eve, 99, 1, { name: "x".repeat(200) });
    await world.settle();
    expect(eve.closed).toMatchObject({ code: "PRESENCE_TOO_LARGE", message: expect.stringContaining("100") });
    expect(ben.awareness.getStates().has(99)).toBe(false);
  });

  test("a session cannot announce more ids than allowed", async () => {
    const { world } = await annAndBen({ limits: { maxPresenceEntries: 2 } });
    const eve = await world.join("notes");
    for (let id = 1; id <= 3; id++) forge(eve, id, 1, { name: `eve ${id}` });
    expect(eve.closed?.code).toBe("PRESENCE_TOO_LARGE");
  });

  test("a state does not keep the frame alive that it came in", async () => {
    const { world, ben } = await annAndBen();
    // As `ws` gives it: a Buffer, whose slice shares its memory.
    const frame = Buffer.alloc(1024, 0x20);
    const { doc, awareness, session } = ben;
    awareness.setLocalState({ name: "ben again" });
    const update = awarenessProtocol.encodeAwarenessUpdate(awareness, [doc.clientID]);
    frame.set(update);
    session.presence(frame.subarray(0, update.length));
    frame.fill(0);
    const eve = await world.join("notes");
    expect(eve.people).toContain("ben again");
  });

  test("bytes that do not decode close their sender", async () => {
    const { ann, ben } = await annAndBen();
    ann.session.presence(Uint8Array.of(2, 1, 1));
    expect(ann.closed?.code).toBe("MALFORMED_UPDATE");
    expect(ben.closed).toBeNull();
  });

  test("the departed are remembered up to a limit", async () => {
    const world = new World({ limits: { maxPresenceTombstones: 3, maxPresenceEntries: 100 } });
    const ann = await world.join("notes");
    await world.join("notes");
    for (let id = 1; id <= 10; id++) {
      forge(ann, id, 1, { name: "x" });
      await world.settle();
      forge(ann, id, 1, null);
      await world.settle();
    }
    // An id that is remembered is answered; one that was forgotten counts as new.
    const before = ann.sent("presence").length;
    forge(ann, 1, 1, { name: "back" });
    forge(ann, 10, 1, { name: "back" });
    expect(ann.sent("presence")).toHaveLength(before + 1);
    expect(ann.closed).toBeNull();
  });
});
