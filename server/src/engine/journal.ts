/**
 * One room's view of its document's log: what was appended, how much of it is durable, and the bytes that
 * catch-up is made of. It keeps the snapshot (`base`) and every batch after it in memory, encoded: about twice the
 * document's size at most, because compaction runs when the tail outgrows the base, and once more what joiners were
 * sent of it.
 *
 * Invariants:
 * 1. Batches in memory have the seqs base.seq + 1 … seq, without a hole.
 * 2. durableSeq never exceeds what the storage confirmed, and never goes back.
 * 3. After a failed append nothing more is appended: the log may have ended anywhere after durableSeq.
 */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import type { ClosedBatch } from "./batch.ts";
import { branchAt, newestOf, withOwnBranch } from "./branches.ts";
import { mergeUpdates } from "./merge.ts";
import type {
  Append,
  Branch,
  BranchId,
  Lineage,
  NewestBranch,
  Snapshot,
  Storage,
  StoredDocument,
} from "./ports.ts";

export interface CompactionOptions {
  /** A tail smaller than this is left alone, in bytes: rewriting it would save next to nothing. */
  readonly minTailBytes: number;
  /**
   * A tail of more batches than this is folded however small it is: loading takes some 20 µs of CPU for each. Folding
   * writes the whole document anew, for a text of 300 KB three times as much as was typed since.
   */
  readonly maxTailEntries: number;
}

export const DEFAULT_COMPACTION: CompactionOptions = { minTailBytes: 64 * 1024, maxTailEntries: 8192 };

/** What a journal tells its room. */
export interface JournalEvents {
  /** Everything up to `seq` is durable now; `bytes` of it were waiting. */
  onDurable(seq: number, bytes: number): void;
  /** An append failed; reported once. */
  onFailed(error: JoineryError): void;
}

/** A document as it is on disk. */
export interface DurableState {
  /** The last batch that is in it. */
  readonly seq: number;
  /** Yjs v1 update; empty for a document that was never written to. */
  readonly update: Uint8Array;
}

/** Pieces larger than this are not merged any more: it would take the event loop longer than it saves joiners. */
const MAX_MERGED_BYTES = 1024 * 1024;

interface Batch {
  readonly seq: number;
  readonly update: Uint8Array;
}

export class Journal {
  readonly document: DocumentName;
  readonly lineage: Lineage;
  readonly #storage: Storage;
  readonly #events: JournalEvents;
  #base: Snapshot | null;
  #tail: Batch[];
  #tailBytes = 0;
  #isBorn: boolean;
  readonly #branches: readonly Branch[];
  #isBranchBegun: boolean;
  #seq: number;
  #durableSeq: number;
  #uncommittedBytes = 0;
  /** Somebody waits until the log is on disk up to here. */
  #awaitedSeq = 0;
  #failure: JoineryError | null = null;
  /**
   * The tail as joiners share it: its first batches, merged into pieces of which each is at least twice as large as
   * the next. Extended when somebody asks; a batch is merged again only a logarithmic number of times.
   */
  #pieces: Batch[] = [];
  /** The last write that was handed to the storage, of each kind. */
  #lastAppend: Promise<unknown> = Promise.resolve();
  #lastCompaction: Promise<unknown> = Promise.resolve();
  /** Compaction is not due again before the tail has this many bytes; raised when one could not be done. */
  #compactAtBytes = 0;

  /**
   * @param stored What the storage has of the document, `null` if nothing.
   * @param newLineage Becomes the document's lineage if it has none yet; written with the first append.
   * @param branch What is appended here is of this branch; no other life of the server has it.
   */
  constructor(options: {
    document: DocumentName;
    storage: Storage;
    stored: StoredDocument | null;
    newLineage: Lineage;
    branch: BranchId;
    events: JournalEvents;
  }) {
    const { stored } = options;
    this.document = options.document;
    this.#storage = options.storage;
    this.#events = options.events;
    this.lineage = stored?.lineage ?? options.newLineage;
    this.#isBorn = stored !== null;
    this.#base = stored?.snapshot ?? null;
    this.#tail = (stored?.tail ?? []).map(({ seq, parts }) => ({
      seq,
      update: mergeUpdates(parts.map((part) => part.update)),
    }));
    this.#seq = this.#tail.at(-1)?.seq ?? this.#base?.seq ?? 0;
    this.#durableSeq = this.#seq;
    const branches = stored?.branches ?? [];
    this.#branches = withOwnBranch(branches, options.branch, this.#seq);
    this.#isBranchBegun = this.#branches === branches;
    this.#tailBytes = bytesOf(this.#tail);
  }

  /** The last appended batch, durable or not; 0 for an empty log. */
  get seq(): number {
    return this.#seq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  get newestBranch(): NewestBranch {
    return newestOf(this.#branches);
  }

  get isDurable(): boolean {
    return this.#durableSeq === this.#seq;
  }

  /** Whether there is a log that could be folded. */
  get hasTail(): boolean {
    return this.#tail.length > 0;
  }

  /** Of the document: the snapshot, and what came after it. */
  get bytes(): number {
    return (this.#base?.update.length ?? 0) + this.#tailBytes;
  }

  /** Log bytes that the storage has not confirmed, and after a failure will not. */
  get uncommittedBytes(): number {
    return this.#uncommittedBytes;
  }

  /** Resolves once nothing that was handed to the storage is under way any more, however it ended. Never rejects. */
  async whenQuiet(): Promise<void> {
    await Promise.allSettled([this.#lastAppend, this.#lastCompaction]);
  }

  /**
   * Appends a batch: hands it to the storage and returns at once; the outcome comes as an event.
   *
   * @returns Bytes handed over.
   */
  append(batch: ClosedBatch, time: number): number {
    if (this.#failure) throw this.#failure;
    const seq = ++this.#seq;
    const bytes = bytesOf(batch.parts);
    this.#tail.push({ seq, update: batch.update });
    this.#tailBytes += batch.update.length;
    this.#uncommittedBytes += bytes;
    const append = { document: this.document, entry: { seq, time, parts: batch.parts } };
    // The first ones say more.
    const isUsual = this.#isBorn && this.#isBranchBegun;
    const appended = this.#storage.append(isUsual ? append : { ...append, ...this.#beginnings(time) });
    if (seq <= this.#awaitedSeq) this.#storage.hurry?.();
    this.#lastAppend = appended.then(
      () => this.#committed(seq, bytes),
      (error: unknown) => this.#fail(error),
    );
    return bytes;
  }

  #beginnings(time: number): Pick<Append, "birth" | "branches"> {
    const birth = this.#isBorn ? null : { lineage: this.lineage, bornAt: time };
    const branches = this.#isBranchBegun ? null : this.#branches;
    this.#isBorn = true;
    this.#isBranchBegun = true;
    return { ...(birth && { birth }), ...(branches && { branches }) };
  }

  /** Somebody waits until the log is on disk up to `seq`, which may be still to come. */
  hurry(seq: number): void {
    this.#awaitedSeq = Math.max(this.#awaitedSeq, seq);
    if (this.#seq > this.#durableSeq) this.#storage.hurry?.();
  }

  /** Which branch a batch of the log is of; zeros where that is not known. */
  branchAt(seq: number): BranchId {
    return branchAt(this.#branches, seq);
  }

  /** The batches after `seq`; `null` when some of them are in the snapshot now. */
  updatesSince(seq: number): readonly Uint8Array[] | null {
    const first = this.#base?.seq ?? 0;
    if (seq < first) return null;
    return this.#tail.slice(seq - first).map((batch) => batch.update);
  }

  wholeUpdates(): readonly Uint8Array[] {
    const updates = this.#tail.map((batch) => batch.update);
    return this.#base ? [this.#base.update, ...updates] : updates;
  }

  /** What is on disk of it, in order. */
  durableUpdates(): readonly Uint8Array[] {
    const count = Math.max(0, this.#durableSeq - (this.#base?.seq ?? 0));
    const updates = this.#tail.slice(0, count).map((batch) => batch.update);
    return this.#base ? [this.#base.update, ...updates] : updates;
  }

  /**
   * The whole document as a newcomer gets it: the snapshot, then what came after it in a few pieces. The pieces are
   * the same objects for everybody who asks between two batches, and most of them after that too.
   *
   * Cost: merges the batches since somebody last asked, and pieces that have come to be of similar size.
   */
  pieces(): readonly Uint8Array[] {
    const known = this.#pieces.at(-1)?.seq ?? this.#base?.seq ?? 0;
    const news = this.updatesSince(known) ?? [];
    for (const group of groupsOf(news, MAX_MERGED_BYTES)) {
      this.#pieces.push({ seq: known + group.end, update: mergeUpdates(group.updates) });
    }
    for (let last = this.#pieces.length - 1; last > 0; last--) {
      const [larger, smaller] = this.#pieces.slice(last - 1) as [Batch, Batch];
      if (larger.update.length >= 2 * smaller.update.length || larger.update.length > MAX_MERGED_BYTES) break;
      const update = mergeUpdates([larger.update, smaller.update]);
      this.#pieces.splice(last - 1, 2, { seq: smaller.seq, update });
    }
    const updates = this.#pieces.map((piece) => piece.update);
    return this.#base ? [this.#base.update, ...updates] : updates;
  }

  /** Whether the tail has outgrown the snapshot: folding it then costs, over a document's life, its size a few times. */
  isCompactionDue(options: CompactionOptions): boolean {
    return this.#isDueWith(this.#tailBytes, this.#tail.length, options);
  }

  /** Whether it is due when as much again was appended. */
  isCompactionNear(options: CompactionOptions): boolean {
    return this.#isDueWith(this.#tailBytes * 2, this.#tail.length * 2, options);
  }

  #isDueWith(bytes: number, entries: number, { minTailBytes, maxTailEntries }: CompactionOptions): boolean {
    if (this.#failure) return false;
    const isLarge = bytes > Math.max(minTailBytes, this.#base?.update.length ?? 0);
    const isLong = entries > maxTailEntries;
    return (isLarge || isLong) && bytes >= this.#compactAtBytes;
  }

  /**
   * Replaces the log up to the snapshot by it, on disk and then in memory. Batches appended meanwhile stay.
   *
   * @throws JoineryError STORAGE_UNAVAILABLE (backoff); nothing is lost then, the log is as it was.
   */
  async compact(snapshot: Snapshot): Promise<void> {
    const compacted = this.#storage.compact(this.document, snapshot);
    this.#lastCompaction = compacted;
    await compacted;
    this.#base = snapshot;
    this.#tail = this.#tail.filter((batch) => batch.seq > snapshot.seq);
    this.#tailBytes = bytesOf(this.#tail);
    this.#pieces = [];
    this.#compactAtBytes = 0;
  }

  /** Does not ask for compaction again until the tail has doubled. */
  postponeCompaction(): void {
    this.#compactAtBytes = this.#tailBytes * 2;
  }

  #committed(seq: number, bytes: number): void {
    if (this.#failure) return;
    if (seq !== this.#durableSeq + 1) {
      this.#fail(new Error(`the storage confirmed seq ${seq} after ${this.#durableSeq}`));
      return;
    }
    this.#uncommittedBytes -= bytes;
    this.#durableSeq = seq;
    this.#events.onDurable(seq, bytes);
  }

  #fail(thrown: unknown): void {
    if (this.#failure) return;
    const error = toJoineryError(thrown);
    this.#failure =
      error.code === "INTERNAL"
        ? new JoineryError("STORAGE_UNAVAILABLE", error.message, { cause: thrown })
        : error;
    this.#events.onFailed(this.#failure);
  }
}

function bytesOf(items: readonly { readonly update: Uint8Array }[]): number {
  let bytes = 0;
  for (const { update } of items) bytes += update.length;
  return bytes;
}

/** Cuts a list into groups of at most so many bytes, each of at least one; `end` is the index behind its last. */
function* groupsOf(
  updates: readonly Uint8Array[],
  maxBytes: number,
): Iterable<{ readonly updates: readonly Uint8Array[]; readonly end: number }> {
  let start = 0;
  let bytes = 0;
  for (const [i, { length }] of updates.entries()) {
    if (i > start && bytes + length > maxBytes) {
      yield { updates: updates.slice(start, i), end: i };
      start = i;
      bytes = 0;
    }
    bytes += length;
  }
  if (start < updates.length) yield { updates: updates.slice(start), end: updates.length };
}
