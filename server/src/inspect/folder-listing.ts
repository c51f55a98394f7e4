/** What a list says of documents, out of a database: by one pass over their records, one at a time. */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { Lineage } from "../engine/ports.ts";
import type { Database } from "../storage/database.ts";
import {
  compareBytes,
  decodeKey,
  documentRange,
  intersection,
  type KeyRange,
  prefixRange,
  type RecordPlace,
} from "../storage/keys.ts";
import { type Loss, missingAfter, missingAt } from "../storage/losses.ts";
import {
  damage,
  decodeBirth,
  decodeBranches,
  decodeLogEntry,
  decodeSnapshot,
  type StoredRecord,
  updateBytes,
} from "../storage/record.ts";
import { ReadBytes } from "./released-memory.ts";
import type { DocumentListing } from "./source.ts";

type Rows = Pick<Database, "iterator">;

/** Is told of every record that was read. */
type OnRead = (record: Uint8Array) => void;

/**
 * Lists documents whose names start with `prefix`; see `DocumentSource.list`.
 *
 * @throws JoineryError DOCUMENT_DAMAGED after all others, for what may be missing as a whole.
 */
export async function* listings(
  database: Rows,
  prefix: string,
  losses: readonly Loss[],
): AsyncGenerator<DocumentListing> {
  const range = prefixRange(prefix);
  const missing = new Missing(losses, range);
  const read = new ReadBytes();
  for await (const listing of listed(database, range, losses, missing, (record) => read.add(record)))
    yield missing.except(listing);
  const damage = missing.found();
  if (damage !== null) throw damage;
}

/** Which part of a list. */
export interface ListingPart {
  readonly prefix: string;
  /** Only documents behind this name, which need not be there; `null` for all. */
  readonly after: DocumentName | null;
  readonly maxDocuments: number;
  /** No further document is read once those that were read have so many bytes. */
  readonly maxBytes: number;
}

export interface ListingPage {
  readonly documents: readonly DocumentListing[];
  /** Behind which document the list goes on; `null` at its end. */
  readonly next: DocumentName | null;
  /** DOCUMENT_DAMAGED, when a document of this part may be missing as a whole. */
  readonly damage: JoineryError | null;
}

/** Lists some documents. Cost: reads them once. */
export async function listingPage(
  database: Rows,
  { prefix, after, maxDocuments, maxBytes }: ListingPart,
  losses: readonly Loss[],
): Promise<ListingPage> {
  const range = rangeBehind(prefix, after);
  if (range === null) return { documents: [], next: null, damage: null };
  // What begins before this part was told with the part before it.
  const own = after === null ? losses : losses.filter(({ keys }) => compareBytes(keys.gte, range.gte) >= 0);
  const missing = new Missing(own, range);
  const documents: DocumentListing[] = [];
  let bytes = 0;
  const onRead = ({ length }: Uint8Array): void => {
    bytes += length;
  };
  for await (const listing of listed(database, range, losses, missing, onRead)) {
    documents.push(missing.except(listing));
    if (documents.length < maxDocuments && bytes < maxBytes) continue;
    const next = listing.document;
    return { documents, next, damage: missing.foundBefore(documentRange(next).lt) };
  }
  return { documents, next: null, damage: missing.found() };
}

function rangeBehind(prefix: string, after: DocumentName | null): KeyRange | null {
  const range = prefixRange(prefix);
  return after === null ? range : intersection(range, { gte: documentRange(after).lt, lt: range.lt });
}

async function* listed(
  ...[database, range, losses, missing, onRead]: [Rows, KeyRange, readonly Loss[], Missing, OnRead]
): AsyncGenerator<DocumentListing> {
  let current: Listing | null = null;
  const cursor = database.iterator(range);
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const record = { key: row[0], value: row[1] };
      const place = decodeKey(record.key);
      if (place === null) {
        missing.addKey(record.key);
        continue;
      }
      if (current !== null && current.document !== place.document) yield current.end(losses);
      if (current?.document !== place.document) current = new Listing(place.document);
      current.take(place, record);
      onRead(record.value);
    }
  } finally {
    await cursor.close();
  }
  if (current !== null) yield current.end(losses);
}

/**
 * What the list says of one document; `null` when there is none.
 *
 * @param onRead Default: lets go of memory now and then, which stops everything else for a moment.
 */
export async function listingOf(
  database: Rows,
  document: DocumentName,
  losses: readonly Loss[],
  onRead: OnRead = releasing(),
): Promise<DocumentListing | null> {
  const cursor = database.iterator(documentRange(document));
  const listing = new Listing(document);
  let isThere = false;
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const record = { key: row[0], value: row[1] };
      const place = decodeKey(record.key);
      if (place === null)
        throw damage({ document, seq: 0 }, `the key ${toHexString(record.key)} names no record`);
      listing.take(place, record);
      onRead(record.value);
      isThere = true;
    }
  } finally {
    await cursor.close();
  }
  if (isThere) return listing.end(losses);
  const lost = missingAfter(losses, document, 0);
  if (lost !== null) throw lost;
  return null;
}

function releasing(): OnRead {
  const read = new ReadBytes();
  return (record) => read.add(record);
}

/** Adds up a document's records, which come in the order of their keys: birth, snapshots, log, branches. */
class Listing {
  readonly document: DocumentName;
  #hasBirth = false;
  #lineage = "0".repeat(32) as Lineage;
  #bornAt = 0;
  #changedAt = 0;
  #snapshotSeq = 0;
  #snapshotBytes = 0;
  #logEntries = 0;
  #logBytes = 0;
  #keptBytes = 0;
  /** Of the last record of the log that was there, sound or not. */
  #seq = 0;
  #birthDamage: JoineryError | null = null;
  #snapshotDamage: JoineryError | null = null;
  #logDamage: JoineryError | null = null;
  #branchesDamage: JoineryError | null = null;

  constructor(document: DocumentName) {
    this.document = document;
  }

  take(place: RecordPlace, record: StoredRecord): void {
    if (place.kind === "birth") this.#takeBirth(place, record);
    else if (place.kind === "snapshot") this.#takeSnapshot(place, record);
    else if (place.kind === "log") this.#takeEntry(place, record);
    else this.#takeBranches(place, record);
  }

  end(losses: readonly Loss[]): DocumentListing {
    const { document } = this;
    const lost =
      missingAfter(losses, document, Math.max(this.#seq, this.#snapshotSeq)) ??
      missingAt(losses, { document, kind: "branches", seq: 0 });
    const noBirth = this.#hasBirth
      ? null
      : damage({ document, seq: 0 }, "the record of its birth is missing");
    const isEmpty = this.#seq === 0 && this.#snapshotSeq === 0;
    const noEntry = isEmpty ? damage({ document, seq: 1 }, "the record is missing") : null;
    return {
      document,
      lineage: this.#lineage,
      bornAt: this.#bornAt,
      changedAt: this.#changedAt,
      seq: Math.max(this.#seq, this.#snapshotSeq),
      snapshotSeq: this.#snapshotSeq,
      snapshotBytes: this.#snapshotBytes,
      logEntries: this.#logEntries,
      logBytes: this.#logBytes,
      keptBytes: this.#keptBytes,
      damage:
        this.#logDamage ??
        lost ??
        this.#snapshotDamage ??
        this.#birthDamage ??
        noBirth ??
        this.#branchesDamage ??
        noEntry,
    };
  }

  #takeBirth(place: RecordPlace, record: StoredRecord): void {
    this.#hasBirth = true;
    try {
      const { lineage, bornAt } = decodeBirth(place, record);
      this.#lineage = lineage;
      this.#bornAt = bornAt;
    } catch (error) {
      this.#birthDamage = toJoineryError(error);
    }
  }

  #takeBranches(place: RecordPlace, record: StoredRecord): void {
    try {
      decodeBranches(place, record);
    } catch (error) {
      this.#branchesDamage = toJoineryError(error);
    }
  }

  #takeSnapshot(place: RecordPlace, record: StoredRecord): void {
    try {
      const { seq, time, update } = decodeSnapshot(place, record);
      this.#keptBytes += this.#snapshotBytes;
      this.#snapshotSeq = seq;
      this.#snapshotBytes = update.length;
      this.#changedAt = time;
      // What an older one was is of no interest to who loads the document.
      this.#snapshotDamage = null;
    } catch (error) {
      this.#snapshotDamage = toJoineryError(error);
    }
  }

  #takeEntry(place: RecordPlace, record: StoredRecord): void {
    const { document, seq } = place;
    const isKept = seq <= this.#snapshotSeq;
    const previous = Math.max(this.#seq, this.#snapshotSeq);
    if (!isKept && seq !== previous + 1)
      this.#logDamage ??= damage({ document, seq: previous + 1 }, "the record is missing");
    this.#seq = seq;
    try {
      const entry = decodeLogEntry(place, record);
      const bytes = updateBytes(entry);
      if (seq >= this.#snapshotSeq) this.#changedAt = entry.time;
      if (isKept) this.#keptBytes += bytes;
      else {
        this.#logEntries++;
        this.#logBytes += bytes;
      }
    } catch (error) {
      if (!isKept) this.#logDamage ??= toJoineryError(error);
    }
  }
}

/**
 * Names of the documents that {@link listings} lists, told by their keys alone.
 *
 * @throws JoineryError as it does. Cost: a seek a document.
 */
export async function* namesIn(
  database: Rows,
  prefix: string,
  losses: readonly Loss[],
): AsyncGenerator<DocumentName> {
  const range = prefixRange(prefix);
  const missing = new Missing(losses, range);
  const cursor = database.iterator({ ...range, values: false });
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const document = decodeKey(row[0])?.document;
      if (document === undefined) {
        missing.addKey(row[0]);
        continue;
      }
      missing.exceptDocument(document);
      yield document;
      cursor.seek(documentRange(document).lt);
    }
  } finally {
    await cursor.close();
  }
  const damage = missing.found();
  if (damage !== null) throw damage;
}

/** What may be missing from a list without a trace. */
class Missing {
  readonly #losses: Loss[];
  #damage: JoineryError | null = null;

  constructor(losses: readonly Loss[], range: KeyRange) {
    this.#losses = losses.filter(({ keys }) => intersection(keys, range) !== null);
  }

  addKey(key: Uint8Array): void {
    this.#damage ??= new JoineryError("DOCUMENT_DAMAGED", `the key ${toHexString(key)} names no record`);
  }

  /** A document that is listed is not missing. */
  except(listing: DocumentListing): DocumentListing {
    this.exceptDocument(listing.document);
    return listing;
  }

  exceptDocument(document: DocumentName): void {
    for (let i = this.#losses.length - 1; i >= 0; i--) {
      if (documentOf(this.#losses[i] as Loss) === document) this.#losses.splice(i, 1);
    }
  }

  found(): JoineryError | null {
    return this.#damage ?? this.#told(this.#losses);
  }

  /** As far as it begins before a key. */
  foundBefore(end: Uint8Array): JoineryError | null {
    const before = this.#losses.filter(({ keys }) => compareBytes(keys.gte, end) < 0);
    return this.#damage ?? this.#told(before);
  }

  #told(losses: readonly Loss[]): JoineryError | null {
    const [loss] = losses;
    if (loss === undefined) return null;
    const document = documentOf(loss);
    const lost = document === undefined ? null : missingAfter(losses, document, 0);
    const message = `documents may be missing from this list: ${loss.reason}`;
    return lost ?? new JoineryError("DOCUMENT_DAMAGED", message);
  }
}

function documentOf({ keys }: Loss): DocumentName | undefined {
  return decodeKey(keys.gte)?.document;
}
