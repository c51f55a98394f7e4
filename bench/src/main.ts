/** `npm run bench`: measures Joinery and its peers on the same load. See ../README.md. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { listing, parseCommand, USAGE } from "./options.ts";
import { pinLoadGenerator } from "./pinning.ts";
import { assertCountersReadable } from "./process-counters.ts";
import { Progress, reportFailure } from "./progress.ts";
import { circumstances } from "./report/circumstances.ts";
import { RESULTS, readRecords, SCRATCH, writePage, writeRecord } from "./report/files.ts";
import { reportText } from "./report/markdown.ts";
import { type ScenarioRecord, scenarioRecord } from "./report/record.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import { exitOnSignals } from "./signals.ts";
import { runScenario } from "./suite.ts";
import { TimeLeft } from "./time-left.ts";

const ALL_IDS = SCENARIOS.map(({ id }) => id);

/** @returns Whether everything that was asked for has been measured. */
async function main(): Promise<boolean> {
  const command = parseCommand(process.argv.slice(2));
  if (command.kind !== "run") {
    process.stdout.write(command.kind === "help" ? USAGE : listing());
    return true;
  }
  assertCountersReadable();
  const { plan, isWhole, asJson } = command;
  const folder = isWhole ? RESULTS : SCRATCH;
  const pinning = pinLoadGenerator();
  const progress = new Progress(
    plan,
    new TimeLeft(plan, await readRecords(folder, ALL_IDS)),
    pinning.description,
  );
  const records: ScenarioRecord[] = [];
  const failed: string[] = [];
  for (const scenario of plan.scenarios) {
    if (plan.servers(scenario).length === 0) continue;
    try {
      const servers = await runScenario(scenario, plan, pinning.pin, progress);
      const record = scenarioRecord(scenario, servers, circumstances(plan, pinning.description), plan.timing);
      // At once: what comes after may fail, or be interrupted.
      await writeRecord(folder, record);
      await writePage(folder, ALL_IDS);
      records.push(record);
    } catch (error) {
      progress.failed(scenario.id, error);
      failed.push(scenario.id);
    }
  }
  if (asJson) process.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
  // A terminal is shown bars: the tables are wider than most.
  else if (!process.stdout.isTTY) process.stdout.write(`\n${reportText(records)}`);
  const page = relative(process.cwd(), fileURLToPath(new URL("README.md", folder)));
  progress.finished(records, failed, { hasBars: process.stdout.isTTY && !asJson, page });
  return failed.length === 0;
}

exitOnSignals();
try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  reportFailure(error);
  process.exitCode = 1;
}
