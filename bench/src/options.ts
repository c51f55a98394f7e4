import { parseArgs } from "node:util";
import { SEED, TIMING } from "./config.ts";
import { before, isCheckout } from "./peers/joinery.ts";
import type { Peer } from "./peers/peer.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import type { Plan } from "./suite.ts";

const PEERS = [...new Set(SCENARIOS.flatMap(({ servers }) => servers))];

export const USAGE = `Usage: npm run bench -- [options]

  --scenario <id>    only this one, may be repeated
  --peer <id>        only this server, may be repeated
  --before <folder>  another checkout of Joinery, set up: ratios are to it, and no
                     peer takes part that --peer does not name
  --quick            a smoke run: one round, everything small
  --rounds <n>       rounds of every server and scenario (${TIMING.full.rounds})
  --seconds <s>      measured seconds of every run (${TIMING.full.measuredSeconds})
  --json             print what was measured as JSON (npm run --silent bench,
                     so that npm prints nothing of its own)
  --list             say which scenarios and servers there are
  --help             this text

A run with all of a scenario's servers, and no shorter than by default, replaces
that scenario's part of bench/results; any other one goes to bench/.cache/results.
`;

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" | "list" }
  | {
      readonly kind: "run";
      readonly plan: Plan;
      /** All servers, and not less than the default run: a result to keep. */
      readonly isWhole: boolean;
      readonly asJson: boolean;
    };

/** @throws Error naming the option that is wrong. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      scenario: { type: "string", multiple: true },
      peer: { type: "string", multiple: true },
      before: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (values.list) return { kind: "list" };
  const defaults = values.quick ? TIMING.quick : TIMING.full;
  const rounds = positive("--rounds", values.rounds, defaults.rounds);
  if (!Number.isInteger(rounds)) throw new Error("--rounds is not a whole number");
  const measuredSeconds = positive("--seconds", values.seconds, defaults.measuredSeconds);
  if (values.before !== undefined && !isCheckout(values.before))
    throw new Error(`--before ${values.before} is no checkout of Joinery`);
  const plan: Plan = {
    scenarios: select("--scenario", SCENARIOS, values.scenario),
    servers: serversOf(values.peer && select("--peer", PEERS, values.peer), values.before),
    rounds,
    timing: {
      warmUpSeconds: defaults.warmUpSeconds,
      measuredSeconds,
      trafficBytes: defaults.trafficBytes,
      isQuick: values.quick,
      seed: SEED,
    },
  };
  if (plan.scenarios.every((scenario) => plan.servers(scenario).length === 0))
    throw new Error("--peer and --scenario have nothing in common: see --list");
  const { full } = TIMING;
  const isShorter = values.quick || rounds < full.rounds || measuredSeconds < full.measuredSeconds;
  const isWhole = !isShorter && values.peer === undefined && values.before === undefined;
  return { kind: "run", plan, isWhole, asJson: values.json };
}

/** What `--list` prints: each scenario with its servers. */
export function listing(): string {
  const scenarios = SCENARIOS.map(
    ({ id, summary, servers }) => `${id}\n  ${summary}\n  ${servers.map((peer) => peer.id).join(", ")}\n`,
  );
  const width = Math.max(...PEERS.map(({ id }) => id.length));
  const peers = PEERS.map(({ id, title }) => `  ${id.padEnd(width)}  ${title}\n`);
  return `${scenarios.join("\n")}\nservers\n${peers.join("")}`;
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
