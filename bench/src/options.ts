import { parseArgs } from "node:util";
import { SEED, TIMING } from "./config.ts";
import { before } from "./peers/joinery.ts";
import type { Peer } from "./peers/peer.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import type { Plan } from "./suite.ts";

const PEERS = [...new Set(SCENARIOS.flatMap(({ servers }) => servers))];

export const USAGE = `Usage: npm run bench -- [options]

  --quick            a smoke run: one round, short intervals
  --scenario <id>    only this one, may be repeated: ${SCENARIOS.map(({ id }) => id).join(", ")}
  --peer <id>        only this server, may be repeated: ${PEERS.map(({ id }) => id).join(", ")}
  --before <folder>  another checkout of Joinery, set up: ratios are to it, and no peer takes part
                     that --peer does not name
  --rounds <n>       rounds of every server and scenario (${TIMING.full.rounds})
  --seconds <s>      measured seconds of every run (${TIMING.full.measuredSeconds})
  --help             this text
`;

/**
 * @returns What to run; `null` when help was asked for.
 * @throws Error naming the option that is wrong.
 */
export function parsePlan(args: readonly string[]): Plan | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      scenario: { type: "string", multiple: true },
      peer: { type: "string", multiple: true },
      before: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return null;
  const defaults = values.quick ? TIMING.quick : TIMING.full;
  const rounds = positive("--rounds", values.rounds, defaults.rounds);
  if (!Number.isInteger(rounds)) throw new Error("--rounds is not a whole number");
  return {
    scenarios: select("--scenario", SCENARIOS, values.scenario),
    servers: serversOf(values.peer && select("--peer", PEERS, values.peer), values.before),
    rounds,
    timing: {
      warmUpSeconds: defaults.warmUpSeconds,
      measuredSeconds: positive("--seconds", values.seconds, defaults.measuredSeconds),
      trafficBytes: defaults.trafficBytes,
      isQuick: values.quick,
      seed: SEED,
    },
  };
}

/** Which of a scenario's servers take part; where there is something to compare Joinery with, that in place of peers. */
function serversOf(chosen: readonly Peer[] | undefined, earlier: string | undefined): Plan["servers"] {
  return ({ servers }: Scenario) => {
    if (earlier === undefined) return servers.filter((peer) => chosen?.includes(peer) ?? true);
    return servers.flatMap((peer) => {
      if (peer.role === "subject")
        return chosen && !chosen.some(({ id }) => id === peer.id) ? [] : [peer, before(peer, earlier)];
      return chosen?.includes(peer) ? [peer] : [];
    });
  };
}

function select<T extends { readonly id: string }>(
  option: string,
  all: readonly T[],
  ids: readonly string[] | undefined,
): T[] {
  const unknown = ids?.find((id) => !all.some((item) => item.id === id));
  if (unknown !== undefined) {
    throw new Error(`${option} ${unknown} is not one of ${all.map(({ id }) => id).join(", ")}`);
  }
  return all.filter(({ id }) => ids?.includes(id) ?? true);
}

function positive(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`${option} ${text} is not a positive number`);
  return value;
}
