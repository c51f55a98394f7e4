import type { DocumentListing, DocumentSource } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { type Command, Option } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage, JsonField } from "../output/command-page.ts";
import { ago, count, counted, isoTime, localDay, localTime, size } from "../output/quantities.ts";
import {
  parseWhole,
  type ReadingFlags,
  readingCommand,
  tellDamage,
  withSource,
} from "../output/reading-command.ts";
import { type Column, Table } from "../output/table.ts";
import { outputWidth, print, printJsonLine } from "../output/terminal.ts";
import { shownName } from "../output/text.ts";

const ORDERS = ["name", "size", "changed"] as const;
type Order = (typeof ORDERS)[number];

interface LsFlags extends ReadingFlags {
  readonly sort: Order;
  readonly limit?: number;
}

/** What the JSON of a document in a list has; `stats` has lists too. */
export const LISTING_FIELDS: Readonly<Record<string, JsonField>> = {
  document: ["string", "its name"],
  lineage: ["string", "which life of that name it is: 32 hexadecimal digits"],
  seq: ["number", "the last batch of its log"],
  bytes: ["number", "of the newest snapshot and the log after it"],
  snapshotSeq: ["number", "the last batch that the newest snapshot stands for; 0 without one"],
  snapshotBytes: ["number", "of the newest snapshot"],
  logEntries: ["number", "batches in the log after it"],
  logBytes: ["number", "of those batches"],
  keptBytes: ["number", "kept besides: the snapshot before the newest one, and the log between the two"],
  changedAt: ["string or null", "when the last batch was written, ISO 8601"],
  bornAt: ["string or null", "when the first batch was written, ISO 8601"],
  damage: ["string or null", "what is damaged"],
};

const PAGE: CommandPage = {
  description: "List documents.",
  more: `Sizes are those of the newest snapshot and of the log after it; BATCHES are in that log. A document with damage is
marked with a "!", and told below.`,
  examples: [
    ["joinery ls", "all documents, by name"],
    ["joinery ls notes/ --sort size --limit 10", "the ten largest whose names start with notes/"],
    ["joinery ls --json | jq -r .document", "only names"],
  ],
  json: { isStream: true, fields: LISTING_FIELDS },
  exitCodes: ["damage"],
};

export function lsCommand(): Command {
  return readingCommand("ls", PAGE)
    .argument("[prefix]", "only documents whose names start with this", "")
    .addOption(
      new Option("--sort <order>", "by name, the largest first, or what changed last first")
        .choices(ORDERS)
        .default("name"),
    )
    .option("--limit <number>", "at most so many", parseWhole(1))
    .action(ls);
}

async function ls(prefix: string, flags: LsFlags): Promise<void> {
  await withSource(flags, async (source) => {
    const listing = listed(source, prefix, flags);
    await (flags.json ? printAsJson(listing) : printAsTable(listing));
  });
}

/** In the order that was asked for: by name as they come, else all, or as many as are asked for, are kept. */
async function* listed(
  source: DocumentSource,
  prefix: string,
  { sort, limit = Number.POSITIVE_INFINITY }: LsFlags,
): AsyncGenerator<DocumentListing> {
  if (sort !== "name") {
    yield* await firstOf(source.list(prefix), limit, sort === "size" ? bySize : byChange);
    return;
  }
  let left = limit;
  for await (const document of all(source.list(prefix))) {
    yield document;
    if (--left === 0) return;
  }
}

/** What may be missing as a whole comes as an error after all others. */
export async function* all<T>(documents: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* documents;
  } catch (error) {
    if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
    tellDamage(error.message);
  }
}

/** The first so many in an order. Cost: memory for twice as many. */
async function firstOf(
  documents: AsyncIterable<DocumentListing>,
  limit: number,
  compare: (a: DocumentListing, b: DocumentListing) => number,
): Promise<DocumentListing[]> {
  let found: DocumentListing[] = [];
  for await (const document of all(documents)) {
    found.push(document);
    if (found.length >= 2 * limit) found = found.sort(compare).slice(0, limit);
  }
  return found.sort(compare).slice(0, limit);
}

export function bytesOf({ snapshotBytes, logBytes }: DocumentListing): number {
  return snapshotBytes + logBytes;
}

export function bySize(a: DocumentListing, b: DocumentListing): number {
  return bytesOf(b) - bytesOf(a);
}

function byChange(a: DocumentListing, b: DocumentListing): number {
  return b.changedAt - a.changedAt;
}

async function printAsJson(listing: AsyncIterable<DocumentListing>): Promise<void> {
  for await (const document of listing) {
    if (document.damage !== null) tellDamage(document.damage.message);
    if (!(await printJsonLine(listingJson(document)))) return;
  }
}

/** See {@link LISTING_FIELDS}. */
export function listingJson(listing: DocumentListing): Record<string, unknown> {
  const { document, lineage, seq, snapshotSeq, snapshotBytes, logEntries, logBytes, keptBytes } = listing;
  return {
    document,
    lineage,
    seq,
    bytes: bytesOf(listing),
    snapshotSeq,
    snapshotBytes,
    logEntries,
    logBytes,
    keptBytes,
    changedAt: isoTime(listing.changedAt),
    bornAt: isoTime(listing.bornAt),
    damage: listing.damage?.message ?? null,
  };
}

async function printAsTable(listing: AsyncIterable<DocumentListing>): Promise<void> {
  const table = new ListingTable();
  const damage: string[] = [];
  let documents = 0;
  let bytes = 0;
  let isRead = true;
  for await (const document of listing) {
    if (documents === 0) await print(table.head());
    documents++;
    bytes += bytesOf(document);
    if (document.damage !== null && damage.length < MAX_TOLD) damage.push(document.damage.message);
    isRead = await print(table.row(document));
    if (!isRead) break;
  }
  if (isRead)
    await print(
      pc.dim(documents === 0 ? "no documents" : `${counted(documents, "document")}, ${size(bytes)}`),
    );
  for (const found of damage) tellDamage(found);
}

/** Of damage that is told below a list; each document is marked all the same. */
const MAX_TOLD = 20;

/** Where there is room, both the time and how long it is ago. */
const WIDE = 100;
/** Where there is less room, a name is worth more than some of the numbers. */
const NARROW = 60;

/** Documents as rows. */
export class ListingTable {
  readonly #table: Table;
  readonly #isWide: boolean;
  readonly #nowMs = Date.now();

  constructor(width = outputWidth()) {
    this.#isWide = width >= WIDE;
    const changed: Column[] = this.#isWide
      ? [
          { title: "CHANGED", width: 16, align: "left" },
          { title: "", width: 10, align: "right" },
        ]
      : [{ title: "CHANGED", width: 10, align: "right" }];
    const columns: Column[] = [
      { title: "SIZE", width: 7, align: "right" },
      { title: "BATCHES", width: 7, align: "right", minTableWidth: NARROW },
      ...changed,
      { title: "BORN", width: 10, align: "left", minTableWidth: NARROW },
      { title: "", width: 1, align: "left" },
    ];
    this.#table = new Table(columns, "NAME", width);
  }

  head(): string {
    return this.#table.head();
  }

  row(listing: DocumentListing): string {
    const { document, logEntries, changedAt, bornAt, damage } = listing;
    const relative = ago(changedAt, this.#nowMs);
    // Minutes are enough to find something again.
    const changed = this.#isWide ? [localTime(changedAt).slice(0, 16), relative] : [relative];
    const cells = [
      size(bytesOf(listing)),
      count(logEntries),
      ...changed,
      localDay(bornAt),
      damage ? "!" : "",
    ];
    return this.#table.row(cells, shownName(document), damage === null ? undefined : pc.red);
  }
}
