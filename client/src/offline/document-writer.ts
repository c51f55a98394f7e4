/**
 * Turns what a handle has to say into operations on the database, and knows which records of the document are there:
 * those that were loaded, and its own. What it notes is what will be on disk once the operations happened; whoever
 * asks for them has them carried out in order, or again.
 */

import type { LineageId, LogPoint } from "@joinery/shared/protocol";
import type { Operation } from "./database.ts";
import { encodeKey, inSection, type RecordKind, type WriterId } from "./keys.ts";
import { digestOf, encodeRecord, encodeUnsavedEntry, type RecordContent } from "./record.ts";
import type { StoredCopy, StrayRecord } from "./stored-copy.ts";
import type { Pack } from "./unsaved-edits.ts";

/** Records that a snapshot of the whole document takes the place of, by their keys. */
export interface Superseded {
  /** Those that a revision counts. */
  readonly content: readonly Uint8Array[];
  readonly others: readonly Uint8Array[];
}

export class DocumentWriter {
  readonly #document: string;
  readonly #newWriter: (after: WriterId | null) => WriterId;
  #writer: WriterId;
  #nextNumber = 0;
  /** Of other writers: up to which number their records are known. */
  #covers: ReadonlyMap<WriterId, number>;
  #content: Uint8Array[];
  /** Of `#content`. */
  #digest: number;
  #others: Uint8Array[] = [];
  #revisions: Uint8Array[];
  lineage: LineageId | null;
  /** As in CopyPlace; each record with updates says it, because another tab may delete all others. */
  confirmed: readonly LogPoint[];

  /** @param newWriter Gives an id that sorts after another one. */
  constructor(document: string, stored: StoredCopy, newWriter: (after: WriterId | null) => WriterId) {
    this.#document = document;
    this.#newWriter = newWriter;
    this.#writer = newWriter([...stored.numbers.keys()].sort().at(-1) ?? null);
    this.#covers = stored.numbers;
    this.#content = [...stored.content];
    this.#digest = digestOf(this.#content);
    this.#revisions = [...stored.revisions];
    this.lineage = stored.lineage;
    this.confirmed = stored.confirmed;
  }

  /** The key of the next record. */
  nextKey(kind: RecordKind): Uint8Array {
    return encodeKey("records", this.#document, { writer: this.#writer, number: this.#nextNumber++, kind });
  }

  /** @returns Bytes of the record. */
  putUpdates(operations: Operation[], kind: "remote" | "saved", updates: readonly Uint8Array[]): number {
    const { key, value } = this.#put(operations, this.nextKey(kind), {
      kind,
      lineage: this.lineage,
      confirmed: this.confirmed,
      updates,
    });
    this.#addContent(key);
    return value.length;
  }

  putPack(operations: Operation[], { key, updates, bytes }: Pack): void {
    const { lineage, confirmed } = this;
    this.#put(operations, key, { kind: "local", lineage, confirmed, updates });
    const entry = encodeUnsavedEntry(inSection("unsaved", key), { count: updates.length, bytes });
    operations.push({ type: "put", ...entry });
  }

  deletePack(operations: Operation[], pack: Pack): void {
    operations.push(...keysOf(pack).map(del));
  }

  /**
   * Says up to where everything that is there, and that is put before, has all; takes back what was said before.
   *
   * @param packs All that are on disk or put before.
   */
  putRevision(operations: Operation[], point: LogPoint | null, packs: readonly Pack[]): void {
    operations.push(...this.#revisions.map(del));
    const { key } = this.#put(operations, this.nextKey("revision"), {
      kind: "revision",
      lineage: this.lineage,
      point,
      covers: this.#covers,
      digest: digestOf(
        packs.map(({ key }) => key),
        this.#digest,
      ),
    });
    this.#revisions = [key];
  }

  /** Hands over what is there, so that what comes later is not taken for part of a snapshot made now. */
  supersede(): Superseded {
    const superseded = { content: this.#content, others: this.#others };
    [this.#content, this.#others, this.#digest] = [[], [], 0];
    return superseded;
  }

  /** Undoes {@link supersede}: the snapshot did not come to be. */
  takeBack({ content, others }: Superseded): void {
    this.#content = content.concat(this.#content);
    this.#digest = digestOf(content, this.#digest);
    this.#others = others.concat(this.#others);
  }

  /** A pack that is to go with the next fold. */
  leaveToFold(pack: Pack): void {
    this.#others.push(...keysOf(pack));
  }

  /** @returns The key of the snapshot. */
  putSnapshot(operations: Operation[], superseded: Superseded, updates: readonly Uint8Array[]): Uint8Array {
    operations.push(...[...superseded.content, ...superseded.others, ...this.#revisions].map(del));
    this.#revisions = [];
    const { lineage, confirmed } = this;
    const content = { kind: "snapshot", lineage, confirmed, updates } as const;
    const { key } = this.#put(operations, this.nextKey("snapshot"), content);
    this.#addContent(key);
    return key;
  }

  /** The fold failed, as far as is known: its snapshot may be there, and so may what it was to delete. */
  undoSnapshot(snapshot: Uint8Array, superseded: Superseded, revisions: readonly Uint8Array[]): void {
    this.#content = superseded.content.concat(this.#content.filter((key) => key !== snapshot));
    this.#digest = digestOf(this.#content);
    this.#others = superseded.others.concat(this.#others, [snapshot]);
    this.#revisions = [...revisions, ...this.#revisions];
  }

  /** Records of updates that are there, or will be. */
  get content(): readonly Uint8Array[] {
    return this.#content;
  }

  get revisions(): readonly Uint8Array[] {
    return this.#revisions;
  }

  /** Keeps records that cannot be part of the document where nothing but its removal deletes them. */
  setAside(operations: Operation[], strays: readonly StrayRecord[]): void {
    for (const { record } of strays) {
      operations.push({ type: "put", key: inSection("aside", record.key), value: record.value });
      operations.push(del(record.key), del(inSection("unsaved", record.key)));
    }
  }

  /**
   * Deletes everything that is known of the document and begins a new copy, under a new id: which lineage a copy is of
   * is said by the newest writer, and other handles may go on with the former one.
   */
  replace(operations: Operation[], packs: readonly Pack[]): void {
    operations.push(...[...this.#content, ...this.#others, ...this.#revisions].map(del));
    for (const pack of packs) this.deletePack(operations, pack);
    this.#writer = this.#newWriter(this.#writer);
    [this.#content, this.#others, this.#revisions] = [[], [], []];
    [this.#nextNumber, this.#covers, this.#digest] = [0, new Map(), 0];
  }

  #addContent(key: Uint8Array): void {
    this.#content.push(key);
    this.#digest = digestOf([key], this.#digest);
  }

  #put(operations: Operation[], key: Uint8Array, content: RecordContent) {
    const record = encodeRecord(key, content);
    operations.push({ type: "put", ...record });
    return record;
  }
}

/** A pack's record, and its entry in the list of unsaved edits. */
function keysOf({ key }: Pack): Uint8Array[] {
  return [key, inSection("unsaved", key)];
}

function del(key: Uint8Array): Operation {
  return { type: "del", key };
}
