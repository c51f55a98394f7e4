import { type DocumentSource, MAX_PROBLEMS, type Problem, type Verification } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Command } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { counted, size } from "../output/quantities.ts";
import {
  parseName,
  type ReadingFlags,
  readingCommand,
  tellNoDocument,
  withSource,
} from "../output/reading-command.ts";
import { print, printJsonLine } from "../output/terminal.ts";
import { printable, shownName } from "../output/text.ts";
import { ProgressBar } from "../progress-bar.ts";
import { all } from "./ls.ts";

const PAGE: CommandPage = {
  description: "Check every record of a document, or of all documents.",
  more: `Each record's checksum, that none is missing, that each update decodes and builds upon nothing that is not there, and
that each snapshot shows what the log before it builds. It changes nothing, and takes at most four times the size of the
largest document in memory (measured: 0.7 to 1.4 times).`,
  examples: [
    ["joinery verify", "all documents"],
    ["joinery verify notes/plan", "one document"],
    ["joinery verify --json | jq 'select(.isSound | not)'", "only what is damaged, as JSON"],
  ],
  json: {
    isStream: true,
    fields: {
      document: ["string", "its name"],
      isSound: ["boolean", "whether nothing is wrong with it"],
      records: ["number", "records that were checked"],
      bytes: ["number", "of their updates"],
      comparedSnapshots: ["number", "snapshots that were compared with what the log before them builds"],
      "problems[].record": [
        "string",
        "birth, snapshot, log, branches, or document where it is not in one record",
      ],
      "problems[].seq": ["number", "of the record; 0 when it has none"],
      "problems[].reason": ["string", "what is wrong"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

export function verifyCommand(): Command {
  return readingCommand("verify", PAGE)
    .argument("[document]", "name of a document (default: all documents)", parseName)
    .action((document: DocumentName | undefined, flags: ReadingFlags) =>
      withSource(flags, async (source) => {
        if (document === undefined) await verifyAll(source, flags);
        else await verifyOne(source, document, flags);
      }),
    );
}

async function verifyOne(source: DocumentSource, document: DocumentName, flags: ReadingFlags): Promise<void> {
  const verification = await verified(source, document);
  if (verification === null) return tellNoDocument(source, document);
  const tally = new Tally();
  tally.add(verification);
  if (flags.json) await printJsonLine(verificationJson(verification));
  else {
    await printProblems(verification);
    await print(tally.text());
  }
}

async function verifyAll(source: DocumentSource, { json }: ReadingFlags): Promise<void> {
  const documents: DocumentName[] = [];
  for await (const document of all(source.names(""))) documents.push(document);
  const bar = new ProgressBar(documents.length, "documents");
  const tally = new Tally();
  try {
    for (const document of documents) {
      const verification = await verified(source, document);
      if (verification === null) continue;
      tally.add(verification);
      const isSound = verification.problems.length === 0;
      if (json || !isSound) bar.clear();
      if (json && !(await printJsonLine(verificationJson(verification)))) return;
      if (!json && !isSound) await printProblems(verification);
      bar.step(!isSound);
    }
  } finally {
    bar.clear();
  }
  if (!json) await print(tally.text());
}

/** What cannot be read at all is damage too. */
async function verified(source: DocumentSource, document: DocumentName): Promise<Verification | null> {
  try {
    return await source.verify(document);
  } catch (error) {
    if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
    const problem = { record: "document", seq: 0, reason: error.message } as const;
    return { document, records: 0, bytes: 0, comparedSnapshots: 0, problems: [problem] };
  }
}

function verificationJson({ document, records, bytes, comparedSnapshots, problems }: Verification) {
  return { document, isSound: problems.length === 0, records, bytes, comparedSnapshots, problems };
}

async function printProblems({ document, problems }: Verification): Promise<void> {
  if (problems.length === 0) return;
  await print(`${pc.red("✗")} ${pc.bold(shownName(document))}`);
  for (const problem of problems) await print(`    ${whereOf(problem)}: ${printable(problem.reason)}`);
  if (problems.length === MAX_PROBLEMS) await print(`    ${pc.dim("and maybe more")}`);
}

function whereOf({ record, seq }: Problem): string {
  if (record === "log") return `batch ${seq}`;
  return record === "snapshot" ? `snapshot at ${seq}` : record;
}

/** What was found, in all documents. */
class Tally {
  #documents = 0;
  #damaged = 0;
  #records = 0;
  #bytes = 0;
  #compared = 0;

  add({ records, bytes, comparedSnapshots, problems }: Verification): void {
    this.#documents++;
    this.#records += records;
    this.#bytes += bytes;
    this.#compared += comparedSnapshots;
    if (problems.length === 0) return;
    this.#damaged++;
    process.exitCode = EXIT_CODES.damage;
  }

  text(): string {
    const checked = `${counted(this.#records, "record")}, ${size(this.#bytes)}, ${counted(this.#compared, "snapshot")} compared with the log`;
    if (this.#documents === 0) return pc.dim("no documents");
    const verdict =
      this.#damaged === 0
        ? pc.green(`✓ ${counted(this.#documents, "document")} without damage`)
        : pc.red(`✗ ${counted(this.#damaged, "document")} of ${this.#documents} damaged`);
    return `${verdict}\n${pc.dim(`  ${checked}`)}`;
  }
}
