import type { Peer } from "./peers/peer.ts";
import type { Pin } from "./pinning.ts";
import type { Measurement, Scenario, Timing } from "./scenarios/scenario.ts";
import { ServerProcess } from "./server-process.ts";

/** All rounds of one scenario; a server's measurements are in the order of the rounds. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly servers: readonly { readonly peer: Peer; readonly rounds: readonly Measurement[] }[];
}

export interface Run {
  readonly scenario: Scenario;
  readonly peer: Peer;
  /** 1 for the first. */
  readonly round: number;
}

export interface Plan {
  readonly scenarios: readonly Scenario[];
  /** Those of a scenario's servers that take part. */
  servers(scenario: Scenario): readonly Peer[];
  readonly rounds: number;
  readonly timing: Timing;
}

export interface Observer {
  started(run: Run): void;
  measured(run: Run, measurement: Measurement): void;
}

/**
 * Runs every scenario against every server, each run on a server of its own. Servers take turns within a round,
 * and each round begins with another one, so that what else the machine does hits them alike.
 *
 * @throws Error naming the server and scenario of the first run that failed.
 */
export async function runSuite(plan: Plan, pin: Pin, observer: Observer): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of plan.scenarios) {
    const servers = plan.servers(scenario).map((peer) => ({ peer, rounds: [] as Measurement[] }));
    for (let round = 0; round < plan.rounds; round++) {
      for (let turn = 0; turn < servers.length; turn++) {
        const { peer, rounds } = servers[(turn + round) % servers.length] as (typeof servers)[number];
        const run = { scenario, peer, round: round + 1 };
        observer.started(run);
        const measurement = await runOnce(run, { ...plan.timing, seed: plan.timing.seed + round }, pin);
        rounds.push(measurement);
        observer.measured(run, measurement);
      }
    }
    results.push({ scenario, servers });
  }
  return results;
}

async function runOnce({ peer, scenario }: Run, timing: Timing, pin: Pin): Promise<Measurement> {
  try {
    const server = await ServerProcess.start(peer, pin, scenario);
    try {
      return await scenario.measure(server, timing);
    } finally {
      await server.stop();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${peer.title}, ${scenario.id}: ${reason}`, { cause: error });
  }
}
