import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Plan, ScenarioResult } from "../suite.ts";
import { comparisons, scenarioMarkdown } from "./report.ts";

const FOLDER = new URL("../../results/", import.meta.url);

/** The whole report as Markdown. */
export function markdown(results: readonly ScenarioResult[], plan: Plan, pinning: string): string {
  const { warmUpSeconds, measuredSeconds } = plan.timing;
  return [
    "# Joinery beside its peers",
    "",
    `${machine()}; ${pinning}. ${plan.rounds === 1 ? "One round" : `${plan.rounds} rounds`} of ${measuredSeconds} s after ${warmUpSeconds} s of warm-up; servers take turns.`,
    "",
    "A cell is the median of the rounds, and × its ratio to the best default peer (●) in that row, with the smallest",
    "and largest of the rounds. Smaller is better. Joinery fsyncs every batch to LevelDB, the peers store nothing.",
    "",
    ...results.flatMap((result) => [scenarioMarkdown(result), ""]),
  ].join("\n");
}

/**
 * Writes `latest.md` and `latest.json`, which has every round's numbers.
 *
 * @returns The folder.
 */
export async function writeResults(
  results: readonly ScenarioResult[],
  plan: Plan,
  pinning: string,
): Promise<string> {
  const document = {
    finishedAt: new Date().toISOString(),
    machine: machine(),
    pinning,
    rounds: plan.rounds,
    timing: plan.timing,
    scenarios: results.map((result) => ({
      id: result.scenario.id,
      summary: result.scenario.summary,
      prediction: result.scenario.prediction,
      goals: result.scenario.goals,
      comparisons: comparisons(result),
      servers: result.servers.map(({ peer, rounds }) => ({
        id: peer.id,
        title: peer.title,
        role: peer.role,
        rounds,
      })),
    })),
  };
  await mkdir(FOLDER, { recursive: true });
  await writeFile(new URL("latest.json", FOLDER), `${JSON.stringify(document, null, 2)}\n`);
  await writeFile(new URL("latest.md", FOLDER), markdown(results, plan, pinning));
  return fileURLToPath(FOLDER);
}

function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? "unknown CPU"}, ${process.platform}, Node ${process.versions.node}`;
}
