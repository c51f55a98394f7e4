import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type Frame, FrameInParts } from "../../../server/src/engine/frame.ts";
import { localOutbox } from "../../../server/src/engine/local-link.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { type Client, World } from "../../support/world.ts";

/** A world with a document of some size that has been folded into a snapshot, and then typed on. */
async function grown() {
  const world = new World({ compaction: { minTailBytes: 1000, maxTailEntries: 1000 } });
  const ann = await world.join("notes");
  ann.type("once upon a time ".repeat(100));
  await world.settle();
  await world.settle();
  expect(world.eventsOf("compacted")).toHaveLength(1);
  ann.type("the end");
  await world.settle();
  return { world, ann };
}

/** What a y-websocket client is sent that has nothing, by a transport that can write parts or cannot. */
function joinsAs(world: World, hasParts: boolean): Frame[] {
  const sent: Frame[] = [];
  const send = (frames: readonly Frame[]) => void sent.push(...frames);
  const outbox = localOutbox({ send, close: () => undefined });
  const session = world.rooms.open({
    document: world.name("notes"),
    dialect: Y_WEBSOCKET,
    outbox: hasParts ? { ...outbox, sendParts: send } : outbox,
    author: "",
    rights: Rights.from("read"),
  });
  session.sync(Uint8Array.of(0));
  return sent;
}

function caughtUp(client: Client): Uint8Array[] {
  return [...client.sent("catchUp"), ...client.sent("caughtUp")];
}

test("nobody is sent a delete that is not in the log: a crash would leave it with him alone", async () => {
  const { world, ann } = await grown();
  const doc = new Y.Doc();
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(ann.doc));
  // In one turn, before anything is flushed.
  ann.erase(0, 10);
  const ben = world.open("notes", { doc });
  expect(ben.sent("caughtUp")).toHaveLength(1);
  const stored = await world.storedText("notes");
  expect(ben.text === stored).toBe(true);
  await world.settle();
  expect(ben.text === ann.text).toBe(true);
});

describe("a newcomer", () => {
  test("gets the snapshot and the tail, and is caught up after the last piece", async () => {
    const { world, ann } = await grown();
    const ben = await world.join("notes");
    expect(ben.sent("catchUp")).toHaveLength(1);
    expect(ben.sent("caughtUp")).toHaveLength(1);
    expect(ben.text).toBe(ann.text);
  });

  test("shares its bytes with all others: a hundred joins encode once", async () => {
    const { world } = await grown();
    const clients = await Promise.all(Array.from({ length: 100 }, () => world.join("notes")));
    const first = caughtUp(clients[0] as Client);
    for (const client of clients) {
      caughtUp(client).forEach((frame, i) => {
        expect(frame).toBe(first[i]);
      });
    }
  });

  test("is sent a large document's own bytes behind a head, which are put together for who cannot write parts", async () => {
    const { world, ann } = await grown();
    ann.type("x".repeat(300_000));
    await world.settle();
    const inParts = [joinsAs(world, true), joinsAs(world, true)];
    const whole = [joinsAs(world, false), joinsAs(world, false)];
    await world.settle();
    const [large, ...others] = inParts.map((frames) =>
      frames.filter((frame) => frame instanceof FrameInParts),
    );
    expect(large).toHaveLength(1);
    expect(others[0]?.[0]).toBe(large?.[0]);
    const [copy, ...otherCopies] = whole.map((frames) => frames.filter(({ length }) => length > 300_000));
    expect(copy).toEqual([large?.[0]?.whole]);
    expect(otherCopies[0]?.[0]).toBe(copy?.[0]);
  });

  test("finds what was encoded for others for as long as somebody joins every few seconds, and then nothing of it", async () => {
    const { world, ann } = await grown();
    const [first] = caughtUp(await world.join("notes"));
    for (let i = 0; i < 3; i++) {
      await world.advance(9_000);
      expect(caughtUp(await world.join("notes"))[0]).toBe(first);
    }
    const timers = world.clock.pendingTimers;
    await world.advance(10_000);
    expect(world.clock.pendingTimers).toBe(timers - 1);
    const late = await world.join("notes");
    expect(caughtUp(late)[0]).not.toBe(first);
    expect(caughtUp(late)[0]).toEqual(first);
    expect(late.text).toBe(ann.text);
  });

  test("gets a long tail in pieces that stay the same while the document is edited", async () => {
    const world = new World({ compaction: { minTailBytes: 1e9, maxTailEntries: 1e9 } });
    const ann = await world.join("notes");
    for (let i = 0; i < 200; i++) {
      ann.type(`line ${i} `);
      await world.settle();
    }
    const first = await world.join("notes");
    const sent = new Set<Uint8Array>();
    let newBytes = 0;
    for (let i = 0; i < 50; i++) {
      ann.type("!");
      await world.settle();
      const client = await world.join("notes");
      expect(client.text).toBe(ann.text);
      expect(caughtUp(client).length).toBeLessThan(12);
      for (const frame of client.sent("catchUp")) {
        if (!sent.has(frame)) newBytes += frame.length;
        sent.add(frame);
      }
      client.vanish();
    }
    // Fifty joins, each with an edit before it, encode the document a few times, not fifty.
    const size = caughtUp(first).reduce((sum, frame) => sum + frame.length, 0);
    expect(newBytes).toBeLessThan(5 * size);
  });

  test("of an empty document is caught up at once", async () => {
    const world = new World();
    const ann = await world.join("notes");
    expect(caughtUp(ann)).toHaveLength(1);
    expect(ann.session.state).toBe("live");
  });

  test("who comes between a flush and the next misses nothing", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 50 } });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    ann.type("b");
    const ben = await world.join("notes");
    expect(ben.text).toBe("a");
    await world.advance(50);
    expect(ben.text).toBe("ab");
  });
});

describe("somebody who comes back", () => {
  test("gets only what is missing", async () => {
    const { world, ann } = await grown();
    const ben = await world.join("notes");
    ben.vanish();
    ann.type("!");
    await world.settle();
    const again = await world.join("notes", { doc: ben.doc });
    const bytes = caughtUp(again).reduce((sum, frame) => sum + frame.length, 0);
    expect(again.text).toBe(ann.text);
    expect(bytes).toBeLessThan(50);
  });

  test("shares the difference with those who have the same, until something changes", async () => {
    const { world, ann } = await grown();
    const ben = await world.join("notes");
    const eve = await world.join("notes");
    ben.vanish();
    eve.vanish();
    ann.type("!");
    await world.settle();
    const again = await Promise.all([ben, eve].map(({ doc }) => world.join("notes", { doc })));
    expect(again[0]?.sent("caughtUp")[0]).toBe(again[1]?.sent("caughtUp")[0]);
    ann.type("?");
    await world.settle();
    const stale = new Y.Doc();
    Y.applyUpdate(stale, Y.encodeStateAsUpdate(ben.doc));
    expect((await world.join("notes", { doc: stale })).text).toBe(ann.text);
  });

  test("may ask again at any time", async () => {
    const { world, ann } = await grown();
    ann.sync();
    await world.settle();
    expect(ann.session.state).toBe("live");
    expect(ann.closed).toBeNull();
  });

  test("with a state vector that does not decode is closed", async () => {
    const { ann } = await grown();
    ann.session.sync(Uint8Array.of(5));
    expect(ann.closed?.code).toBe("MALFORMED_UPDATE");
  });
});

describe("compaction", () => {
  test("folds the log into a snapshot that reads the same", async () => {
    const { world, ann } = await grown();
    const stored = await world.storage.load(world.name("notes"));
    expect(stored?.snapshot?.seq).toBe(1);
    expect(stored?.tail.map((entry) => entry.seq)).toEqual([2]);
    expect(await world.storedText("notes")).toBe(ann.text);
  });

  test("drops what was deleted", async () => {
    const world = new World({ compaction: { minTailBytes: 100_000, maxTailEntries: 3 } });
    const ann = await world.join("notes");
    ann.type("secret ".repeat(1000));
    await world.settle();
    ann.erase(0, ann.text.length);
    for (const letter of "end") {
      ann.type(letter);
      await world.settle();
    }
    await world.settle();
    const stored = await world.storage.load(world.name("notes"));
    expect(stored?.snapshot?.update.length).toBeLessThan(100);
    expect(await world.storedText("notes")).toBe("end");
  });

  test("rewrites a growing document a few times its size, not once an edit", async () => {
    const world = new World({ compaction: { minTailBytes: 1000, maxTailEntries: 10_000 } });
    const ann = await world.join("notes");
    for (let i = 0; i < 1000; i++) {
      ann.type("some words that stay. ");
      await world.settle();
    }
    const written = world.eventsOf("compacted").reduce((sum, event) => sum + event.bytes, 0);
    expect(written).toBeGreaterThan(ann.text.length / 2);
    expect(written).toBeLessThan(ann.text.length * 3);
  });
});
