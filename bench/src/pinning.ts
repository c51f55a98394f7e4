import { execFileSync, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { LOAD_CPU, SERVER_CPU } from "./config.ts";

/** Puts a command on the server's CPU, or leaves it as it is. */
export type Pin = (command: readonly string[]) => readonly string[];

export interface Pinning {
  readonly pin: Pin;
  /** For the report. */
  readonly description: string;
}

/** Moves this process to the load generator's CPU, where `taskset` is present and there is more than one. */
export function pinLoadGenerator(): Pinning {
  const reason = whyNot();
  if (reason !== null) return { pin: (command) => command, description: `not pinned: ${reason}` };
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(LOAD_CPU), String(process.pid)]);
  return {
    // taskset replaces itself by the command, so the process id stays the server's.
    pin: (command) => ["taskset", "--cpu-list", String(SERVER_CPU), ...command],
    description: `server on CPU ${SERVER_CPU}, load on CPU ${LOAD_CPU}`,
  };
}

function whyNot(): string | null {
  if (availableParallelism() < 2) return "one CPU";
  if (spawnSync("taskset", ["--version"]).status !== 0) return "no taskset";
  const both = spawnSync("taskset", ["--cpu-list", `${LOAD_CPU},${SERVER_CPU}`, "true"]);
  return both.status === 0 ? null : `CPUs ${LOAD_CPU} and ${SERVER_CPU} are not ours`;
}
