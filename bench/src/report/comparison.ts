/** What the rounds of several servers come to: medians, and ratios taken within a round. */
import { beforeId } from "../peers/peer.ts";
import type { Goal } from "../scenarios/scenario.ts";
import type { MetricRecord, ScenarioRecord, ServerRecord } from "./record.ts";
import { type Spread, spread } from "./statistics.ts";

/** One metric of one server over the rounds, and as a ratio to the best of those that it is compared with. */
export interface Comparison {
  readonly value: Spread;
  /** `null` where none of them took part, or the best of them has nothing or less, of which nothing is a multiple. */
  readonly ratio: Spread | null;
}

export function compare(record: ScenarioRecord, metric: MetricRecord, server: ServerRecord): Comparison {
  return { value: spreadOf(metric, server), ratio: ratioTo(bases(record, server), metric, server) };
}

export function spreadOf(metric: MetricRecord, server: ServerRecord): Spread {
  return spread(server.rounds.map(({ values }) => values[metric.id] as number));
}

/**
 * What a server's ratios refer to: where Joinery as it was before took part, that in the same dialect (of a peer, the best of
 * all), else the default peers.
 */
function bases(record: ScenarioRecord, server: ServerRecord): readonly ServerRecord[] {
  const { servers } = record;
  if (!hasBefore(record)) return servers.filter(({ role }) => role === "default");
  const before = servers.filter(({ role }) => role === "before");
  const same = before.filter(({ id }) => id === server.id || id === beforeId(server.id));
  return same.length > 0 ? same : before;
}

/** Whether ratios are to another checkout. */
export function hasBefore({ servers }: ScenarioRecord): boolean {
  return servers.some(({ role }) => role === "before");
}

/** Of each round to the best of the others in it; `null` without others, or where that is 0 or less. */
function ratioTo(others: readonly ServerRecord[], metric: MetricRecord, server: ServerRecord): Spread | null {
  if (others.length === 0) return null;
  const best = bestOfEachRound(others, metric);
  if (best.some((value) => value <= 0)) return null;
  return spread(
    server.rounds.map(({ values }, round) => (values[metric.id] as number) / (best[round] as number)),
  );
}

function bestOfEachRound(servers: readonly ServerRecord[], metric: MetricRecord): number[] {
  const rounds = servers[0]?.rounds ?? [];
  return rounds.map((_, round) =>
    Math.min(...servers.map((server) => server.rounds[round]?.values[metric.id] as number)),
  );
}

/** How one server stands to a goal. */
export interface Verdict {
  readonly goal: Goal;
  readonly metric: MetricRecord;
  readonly server: ServerRecord;
  /** Whose multiple the goal is; `null` for a plain number. */
  readonly base: string | null;
  /** `null` where nobody took part whom the goal refers to. */
  readonly measured: Spread | null;
  readonly isMet: boolean | null;
}

/**
 * Whether each goal was met, by each of those that took part and that it is for. The median counts.
 *
 * @throws Error for a goal whose metric the scenario has not.
 */
export function verdicts(record: ScenarioRecord): Verdict[] {
  return record.goals.flatMap((goal) => {
    const metric = metricOf(record, goal);
    const subjects = record.servers.filter(({ id }) => (goal.of ?? ["joinery"]).includes(id));
    return subjects.map((server) => {
      const others = othersOf(record, goal);
      const measured = others === null ? spreadOf(metric, server) : ratioTo(others, metric, server);
      return {
        goal,
        metric,
        server,
        base:
          goal.times === undefined
            ? null
            : goal.times === "best"
              ? "best default peer"
              : (others?.[0]?.title ?? goal.times),
        measured,
        isMet: measured && measured.median <= goal.atMost,
      };
    });
  });
}

/** Where a goal lies on its metric's scale; `null` where nobody took part whom it refers to. */
export function goalValue(record: ScenarioRecord, goal: Goal): number | null {
  const others = othersOf(record, goal);
  if (others === null) return goal.atMost;
  if (others.length === 0) return null;
  return goal.atMost * spread(bestOfEachRound(others, metricOf(record, goal))).median;
}

/** Those whose multiple a goal is; `null` for a plain number. */
function othersOf({ servers }: ScenarioRecord, { times }: Goal): readonly ServerRecord[] | null {
  if (times === undefined) return null;
  return servers.filter(({ id, role }) => (times === "best" ? role === "default" : id === times));
}

function metricOf(record: ScenarioRecord, goal: Goal): MetricRecord {
  const metric = record.metrics.find(({ id }) => id === goal.metric);
  if (metric === undefined) throw new Error(`${record.id} has no metric ${goal.metric}`);
  return metric;
}
