import { SATURATED_SHARE } from "../config.ts";
import type { Peer } from "../peers/peer.ts";
import type { Measurement, Scenario } from "../scenarios/scenario.ts";
import type { ScenarioResult } from "../suite.ts";
import { type Spread, spread } from "./statistics.ts";
import { markdownTable } from "./table.ts";

interface Metric {
  /** What the JSON calls it. */
  readonly id: string;
  readonly label: string;
  /** Smaller is better in all of them. */
  value(measurement: Measurement): number;
  readonly decimals: number;
}

function metrics(unit: Scenario["unit"]): readonly Metric[] {
  const MIB = 1024 * 1024;
  return [
    {
      id: "cpuMicrosPerDelivery",
      label: `server CPU per delivered ${unit}, µs`,
      value: (run) => (run.serverCpuSeconds / run.deliveries) * 1e6,
      decimals: 2,
    },
    { id: "latencyP50Ms", label: "latency p50, ms", value: (run) => run.latencyMs.p50, decimals: 1 },
    { id: "latencyP99Ms", label: "latency p99, ms", value: (run) => run.latencyMs.p99, decimals: 1 },
    {
      id: "bytesPerDelivery",
      label: `bytes out per delivered ${unit}`,
      value: (run) => run.bytesOut / run.deliveries,
      decimals: 1,
    },
    {
      id: "framesPerDelivery",
      label: `frames out per delivered ${unit}`,
      value: (run) => run.framesOut / run.deliveries,
      decimals: 3,
    },
    { id: "peakMiB", label: "peak memory, MiB", value: (run) => run.peakBytes / MIB, decimals: 0 },
  ];
}

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
    metrics(result.scenario.unit).map((metric) => [
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
  const rows = metrics(scenario.unit).map((metric) => [
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
  const cpu = metrics(scenario.unit)[0] as Metric;
  for (const { peer, rounds } of servers) {
    const { ratio } = compare(result, cpu, rounds);
    if (peer.role === "subject" && ratio !== null) lines.push(verdict(scenario, peer, ratio));
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

function verdict(scenario: Scenario, peer: Peer, ratio: Spread): string {
  const outcome = ratio.median <= scenario.maxCpuRatio ? "met" : "missed";
  const goal = `CPU at most ×${scenario.maxCpuRatio} of the best default peer`;
  return `Design goal, ${peer.title}: ${goal}. Measured ${times(ratio)}: ${outcome}.`;
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
