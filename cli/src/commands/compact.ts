import type { DocumentCompaction } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, type Command } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { counted, size } from "../output/quantities.ts";
import { parseName, tellDamage, tellNoDocument } from "../output/reading-command.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { cutMiddle, printable, shownName } from "../output/text.ts";
import { ProgressBar } from "../progress-bar.ts";
import type { DocumentStore } from "../writing/document-store.ts";
import { type WritingFlags, withStore, writingCommand } from "../writing/writing-command.ts";

const PAGE: CommandPage = {
  description: "Fold the log of a document, or of each, into a snapshot.",
  more: `A server does that by itself when a log has outgrown its snapshot; this does it now, so that documents are loaded faster.
What they were before can be shown from the snapshot before on, which stays with the log since. --reclaim also has the
database written anew, without what was deleted or replaced; as much as it has must be free on the disk.`,
  examples: [
    ["joinery compact", "all documents"],
    ["joinery compact notes/plan", "one"],
    ["joinery compact --reclaim", "all, and give back the room on the disk"],
  ],
  json: {
    isStream: true,
    fields: {
      document: ["string", "its name"],
      outcome: ["string", "compacted, already (there was nothing after its snapshot), or failed"],
      reason: ["string or null", "why it failed"],
      seq: ["number", "the last batch of its log"],
      bytesBefore: ["number", "of the snapshot and the log that are read when it is loaded"],
      bytesAfter: ["number", "the same afterwards"],
      reclaimed: [
        "object",
        "with --reclaim, in a last line of its own: bytesBefore and bytesAfter of the files",
      ],
    },
  },
  exits: "0 fine; 1 a log could not be folded, or an error; 2 bad usage",
  exitCodes: ["damage", "noDocument"],
};

interface CompactFlags extends WritingFlags {
  readonly reclaim?: true;
}

export function compactCommand(): Command {
  return writingCommand("compact", PAGE)
    .addArgument(
      new Argument("[document]", "name of a document (default: all documents)").argParser(parseName),
    )
    .option("--reclaim", "have the files of the database written anew")
    .action(async (document: DocumentName | undefined, flags: CompactFlags) => {
      await withStore(flags, async (store) => {
        if (flags.reclaim) store.requireReclaim();
        if (!(await compact(store, document ?? null, flags))) return;
        if (flags.reclaim) await reclaim(store, flags);
      });
    });
}

/** @returns Whether the document is there. */
async function compact(
  store: DocumentStore,
  document: DocumentName | null,
  { json }: CompactFlags,
): Promise<boolean> {
  const bar = document === null ? new ProgressBar(await store.count(), "documents") : null;
  const tally = new Tally();
  let damage: JoineryError | null = null;
  try {
    for await (const compaction of store.compact(document)) {
      tally.add(compaction);
      const isFailed = compaction.outcome === "failed";
      // Of many, those tell enough that it did not work with.
      const isShown = json || isFailed || document !== null;
      if (isShown) bar?.clear();
      if (json) await printJsonLine(compaction);
      else if (isShown) await print(lineOf(compaction));
      bar?.step(isFailed);
    }
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    if (error.code === "DOCUMENT_DAMAGED") damage = error;
    else if (error.code === "DOCUMENT_NOT_FOUND" && document !== null) {
      tellNoDocument(store, document);
      return false;
    } else throw error;
  } finally {
    bar?.clear();
  }
  if (document === null && !json) await print(tally.text());
  if (damage !== null) tellDamage(damage.message);
  return true;
}

function lineOf({ document, outcome, reason, bytesBefore, bytesAfter }: DocumentCompaction): string {
  const name = pc.bold(cutMiddle(shownName(document), outputWidth() - MARK_WIDTH - 1));
  if (outcome === "failed") return `${pc.red("✗")} ${name}\n    ${printable(reason ?? "")}`;
  const sizes =
    outcome === "already"
      ? `nothing to fold: a snapshot of ${size(bytesBefore)}`
      : `${size(bytesBefore)} → ${size(bytesAfter)}`;
  return `${pc.green("✓")} ${name}\n  ${pc.dim(sizes)}`;
}

const MARK_WIDTH = 2;

/** What came of all documents. */
class Tally {
  #compacted = 0;
  #already = 0;
  #failed = 0;
  #bytesBefore = 0;
  #bytesAfter = 0;

  add({ outcome, bytesBefore, bytesAfter }: DocumentCompaction): void {
    if (outcome === "already") this.#already++;
    else if (outcome === "compacted") this.#compacted++;
    else {
      this.#failed++;
      process.exitCode = EXIT_CODES.error;
    }
    this.#bytesBefore += bytesBefore;
    this.#bytesAfter += bytesAfter;
  }

  text(): string {
    if (this.#compacted + this.#already + this.#failed === 0) return pc.dim("no documents");
    const parts = [
      `${counted(this.#compacted, "log")} folded`,
      ...(this.#already > 0 ? [`${this.#already.toLocaleString("en")} had nothing to fold`] : []),
      ...(this.#failed > 0 ? [pc.red(`${this.#failed.toLocaleString("en")} could not be`)] : []),
    ];
    const sizes = pc.dim(`  ${size(this.#bytesBefore)} → ${size(this.#bytesAfter)}`);
    return `${parts.join(", ")}\n${sizes}`;
  }
}

async function reclaim(store: DocumentStore, { json }: CompactFlags): Promise<void> {
  const { bytesBefore, bytesAfter } = await store.reclaim();
  if (json) await printJsonLine({ reclaimed: { bytesBefore, bytesAfter } });
  else await print(pc.dim(`  on the disk: ${size(bytesBefore)} → ${size(bytesAfter)}`));
}
