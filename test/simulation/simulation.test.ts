/**
 * Seeded scenarios against the production engine. `SEED=17` plays one seed and tells all of it; `SEEDS=20000` plays
 * more of them than usual.
 */

import { expect, test } from "vitest";
import { type Outcome, play, shorten } from "./scenario.ts";

const { SEED, SEEDS = "1500" } = process.env;
const seeds = SEED === undefined ? Array.from({ length: Number(SEEDS) }, (_, i) => i + 1) : [Number(SEED)];

/** What has to happen in some of the scenarios, or they would show less than they seem to. */
const EVENTS = [
  "commit-failed",
  "compacted",
  "compaction-failed",
  "held-aside",
  "input-refused",
  "limit-hit",
  "load-failed",
  "room-evicted",
  "room-loaded",
  "session-lagging",
  "session-too-slow",
];

test("the engine keeps its rules, whatever happens", { timeout: 10_000 + seeds.length * 200 }, async () => {
  const failed: Outcome[] = [];
  const events = new Set<string>();
  for (const seed of seeds) {
    const outcome = await play(seed);
    if (outcome.failure) failed.push(outcome);
    for (const event of outcome.tally.keys()) events.add(event);
  }
  const [first] = failed;
  if (first) throw new Error(report(await shorten(first), failed), { cause: first.failure });
  if (seeds.length >= 300) expect([...events].sort()).toEqual(EVENTS);
});

test("a seed replays exactly", async () => {
  const [seed = 1] = seeds;
  expect((await play(seed)).trace).toEqual((await play(seed)).trace);
});

/** A failing seed's story: the last of it, and all of it when it alone was asked for. */
function report({ seed, trace, failure }: Outcome, failed: readonly Outcome[]): string {
  const told = SEED === undefined ? trace.slice(-20) : trace;
  const others = failed.slice(1, 11).map((outcome) => outcome.seed);
  return [
    `seed ${seed}: ${failure?.message}`,
    `after ${trace.length} steps${told.length < trace.length ? `, the last ${told.length} of which were` : ""}:`,
    ...told.map((sentence) => `  ${sentence}`),
    `replay: SEED=${seed} npx vitest run --project simulation`,
    failed.length > 1 ? `${failed.length} of ${seeds.length} seeds fail, also ${others.join(", ")}` : "",
  ].join("\n");
}
