import type { Peer } from "./peers/peer.ts";
import type { Pin } from "./pinning.ts";
import { type RoundRecord, roundRecord, type ServerRecord } from "./report/record.ts";
import type { Measurement, Scenario, Timing } from "./scenarios/scenario.ts";
import { ServerProcess } from "./server-process.ts";

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
  measured(run: Run, round: RoundRecord): void;
}

/**
 * Runs a scenario against every server, each run on a server of its own. Servers take turns within a round, and each
 * round begins with another one, so that what else the machine does hits them alike.
 *
 * @throws Error naming the server of the first run that failed.
 */
export async function runScenario(
  scenario: Scenario,
  plan: Plan,
  pin: Pin,
  observer: Observer,
): Promise<ServerRecord[]> {
  const servers = plan.servers(scenario).map((peer) => ({ peer, rounds: [] as RoundRecord[] }));
  for (let round = 0; round < plan.rounds; round++) {
    for (let turn = 0; turn < servers.length; turn++) {
      const { peer, rounds } = servers[(turn + round) % servers.length] as (typeof servers)[number];
      const run = { scenario, peer, round: round + 1 };
      observer.started(run);
      const record = await runOnce(run, { ...plan.timing, seed: plan.timing.seed + round }, pin);
      rounds.push(record);
      observer.measured(run, record);
    }
  }
  return servers.map(({ peer, rounds }) => {
    const { id, title, role } = peer;
    const load = scenario.lessFor?.(peer, plan.timing) ?? null;
    return { id, title, role, ...(load !== null && { load }), rounds };
  });
}

async function runOnce({ peer, scenario }: Run, timing: Timing, pin: Pin): Promise<RoundRecord> {
  const startMs = performance.now();
  try {
    const measurement = await measureOnce(peer, scenario, timing, pin);
    return roundRecord(scenario, measurement, (performance.now() - startMs) / 1000);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${peer.title}, ${scenario.id}: ${reason}`, { cause: error });
  }
}

async function measureOnce(peer: Peer, scenario: Scenario, timing: Timing, pin: Pin): Promise<Measurement> {
  const server = await ServerProcess.start(peer, pin, {
    environment: scenario.environment ?? {},
    ...(scenario.preload !== undefined && { preload: scenario.preload }),
    prepare: async (dataFolder) => scenario.prepare?.(dataFolder, peer, timing),
  });
  try {
    const measurement = await scenario.measure(server, timing);
    server.assertAlive();
    return measurement;
  } catch (error) {
    // A client's closed connection says little; a server that has ended says why.
    server.assertAlive();
    throw error;
  } finally {
    await server.stop();
  }
}
