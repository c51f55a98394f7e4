import { resolve } from "node:path";
import { DEFAULT_LIMITS } from "@joinery/shared";
import { Command } from "commander";
import { CHECKS, type Finding, skipped } from "../doctor/finding.ts";
import { type FolderLook, lookIntoFolder } from "../doctor/folder-checks.ts";
import { checkClock, checkNode, checkOpenFiles, checkPackages } from "../doctor/machine-checks.ts";
import { checkPort, checkServer } from "../doctor/server-checks.ts";
import {
  checkAccess,
  checkEncryption,
  checkKeys,
  readSetup,
  type Setup,
  type SetupFlags,
} from "../doctor/setup-checks.ts";
import { pc } from "../output/colours.ts";
import { type CommandPage, describeCommand } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { counted } from "../output/quantities.ts";
import { parseWhole } from "../output/reading-command.ts";
import { outputWidth, print, printJson } from "../output/terminal.ts";
import { padded, printable, wrapped } from "../output/text.ts";
import { VERSION } from "../version.ts";

const PAGE: CommandPage = {
  description: "Look whether a server could run here, and how the one that runs is.",
  more: `It looks at what "joinery serve" with the same options would have: the config file, which it runs, and the environment;
the data folder, which it reads once and does not change; the disk, the port, the keys of tokens, and the machine. A
server that has the folder open is asked how it is. Secrets are never printed.`,
  examples: [
    ["joinery doctor", "all checks, as the server would be started here"],
    ["joinery doctor --config joinery.config.ts --data /var/lib/joinery", "for a config file and a folder"],
    ["joinery doctor --json | jq '.checks[] | select(.status == \"failure\")'", "what has to be put right"],
  ],
  json: {
    isStream: false,
    fields: {
      isFine: ["boolean", "whether nothing has to be put right; there may be warnings"],
      version: ["string", "of joinery"],
      "checks[].check": ["string", `what was looked at: ${CHECKS.join(", ")}`],
      "checks[].status": ["string", "ok, warning, failure, or skipped where there was nothing to look at"],
      "checks[].found": ["string", "what was found, for people"],
      "checks[].advice": ["string or null", "what to do about it"],
    },
  },
  exits:
    "0 nothing has to be put right, there may be warnings; 1 something has to be, or an error; 2 bad usage",
  exitCodes: [],
};

interface DoctorFlags extends SetupFlags {
  readonly json?: true;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description(PAGE.description)
    .allowExcessArguments(false)
    .option("--config <file>", "config file (default: joinery.config.ts, .js or .mjs if there is one)")
    .option("--data <folder>", "data folder (JOINERY_DATA; default ./data)")
    .option("--host <address>", "address that the server is to listen on (JOINERY_HOST; default 127.0.0.1)")
    .option("--port <number>", "port that it is to listen on (JOINERY_PORT; default 4321)", parseWhole(0))
    .option("--json", "print JSON")
    .action(doctor);
  return describeCommand(command, PAGE);
}

async function doctor({ json, ...flags }: DoctorFlags): Promise<void> {
  const findings = await examine(flags);
  const isFine = findings.every(({ status }) => status !== "failure");
  if (!isFine) process.exitCode = EXIT_CODES.error;
  if (json) await printJson({ isFine, version: VERSION, checks: findings });
  else await printFindings(findings);
}

async function examine(flags: SetupFlags): Promise<Finding[]> {
  const setup = await readSetup(flags, process.env);
  const { minFreeBytes, maxConnections } = setup.options?.limits ?? DEFAULT_LIMITS;
  const { findings, holder, newestMs } = await lookWhereDocumentsAre(setup, minFreeBytes);
  const [keys, port, server] = await Promise.all([
    checkKeys(setup, process.env),
    checkPort(setup, holder),
    checkServer(setup, holder),
  ]);
  return [
    checkNode(),
    checkPackages(process.cwd()),
    setup.finding,
    checkAccess(setup),
    keys,
    checkEncryption(setup),
    port,
    server,
    ...findings,
    checkOpenFiles(maxConnections),
    checkClock(Date.now(), newestMs),
  ];
}

async function lookWhereDocumentsAre({ config }: Setup, minFreeBytes: number): Promise<FolderLook> {
  if (!config.storage) return lookIntoFolder(resolve(config.data ?? "./data"), minFreeBytes);
  const checks = ["folder", "disk", "database", "documents"] as const;
  const findings = checks.map((check) => skipped(check, "the config file has a storage of its own"));
  return { findings, holder: null, newestMs: 0 };
}

const MARKS: Readonly<Record<Finding["status"], string>> = {
  ok: pc.green("✓"),
  warning: pc.yellow("!"),
  failure: pc.red("✗"),
  skipped: pc.dim("–"),
};

const NAME_WIDTH = Math.max(...CHECKS.map(({ length }) => length));
/** The mark, the name, and what is left between them. */
const INDENT = NAME_WIDTH + 4;
/** With less than this, names are above what is said of them. */
const NARROW = 60;
const NARROW_INDENT = 4;

/** Longer lines are hard to read. */
const MAX_WIDTH = 120;

async function printFindings(findings: readonly Finding[]): Promise<void> {
  const width = outputWidth();
  // In a pipe nothing is broken into lines.
  const columns = width === Number.POSITIVE_INFINITY ? width : Math.min(width, MAX_WIDTH) - 1;
  for (const finding of findings) {
    for (const line of linesOf(finding, columns)) await print(line);
  }
  await print("");
  for (const line of wrapped(summaryOf(findings), columns)) await print(line);
}

function linesOf({ check, status, found, advice }: Finding, columns: number): string[] {
  const isNarrow = columns < NARROW;
  const indent = isNarrow ? NARROW_INDENT : INDENT;
  const space = " ".repeat(indent);
  const text = wrapped(printable(found), columns - indent).map((line) =>
    status === "skipped" ? pc.dim(line) : line,
  );
  const todo = advice === null ? [] : wrapped(printable(advice), columns - indent - 2);
  const [first = "", ...others] = text;
  const head = `${MARKS[status]} ${pc.bold(padded(check, NAME_WIDTH, "left"))}`;
  return [
    ...(isNarrow ? [head.trimEnd(), space + first] : [`${head}  ${first}`]),
    ...others.map((line) => space + line),
    ...todo.map((line, i) => `${space}${i === 0 ? "→" : " "} ${line}`),
  ];
}

function summaryOf(findings: readonly Finding[]): string {
  const number = (wanted: Finding["status"]) => findings.filter(({ status }) => status === wanted).length;
  const failures = number("failure");
  const warnings = number("warning");
  const tail = warnings > 0 ? `, and ${counted(warnings, "thing")} to look at (!)` : "";
  if (failures > 0) return pc.red(`${counted(failures, "thing")} to put right (✗)${tail}.`);
  return warnings > 0 ? pc.yellow(`Nothing to put right${tail}.`) : pc.green("All is well.");
}
