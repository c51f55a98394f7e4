import { type DocumentRepair, type FolderTools, openFolderTools } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, Command, Option } from "commander";
import { pc } from "../output/colours.ts";
import { type CommandPage, describeCommand } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { count, counted, isoTime, localTime, size } from "../output/quantities.ts";
import { parseName } from "../output/reading-command.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { printable, quotedName, shownName, wrapped } from "../output/text.ts";
import { ProgressBar } from "../progress-bar.ts";
import { findPlace } from "../remote/place.ts";
import { closing, limitsOf } from "../writing/writing-command.ts";

const PAGE: CommandPage = {
  description: "Repair damaged documents: keep what is sound, and put the rest aside.",
  more: `A damaged document is read only until it is repaired. Repaired, it is what show says of it now: the newest snapshot that
is sound, and the log after it up to the first batch that is not. What is taken out goes to a file in the folder damaged/
of the data folder, as it was found. Clients that still have what is lost bring it back when they connect. Sound documents
are left alone. See with --dry-run what would be done. It needs the folder for itself: stop the server before.`,
  examples: [
    ["joinery repair --dry-run", "what is damaged, and what would be lost"],
    ["joinery repair", "all documents"],
    ["joinery repair notes/plan", "one"],
  ],
  json: {
    isStream: true,
    fields: {
      document: [
        "string or null",
        "its name; null in the line of what belongs to no document, which comes last",
      ],
      outcome: [
        "string",
        "repaired, emptied (nothing of it was sound), gone (nothing was left), or rest in that line",
      ],
      isDryRun: ["boolean", "whether nothing was changed"],
      "problems[].record": [
        "string",
        "birth, snapshot, log, branches, or document where it is not in one record",
      ],
      "problems[].seq": ["number", "of the record; 0 when it has none"],
      "problems[].reason": ["string", "what is wrong"],
      "kept.snapshotSeq": ["number", "the snapshot that was sound; 0 for none"],
      "kept.seq": ["number", "the last batch that was sound, and so were those before it"],
      seq: ["number", "the last batch of its log now: those behind kept.seq are empty"],
      lineage: ["string", "which life of the name it is"],
      isNewLineage: ["boolean", "whether that had to be made anew: clients' copies are of another life then"],
      "removed.records": ["number", "records that were taken out"],
      "removed.damaged": ["number", "of these, those that could not be read"],
      "removed.bytes": ["number", "of all of them"],
      lost: ["object or null", "what it no longer has; null for nothing"],
      "lost.fromSeq": ["number", "the first batch"],
      "lost.toSeq": ["number", "the last one that is known of"],
      "lost.entries": ["number", "of these, those that were there and are put aside"],
      "lost.bytes": ["number", "of these"],
      "lost.from": ["string or null", "when the first of these was written, ISO 8601"],
      "lost.to": ["string or null", "when the last one was"],
      "lost.authors[]": ["string", "who wrote them, as far as that could be read"],
      savedAs: ["string or null", "the file with what was taken out, in the data folder"],
      "losses[].reason": ["string", "of what belongs to no document: why something may be missing"],
      "losses[].time": ["string or null", "when that was noticed, ISO 8601"],
      "losses[].documents[]": ["string", "the first and the last document that it may be of"],
      strays: ["number", "records under keys that name none, put aside too"],
    },
  },
  exits:
    "0 nothing was damaged; 1 an error; 2 bad usage; 3 damage was found, and repaired unless it was a dry run; 4 there is no such document",
  exitCodes: [],
};

interface RepairFlags {
  readonly data?: string;
  readonly config?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

export function repairCommand(): Command {
  const command = new Command("repair")
    .description(PAGE.description)
    .allowExcessArguments(false)
    .addArgument(
      new Argument("[document]", "name of a document (default: all documents)").argParser(parseName),
    )
    .addOption(
      new Option(
        "--data <folder>",
        "data folder, which no server has open (default: the config file's, else ./data)",
      ).env("JOINERY_DATA"),
    )
    .option("--config <file>", "config file (default: joinery.config.ts, .js or .mjs if there is one)")
    .option("--dry-run", "say what would be done, and change nothing")
    .option("--json", "print JSON, one document a line")
    .action(repair);
  return describeCommand(command, PAGE);
}

async function repair(document: DocumentName | undefined, flags: RepairFlags): Promise<void> {
  const isDryRun = flags.dryRun === true;
  const folder = await requireFolder(flags);
  const tools = await openFolderTools(folder, { isDryRun, ...(await limitsOf(flags)) });
  await closing(tools, async () => {
    const report = new Report(flags);
    for (const found of tools.damage) await report.tellFiles(found);
    try {
      await repairDocuments(tools, document, report);
    } catch (error) {
      if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_NOT_FOUND") throw error;
      process.exitCode = EXIT_CODES.noDocument;
      console.error(
        `joinery: there is no document ${quotedName(document ?? "")} in the data folder ${folder}`,
      );
      return;
    }
    // What belongs to no document is known when all have been looked at.
    if (document === undefined) await report.tellRest(await tools.repairRest());
    await report.end(document);
  });
}

/** What a server has open would be changed behind its back. */
async function requireFolder(flags: RepairFlags): Promise<string> {
  const { data, config } = flags;
  const place = await findPlace({ ...(data && { data }), ...(config && { config }) });
  if (place.kind === "folder") return place.folder;
  throw new JoineryError(
    "DATA_FOLDER_IN_USE",
    `the server ${place.connection.url} has ${place.folder} open: stop it first. It keeps in memory what it has read, and would write over what is repaired`,
  );
}

async function repairDocuments(
  tools: FolderTools,
  document: DocumentName | undefined,
  report: Report,
): Promise<void> {
  const bar = document === undefined ? new ProgressBar(null, "damaged documents") : null;
  try {
    for await (const repair of tools.repair(document)) {
      bar?.clear();
      await report.tell(repair);
      bar?.step(true);
    }
  } finally {
    bar?.clear();
  }
}

type Rest = Awaited<ReturnType<FolderTools["repairRest"]>>;

/** Says what was found and done, and makes the exit code of it. */
class Report {
  readonly #isDryRun: boolean;
  readonly #isJson: boolean;
  #documents = 0;
  #isDamaged = false;

  constructor({ dryRun, json }: RepairFlags) {
    this.#isDryRun = dryRun === true;
    this.#isJson = json === true;
  }

  /** What was wrong with the files of the database, which opening them has put right. */
  async tellFiles(found: string): Promise<void> {
    this.#noteDamage();
    if (this.#isJson) console.error(`${pc.red("damage:")} ${printable(found)}`);
    else await this.#print(`${pc.yellow("!")} ${printable(found)}`, 2);
  }

  async tell(repair: DocumentRepair): Promise<void> {
    this.#noteDamage();
    this.#documents++;
    if (this.#isJson) {
      await printJsonLine(repairJson(repair, this.#isDryRun));
      return;
    }
    await print(`${pc.yellow("!")} ${pc.bold(shownName(repair.document))}`);
    for (const line of this.#linesOf(repair)) await this.#print(`    ${line}`, 6);
  }

  async tellRest({ losses, strays, savedAs }: Rest): Promise<void> {
    if (losses.length === 0 && strays === 0) return;
    this.#noteDamage();
    if (this.#isJson) {
      const told = losses.map(({ reason, time, documents }) => ({ reason, time: isoTime(time), documents }));
      await printJsonLine({
        document: null,
        outcome: "rest",
        isDryRun: this.#isDryRun,
        losses: told,
        strays,
        savedAs,
      });
      return;
    }
    for (const { reason, time, documents } of losses) {
      const whose = documents.length > 0 ? ` (${documents.map(quotedName).join(" to ")})` : "";
      await this.#print(`${pc.yellow("!")} ${localTime(time)}: ${printable(reason)}${whose}`, 2);
    }
    const where = savedAs === null ? "" : `, put aside as ${savedAs}`;
    if (strays > 0)
      await this.#print(`${pc.yellow("!")} ${counted(strays, "record")} of no document${where}`, 2);
  }

  async end(document: DocumentName | undefined): Promise<void> {
    if (this.#isJson) return;
    const what = counted(this.#documents, "document");
    if (this.#documents > 0 && this.#isDryRun) await this.#print(`${what} to repair; nothing was changed`, 0);
    else if (this.#documents > 0) await print(pc.green(`${what} repaired`));
    else if (this.#isDamaged) await print(pc.dim("no document is damaged"));
    else
      await print(
        pc.green(`✓ ${document === undefined ? "nothing is" : `${shownName(document)} is not`} damaged`),
      );
  }

  #noteDamage(): void {
    this.#isDamaged = true;
    process.exitCode = EXIT_CODES.damage;
  }

  #linesOf({ outcome, problems, kept, isNewLineage, removed, lost, savedAs }: DocumentRepair): string[] {
    const found = problems.map((problem) => `${whereOf(problem)}: ${printable(problem.reason)}`);
    const isPlanned = this.#isDryRun;
    const put =
      savedAs === null
        ? []
        : [`put aside: ${counted(removed.records, "record")}, ${size(removed.bytes)}, as ${savedAs}`];
    return [
      ...found,
      `${isPlanned ? "would keep" : "kept"}: ${keptText(outcome, kept, isPlanned)}`,
      lost === null ? "lost: nothing" : `${isPlanned ? "would lose" : "lost"}: ${lostText(lost)}`,
      ...(isNewLineage ? ["its birth was lost: copies that clients have are of another life of it"] : []),
      ...put,
    ];
  }

  async #print(text: string, indent: number): Promise<void> {
    const lines = wrapped(text.trimStart(), outputWidth() - 1 - indent);
    const first = text.length - text.trimStart().length;
    for (const [i, line] of lines.entries()) await print(" ".repeat(i === 0 ? first : indent) + line);
  }
}

function whereOf({ record, seq }: DocumentRepair["problems"][number]): string {
  if (record === "log") return `batch ${seq}`;
  return record === "snapshot" ? `snapshot at ${seq}` : record;
}

function keptText(
  outcome: DocumentRepair["outcome"],
  { snapshotSeq, seq }: DocumentRepair["kept"],
  isPlanned: boolean,
): string {
  if (outcome === "emptied") return `nothing; the document ${isPlanned ? "would be empty" : "is empty now"}`;
  if (outcome === "gone") return "nothing; there was no record of it";
  if (snapshotSeq === 0) return `batches up to ${count(seq)}`;
  const log = seq > snapshotSeq ? `, and the log up to ${count(seq)}` : "";
  return `the snapshot at ${count(snapshotSeq)}${log}`;
}

function lostText({
  fromSeq,
  toSeq,
  bytes,
  fromTime,
  toTime,
  authors,
}: NonNullable<DocumentRepair["lost"]>): string {
  const batches =
    fromSeq >= toSeq ? `batch ${count(fromSeq)}` : `batches ${count(fromSeq)} to ${count(toSeq)}`;
  const when = [...new Set([fromTime, toTime].filter((time) => time > 0).map(localTime))].join(" – ");
  const who = authors
    .map((author) => (author === "" ? "nobody in particular" : printable(author)))
    .join(", ");
  return [batches, size(bytes), when, who && `by ${who}`].filter((part) => part !== "").join(", ");
}

/** See {@link PAGE}. */
function repairJson(repair: DocumentRepair, isDryRun: boolean): object {
  const { document, outcome, problems, kept, seq, lineage, isNewLineage, removed, lost, savedAs } = repair;
  return {
    document,
    outcome,
    isDryRun,
    problems,
    kept,
    seq,
    lineage,
    isNewLineage,
    removed,
    lost: lost && lostJson(lost),
    savedAs,
  };
}

function lostJson({
  fromSeq,
  toSeq,
  entries,
  bytes,
  fromTime,
  toTime,
  authors,
}: NonNullable<DocumentRepair["lost"]>) {
  return { fromSeq, toSeq, entries, bytes, from: isoTime(fromTime), to: isoTime(toTime), authors };
}
