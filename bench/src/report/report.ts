import { SATURATED_SHARE } from "../config.ts";
import type { Peer } from "../peers/peer.ts";
import type { Goal, Measurement, Metric } from "../scenarios/scenario.ts";
import type { ScenarioResult } from "../suite.ts";
import { type Spread, spread } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** One metric of one server over the rounds, and as a ratio to the best default peer. */
export interface Comparison {
  readonly value: Spread;
  /** `null` where no default peer took part. Ratios are taken within a round, then spread over the rounds. */
  readonly ratio: Spread | null;
}

function compare(result: ScenarioResult, metric: Metric, rounds: readonly Measurement[]): Comparison {
  const values = rounds.map(metric.value);
  const defaults = result.servers.filter(({ peer }) => peer.role === "default");
  if (defaults.length === 0) return { value: spread(values), ratio: null };
  const ratios = values.map((value, round) => {
    const best = Math.min(...defaults.map((server) => metric.value(server.rounds[round] as Measurement)));
    return value / best;
  });
  return { value: spread(values), ratio: spread(ratios) };
}

/** Every metric of every server, by the metric's id and the server's. */
export function comparisons(result: ScenarioResult): Record<string, Record<string, Comparison>> {
  return Object.fromEntries(
    result.scenario.metrics.map((metric) => [
      metric.id,
      Object.fromEntries(
        result.servers.map(({ peer, rounds }) => [peer.id, compare(result, metric, rounds)]),
      ),
    ]),
  );
}

/** One scenario as Markdown: a heading, the table, and what a reader must know to read it. */
export function scenarioMarkdown(result: ScenarioResult): string {
  const { scenario, servers } = result;
  const header = [
    scenario.id,
    ...servers.map(({ peer }) => peer.title + (peer.role === "default" ? " ●" : "")),
  ];
  const rows = scenario.metrics.map((metric) => [
    metric.label,
    ...servers.map(({ rounds }) => cell(compare(result, metric, rounds), metric.decimals)),
  ]);
  const shares: [string, (run: Measurement) => number][] = [
    ["server, % of its core", (run) => (run.serverCpuSeconds / run.seconds) * 100],
    ["load generator, % of its core", (run) => run.generator.share * 100],
    ["load sent late by, p99, ms", (run) => run.generator.lateP99Ms],
  ];
  for (const [label, value] of shares) {
    rows.push([label, ...servers.map(({ rounds }) => plain(spread(rounds.map(value)), 0))]);
  }
  return [
    `## ${scenario.id}: ${scenario.summary}`,
    "",
    ...markdownTable([header, ...rows]),
    "",
    ...notes(result).map((note) => `- ${note}`),
  ].join("\n");
}

function notes(result: ScenarioResult): string[] {
  const { scenario, servers } = result;
  const deliveries = servers.reduce(
    (sum, { rounds }) => sum + rounds.reduce((n, run) => n + run.deliveries, 0),
    0,
  );
  const lines = [
    `Delivered, every one of them: ${deliveries.toLocaleString("en")} ${scenario.unit}s in all runs.`,
  ];
  const main = scenario.metrics[0] as Metric;
  for (const { peer, rounds } of servers) {
    if (peer.role === "subject") {
      lines.push(verdict(scenario.goal, main, peer, compare(result, main, rounds)));
    }
    if (rounds.some((run) => run.generator.share > SATURATED_SHARE)) {
      lines.push(`${peer.title} filled the load generator's core: its latencies are upper bounds.`);
    }
    const drainSeconds = Math.max(...rounds.map((run) => run.drainSeconds));
    if (drainSeconds > 1) {
      lines.push(
        `${peer.title} needed ${drainSeconds.toFixed(1)} s more to deliver what it owed when the load ended.`,
      );
    }
  }
  return lines;
}

function verdict(goal: Goal, { label, decimals }: Metric, peer: Peer, { value, ratio }: Comparison): string {
  const says = (what: string, measured: string, isMet: boolean) =>
    `Design goal, ${peer.title}: ${label} at most ${what}. Measured ${measured}: ${isMet ? "met" : "missed"}.`;
  if ("atMost" in goal) {
    return says(String(goal.atMost), plain(value, decimals), value.median <= goal.atMost);
  }
  if (ratio === null) return `Design goal, ${peer.title}: no default peer took part to compare it with.`;
  const what = `×${goal.atMostTimesBest} of the best default peer's`;
  return says(what, times(ratio), ratio.median <= goal.atMostTimesBest);
}

function cell({ value, ratio }: Comparison, decimals: number): string {
  if (ratio === null) return plain(value, decimals);
  return `${value.median.toFixed(decimals)} ${times(ratio)}`;
}

function times({ median, min, max }: Spread): string {
  const middle = `×${significant(median)}`;
  return min === max ? middle : `${middle} (${significant(min)}–${significant(max)})`;
}

function plain({ median, min, max }: Spread, decimals: number): string {
  if (min === max) return median.toFixed(decimals);
  return `${median.toFixed(decimals)} (${min.toFixed(decimals)}–${max.toFixed(decimals)})`;
}

/** Two decimals for what is near 1, three below a tenth, none above a hundred. */
function significant(ratio: number): string {
  return ratio.toFixed(ratio < 0.1 ? 3 : ratio < 10 ? 2 : ratio < 100 ? 1 : 0);
}
