import { SATURATED_SHARE } from "../config.ts";
import type { Goal, Measurement, Metric } from "../scenarios/scenario.ts";
import type { ScenarioResult } from "../suite.ts";
import { type Spread, spread } from "./statistics.ts";
import { markdownTable } from "./table.ts";

/** One metric of one server over the rounds, and as a ratio to the best of those that it is compared with. */
export interface Comparison {
  readonly value: Spread;
  /** `null` where none of them took part. Ratios are taken within a round, then spread over the rounds. */
  readonly ratio: Spread | null;
}

function compare(result: ScenarioResult, metric: Metric, rounds: readonly Measurement[]): Comparison {
  const values = rounds.map(metric.value);
  return { value: spread(values), ratio: ratioTo(bases(result), metric, rounds) };
}

/** What ratios refer to: Joinery as it was before, where that took part, else the default peers. */
function bases({ servers }: ScenarioResult): ScenarioResult["servers"] {
  const before = servers.filter(({ peer }) => peer.role === "before");
  return before.length > 0 ? before : servers.filter(({ peer }) => peer.role === "default");
}

/** Of each round to the best of the others in it; `null` without others. */
function ratioTo(
  others: ScenarioResult["servers"],
  metric: Metric,
  rounds: readonly Measurement[],
): Spread | null {
  if (others.length === 0) return null;
  const ratios = rounds.map((run, round) => {
    const best = Math.min(...others.map((server) => metric.value(server.rounds[round] as Measurement)));
    return metric.value(run) / best;
  });
  return spread(ratios);
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
  const runs = servers.flatMap(({ rounds }) => rounds);
  const count = runs.reduce((sum, { checked }) => sum + checked.count, 0);
  const lines = [`Checked, every one of them: ${count.toLocaleString("en")} ${runs[0]?.checked.what ?? ""}.`];
  for (const goal of scenario.goals) lines.push(...verdicts(result, goal));
  for (const { peer, rounds } of servers) {
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
  lines.push(`Predicted: ${scenario.prediction}`);
  return lines;
}

/** Whether a goal was met, by each of those that took part and that it is for. */
function verdicts(result: ScenarioResult, goal: Goal): string[] {
  const { metrics } = result.scenario;
  const metric = metrics.find(({ id }) => id === goal.metric);
  if (metric === undefined) throw new Error(`${result.scenario.id} has no metric ${goal.metric}`);
  const subjects = result.servers.filter(({ peer }) => (goal.of ?? ["joinery"]).includes(peer.id));
  return subjects.map(
    ({ peer, rounds }) => `Design goal, ${peer.title}: ${verdict(result, goal, metric, rounds)}`,
  );
}

function verdict(
  result: ScenarioResult,
  { atMost, times: base }: Goal,
  metric: Metric,
  rounds: readonly Measurement[],
): string {
  const { label, decimals } = metric;
  const says = (what: string, measured: string, isMet: boolean) =>
    `${label} at most ${what}. Measured ${measured}: ${isMet ? "met" : "missed"}.`;
  if (base === undefined) {
    const value = spread(rounds.map(metric.value));
    return says(String(atMost), plain(value, decimals), value.median <= atMost);
  }
  const others = result.servers.filter(({ peer }) =>
    base === "best" ? peer.role === "default" : peer.id === base,
  );
  const whose = base === "best" ? "the best default peer's" : `${others[0]?.peer.title ?? base}'s`;
  const ratio = ratioTo(others, metric, rounds);
  if (ratio === null) return `${label} at most ×${atMost} of ${whose}, which did not take part.`;
  return says(`×${atMost} of ${whose}`, times(ratio), ratio.median <= atMost);
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
