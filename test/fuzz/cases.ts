/**
 * Cases by number: each is one to six messages of one or two attackers, with innocents typing between. Cases share a
 * document in groups, because setting one up and checking it whole costs as much as ten cases; so case `k` of a
 * seed is always the same, and replaying it replays its group up to it.
 */

import { SeededRandom } from "../simulation/seeded-random.ts";
import { baseDocuments } from "./base-documents.ts";
import { randomEdit } from "./edit.ts";
import { checkAll } from "./final-checks.ts";
import { type Finding, MISPLACED } from "./finding.ts";
import { Attack } from "./generators/attack.ts";
import { hostileMessage } from "./generators/message.ts";
import { asFinding, type CheckDepth, depthAfter, playStep, type Script, type Step } from "./script.ts";
import { ANN, BEN, isRefusal, type Setting, Stage } from "./stage.ts";
import { count, noteSlow, type Tally } from "./tally.ts";

/** Cases that share a document. */
export const GROUP = 50;

/** A rule that was broken, by what. */
export interface Failure {
  readonly finding: Finding;
  readonly script: Script;
  /** The case after which it showed; it may be another of its group that is at fault. */
  readonly caseNumber: number;
}

export interface GroupOptions {
  readonly seed: number;
  /** First case; a multiple of {@link GROUP}. */
  readonly first: number;
  /** How many of the group are played. Default: all. */
  readonly cases?: number;
  readonly tally: Tally;
  /** Whether it is a failure, and not only counted, when documents differ around a misplaced item. */
  readonly keepsMisplaced?: boolean;
  /** Told before each case. */
  readonly onCase?: (caseNumber: number) => void;
}

/** Plays one group. After a failure the rest of it goes on with a fresh document. */
export async function playGroup(options: GroupOptions): Promise<Failure[]> {
  const { seed, first, tally } = options;
  const bases = baseDocuments();
  const random = new SeededRandom(mix(seed, -1 - first));
  const base = random.pick(bases);
  const setting = random.pick(SETTINGS);
  const end = first + (options.cases ?? GROUP);
  const failures: Failure[] = [];
  let stage = await Stage.open(base, setting);
  let steps: Step[] = [];
  const failed = (thrown: unknown, caseNumber: number) => {
    const finding = asFinding(thrown);
    count(tally.broken, finding.rule);
    if (finding.rule === MISPLACED && !options.keepsMisplaced) return;
    failures.push({ finding, script: { base, setting, steps }, caseNumber });
  };
  for (let caseNumber = first; caseNumber < end; caseNumber++) {
    options.onCase?.(caseNumber);
    tally.cases++;
    try {
      await playCase(stage, { seed, caseNumber, tally, steps });
    } catch (thrown) {
      failed(thrown, caseNumber);
      stage = await Stage.open(base, setting);
      steps = [];
    }
  }
  try {
    await checkAll(stage);
  } catch (thrown) {
    failed(thrown, end - 1);
  }
  return failures;
}

interface CaseOptions {
  readonly seed: number;
  readonly caseNumber: number;
  readonly tally: Tally;
  /** What was done is added to it. */
  readonly steps: Step[];
}

const SETTINGS: readonly Setting[] = ["named", "named", "anonymous", "tight"];
/** Longer than anything is held aside. */
const WAIT_MS = 31_000;

const MESSAGES = [...new Array<number>(24).fill(1), 2, 2, 2, 2, 3, 3, 4, 5, 6];

async function playCase(stage: Stage, { seed, caseNumber, tally, steps }: CaseOptions): Promise<void> {
  const random = new SeededRandom(mix(seed, caseNumber));
  const mine = [attackerId(random), attackerId(random)];
  // A message that was refused has done nothing: whether that is so, the next check tells too.
  let depth: CheckDepth = "glance";
  for (let left = random.pick(MESSAGES); left > 0; left--) {
    if (random.chance(0.25)) {
      const step: Step = { by: random.chance(0.5) ? "ann" : "ben", edit: randomEdit(random) };
      steps.push(step);
      await playStep(stage, step);
    }
    const attack = new Attack({ random, base: stage.base, doc: stage.ann.doc, innocents: [ANN, BEN], mine });
    const { origin, frame } = hostileMessage(attack);
    const who = random.chance(0.7) ? 0 : 1;
    steps.push({ by: "attacker", who, frame });
    tally.messages++;
    count(tally.origins, origin);
    const start = { cpuMs: cpuMs(), realMs: performance.now() };
    const answer = await stage.attack(who, frame);
    const slow = { caseNumber, what: `${origin}, to "${stage.base.name}"` };
    noteSlow(tally, {
      cpu: { ...slow, ms: cpuMs() - start.cpuMs },
      real: { ...slow, ms: performance.now() - start.realMs },
    });
    count(tally.answers, answer);
    if (!isRefusal(answer) && depth !== "presence") depth = depthAfter(frame);
  }
  if (random.chance(0.02)) {
    const wait: Step = { by: "time", ms: WAIT_MS };
    steps.push(wait);
    await playStep(stage, wait);
  }
  const check: Step = { by: "check", depth };
  steps.push(check);
  await playStep(stage, check);
}

/** CPU time of this thread so far: the machine may have other things to do. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Low, high and in between those of the innocents: conflicts are decided by ids. */
function attackerId(random: SeededRandom): number {
  return random.upTo(random.pick([800, 100_000, 2 ** 32 - 2]));
}

/** A 32-bit seed for one case of a seed: numbers next to each other give seeds that have nothing in common. */
function mix(seed: number, n: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(n + 0x7f4a7c15, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
