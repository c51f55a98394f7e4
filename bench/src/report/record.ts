/**
 * A scenario's result as it is kept: `bench/results/<id>.json`. It says everything that a reader must know by itself,
 * so that a page can show results of several runs, also of scenarios that have changed since.
 */
import type { Peer } from "../peers/peer.ts";
import type { Goal, Measurement, Scenario, Timing } from "../scenarios/scenario.ts";

export interface ScenarioRecord {
  readonly id: string;
  readonly summary: string;
  readonly prediction: string;
  readonly circumstances: Circumstances;
  readonly metrics: readonly MetricRecord[];
  /** None of a smoke run: its loads are too small for them. */
  readonly goals: readonly Goal[];
  readonly servers: readonly ServerRecord[];
}

/** When, where and how something was measured. */
export interface Circumstances {
  /** ISO 8601. */
  readonly finishedAt: string;
  readonly machine: string;
  /** Which CPUs the server and the load had. */
  readonly pinning: string;
  readonly version: string;
  /** Of the checkout that was measured; `null` where it is none of git's. */
  readonly commit: string | null;
  readonly rounds: number;
  readonly warmUpSeconds: number;
  readonly measuredSeconds: number;
}

/** A row of the table. */
export interface MetricRecord {
  readonly id: string;
  readonly label: string;
  readonly decimals: number;
}

export interface ServerRecord extends Pick<Peer, "id" | "title" | "role"> {
  /** What of the load it was given, where that was not all of it. */
  readonly load?: string;
  /** In their order: those of one number, of all servers, were measured one after the other. */
  readonly rounds: readonly RoundRecord[];
}

export interface RoundRecord {
  /** By the metric's id. */
  readonly values: Readonly<Record<string, number>>;
  /** With starting, joining, checking and stopping. */
  readonly wallSeconds: number;
  /** What the values were made of. */
  readonly measurement: Measurement;
}

/** What a server is called where it is compared with others: which it is, and what it had less to do. */
export function nameOf({ title, role, load }: Omit<ServerRecord, "id" | "rounds">): string {
  return `${title}${load === undefined ? "" : `, ${load}`}${role === "default" ? " ●" : ""}`;
}

/** @throws Error naming the metric that is no number. */
export function roundRecord(scenario: Scenario, measurement: Measurement, wallSeconds: number): RoundRecord {
  const values = scenario.metrics.map(({ id, value }) => {
    const number = value(measurement);
    if (!Number.isFinite(number)) throw new Error(`its ${id} is ${number}`);
    return [id, number] as const;
  });
  return { values: Object.fromEntries(values), wallSeconds, measurement };
}

export function scenarioRecord(
  scenario: Scenario,
  servers: readonly ServerRecord[],
  circumstances: Circumstances,
  { isQuick }: Pick<Timing, "isQuick">,
): ScenarioRecord {
  const { id, summary, prediction, metrics, goals } = scenario;
  return {
    id,
    summary,
    prediction,
    circumstances,
    metrics: metrics.map(({ id, label, decimals }) => ({ id, label, decimals })),
    goals: isQuick ? [] : goals,
    servers,
  };
}
