import { SATURATED_SHARE } from "../config.ts";
import { compare, hasBefore, type Verdict, verdicts } from "./comparison.ts";
import { fixed, plain, times } from "./numbers.ts";
import { nameOf, type RoundRecord, type ScenarioRecord } from "./record.ts";
import { spread } from "./statistics.ts";
import { markdownTable } from "./table.ts";

const INTRODUCTION = [
  "# Joinery beside its peers",
  "",
  "Made by `npm run bench`, which [describes](../README.md) how this is measured and how to read it; the `.json` files have",
  "every round. Each scenario says when, on what and at which commit it was measured.",
];

const LEGEND = [
  "A cell is the median of the rounds, and × its ratio to the best default peer (●) in that row, with the smallest and",
  "largest of the rounds in brackets. Smaller is better. Joinery fsyncs every batch to LevelDB, the peers store nothing",
  "unless their title says so. Of a server that was given less of the load, its name says how much.",
];

const LEGEND_OF_BEFORE = [
  "A cell is the median of the rounds, and × its ratio to the same server of the other checkout (before), with the smallest",
  "and largest of the rounds in brackets. Smaller is better.",
];

/** The page of results: one table of all goals, then each scenario. Plots are expected beside it. */
export function resultsPage(records: readonly ScenarioRecord[]): string {
  const goals = records.flatMap((record) => verdicts(record).map((verdict) => goalRow(record, verdict)));
  return [
    ...INTRODUCTION,
    "",
    "## Goals",
    "",
    ...textTable([["scenario", "server", "goal", "measured", "met?"], ...goals]),
    "",
    ...legend(records),
    "",
    ...records.flatMap((record) => [scenarioSection(record, { plot: `${record.id}.svg` }), ""]),
  ].join("\n");
}

/** A run's scenarios, for a terminal or a pipe. */
export function reportText(records: readonly ScenarioRecord[]): string {
  if (records.length === 0) return "";
  return [...legend(records), "", ...records.flatMap((record) => [scenarioSection(record), ""])].join("\n");
}

/** A folder of scratch may have results of both kinds. */
function legend(records: readonly ScenarioRecord[]): string[] {
  const before = records.filter(hasBefore);
  if (before.length === 0) return LEGEND;
  if (before.length === records.length) return LEGEND_OF_BEFORE;
  return [...LEGEND, "", `Where "before" took part: ${LEGEND_OF_BEFORE[0]}`, ...LEGEND_OF_BEFORE.slice(1)];
}

function scenarioSection(record: ScenarioRecord, { plot }: { plot?: string } = {}): string {
  const { id, summary, prediction, servers, metrics } = record;
  return [
    `## ${id}`,
    "",
    `${sentence(summary)}`,
    "",
    ...(plot === undefined ? [] : [`![${id}: ${metrics[0]?.label} of each server](${plot})`, ""]),
    ...markdownTable(rows(record)),
    "",
    ...verdicts(record).map((verdict) => `- Goal, ${verdict.server.title}: ${verdictText(verdict)}`),
    ...notes(record).map((note) => `- ${note}`),
    ...(servers.length === 0 ? [] : [`- Predicted before the first run: ${prediction}`]),
    `- Measured: ${circumstancesText(record)}`,
  ].join("\n");
}

function rows(record: ScenarioRecord): string[][] {
  const { servers, metrics } = record;
  const shares: [string, (round: RoundRecord) => number][] = [
    ["server, % of its core", ({ measurement: run }) => (run.serverCpuSeconds / run.seconds) * 100],
    ["load generator, % of its core", ({ measurement: run }) => run.generator.share * 100],
    ["load sent late by, p99, ms", ({ measurement: run }) => run.generator.lateP99Ms],
  ];
  return [
    ["", ...servers.map(nameOf)],
    ...metrics.map((metric) => [
      metric.label,
      ...servers.map((server) => {
        const { value, ratio } = compare(record, metric, server);
        if (ratio === null || !Number.isFinite(ratio.median)) return plain(value, metric.decimals);
        return `${fixed(value.median, metric.decimals)} ${times(ratio)}`;
      }),
    ]),
    ...shares.map(([label, value]) => [
      label,
      ...servers.map(({ rounds }) => plain(spread(rounds.map(value)), 0)),
    ]),
  ];
}

function goalRow(record: ScenarioRecord, verdict: Verdict): string[] {
  const { server, isMet } = verdict;
  return [
    `[${record.id}](#${record.id})`,
    server.title,
    goalText(verdict),
    measuredText(verdict),
    isMet === null ? "" : isMet ? "met" : "**missed**",
  ];
}

/** A goal in words, without whose it is. */
function goalText({ goal, metric, base }: Verdict): string {
  return `${metric.label} ≤ ${base === null ? goal.atMost : `${goal.atMost} × ${base}`}`;
}

function measuredText({ measured, base, metric }: Verdict): string {
  if (measured === null) return "not measured";
  return base === null ? plain(measured, metric.decimals) : times(measured);
}

function verdictText(verdict: Verdict): string {
  const { isMet } = verdict;
  if (isMet === null) return `${goalText(verdict)}. Nobody took part to compare it with.`;
  return `${goalText(verdict)}. Measured ${measuredText(verdict)}: ${isMet ? "met" : "missed"}.`;
}

function notes({ servers }: ScenarioRecord): string[] {
  const runs = servers.flatMap(({ rounds }) => rounds.map(({ measurement }) => measurement));
  const count = runs.reduce((sum, { checked }) => sum + checked.count, 0);
  const lines = [`Checked, every one of them: ${fixed(count, 0)} ${runs[0]?.checked.what ?? ""}.`];
  for (const { title, rounds } of servers) {
    const measurements = rounds.map(({ measurement }) => measurement);
    if (
      measurements.some(({ generator: { share, waitsBusily } }) => share > SATURATED_SHARE && !waitsBusily)
    ) {
      lines.push(`${title} filled the load generator's core: its times are upper bounds.`);
    }
    const drainSeconds = Math.max(...measurements.map((run) => run.drainSeconds)).toFixed(1);
    const owedShare = Math.max(...measurements.map((run) => run.owedShare ?? 0));
    if (owedShare > 0) {
      lines.push(
        `${title} had not delivered ${fixed(owedShare * 100, 1)} % of what was due when it was given up on, ${drainSeconds} s ` +
          "after the load had ended: its latencies are those of what it did deliver.",
      );
    } else if (Number(drainSeconds) > 1) {
      lines.push(`${title} was busy for another ${drainSeconds} s when the load had ended.`);
    }
  }
  return lines;
}

function circumstancesText({ circumstances }: ScenarioRecord): string {
  const { finishedAt, machine, pinning, version, commit, rounds, warmUpSeconds, measuredSeconds } =
    circumstances;
  return (
    `${finishedAt.slice(0, 10)}, Joinery ${version}${commit === null ? "" : ` at ${commit}`}; ${machine}; ${pinning}; ` +
    `${rounds === 1 ? "one round" : `${rounds} rounds`} of ${measuredSeconds} s after ${warmUpSeconds} s of warm-up, ` +
    "where it is not as long as its load takes."
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}

function textTable(rows: readonly (readonly string[])[]): string[] {
  return markdownTable(rows, { numbers: false });
}
