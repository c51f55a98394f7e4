import type { ScenarioRecord } from "./report/record.ts";
import type { Plan, Run } from "./suite.ts";

/** Starting, joining, checking and stopping, of a run of which nothing is known yet. */
const OVERHEAD_SECONDS = 3;

/** How long a plan still takes: what its runs took so far, or the last time, else what the plan says. */
export class TimeLeft {
  readonly #plan: Plan;
  /** Of earlier results, by scenario and server. */
  readonly #known = new Map<string, number>();
  readonly #scenarios = new Map<string, number[]>();
  readonly #done = new Map<string, number>();

  /** @param earlier Results that are of use where they were measured for as long as this plan will. */
  constructor(plan: Plan, earlier: readonly ScenarioRecord[]) {
    this.#plan = plan;
    for (const { id, circumstances, servers } of earlier) {
      if (circumstances.measuredSeconds !== plan.timing.measuredSeconds) continue;
      for (const server of servers) this.#known.set(key(id, server.id), mean(server.rounds));
    }
  }

  measured({ scenario, peer }: Run, wallSeconds: number): void {
    const run = key(scenario.id, peer.id);
    this.#known.set(run, wallSeconds);
    this.#done.set(run, (this.#done.get(run) ?? 0) + 1);
    const seconds = this.#scenarios.get(scenario.id) ?? [];
    this.#scenarios.set(scenario.id, [...seconds, wallSeconds]);
  }

  /** A scenario that failed has no more runs. */
  abandoned(scenario: string): void {
    for (const { id, servers } of this.#left()) {
      if (id === scenario) for (const peer of servers) this.#done.set(key(id, peer), this.#plan.rounds);
    }
  }

  get seconds(): number {
    let seconds = 0;
    for (const { id, servers } of this.#left()) {
      for (const peer of servers) {
        const rounds = this.#plan.rounds - (this.#done.get(key(id, peer)) ?? 0);
        seconds += rounds * this.#ofRun(id, peer);
      }
    }
    return seconds;
  }

  #left() {
    return this.#plan.scenarios.map((scenario) => ({
      id: scenario.id,
      servers: this.#plan.servers(scenario).map(({ id }) => id),
    }));
  }

  #ofRun(scenario: string, peer: string): number {
    const known = this.#known.get(key(scenario, peer));
    if (known !== undefined) return known;
    const others = this.#scenarios.get(scenario);
    if (others) return others.reduce((sum, seconds) => sum + seconds, 0) / others.length;
    const { warmUpSeconds, measuredSeconds } = this.#plan.timing;
    return warmUpSeconds + measuredSeconds + OVERHEAD_SECONDS;
  }
}

function key(scenario: string, peer: string): string {
  return `${scenario} ${peer}`;
}

function mean(rounds: readonly { readonly wallSeconds: number }[]): number {
  return rounds.reduce((sum, { wallSeconds }) => sum + wallSeconds, 0) / rounds.length;
}
