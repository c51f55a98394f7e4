import { parseArgs } from "node:util";
import { SEED, TIMING } from "./config.ts";
import { PEERS } from "./peers/peers.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import type { Plan } from "./suite.ts";

export const USAGE = `Usage: npm run bench -- [options]

  --quick            a smoke run: one round, short intervals
  --scenario <id>    only this one, may be repeated: ${SCENARIOS.map(({ id }) => id).join(", ")}
  --peer <id>        only this server, may be repeated: ${PEERS.map(({ id }) => id).join(", ")}
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
    peers: select("--peer", PEERS, values.peer),
    rounds,
    timing: {
      warmUpSeconds: defaults.warmUpSeconds,
      measuredSeconds: positive("--seconds", values.seconds, defaults.measuredSeconds),
      trafficBytes: defaults.trafficBytes,
      seed: SEED,
    },
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
