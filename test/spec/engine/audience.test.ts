import { describe, expect, test } from "vitest";
import type { FlushOptions } from "../../../server/src/engine/flush-window.ts";
import { type Distribution, Meter } from "../../../server/src/engine/meter.ts";
import type { RoomObserver } from "../../../server/src/engine/observer.ts";
import { type Client, type ClientOptions, sayingDialect, World } from "../../support/world.ts";

const AT_ONCE: FlushOptions = { kind: "fixed", windowMs: 0 };

/** A room of which two sessions are reached in a turn. */
async function largeRoom(limits: { maxBufferedBytes?: number } = {}, flush = AT_ONCE, meter = new Meter()) {
  const world = new World({ flush, limits, turn: { maxMs: 1000, maxSessions: 2 }, meter });
  const clients: Client[] = [];
  for (let i = 0; i < 7; i++) clients.push(await world.join("notes"));
  return { world, clients, ann: clients[0] as Client, zoe: clients[6] as Client };
}

function countOf({ counts }: Distribution): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function textsOf(clients: readonly Client[]): string[] {
  return clients.map(({ text }) => text);
}

describe("a room that is too large for one turn", () => {
  test("is reached in several, in order, and everybody gets the same", async () => {
    const { world, clients, ann } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    expect(textsOf(clients)).toEqual(["a", "a", "", "", "", "", ""]);
    world.clock.nextTurn();
    expect(textsOf(clients)).toEqual(["a", "a", "a", "a", "", "", ""]);
    world.clock.nextTurn();
    world.clock.nextTurn();
    expect(textsOf(clients)).toEqual(Array(7).fill("a"));
    for (const client of clients) expect(client.sent("update")).toHaveLength(1);
  });

  test("looks at the time too", async () => {
    const world = new World({ flush: AT_ONCE, turn: { maxMs: 10, maxSessions: 1000 } });
    const clients: Client[] = [];
    for (let i = 0; i < 40; i++) clients.push(await world.join("notes"));
    const [ann] = clients as [Client];
    const slowly = clients[0]?.send.bind(ann);
    // The first one takes all the time that there is.
    ann.send = (frames) => {
      world.clock.pass(20);
      slowly?.(frames);
    };
    ann.type("a");
    world.clock.nextTurn();
    const reached = textsOf(clients).filter((text) => text === "a").length;
    expect(reached).toBeLessThan(40);
    await world.settle();
    expect(textsOf(clients)).toEqual(Array(40).fill("a"));
  });

  test("is not flushed again before everybody was reached, and then all at once", async () => {
    const { world, clients, ann, zoe } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    for (const letter of "bcdef") ann.type(letter);
    world.clock.nextTurn();
    expect(clients[1]?.sent("update")).toHaveLength(1);
    await world.settle();
    expect(textsOf(clients)).toEqual(Array(7).fill("abcdef"));
    expect(zoe.sent("update")).toHaveLength(2);
  });

  test("sends who was not reached what it is owed before anything else", async () => {
    const { world, ann, zoe } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    zoe.session.queryPresence();
    expect(zoe.text).toBe("");
    ann.show({ name: "ann" });
    zoe.session.queryPresence();
    expect(zoe.text).toBe("a");
    expect(zoe.people).toContain("ann");
    const before = zoe.sent("update").length;
    await world.settle();
    expect(zoe.sent("update")).toHaveLength(before);
  });

  test("lets somebody join who gets all once", async () => {
    const { world, ann } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    const eve = world.open("notes");
    expect(eve.text).toBe("a");
    await world.settle();
    expect(eve.sent("update")).toHaveLength(0);
  });

  test("catches up with one who lags from there, and loses nothing", async () => {
    const { world, ann, zoe } = await largeRoom({ maxBufferedBytes: 1024 });
    zoe.stall();
    ann.type("a".repeat(2000));
    world.clock.nextTurn();
    // Flushed for somebody who asks, while the batch before it waits for its turn.
    ann.type("b".repeat(2000));
    ann.sync();
    expect(zoe.session.state).toBe("live");
    await world.settle();
    expect(zoe.session.state).toBe("lagging");
    ann.type("c");
    await world.settle();
    zoe.drain();
    await world.settle();
    expect(zoe.text).toBe(ann.text);
  });

  test("waits with a bound for what it must send meanwhile", async () => {
    const { world, clients, ann } = await largeRoom();
    for (let i = 0; i < 40; i++) {
      ann.type("x");
      // Flushes, because it has to be given all.
      ann.sync();
    }
    expect(clients[6]?.text.length).toBeGreaterThan(0);
    await world.settle();
    expect(textsOf(clients)).toEqual(Array(7).fill("x".repeat(40)));
  });

  test("loses nothing for one who lags when all are reached because too much waited", async () => {
    const { world, ann, zoe } = await largeRoom({ maxBufferedBytes: 1024 });
    zoe.stall();
    while (zoe.session.state === "live") {
      ann.type("x".repeat(200));
      // Flushes, because it has to be given all.
      ann.sync();
    }
    await world.settle();
    zoe.drain();
    await world.settle();
    expect(zoe.text).toHaveLength(ann.text.length);
  });

  test("ends, and nothing else does, when a later turn of it goes wrong", async () => {
    const { world, ann, zoe } = await largeRoom();
    const ben = await world.join("other");
    ann.type("a");
    world.clock.nextTurn();
    zoe.send = () => {
      throw new Error("a bug");
    };
    await world.settle();
    expect(world.eventsOf("room-failed")).toMatchObject([{ document: "notes", error: { code: "INTERNAL" } }]);
    expect(ann.closed?.code).toBe("INTERNAL");
    expect(ben.closed).toBeNull();
  });

  test("counts how long a batch took until everybody was reached, be it on disk before", async () => {
    const meter = new Meter();
    const said: string[] = [];
    meter.follow = ({ seq }) => ({
      sent: () => said.push(`${seq} sent`),
      end: (isDurable) => said.push(`${seq} ${isDurable ? "durable" : "unknown"}`),
    });
    const { world, ann } = await largeRoom({}, AT_ONCE, meter);
    ann.type("a");
    world.clock.nextTurn();
    // Storage in memory is quick: it is on disk before everybody was reached.
    await new Promise((resolve) => setImmediate(resolve));
    expect([countOf(meter.durableSeconds), countOf(meter.deliverySeconds), said]).toEqual([1, 0, []]);
    world.clock.pass(40);
    await world.settle();
    expect([countOf(meter.durableSeconds), countOf(meter.deliverySeconds)]).toEqual([1, 1]);
    expect(meter.deliverySeconds.sum).toBeCloseTo(0.04);
    expect(said).toEqual(["1 sent", "1 durable"]);
  });

  test("does without those who leave before it is their turn", async () => {
    const { world, clients, ann, zoe } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    for (const client of clients.slice(2)) client.vanish();
    ann.type("b");
    await world.settle();
    expect(zoe.text).toBe("");
    expect(clients[1]?.text).toBe("ab");
  });

  test("says what is durable after what it is said of", async () => {
    const { world, ann, zoe } = await largeRoom();
    ann.type("a");
    world.clock.nextTurn();
    // Storage in memory is quick: it says so before everybody was reached.
    await new Promise((resolve) => setImmediate(resolve));
    expect(ann.durable).toEqual([]);
    await world.settle();
    const kinds = zoe.frames.slice(-2);
    expect(zoe.sent("update")).toEqual([kinds[0]]);
    expect(zoe.sent("durable").slice(-1)).toEqual([kinds[1]]);
  });
});

test("a room ends, and nothing else does, when it goes wrong how somebody is told what is durable", async () => {
  const world = new World({ flush: AT_ONCE });
  const durable = (): never => {
    throw new Error("a bug");
  };
  const ann = await world.join("notes", { dialect: { ...sayingDialect("broken"), durable } });
  const ben = await world.join("other");
  ann.type("a");
  await world.settle();
  ben.type("b");
  await world.settle();
  expect(world.eventsOf("room-failed")).toMatchObject([{ document: "notes" }]);
  expect(ann.closed?.code).toBe("INTERNAL");
  expect(ben.durable).toEqual([1]);
  expect(await world.storedText("notes")).toBe("a");
});

describe("a client whose dialect goes by no number of a batch", () => {
  const dialect = { ...sayingDialect("quiet"), skipsOwn: true } as const;

  async function two(options: ClientOptions = {}, observer?: RoomObserver) {
    const world = new World(observer && { observer });
    const ann = await world.join("notes", { dialect, author: "ann", ...options });
    const ben = await world.join("notes", { dialect, author: "ann", ...options });
    const sentBefore = [ann, ben].map((client) => client.sent("update").length);
    return {
      world,
      ann,
      ben,
      news: (client: Client) => client.sent("update").length - (sentBefore[client === ann ? 0 : 1] as number),
    };
  }

  test("is not sent what only it wrote, be another one of the same user", async () => {
    const { world, ann, ben, news } = await two();
    ann.type("a");
    ann.type("b");
    await world.settle();
    expect([news(ann), news(ben)]).toEqual([0, 1]);
    expect(ben.text).toBe("ab");
  });

  test("is sent a batch that somebody else wrote in, too", async () => {
    const { world, ann, ben, news } = await two();
    ann.type("a");
    ben.type("b");
    await world.settle();
    expect([news(ann), news(ben)]).toEqual([1, 1]);
    expect(ann.text).toBe(ben.text);
  });

  test("is sent presence of the same flush", async () => {
    const { world, ann, ben, news } = await two();
    ann.type("a");
    ben.show({ name: "ben" });
    await world.settle();
    expect([news(ann), news(ben)]).toEqual([0, 1]);
    expect(ann.people).toContain("ben");
  });

  test("is sent its own where its dialect does go by them", async () => {
    const { world, ann, ben, news } = await two({ dialect: sayingDialect() });
    ann.type("a");
    await world.settle();
    expect([news(ann), news(ben)]).toEqual([1, 1]);
  });

  test("is sent its own where somebody may have changed what it sent", async () => {
    const guard = { before: () => null, after: () => undefined };
    const { world, ann, ben, news } = await two({}, { guard } as RoomObserver);
    ann.type("a");
    await world.settle();
    expect([news(ann), news(ben)]).toEqual([1, 1]);
  });

  test("misses nothing after it lagged", async () => {
    const world = new World({ limits: { maxBufferedBytes: 1024 } });
    const ann = await world.join("notes", { dialect });
    const ben = await world.join("notes", { dialect });
    ann.stall();
    ben.type("b".repeat(2000));
    await world.settle();
    expect(ann.session.state).toBe("lagging");
    ann.type("a");
    await world.settle();
    ben.type("c");
    await world.settle();
    ann.drain();
    expect(ann.text).toBe(ben.text);
    ben.type("d");
    await world.settle();
    expect(ann.text).toBe(ben.text);
  });
});
