import {
  type DocumentListing,
  type DocumentSource,
  type EntrySummary,
  summarizeEntry,
} from "@joinery/server";
import { type DocumentName, type ErrorCode, JoineryError } from "@joinery/shared";
import type { Command } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { ago, count, isoTime, localTime, size } from "../output/quantities.ts";
import {
  parseName,
  parseWhole,
  type ReadingFlags,
  readingCommand,
  tellDamage,
  tellNoDocument,
  withSource,
} from "../output/reading-command.ts";
import { type Column, Table } from "../output/table.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { printable, wrapped } from "../output/text.ts";

interface LogFlags extends ReadingFlags {
  readonly after?: number;
  readonly limit: number;
}

/** What is read at once. */
const PAGE_BYTES = 1_000_000;

const DEFAULT_LIMIT = 50;

const PAGE: CommandPage = {
  description: "List the batches of a document's log, the newest last.",
  more: `INSERTED and DELETED count characters and values. A batch has a row for each author; an author of "-" is nobody in
particular. What a snapshot stands for is still listed as long as it is kept: since the snapshot before the newest one.`,
  examples: [
    ["joinery log notes/plan", `the last ${DEFAULT_LIMIT} batches`],
    ["joinery log notes/plan --after 1200 --limit 10", "the first ten after batch 1200"],
    ["joinery log --json -- -draft", "as JSON, of a document whose name begins with a dash"],
  ],
  json: {
    isStream: true,
    fields: {
      seq: ["number", "the batch's position in the log, from 1 on"],
      time: ["string or null", "when it was written, ISO 8601"],
      bytes: ["number", "of its updates"],
      inSnapshot: ["boolean", "whether the newest snapshot stands for it"],
      "parts[].author": ["string", "who made it; empty for nobody in particular"],
      "parts[].bytes": ["number", "of this author's update"],
      "parts[].clients[]": ["number", "the Yjs clients whose edits it has"],
      "parts[].structs": ["number", "Yjs structs in it"],
      "parts[].inserted": ["number", "characters and values that it inserted"],
      "parts[].deleted": ["number", "characters and values that it deleted"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

export function logCommand(): Command {
  return readingCommand("log", PAGE)
    .argument("<document>", "name of the document", parseName)
    .option("--after <seq>", "the first ones after this batch, instead of the last ones", parseWhole(0))
    .option("--limit <number>", "at most so many", parseWhole(1), DEFAULT_LIMIT)
    .action(log);
}

async function log(document: DocumentName, flags: LogFlags): Promise<void> {
  await withSource(flags, async (source) => {
    const listing = await source.listing(document);
    if (listing === null) return tellNoDocument(source, document);
    const after = flags.after ?? Math.max(0, listing.seq - flags.limit);
    let told: string | null = null;
    const tell = (found: string) => {
      told = found;
      tellDamage(found);
    };
    const entries = entriesOf(source, document, { after, limit: flags.limit, tell });
    await (flags.json ? printAsJson(entries, listing) : printAsTable(entries, listing, after));
    if (listing.damage !== null && listing.damage.message !== told) tellDamage(listing.damage.message);
  });
}

interface Part {
  readonly after: number;
  readonly limit: number;
  /** Is told of damage. */
  readonly tell: (found: string) => void;
}

/** A record that is not as it was written, or has an update in it that does not decode. */
const DAMAGE: readonly ErrorCode[] = ["DOCUMENT_DAMAGED", "MALFORMED_UPDATE"];

/** Page by page, up to the first entry that is damaged, which is told. */
async function* entriesOf(
  source: DocumentSource,
  document: DocumentName,
  { after, limit, tell }: Part,
): AsyncGenerator<EntrySummary> {
  let last = after;
  let left = limit;
  try {
    // Nothing comes after the largest seq that there can be.
    while (last < Number.MAX_SAFE_INTEGER) {
      const entries = await source.log(document, last, PAGE_BYTES);
      if (entries.length === 0) return;
      for (const entry of entries) {
        yield summarizeEntry(entry);
        last = entry.seq;
        if (--left === 0) return;
      }
    }
  } catch (error) {
    // Of a server, anything else may go wrong too: that is no damage.
    if (!(error instanceof JoineryError) || !DAMAGE.includes(error.code)) throw error;
    tell(error.code === "DOCUMENT_DAMAGED" ? error.message : `batch ${last + 1}: ${error.message}`);
  }
}

async function printAsJson(
  entries: AsyncIterable<EntrySummary>,
  { snapshotSeq }: DocumentListing,
): Promise<void> {
  for await (const { seq, time, bytes, parts } of entries) {
    const line = { seq, time: isoTime(time), bytes, inSnapshot: seq <= snapshotSeq, parts };
    if (!(await printJsonLine(line))) return;
  }
}

/** Where there is room, both the time and how long it is ago. */
const WIDE = 100;
/** Where there is less room, who it was is worth more than some of the numbers. */
const NARROW = 80;
/** And where there is still less, how long it is ago has to do for the time. */
const VERY_NARROW = 60;

async function printAsTable(
  entries: AsyncIterable<EntrySummary>,
  { snapshotSeq, snapshotBytes, seq: lastSeq }: DocumentListing,
  after: number,
): Promise<void> {
  const width = outputWidth();
  const table = new Table(columnsOf(width), "AUTHOR", width);
  const nowMs = Date.now();
  let previous: number | null = null;
  for await (const entry of entries) {
    const { seq } = entry;
    if (previous === null) {
      // Those that it does not stand for are never gone.
      if (seq > after + 1) await printNote(goneNote(after + 1, seq - 1), width);
      await print(table.head());
    }
    for (const row of rowsOf(entry, nowMs, width)) {
      if (!(await print(table.row(row.cells, row.author)))) return;
    }
    if (seq === snapshotSeq) await printNote(snapshotNote(snapshotSeq, snapshotBytes), width);
    previous = seq;
  }
  if (previous !== null) return;
  const isAllInSnapshot = snapshotSeq === lastSeq && after < lastSeq;
  await printNote(isAllInSnapshot ? goneNote(after + 1, lastSeq) : `no batches after ${after}`, width);
  if (isAllInSnapshot) await printNote(snapshotNote(snapshotSeq, snapshotBytes), width);
}

async function printNote(text: string, width: number): Promise<void> {
  for (const line of wrapped(text, width - 1)) await print(pc.dim(line));
}

function goneNote(from: number, to: number): string {
  return from === to
    ? `batch ${count(from)} is gone: a snapshot stands for it`
    : `batches ${count(from)} to ${count(to)} are gone: a snapshot stands for them`;
}

function snapshotNote(seq: number, bytes: number): string {
  return `── the newest snapshot stands for all up to here: batch ${count(seq)}, ${size(bytes)}`;
}

function columnsOf(width: number): Column[] {
  const time: Column[] = [
    ...(width >= VERY_NARROW ? ([{ title: "TIME", width: 19, align: "left" }] as const) : []),
    ...(width >= WIDE ? ([{ title: "", width: 10, align: "right" }] as const) : []),
    ...(width < VERY_NARROW ? ([{ title: "TIME", width: 10, align: "right" }] as const) : []),
  ];
  return [
    { title: "BATCH", width: 7, align: "right" },
    ...time,
    { title: "SIZE", width: 7, align: "right" },
    { title: "STRUCTS", width: 7, align: "right", minTableWidth: NARROW },
    { title: "INSERTED", width: 8, align: "right", minTableWidth: NARROW },
    { title: "DELETED", width: 8, align: "right", minTableWidth: NARROW },
  ];
}

function rowsOf({ seq, time, parts }: EntrySummary, nowMs: number, width: number) {
  return parts.map(({ author, bytes, structs, inserted, deleted }, i) => {
    const when = [
      ...(width >= VERY_NARROW ? [localTime(time)] : []),
      ...(width >= WIDE || width < VERY_NARROW ? [ago(time, nowMs)] : []),
    ];
    const first = i === 0 ? [count(seq), ...when] : ["", ...when.map(() => "")];
    const cells = [...first, size(bytes), count(structs), count(inserted), count(deleted)];
    return { cells, author: author === "" ? "-" : printable(author) };
  });
}
