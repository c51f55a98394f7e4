import {
  checkAllSaved,
  checkCleanliness,
  checkConvergence,
  checkEverybodyIsRead,
  checkNoGhosts,
  checkOneWriter,
  checkRemembersDurable,
  checkSeededOnce,
  checkSentAway,
} from "./checkers.ts";
import { STEPS } from "./steps.ts";
import { World } from "./world.ts";

/** What became of a seed. */
export interface Outcome {
  readonly seed: number;
  /** What happened, a sentence each. */
  readonly trace: readonly string[];
  /** The rule that was broken; `null` when all held. */
  readonly failure: Error | null;
  /** How often the engine reported what. */
  readonly tally: ReadonlyMap<string, number>;
}

/** Steps of an ordinary scenario. */
const DEFAULT_STEPS = 150;

/** Plays a seed's scenario. The same seed with fewer steps begins in the same way. */
export async function play(seed: number, steps: number = DEFAULT_STEPS): Promise<Outcome> {
  const world = new World(seed);
  const trace: string[] = [];
  const outcome = { seed, trace, tally: world.tally };
  try {
    for (let i = 0; i < steps; i++) await takeStep(world, trace);
    trace.push("in the end everything arrives");
    await checkAtRest(world);
    trace.push("everybody leaves");
    await checkDeserted(world);
    return { ...outcome, failure: null };
  } catch (error) {
    return { ...outcome, failure: error as Error };
  }
}

/** The shortest beginning of a failing seed's scenario that fails too. */
export async function shorten(failed: Outcome): Promise<Outcome> {
  for (let steps = 1; steps < failed.trace.length; steps++) {
    const outcome = await play(failed.seed, steps);
    if (outcome.failure) return outcome;
  }
  return failed;
}

async function takeStep(world: World, trace: string[]): Promise<void> {
  const { run } = world.random.pickWeighted(STEPS);
  // A step that breaks a rule must be in the trace too.
  const at = trace.push(`${run.name}, which failed`) - 1;
  const sentence = await run(world);
  if (sentence === null) trace.pop();
  else trace[at] = sentence;
  // Often several things happen before any promise of the engine gets its turn.
  if (world.random.chance(0.3)) await world.settle();
  else await world.check();
}

/** Some leave for good, all others come back; then they must agree. */
async function checkAtRest(world: World): Promise<void> {
  const leaving = world.people.filter(() => world.random.chance(0.3));
  world.people = world.people.filter((person) => !leaving.includes(person));
  for (const person of leaving) person.connection?.breakOff();
  for (const connection of world.openConnections) if (connection.isHalfOpen) connection.noticeLoss();
  await world.comeToRest();
  // Awareness ignores a state with a clock that it has seen, also of somebody whom it has forgotten since; in life
  // everybody renews theirs every 15 s.
  for (const person of world.people) person.move();
  await world.comeToRest();

  await checkConvergence(world);
  await checkSeededOnce(world);
  checkAllSaved(world);
  await checkRemembersDurable(world);
  checkNoGhosts(world);
  checkSentAway(world);
  checkEverybodyIsRead(world);
}

async function checkDeserted(world: World): Promise<void> {
  for (const { text } of world.people) text.insert(0, "bye");
  world.people = [];
  for (const connection of world.openConnections) {
    // Who leaves at once after an edit leaves before it was flushed.
    connection.deliverToServer(100);
    connection.breakOff();
  }
  await world.comeToRest();
  world.clock.advance(10_000);
  await world.comeToRest();
  checkOneWriter(world);
  checkCleanliness(world);
}
