/**
 * Clients whose server dies, and comes back with its disk or with an earlier copy of it, at any moment: whoever is told
 * that all is synced and saved has what the server has.
 */

import { bool, create, int31, type PRNG, real53 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import { MemoryOfflineStore } from "../../support/client-memory-store.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";

const SEEDS = Number(process.env.STORM_SEEDS ?? 40);
const FIRST_SEED = Number(process.env.STORM_FIRST_SEED ?? 1);
const STEPS = 60;

let restores = 0;
let conflicts = 0;

function join(world: ClientWorld, random: PRNG): Person {
  const environment = world.environment();
  environment.random = () => real53(random);
  environment.store = bool(random) ? new MemoryOfflineStore() : null;
  const client = world.client({ environment, ...(environment.store && { offline: "kept" }) });
  const onLineage = () => {
    conflicts++;
    return bool(random) ? ("discard" as const) : ("merge" as const);
  };
  return new Person(client, client.open("notes", { onLineage }));
}

async function storm(seed: number): Promise<void> {
  const random = create(seed);
  const world = new ClientWorld({
    compaction: { minTailBytes: bool(random) ? 20 : 10_000, maxTailEntries: 4_096 },
    idleRoomMs: int31(random, 100, 5_000),
  });
  onTestFinished(() => world.close());
  const people = Array.from({ length: 3 }, () => join(world, random));
  const anybody = () => people[int31(random, 0, people.length - 1)] as Person;
  let words = 0;
  const write = async (person: Person) => {
    await person.notes.whenLoaded();
    if (person.text.length > 3 && int31(random, 0, 3) === 0)
      person.erase(int31(random, 0, person.text.length - 2), 1);
    else person.type(`<${++words}>`, int31(random, 0, person.text.length));
  };
  const restart = async (restoredTo: number | null) => {
    world.kill();
    await world.settle();
    if (restoredTo !== null) world.disk = await world.disk.copyOf(restoredTo);
    world.start();
    await world.settle();
  };
  const steps: (() => void | Promise<void>)[] = [
    () => write(anybody()),
    () => write(anybody()),
    async () => {
      for (let i = 0; i < 4; i++) {
        await write(anybody());
        await world.settle();
      }
    },
    () => world.settle(),
    () => world.advance(int31(random, 1, 3_000)),
    () => world.disk.hold(),
    () => world.disk.release(),
    () => world.cut(),
    () => anybody().client.disconnect(),
    () => anybody().client.disconnect(),
    () => anybody().client.connect(),
    () => restart(null),
    async () => {
      const { writes } = world.disk;
      restores++;
      await restart(int31(random, Math.max(0, writes - 6), writes));
    },
  ];
  for (let i = 0; i < STEPS; i++) await steps[int31(random, 0, steps.length - 1)]?.();
  world.disk.release();
  for (const { client } of people) client.connect();
  const isDone = ({ notes }: Person) => notes.saved && notes.synced;
  for (let i = 0; i < 200 && !people.every(isDone); i++) await world.advance(1_000);
  await world.advance(1_000);
  const stranger = await world.join();
  for (let i = 0; i < 20 && !isDone(stranger); i++) await world.advance(1_000);
  for (const person of people) {
    expect(isDone(person), JSON.stringify(person.notes.status)).toBe(true);
    expect(person.text).toBe(stranger.text);
  }
}

test("[L2] [L6] [L8] whoever is synced has what the server has, whatever it was restored to", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    await storm(seed).catch((error: unknown) => {
      throw new Error(`STORM_FIRST_SEED=${seed} STORM_SEEDS=1: ${String(error)}`, { cause: error });
    });
  }
  expect(restores).toBeGreaterThan(SEEDS);
  expect(conflicts).toBeGreaterThan(SEEDS / 4);
}, 120_000);
