import { bool, create, int31, type PRNG, real53 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import type { FakeEnvironment } from "../../support/client-environment.ts";
import { MemoryOfflineStore } from "../../support/client-memory-store.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";

const SEEDS = Number(process.env.STORM_SEEDS ?? 25);
const FIRST_SEED = Number(process.env.STORM_FIRST_SEED ?? 1);
const STEPS = 60;

/** Somebody who writes numbered words, remembers which were said to be saved, and whose application may be restarted. */
class Writer {
  readonly name: string;
  readonly #world: ClientWorld;
  readonly #store: MemoryOfflineStore | null;
  person: Person;
  words = 0;
  saved = 0;

  readonly #random: PRNG;

  constructor(world: ClientWorld, random: PRNG, name: string, isKept: boolean) {
    this.#world = world;
    this.#random = random;
    this.name = name;
    this.#store = isKept ? new MemoryOfflineStore() : null;
    this.person = this.#start();
  }

  write(random: PRNG): void {
    const { text } = this.person;
    // Between the words of others, so that edits build upon theirs.
    const gaps = [0, ...[...text.matchAll(/>/g)].map(({ index }) => index + 1)];
    this.person.type(this.word(++this.words), gaps[int31(random, 0, gaps.length - 1)] ?? 0);
  }

  /** More than a socket takes at once, so that it may be cut off between its parts. */
  paste(): void {
    this.person.type(`(${"x".repeat(600_000)})`, 0);
  }

  word(number: number): string {
    return `<${this.name}${number}>`;
  }

  /** Only somebody who keeps documents comes back with what was not saved. */
  async restart(): Promise<void> {
    if (!this.#store) return;
    await this.person.notes.whenLoaded();
    await this.person.leave();
    this.person = this.#start();
    await this.person.notes.whenLoaded();
  }

  #start(): Person {
    const environment: FakeEnvironment = this.#world.environment();
    environment.store = this.#store;
    environment.random = () => real53(this.#random);
    const client = this.#world.client({ environment, ...(this.#store && { offline: "kept" }) });
    const person = new Person(client, client.open("notes"));
    person.notes.subscribe(() => {
      if (person === this.person && person.notes.saved) this.saved = this.words;
    });
    return person;
  }
}

async function storm(seed: number): Promise<void> {
  const random = create(seed);
  const world = new ClientWorld({
    limits: {
      maxFragmentBytes: 2_048,
      // Some servers let go of what is not whole.
      maxUnfinishedUploadBytes: bool(random) ? 1_000_000 : 10_000_000,
      uploadTimeoutMs: int31(random, 100, 10_000),
    },
    // Some servers have folded away what clients come back with.
    compaction: { minTailBytes: bool(random) ? 100 : 10_000, maxTailEntries: 4_096 },
    idleRoomMs: int31(random, 100, 5_000),
  });
  onTestFinished(() => world.close());
  const writers = ["a", "b", "c"].map((name) => new Writer(world, random, name, bool(random)));
  let pastes = 2;
  const anybody = () => writers[int31(random, 0, writers.length - 1)] as Writer;
  const steps: (() => void | Promise<void>)[] = [
    () => anybody().write(random),
    () => anybody().write(random),
    () => {
      for (const writer of writers) writer.write(random);
    },
    () => {
      if (pastes-- > 0) anybody().paste();
    },
    () => world.settle(),
    () => world.advance(int31(random, 1, 50)),
    () => world.advance(int31(random, 1, 3_000)),
    () => world.disk.hold(),
    () => world.disk.release(),
    () => world.cut(),
    () => [...world.loopback.open][0]?.cut(),
    () => anybody().person.client.disconnect(),
    () => anybody().person.client.connect(),
    () => anybody().restart(),
    // Somebody passes by, and never comes back: what they wrote may be lost, but for everybody or for nobody.
    async () => {
      const passer = await world.join();
      passer.type(`<p${int31(random, 0, 999_999)}>`, 0);
      if (bool(random)) await world.settle();
      await passer.leave();
    },
    async () => {
      world.kill();
      const said = writers.map(({ saved }) => saved);
      await world.settle();
      world.start();
      // Somebody who never met the writers sees what they were told is saved.
      const stranger = await world.join();
      for (let i = 0; i < 100 && !stranger.notes.synced; i++) await world.advance(30);
      for (const [i, writer] of writers.entries()) {
        for (let n = 1; n <= (said[i] as number); n++) expect(stranger.text).toContain(writer.word(n));
      }
      await stranger.leave();
    },
  ];
  for (let i = 0; i < STEPS; i++) await steps[int31(random, 0, steps.length - 1)]?.();
  world.disk.release();
  for (const { person } of writers) person.client.connect();
  const isDone = ({ notes }: Person) => notes.saved && notes.synced;
  // Timers of one step run without the turns in between: what is large takes several.
  const finish = async (isOver: () => boolean) => {
    for (let i = 0; i < 300 && !isOver(); i++) await world.advance(i < 200 ? 1_000 : 30);
  };
  await finish(() => writers.every(({ person }) => isDone(person)));
  const stranger = await world.join();
  await finish(() => isDone(stranger));
  await world.advance(1_000);
  for (const writer of writers) {
    const { name, words, person } = writer;
    expect(person.notes.saved && person.notes.synced, `${name} ${JSON.stringify(person.notes.status)}`).toBe(
      true,
    );
    expect(person.text).toBe(stranger.text);
    for (let n = 1; n <= words; n++) expect(stranger.text.split(writer.word(n))).toHaveLength(2);
  }
}

test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))(
  "what is said to be saved is, and all of it is there once, whatever happens (seed %i)",
  (seed) => storm(seed),
);
