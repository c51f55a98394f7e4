import { describe, expect, test } from "vitest";
import { type BatchSpan, Distribution, Meter, type MeteredBatch } from "../../../server/src/engine/meter.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { FaultyStorage, World } from "../../support/world.ts";
import { sum } from "./sums.ts";

const WINDOW_MS = 50;

function slowWorld(options: ConstructorParameters<typeof World>[0] = {}) {
  const meter = new Meter();
  const storage = new FaultyStorage();
  const world = new World({ meter, storage, flush: { kind: "fixed", windowMs: WINDOW_MS }, ...options });
  /** Joins, and begins a window: what comes now waits until it is over. */
  const begin = async () => {
    const ann = await world.join("notes");
    ann.type(".");
    await world.settle();
    return ann;
  };
  return { meter, storage, world, begin };
}

describe("how long a batch takes", () => {
  test("is counted from its first update on, until it is sent and until it is on disk", async () => {
    const { meter, storage, world, begin } = slowWorld();
    const ann = await begin();
    await world.join("notes");
    storage.hold();
    ann.type("a");
    await world.advance(20);
    ann.type("b");
    await world.advance(WINDOW_MS - 20);
    expect(meter.deliverySeconds.sum).toBeCloseTo(0.05);
    expect(sum(meter.deliverySeconds)).toBe(2);
    expect(sum(meter.durableSeconds)).toBe(1);

    await world.advance(150);
    storage.release();
    await world.settle();
    expect(meter.durableSeconds.sum).toBeCloseTo(0.2);
    expect(sum(meter.durableSeconds)).toBe(2);
    expect(meter.batchUpdates.sum).toBe(3);
    expect(sum(meter.batchUpdates)).toBe(2);
    const { updatesIn, updateBytesIn, updatesOut, sessions } = meter.trafficOf(ann.session.dialect);
    expect({ updatesIn, updatesOut, sessions }).toEqual({ updatesIn: 3, updatesOut: 3, sessions: 2 });
    expect(updateBytesIn).toBeGreaterThan(0);
  });

  test("includes the time for which an update is tried first, and no later one pays for that", async () => {
    const replicas = new HeldReplicas();
    const { meter, world } = slowWorld({ replicas, limits: { maxUnrehearsed: 10 } });
    const ann = await world.join("notes");
    ann.doc.transact(() => {
      for (let i = 0; i < 11; i++) ann.type(`w${i} `, 0);
    });
    await world.advance(700);
    replicas.tried[0]?.done();
    await world.settle();
    expect(meter.deliverySeconds.sum).toBeCloseTo(0.7);

    ann.type("x");
    await world.advance(WINDOW_MS);
    expect(sum(meter.deliverySeconds)).toBe(2);
    expect(meter.deliverySeconds.sum).toBeCloseTo(0.75);
  });

  test("is told to whoever follows a batch, also when it is never known to be on disk", async () => {
    const { meter, storage, world, begin } = slowWorld();
    const ann = await begin();
    const told: string[] = [];
    meter.follow = ({ document, seq, updates, bytes, ageMs }: MeteredBatch): BatchSpan | null => {
      told.push(`${document} ${seq}: ${updates}, ${bytes > 0}, ${ageMs}`);
      return {
        sent: () => told.push(`sent ${seq}`),
        end: (isDurable) => told.push(`end ${seq} ${isDurable}`),
      };
    };
    ann.type("a");
    await world.advance(WINDOW_MS);
    expect(told.splice(0)).toEqual(["notes 2: 1, true, 50", "sent 2", "end 2 true"]);

    storage.appendErrors.push(new Error("no space left on device"));
    ann.type("b");
    await world.advance(WINDOW_MS);
    expect(told).toEqual(["notes 3: 1, true, 50", "sent 3", "end 3 false"]);
    expect(sum(meter.durableSeconds)).toBe(2);
  });
});

test("a catch-up is counted, and a client that comes back with a revision", async () => {
  const { meter, world } = slowWorld();
  const ann = await world.join("notes");
  ann.type("a");
  await world.advance(WINDOW_MS);
  const traffic = meter.trafficOf(ann.session.dialect);
  expect(traffic.catchUps).toBe(1);
  await world.join("notes");
  expect(traffic.catchUps).toBe(2);
  expect(traffic.catchUpBytesOut).toBeGreaterThan(traffic.updateBytesIn);
  expect(traffic.resumedSessions).toBe(0);
});

test("a value falls into the first bucket that it does not exceed, or beyond all", () => {
  const distribution = new Distribution([1, 10]);
  for (const value of [0, 1, 1.5, 10, 11]) distribution.add(value);
  expect([...distribution.counts]).toEqual([2, 2, 1]);
  expect(distribution.sum).toBe(23.5);
});
