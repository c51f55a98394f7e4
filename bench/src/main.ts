/** `npm run bench`: measures Joinery and its peers on the same load. See ../README.md. */
import { parsePlan, USAGE } from "./options.ts";
import { pinLoadGenerator } from "./pinning.ts";
import { assertCountersReadable } from "./process-counters.ts";
import { Progress, reportFailure } from "./progress.ts";
import { markdown, writeResults } from "./report/files.ts";
import { runSuite } from "./suite.ts";

async function main(): Promise<void> {
  const plan = parsePlan(process.argv.slice(2));
  if (plan === null) {
    process.stdout.write(USAGE);
    return;
  }
  assertCountersReadable();
  const { pin, description } = pinLoadGenerator();
  const progress = new Progress(plan, description);
  const results = await runSuite(plan, pin, progress);
  const folder = await writeResults(results, plan, description);
  progress.finished(folder);
  process.stdout.write(`\n${markdown(results, plan, description)}`);
}

// Servers are ended on the way out, whatever it is: see server-process.ts.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

try {
  await main();
} catch (error) {
  reportFailure(error);
  process.exitCode = 1;
}
