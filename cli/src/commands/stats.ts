import {
  type DocumentListing,
  type DocumentSizes,
  type DocumentSource,
  loadPacked,
  sizesOf,
} from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import type { Command } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { ago, count, counted, isoTime, localTime, share, size } from "../output/quantities.ts";
import {
  parseName,
  type ReadingFlags,
  readingCommand,
  tellDamage,
  tellNoDocument,
  withSource,
} from "../output/reading-command.ts";
import { facts, Table } from "../output/table.ts";
import { outputWidth, print, printJson } from "../output/terminal.ts";
import { shownName, wrapped } from "../output/text.ts";
import { whyLarge } from "../output/why-large.ts";
import { all, bySize, bytesOf, LISTING_FIELDS, ListingTable, listingJson } from "./ls.ts";

const LARGEST = 10;

const PAGE: CommandPage = {
  description: "Say where the bytes of a document are, and why; or of all documents, which are the largest.",
  more: `It reads the bytes of the newest snapshot and of the log after it, and builds no document of them: that takes at most four
times the document's size in memory (measured: 0.7 to 1.3 times). What kind a root is, is told from what is in it.`,
  examples: [
    ["joinery stats", "totals, and the ten largest documents"],
    ["joinery stats notes/plan", "bytes by root and by client, and why it is large"],
    ["joinery stats notes/plan --json | jq .roots", "only the roots"],
  ],
  json: {
    isStream: false,
    fields: {
      ...LISTING_FIELDS,
      structs: ["number", "Yjs structs"],
      ticks: ["number", "characters and values that were ever inserted"],
      deletedTicks: ["number", "how many of them were deleted"],
      tombstones: ["number", "structs whose content was deleted and is gone"],
      tombstoneBytes: ["number", "what they take all the same"],
      deleteSetBytes: ["number", "of the lists of what was deleted"],
      deleteRanges: ["number", "ranges in those lists"],
      largestBytes: ["number", "of the largest struct"],
      largestRoot: ["string or null", "the root that it is in"],
      clients: [
        "number",
        "Yjs clients that inserted something: one for each time that somebody opened the document",
      ],
      "topClients[].client": ["number", "the client's id; the ten largest"],
      "topClients[].bytes": ["number", "of its structs"],
      "topClients[].structs": ["number", "its structs"],
      "topClients[].ticks": ["number", "characters and values that it ever inserted"],
      "roots[].root": ["string", "name of a shared type at the top of the document, the largest first"],
      "roots[].kind": ["string", "text, map, array, xml or unknown, as far as its content tells"],
      "roots[].bytes": ["number", "of the structs in it, at any depth"],
      "roots[].structs": ["number", "those structs"],
      otherBytes: ["number", "of structs of which nothing tells the root: tombstones, mostly"],
      "why[]": ["string", "why it is as large as it is, in sentences"],
      documents: ["number", "of all documents: how many there are; `bytes` and the like are sums"],
      damaged: ["number", "of all documents: how many are damaged"],
      "largest[]": ["object", "of all documents: the ten largest, as `ls` has them"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

export function statsCommand(): Command {
  return readingCommand("stats", PAGE)
    .argument("[document]", "name of a document (default: all documents)", parseName)
    .action((document: DocumentName | undefined, flags: ReadingFlags) =>
      withSource(flags, (source) =>
        document === undefined ? statsOfAll(source, flags) : statsOf(source, document, flags),
      ),
    );
}

async function statsOf(source: DocumentSource, document: DocumentName, flags: ReadingFlags): Promise<void> {
  const loaded = await loadSizes(source, document);
  const listing = await source.listing(document);
  if (listing === null || loaded === null) return tellNoDocument(source, document);
  const { sizes } = loaded;
  const why = whyLarge(sizes);
  if (flags.json) await printJson(statsJson(listing, sizes, why));
  else await printStats(listing, sizes, why);
  const damage = loaded.damage ?? listing.damage;
  if (damage !== null) tellDamage(damage.message);
}

/** The document itself is let go before it is read again for what the list says: each takes its memory. */
async function loadSizes(source: DocumentSource, document: DocumentName) {
  const stored = await loadPacked(source, document);
  return stored === null ? null : { sizes: sizesOf(stored), damage: stored.damage };
}

function statsJson(listing: DocumentListing, sizes: DocumentSizes, why: readonly string[]) {
  return { ...listingJson(listing), ...sizes, why };
}

async function printStats(
  listing: DocumentListing,
  sizes: DocumentSizes,
  why: readonly string[],
): Promise<void> {
  const width = outputWidth();
  await print(`${pc.bold(shownName(listing.document))}\n`);
  for (const line of facts(factsOf(listing, sizes))) await print(line);
  await print("");
  for (const line of [...rootLines(sizes, width), "", ...clientLines(sizes, width)]) await print(line);
  await print("");
  for (const line of wrapped(why.join(" "), Math.min(width, 100) - 3)) await print(`  ${line}`);
}

function factsOf(
  { changedAt, bornAt, keptBytes, seq, snapshotSeq }: DocumentListing,
  sizes: DocumentSizes,
): [string, string][] {
  const { bytes, snapshotBytes, logBytes, logEntries, structs, ticks, deletedTicks } = sizes;
  const nowMs = Date.now();
  const at = (timeMs: number) => `${localTime(timeMs)} ${pc.dim(ago(timeMs, nowMs))}`;
  const upTo = snapshotSeq === 0 ? "none" : `${size(snapshotBytes)}, up to batch ${count(snapshotSeq)}`;
  const kept = keptBytes > 0 ? `, and ${size(keptBytes)} kept from before` : "";
  return [
    ["Size", `${pc.bold(size(bytes))}${kept}`],
    ["Snapshot", upTo],
    ["Log", `${size(logBytes)} in ${counted(logEntries, "batch", "batches")}, up to ${count(seq)}`],
    ["Changed", at(changedAt)],
    ["Born", at(bornAt)],
    [
      "Inserted",
      `${counted(ticks, "character or value", "characters and values")} in ${counted(structs, "struct")}`,
    ],
    ["Deleted", `${count(deletedTicks)} of them (${share(deletedTicks, ticks)})`],
    ["Tombstones", `${size(sizes.tombstoneBytes)} in ${counted(sizes.tombstones, "struct")}`],
    ["Delete set", `${size(sizes.deleteSetBytes)} in ${counted(sizes.deleteRanges, "range")}`],
    ["Clients", count(sizes.clients)],
  ];
}

/** A list of bytes by something. */
function byteTable(title: string, width: number): Table {
  const columns = [
    { title: "SIZE", width: 9, align: "right" },
    { title: "SHARE", width: 5, align: "right" },
    { title: "STRUCTS", width: 9, align: "right" },
    { title: "KIND", width: 7, align: "left" },
  ] as const;
  return new Table(columns, title, width);
}

function rootLines({ roots, otherBytes, bytes }: DocumentSizes, width: number): string[] {
  const table = byteTable("ROOT", width);
  const rows = roots.slice(0, LARGEST).map((root) => {
    const cells = [size(root.bytes), share(root.bytes, bytes), count(root.structs), root.kind];
    return table.row(cells, shownName(root.root));
  });
  const further = roots.slice(LARGEST);
  const furtherBytes = further.reduce((sum, root) => sum + root.bytes, 0);
  if (further.length > 0)
    rows.push(
      table.row([size(furtherBytes), share(furtherBytes, bytes)], `${count(further.length)} more`, pc.dim),
    );
  if (otherBytes > 0)
    rows.push(table.row([size(otherBytes), share(otherBytes, bytes)], "in no root that is told", pc.dim));
  return [table.head(), ...rows];
}

function clientLines({ topClients, clients, bytes }: DocumentSizes, width: number): string[] {
  const columns = [
    { title: "SIZE", width: 9, align: "right" },
    { title: "SHARE", width: 5, align: "right" },
    { title: "STRUCTS", width: 9, align: "right" },
    { title: "INSERTED", width: 9, align: "right" },
  ] as const;
  const table = new Table(columns, "CLIENT", width);
  const rows = topClients.map((it) => {
    return table.row(
      [size(it.bytes), share(it.bytes, bytes), count(it.structs), count(it.ticks)],
      String(it.client),
    );
  });
  const more = clients - topClients.length;
  if (more > 0) rows.push(table.row([], `${count(more)} more`, pc.dim));
  return [table.head(), ...rows];
}

/** What a folder comes to. */
class Totals {
  documents = 0;
  snapshotBytes = 0;
  logEntries = 0;
  logBytes = 0;
  keptBytes = 0;
  damaged = 0;
  changedAt = 0;
  #largest: DocumentListing[] = [];

  add(listing: DocumentListing): void {
    this.documents++;
    this.snapshotBytes += listing.snapshotBytes;
    this.logEntries += listing.logEntries;
    this.logBytes += listing.logBytes;
    this.keptBytes += listing.keptBytes;
    this.changedAt = Math.max(this.changedAt, listing.changedAt);
    if (listing.damage !== null) this.damaged++;
    const last = this.#largest.at(-1);
    if (this.#largest.length === LARGEST && last && bytesOf(listing) <= bytesOf(last)) return;
    this.#largest = [...this.#largest, listing].sort(bySize).slice(0, LARGEST);
  }

  get bytes(): number {
    return this.snapshotBytes + this.logBytes;
  }

  get largest(): readonly DocumentListing[] {
    return this.#largest;
  }
}

async function statsOfAll(source: DocumentSource, flags: ReadingFlags): Promise<void> {
  const totals = new Totals();
  for await (const listing of all(source.list(""))) totals.add(listing);
  if (flags.json) await printJson(totalsJson(totals));
  else await printTotals(source, totals);
  if (totals.damaged > 0)
    tellDamage(`${counted(totals.damaged, "document")}: joinery ls marks them, joinery verify tells all`);
}

function totalsJson(totals: Totals) {
  const { documents, bytes, snapshotBytes, logEntries, logBytes, keptBytes, damaged, changedAt } = totals;
  return {
    documents,
    bytes,
    snapshotBytes,
    logEntries,
    logBytes,
    keptBytes,
    changedAt: isoTime(changedAt),
    damaged,
    largest: totals.largest.map(listingJson),
  };
}

async function printTotals(source: DocumentSource, totals: Totals): Promise<void> {
  const { documents, bytes, snapshotBytes, logEntries, logBytes, keptBytes, changedAt, largest } = totals;
  await print(`${pc.bold(shownName(source.describe()))}\n`);
  const changed = changedAt === 0 ? "never" : `${localTime(changedAt)} ${pc.dim(ago(changedAt, Date.now()))}`;
  const rows: [string, string][] = [
    ["Documents", count(documents)],
    ["Size", pc.bold(size(bytes))],
    ["Snapshots", size(snapshotBytes)],
    ["Logs", `${size(logBytes)} in ${counted(logEntries, "batch", "batches")}`],
    ["Kept", `${size(keptBytes)} from before the newest snapshots`],
    ["Changed", changed],
  ];
  for (const line of facts(rows)) await print(line);
  if (largest.length === 0) return;
  const table = new ListingTable();
  await print(`\n${table.head()}`);
  for (const listing of largest) await print(table.row(listing));
}
