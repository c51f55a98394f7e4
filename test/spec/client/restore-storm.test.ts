/**
 * Clients whose server dies, and comes back with its disk or with an earlier copy of it, at any moment, and whose own
 * tabs die and begin again: whoever is told that all is synced and saved has what the server has.
 */

import { bool, create, int31, type PRNG, real53 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../../client/src/offline/level-store.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";
import { MemoryRows } from "../../support/offline-databases.ts";

const SEEDS = Number(process.env.STORM_SEEDS ?? 40);
const FIRST_SEED = Number(process.env.STORM_FIRST_SEED ?? 1);
const STEPS = 60;

let restores = 0;
let conflicts = 0;
let reloads = 0;

/** The tab of a device, which keeps what was written when the tab is gone. */
interface Tab {
  person: Person;
  readonly device: MemoryRows | null;
  /** From now on it writes nothing on its device. */
  die(): void;
}

function join(world: ClientWorld, random: PRNG, device: MemoryRows | null): Tab {
  const environment = world.environment();
  environment.random = () => real53(random);
  let isAlive = true;
  environment.openOfflineStore = (name) =>
    openLevelStore(name, {
      clock: world.clock,
      random: environment.random,
      limits: { minLogBytes: 200, minLogRecords: 10 },
      openDatabase: async () => {
        const database = await (device ?? new MemoryRows()).open(name);
        const batch: typeof database.batch = async (operations, options) => {
          if (isAlive) await database.batch(operations, options);
        };
        return { ...database, batch };
      },
    });
  const client = world.client({ environment, ...(device && { offline: "kept" }) });
  const onLineage = () => {
    conflicts++;
    return bool(random) ? ("discard" as const) : ("merge" as const);
  };
  const die = () => {
    isAlive = false;
    client.disconnect();
  };
  return { person: new Person(client, client.open("notes", { onLineage })), device, die };
}

async function storm(seed: number): Promise<void> {
  const random = create(seed);
  const world = new ClientWorld({
    compaction: { minTailBytes: bool(random) ? 20 : 10_000, maxTailEntries: 4_096 },
    idleRoomMs: int31(random, 100, 5_000),
  });
  onTestFinished(() => world.close());
  const tabs = [new MemoryRows(), new MemoryRows(), null].map((device) => join(world, random, device));
  const anyTab = () => int31(random, 0, tabs.length - 1);
  const anybody = () => (tabs[anyTab()] as Tab).person;
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
    async () => {
      const i = anyTab();
      const { device, die } = tabs[i] as Tab;
      if (device === null) return;
      die();
      reloads++;
      tabs[i] = join(world, random, device);
    },
    () => restart(null),
    async () => {
      const { writes } = world.disk;
      restores++;
      await restart(int31(random, Math.max(0, writes - 6), writes));
    },
  ];
  for (let i = 0; i < STEPS; i++) await steps[int31(random, 0, steps.length - 1)]?.();
  world.disk.release();
  const people = tabs.map(({ person }) => person);
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

test("[L2] [L6] [L8] [L10] whoever is synced has what the server has, whatever it was restored to", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    await storm(seed).catch((error: unknown) => {
      throw new Error(`STORM_FIRST_SEED=${seed} STORM_SEEDS=1: ${String(error)}`, { cause: error });
    });
  }
  expect(restores).toBeGreaterThan(SEEDS);
  expect(reloads).toBeGreaterThan(SEEDS);
  expect(conflicts).toBeGreaterThan(SEEDS / 4);
}, 120_000);
