import { constants } from "node:os";
import { resolve } from "node:path";
import {
  configFromEnvironment,
  type ImportKind,
  type ImportOutcome,
  loadConfig,
  type MigrateOptions,
  type Migration,
  openMigration,
  SOURCE_KINDS,
} from "@joinery/server";
import { Command } from "commander";
import { pc } from "../output/colours.ts";
import { size } from "../output/quantities.ts";
import { printable, quotedName } from "../output/text.ts";
import { duration, number, ProgressBar } from "../progress-bar.ts";
import { VERSION } from "../version.ts";

type StorageEvent = Parameters<NonNullable<MigrateOptions["onStorageEvent"]>>[0];

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

interface MigrateFlags {
  readonly from: string;
  readonly data?: string;
  readonly dryRun?: true;
  readonly merge?: true;
  readonly config?: string;
}

export function migrateCommand(): Command {
  return new Command("migrate")
    .description("Take documents over from another server.")
    .allowExcessArguments(false)
    .requiredOption("--from <kind:place>", `what to import; kinds: ${SOURCE_KINDS.join(", ")}`)
    .option("--data <folder>", "data folder to import into (JOINERY_DATA; default ./data)")
    .option("--dry-run", "read and check everything, and write nothing")
    .option(
      "--merge",
      "merge with documents that are there with other content, instead of leaving both alone",
    )
    .option("--config <file>", "config file, for its limits (default: as for serve)")
    .addHelpText(
      "after",
      `
Stop both servers first. Run it as often as you like: what is there already is left as it is. It ends with 0 when
every document was taken over whole, and with 1 when there is something to look at.

Examples:
  joinery migrate --from y-leveldb:./old-data --data ./data --dry-run
  joinery migrate --from hocuspocus-sqlite:./db.sqlite --data ./data
  joinery migrate --from updates:./documents --data ./data
  joinery migrate --from y-sweet:./y-sweet-data --data ./data`,
    )
    .action(migrate);
}

async function migrate(flags: MigrateFlags): Promise<void> {
  const stop = new AbortController();
  // The first Ctrl+C ends it after the document that is under way, a second one at once.
  const abort = (signal: NodeJS.Signals) => stop.abort(signal);
  for (const signal of SIGNALS) process.once(signal, abort);
  const options = await gatherOptions(flags);
  const migration = await openMigration({
    ...options,
    signal: stop.signal,
    onStorageEvent: (event) => printStorageEvent(event, flags.dryRun === true),
  });
  try {
    const isDryRun = flags.dryRun === true;
    printStart(migration, isDryRun);
    const tally = await runToEnd(migration);
    printEnd(tally, { isDryRun, isStopped: stop.signal.aborted });
    if (stop.signal.aborted) process.exitCode = 128 + constants.signals[stop.signal.reason as NodeJS.Signals];
    else if (tally.problems > 0) process.exitCode = 1;
  } finally {
    await migration.close();
    for (const signal of SIGNALS) process.off(signal, abort);
  }
}

/**
 * Flags over environment over file; of the file, what concerns where documents are kept and how large they may be.
 */
async function gatherOptions({ from, data, dryRun, merge, config }: MigrateFlags): Promise<MigrateOptions> {
  const file = await loadConfig(config);
  const named = data ?? configFromEnvironment(process.env).data;
  const folder = named ?? file.data;
  return {
    from,
    isDryRun: dryRun === true,
    mayMerge: merge === true,
    ...(file.limits && { limits: file.limits }),
    // Who names a folder means that one, whatever storage the file has.
    ...(named === undefined && file.storage && { storage: file.storage }),
    ...(folder !== undefined && { data: folder }),
  };
}

/** What a run came to. */
interface Tally {
  readonly counts: Readonly<Record<ImportKind, number>>;
  readonly bytes: number;
  readonly seconds: number;
  /** Documents that were not taken over, or not whole. */
  readonly problems: number;
}

async function runToEnd({ count, damage, outcomes }: Migration): Promise<Tally> {
  const bar = new ProgressBar(count, "documents");
  const counts = { imported: 0, merged: 0, present: 0, empty: 0, conflicting: 0, refused: 0, damaged: 0 };
  let bytes = 0;
  let problems = damage.length;
  for (const what of damage) console.log(`  ${pc.yellow("!")} ${printable(what)}`);
  try {
    for await (const outcome of outcomes) {
      counts[outcome.kind]++;
      if (outcome.kind === "imported") bytes += outcome.bytes;
      const isProblem = outcome.reason !== null;
      if (isProblem) {
        problems++;
        bar.clear();
        printProblem(outcome);
      }
      bar.step(isProblem);
    }
  } finally {
    bar.clear();
  }
  return { counts, bytes, seconds: bar.seconds, problems };
}

function printStart({ what, place, data }: Migration, isDryRun: boolean): void {
  const rows = [
    ["From", `${what} ${printable(resolve(place))}`],
    ["To", data === null ? "the storage in the config file" : printable(resolve(data))],
    ...(isDryRun ? [["", pc.yellow("dry run: nothing is written")]] : []),
  ] as const;
  console.log(`\n  ${pc.bold("Joinery")} ${VERSION} ${pc.dim("takes documents over")}\n`);
  for (const [name, value] of rows) console.log(`  ${pc.dim(name.padEnd(4))}  ${value}`);
  console.log();
}

function printProblem({ name, kind, reason }: ImportOutcome): void {
  const isPart = kind !== "conflicting" && kind !== "refused" && kind !== "damaged";
  const mark = isPart ? pc.yellow("!") : pc.red("✗");
  console.log(
    `  ${mark} ${quoted(name)}  ${pc.dim(isPart ? "in part:" : `${kind}:`)} ${printable(reason ?? "")}`,
  );
}

/** In the order in which they are told. */
const WORDS: Readonly<Record<ImportKind, string>> = {
  imported: "taken over, read back and found the same",
  merged: "merged with what was there",
  present: "there already, with all that the source has",
  empty: "with nothing in them",
  conflicting: "there with other content, left alone; --merge merges them",
  refused: "that Joinery does not take",
  damaged: "damaged, skipped",
};

const DRY_WORDS: Readonly<Record<ImportKind, string>> = {
  ...WORDS,
  imported: "would be taken over",
  merged: "would be merged with what is there",
};

interface Ending {
  readonly isDryRun: boolean;
  readonly isStopped: boolean;
}

function printEnd({ counts, bytes, seconds, problems }: Tally, { isDryRun, isStopped }: Ending): void {
  const kinds = (Object.keys(WORDS) as ImportKind[]).filter((kind) => counts[kind] > 0);
  const words = isDryRun ? DRY_WORDS : WORDS;
  if (problems > 0) console.log();
  const width = Math.max(...kinds.map((kind) => number(counts[kind]).length));
  for (const kind of kinds) {
    const much = kind === "imported" ? pc.dim(`  ${size(bytes)}`) : "";
    console.log(`  ${pc.bold(number(counts[kind]).padStart(width))} ${words[kind]}${much}`);
  }
  const ending = isStopped ? "Stopped" : "Done";
  console.log(
    `\n  ${pc.bold(ending)} ${pc.dim(`in ${duration(seconds)}`)}. ${verdict(kinds.length, problems, isStopped)}\n`,
  );
}

function verdict(kinds: number, problems: number, isStopped: boolean): string {
  if (isStopped) return pc.yellow("Run it again to go on.");
  if (kinds === 0) return pc.yellow("There are no documents in it.");
  if (problems > 0) return pc.yellow(`${number(problems)} to look at, above.`);
  return pc.green("Nothing was left out.");
}

function printStorageEvent(event: StorageEvent, isDryRun: boolean): void {
  if (event.type !== "storage-damaged") return;
  const { outcome, file, reason, keptAs } = event;
  const found = `  ! data folder: ${file} was not as it was written`;
  console.error(
    isDryRun
      ? `${found} (${reason}); the next start of a server repairs what can be`
      : `${found} (${outcome}: ${reason}); kept as ${keptAs}`,
  );
}

const MAX_NAME_LENGTH = 100;

/** A name of a document, as it can be printed. */
function quoted(name: string): string {
  const cut = name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
  return quotedName(cut);
}
