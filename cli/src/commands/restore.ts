import type { RestorableSource } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, type Command } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { ago, count, counted, isoTime, localTime, size } from "../output/quantities.ts";
import { parseName, parseWhole, withSource } from "../output/reading-command.ts";
import { type Column, Table } from "../output/table.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { cutMiddle, printable, shownName } from "../output/text.ts";
import type { DeletionSummary } from "../remote/deletions.ts";
import type { DocumentStore } from "../writing/document-store.ts";
import { type WritingFlags, withStore, writingCommand } from "../writing/writing-command.ts";

const PAGE: CommandPage = {
  description: "Bring back a document that was deleted, or list what can be.",
  more: `A deleted document can be restored until the server erases it: 30 days, if limits.keepDeletedMs says nothing else. It comes
back as it was, with its log. Where its name has another document by now, delete or copy that one first.`,
  examples: [
    ["joinery restore --list", "what can be restored, by name"],
    ["joinery restore notes/today", "the last one that was deleted under this name"],
    ["joinery restore notes/today --deletion 2", "an earlier one: its number is in the list"],
  ],
  json: {
    isStream: true,
    fields: {
      document: ["string", "its name"],
      deletion: ["number or null", "which one of its name; null where the last one was restored"],
      lineage: ["string", "which life of the name it is: 32 hexadecimal digits"],
      seq: ["number", "the last batch of its log"],
      bytes: ["number", "with --list: of the records that are kept"],
      deletedAt: ["string or null", "with --list: when it was deleted, ISO 8601"],
      deletedBy: ["string", "with --list: by whom; empty for nobody in particular"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

interface RestoreFlags extends WritingFlags {
  /** A prefix, or `true` for all. */
  readonly list?: string | true;
  readonly deletion?: number;
}

export function restoreCommand(): Command {
  return writingCommand("restore", PAGE)
    .addArgument(new Argument("[document]", "name of the document").argParser(parseName))
    .option("--list [prefix]", "list what can be restored: of all names, or of those that start with this")
    .option("--deletion <number>", "which one of that name (default: the last)", parseWhole(1))
    .action(async (document: DocumentName | undefined, flags: RestoreFlags) => {
      const { list, deletion } = flags;
      if ((document === undefined) === (list === undefined)) {
        throw new BadUsage("name a document, or list what can be restored with --list");
      }
      if (document === undefined) {
        const prefix = list === true ? "" : (list ?? "");
        await withSource(flags, (source) => listDeletions(source, prefix, flags));
      } else {
        await withStore(flags, (store) => restore(store, document, { ...flags, deletion: deletion ?? null }));
      }
    });
}

async function restore(
  store: DocumentStore,
  document: DocumentName,
  { json, deletion }: { readonly json?: true; readonly deletion: number | null },
): Promise<void> {
  try {
    const { seq, lineage } = await store.restore(document, deletion);
    if (json) {
      await printJsonLine({ document, deletion, lineage, seq });
      return;
    }
    // Of a deletion whose own record is damaged it is not known.
    const upTo = seq > 0 ? `, up to batch ${count(seq)}` : "";
    await print(`${pc.green("✓")} ${pc.bold(shownName(document))}  ${pc.dim(`restored${upTo}`)}`);
  } catch (error) {
    if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_NOT_FOUND") throw error;
    process.exitCode = EXIT_CODES.noDocument;
    console.error(`joinery: ${printable(error.message)}: see joinery restore --list`);
  }
}

async function listDeletions(
  source: RestorableSource,
  prefix: string,
  { json }: WritingFlags,
): Promise<void> {
  const table = json ? null : new DeletionTable();
  let [documents, bytes] = [0, 0];
  for await (const deletion of source.deletions(prefix)) {
    if (documents === 0 && table) await print(table.head());
    documents++;
    bytes += deletion.bytes;
    const isRead = table ? await print(table.row(deletion)) : await printJsonLine(deletionJson(deletion));
    if (!isRead) return;
  }
  if (!table) return;
  const total =
    documents === 0 ? "nothing to restore" : `${counted(documents, "deleted document")}, ${size(bytes)}`;
  await print(pc.dim(total));
}

/** See {@link PAGE}. */
function deletionJson({ document, number, lineage, seq, bytes, deletedAt, deletedBy }: DeletionSummary) {
  return { document, deletion: number, lineage, seq, bytes, deletedAt: isoTime(deletedAt), deletedBy };
}

/** Where there is room, both the time and how long it is ago. */
const WIDE = 100;
/** Where there is less room, a name is worth more than some of the numbers. */
const NARROW = 60;
const AUTHOR_WIDTH = 12;

class DeletionTable {
  readonly #table: Table;
  readonly #nowMs = Date.now();

  constructor(width = outputWidth()) {
    const columns: Column[] = [
      { title: "DELETED", width: 10, align: "right" },
      { title: "", width: 16, align: "left", minTableWidth: WIDE },
      { title: "BY", width: AUTHOR_WIDTH, align: "left", minTableWidth: NARROW },
      { title: "SIZE", width: 7, align: "right" },
      { title: "BATCHES", width: 7, align: "right", minTableWidth: NARROW },
      { title: "#", width: 3, align: "right" },
    ];
    this.#table = new Table(columns, "NAME", width);
  }

  head(): string {
    return this.#table.head();
  }

  row({ document, number, seq, bytes, deletedAt, deletedBy }: DeletionSummary): string {
    const cells = [
      ago(deletedAt, this.#nowMs),
      // Minutes are enough to find something again.
      localTime(deletedAt).slice(0, 16),
      deletedBy === "" ? "-" : cutMiddle(printable(deletedBy), AUTHOR_WIDTH),
      size(bytes),
      count(seq),
      String(number),
    ];
    return this.#table.row(cells, shownName(document));
  }
}
