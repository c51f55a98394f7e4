/**
 * `npm run bench:inspector`: what looking at an update costs, as a ratio to what integrating it would cost, and
 * whether the cost stays linear whatever somebody sends. See ../README.md.
 */

import { cpus } from "node:os";
import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import * as Y from "yjs";
import { documents, HOSTILE, keystrokes } from "./inspector-load.ts";
import { type Spread, spread } from "./report/statistics.ts";
import { markdownTable } from "./report/table.ts";

const ROUNDS = 9;
const KEYSTROKES = 50_000;
const PAPERS = [3, 6, 12];
const HOSTILE_BYTES = [1_000_000, 2_000_000, 4_000_000];
/** Design goal: inspecting a keystroke costs at most so much of applying it. */
const GOAL = 0.1;

interface Cost {
  readonly what: string;
  readonly bytes: number;
  /** Nanoseconds an update. */
  readonly inspect: Spread;
  readonly apply: Spread;
  /** Taken within a round, so that what else the machine did then hits both sides of it. */
  readonly ratio: Spread;
}

/** Measures updates that build one upon the other, in this order. */
function costOf(what: string, updates: readonly Uint8Array[]): Cost {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const inspect = nanoseconds(() => {
      for (const update of updates) inspectUpdate(update);
    });
    const doc = new Y.Doc();
    const apply = nanoseconds(() => {
      for (const update of updates) Y.applyUpdate(doc, update);
    });
    return { inspect: inspect / updates.length, apply: apply / updates.length, ratio: inspect / apply };
  }).slice(1); // In the first round the code is compiled.
  return {
    what,
    bytes: updates.reduce((sum, { length }) => sum + length, 0) / updates.length,
    inspect: spread(rounds.map(({ inspect }) => inspect)),
    apply: spread(rounds.map(({ apply }) => apply)),
    ratio: spread(rounds.map(({ ratio }) => ratio)),
  };
}

/** Nanoseconds a byte to inspect an update, with whatever the limits would refuse. */
function costOfByte(update: Uint8Array): number {
  const inspect = () => inspectUpdate(update, NO_UPDATE_LIMITS);
  return spread(Array.from({ length: ROUNDS }, () => nanoseconds(inspect) / update.length)).median;
}

/** CPU time of all threads, so that what else the machine does is not counted, and collecting the garbage is. */
function nanoseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1e3;
}

function costTable(costs: readonly Cost[]): string[] {
  const rows = costs.map(({ what, bytes, inspect, apply, ratio }) => [
    what,
    bytes < 1000 ? `${Math.round(bytes)} B` : megabytes(bytes),
    duration(inspect.median),
    duration(apply.median),
    `${ratio.median.toFixed(3)} (${ratio.min.toFixed(3)}–${ratio.max.toFixed(3)})`,
    (inspect.median / bytes).toFixed(1),
  ]);
  return markdownTable([["", "bytes", "inspectUpdate", "Y.applyUpdate", "ratio", "ns/byte"], ...rows]);
}

function hostileTable(): string[] {
  const rows = Object.entries(HOSTILE).map(([what, make]) => {
    const costs = HOSTILE_BYTES.map((bytes) => costOfByte(make(bytes)));
    return [what, ...costs.map((cost) => cost.toFixed(1))];
  });
  return markdownTable([["ns/byte of", ...HOSTILE_BYTES.map(megabytes)], ...rows]);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function duration(ns: number): string {
  return ns < 100_000 ? `${(ns / 1e3).toFixed(2)} µs` : `${(ns / 1e6).toFixed(1)} ms`;
}

function main(): void {
  process.stderr.write(`Joinery inspector  ${ROUNDS} rounds, about a minute\n\n`);
  const keystroke = costOf("a keystroke", keystrokes(KEYSTROKES));
  const whole = documents(PAPERS).map((state, i) => costOf(`a document of ${PAPERS[i]} papers`, [state]));
  const verdict = keystroke.ratio.median <= GOAL ? "met" : "missed";
  const report = [
    ...costTable([keystroke, ...whole]),
    "",
    `Design goal for a keystroke: ratio ≤ ${GOAL}, ${verdict}. CPU time; medians of ${ROUNDS} rounds, with the smallest and largest ratio.`,
    "",
    ...hostileTable(),
    "",
    `${cpus()[0]?.model ?? "unknown processor"}, Node ${process.versions.node}.`,
  ];
  process.stdout.write(`${report.join("\n")}\n`);
}

main();
