/** What a list says of documents, out of a database: by one pass over their records, one at a time. */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { Lineage } from "../engine/ports.ts";
import type { Database } from "../storage/database.ts";
import { decodeKey, documentRange, intersection, prefixRange, type RecordPlace } from "../storage/keys.ts";
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
  const missing = new Missing(losses, prefix);
  let current: Listing | null = null;
  const read = new ReadBytes();
  const cursor = database.iterator(prefixRange(prefix));
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const record = { key: row[0], value: row[1] };
      const place = decodeKey(record.key);
      if (place === null) {
        missing.addKey(record.key);
        continue;
      }
      if (current !== null && current.document !== place.document) yield missing.except(current.end(losses));
      if (current?.document !== place.document) current = new Listing(place.document);
      current.take(place, record);
      read.add(record.value);
    }
  } finally {
    await cursor.close();
  }
  if (current !== null) yield missing.except(current.end(losses));
  missing.tell();
}

/** What the list says of one document; `null` when there is none. */
export async function listingOf(
  database: Rows,
  document: DocumentName,
  losses: readonly Loss[],
): Promise<DocumentListing | null> {
  const cursor = database.iterator(documentRange(document));
  const listing = new Listing(document);
  const read = new ReadBytes();
  let isThere = false;
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const record = { key: row[0], value: row[1] };
      const place = decodeKey(record.key);
      if (place === null)
        throw damage({ document, seq: 0 }, `the key ${toHexString(record.key)} names no record`);
      listing.take(place, record);
      read.add(record.value);
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

/** What may be missing from a list without a trace. */
class Missing {
  readonly #losses: Loss[];
  #damage: JoineryError | null = null;

  constructor(losses: readonly Loss[], prefix: string) {
    this.#losses = losses.filter(({ keys }) => intersection(keys, prefixRange(prefix)) !== null);
  }

  addKey(key: Uint8Array): void {
    this.#damage ??= new JoineryError("DOCUMENT_DAMAGED", `the key ${toHexString(key)} names no record`);
  }

  /** A document that is listed is not missing. */
  except(listing: DocumentListing): DocumentListing {
    for (let i = this.#losses.length - 1; i >= 0; i--) {
      if (documentOf(this.#losses[i] as Loss) === listing.document) this.#losses.splice(i, 1);
    }
    return listing;
  }

  tell(): void {
    if (this.#damage !== null) throw this.#damage;
    const [loss] = this.#losses;
    if (loss === undefined) return;
    const document = documentOf(loss);
    const lost = document === undefined ? null : missingAfter(this.#losses, document, 0);
    const message = `documents may be missing from this list: ${loss.reason}`;
    throw lost ?? new JoineryError("DOCUMENT_DAMAGED", message);
  }
}

function documentOf({ keys }: Loss): DocumentName | undefined {
  return decodeKey(keys.gte)?.document;
}
