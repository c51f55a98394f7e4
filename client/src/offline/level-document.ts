/**
 * One open document of the offline store: what the client gives waits, is written in batches, and is folded. Whatever
 * moment the process ends at:
 *
 * 1. A local edit that was given to a batch is on disk as unsaved, unless it was said to be saved.
 * 2. A revision counts only while all that it speaks of is there, and nothing came from the server since.
 * 3. Records of other handles are never overwritten, and only deleted after they were read.
 */

import type { JoineryError } from "@joinery/shared";
import type { LineageId, Revision } from "@joinery/shared/protocol";
import { failure, messageOf, type OfflineDatabase, type Operation } from "./database.ts";
import { DocumentWriter, type Superseded } from "./document-writer.ts";
import type { WriterId } from "./keys.ts";
import type { OfflineCopy, OfflineDocument } from "./ports.ts";
import type { LogSize, StoredCopy, StrayRecord } from "./stored-copy.ts";
import { type Pack, UnsavedEdits } from "./unsaved-edits.ts";
import type { Write, WriteSource } from "./write-loop.ts";

/** What bounds a document's place in memory and on disk. */
export interface DocumentLimits {
  /**
   * Bytes of updates that came from the server and wait for the disk. Above it they are let go, and a compaction is
   * due, which brings the whole document instead. Local edits always wait: they are nowhere else.
   */
  readonly maxQueueBytes: number;
  /** Bytes of a log below which no compaction is due; above it one is when the log has outgrown the snapshot. */
  readonly minLogBytes: number;
  /** Records of a log from which on a compaction is due, if there is one for each KiB of the snapshot too. */
  readonly minLogRecords: number;
}

/** What a document needs of its store. */
export interface DocumentHost {
  readonly limits: DocumentLimits;
  monotonicMs(): number;
  newWriter(after: WriterId | null): WriterId;
  /** Something waits. */
  wake(): void;
  /** Resolves when everything that waits was written, or writing failed just now. */
  flush(): Promise<void>;
  forget(document: LevelDocument): void;
}

export interface DocumentOptions {
  readonly document: string;
  readonly stored: StoredCopy;
  /** Told once when writing begins to fail; must not throw. */
  readonly onError: (error: JoineryError) => void;
  readonly host: DocumentHost;
}

/** How long not to fold after a fold failed; each time twice as long. */
const MIN_FOLD_PAUSE_MS = 10_000;
const MAX_FOLD_PAUSE_MS = 600_000;

const NO_LOG: LogSize = { snapshotBytes: 0, bytes: 0, records: 0 };

/** The whole document, and what it takes the place of. */
interface Fold {
  readonly state: Uint8Array;
  readonly superseded: Superseded;
  readonly log: LogSize;
  /** Some of it is nowhere else on disk. */
  readonly isNeeded: boolean;
}

export class LevelDocument implements OfflineDocument, WriteSource {
  readonly document: string;
  readonly copy: OfflineCopy;
  readonly #host: DocumentHost;
  readonly #onError: (error: JoineryError) => void;
  readonly #writer: DocumentWriter;

  #seq: number | null;
  /** Something came from the server since the revision was set. */
  #isRevisionVoid = false;
  #isRevisionWaiting = false;

  #unsaved: UnsavedEdits;
  #remote: Uint8Array[] = [];
  /** Packs on disk that are no longer unsaved, and edits that were saved before they were in any pack. */
  #leaving: Pack[] = [];
  #saved: Uint8Array[] = [];
  #queueBytes = 0;
  /** What a batch that failed would have done: done again before anything else. */
  #retry: Operation[] = [];
  #retryBytes = 0;
  #isRetryUrgent = false;

  #strays: readonly StrayRecord[];
  #log: LogSize;
  #fold: Fold | null = null;
  /** Something that came from the server is neither on disk nor waiting: only a fold brings it there. */
  #isIncomplete = false;
  #noFoldBeforeMs = Number.NEGATIVE_INFINITY;
  #foldPauseMs = MIN_FOLD_PAUSE_MS;
  #isFoldFailing = false;

  /** Goes up when what was taken before is of no interest any more. */
  #life = 0;
  /** What is being written. */
  #taken: readonly Operation[] = [];
  #takenFold: Fold | null = null;
  #failure: JoineryError | null = null;
  #closed: Promise<void> | null = null;

  constructor({ document, stored, onError, host }: DocumentOptions) {
    const { updates, unsaved, revision, lineage } = stored;
    this.document = document;
    this.copy = { updates, unsaved, revision, lineage };
    this.#host = host;
    this.#onError = onError;
    this.#writer = new DocumentWriter(document, stored, (after) => host.newWriter(after));
    this.#seq = revision?.seq ?? null;
    this.#unsaved = new UnsavedEdits(stored.edits);
    this.#strays = stored.strays;
    this.#log = stored.log;
  }

  addLocal(update: Uint8Array): void {
    this.#requireOpen();
    this.#unsaved.add(update);
    this.#host.wake();
  }

  addRemote(update: Uint8Array): void {
    this.#requireOpen();
    this.#isRevisionVoid = true;
    if (this.#isIncomplete && this.#fold === null) return; // The compaction that is due brings it.
    this.#remote.push(update);
    this.#queue(update.length);
  }

  saved(count: number): void {
    this.#requireOpen();
    const { packs, waiting } = this.#unsaved.saved(count);
    this.#leaving.push(...packs);
    this.#saved.push(...waiting);
    this.#queue(sum(packs, ({ bytes }) => bytes) + sum(waiting, ({ length }) => length));
  }

  setRevision(revision: Revision | null, lineage: LineageId | null): void {
    this.#requireOpen();
    const known = lineage ?? this.#writer.lineage;
    if (this.#writer.lineage !== null && known !== this.#writer.lineage)
      throw new Error("a copy of another lineage takes replace()");
    if (revision !== null && revision.lineage !== known)
      throw new Error("the revision is of another lineage");
    const seq = revision?.seq ?? null;
    const isAsItWas =
      seq === null ? this.#isRevisionVoid || this.#seq === null : seq === this.#seq && !this.#isRevisionVoid;
    if (isAsItWas && known === this.#writer.lineage) return;
    this.#writer.lineage = known;
    this.#seq = seq;
    this.#isRevisionVoid = false;
    this.#isRevisionWaiting = true;
    this.#host.wake();
  }

  compact(state: Uint8Array): void {
    this.#requireOpen();
    this.#takeBackFold();
    const isNeeded = this.#isIncomplete || this.#queueBytes > 0;
    this.#letGoOfQueue();
    this.#fold = { state, superseded: this.#writer.supersede(), log: this.#log, isNeeded };
    this.#log = { ...NO_LOG, snapshotBytes: state.length };
    this.#host.wake();
  }

  get isCompactionDue(): boolean {
    if (this.#fold !== null || this.#host.monotonicMs() < this.#noFoldBeforeMs) return false;
    if (this.#isIncomplete || this.#strays.length > 0) return true;
    const { snapshotBytes, bytes, records } = this.#log;
    const { minLogBytes, minLogRecords } = this.#host.limits;
    return (
      bytes >= Math.max(minLogBytes, snapshotBytes) ||
      records >= Math.max(minLogRecords, snapshotBytes / 1024)
    );
  }

  replace({ updates, unsaved, revision, lineage }: OfflineCopy): void {
    this.#requireOpen();
    this.#life++;
    this.#takeBackFold();
    const operations: Operation[] = [];
    this.#writer.setAside(operations, this.#strays);
    this.#writer.replace(operations, [...this.#unsaved.packs, ...this.#leaving]);
    this.#writer.lineage = lineage;
    if (updates.length > 0) this.#writer.putSnapshot(operations, { content: [], others: [] }, updates);
    this.#leaving = [];
    this.#letGoOfQueue();
    [this.#retry, this.#retryBytes] = [operations, 0];
    this.#strays = [];
    this.#log = { ...NO_LOG, snapshotBytes: sum(updates, ({ length }) => length) };
    this.#unsaved = new UnsavedEdits([]);
    for (const update of unsaved) this.#unsaved.add(update);
    this.#seq = revision?.seq ?? null;
    [this.#isRevisionVoid, this.#isRevisionWaiting, this.#isIncomplete] = [false, true, false];
    this.#host.wake();
  }

  /** Rejects with OFFLINE_STORE_FAILED (never) when not all of it is; it is tried again later. */
  async flush(): Promise<void> {
    await this.#writeAll();
    if (this.#isIncomplete) {
      const what = `the local copy of document ${JSON.stringify(this.document)}`;
      throw failure(`${what} lacks what came from the server, until it is compacted`);
    }
  }

  /** Rejects with OFFLINE_STORE_FAILED (never) when the last attempt to write failed; it is closed all the same. */
  close(): Promise<void> {
    this.#closed ??= this.#writeAll().finally(() => this.#host.forget(this));
    return this.#closed;
  }

  async #writeAll(): Promise<void> {
    await this.#host.flush();
    if (this.#failure !== null) throw this.#failure;
  }

  takeEdits(): Write | null {
    const operations = this.#retry;
    const isUrgent = this.#isRetryUrgent || this.#unsaved.hasWaiting;
    const bytes = this.#retryBytes + this.#queueBytes;
    [this.#retry, this.#retryBytes, this.#isRetryUrgent] = [[], 0, false];
    this.#takeQueue(operations);
    this.#takeUnsaved(operations);
    if (this.#isRevisionDue) this.#takeRevision(operations);
    if (operations.length === 0) return null;
    return this.#write(operations, { isUrgent, isTriedAgain: true }, (cause) => {
      // What was given meanwhile builds upon it.
      this.#retry = operations.concat(this.#retry);
      this.#retryBytes += bytes;
      this.#isRetryUrgent ||= isUrgent;
      this.#fail(cause);
    });
  }

  takeFold(): Write | null {
    const fold = this.#fold;
    if (fold === null) return null;
    const strays = this.#strays;
    const revisions = this.#writer.revisions;
    const operations: Operation[] = [];
    [this.#fold, this.#takenFold] = [null, fold];
    this.#strays = [];
    this.#isIncomplete = false;
    this.#writer.setAside(operations, strays);
    const snapshot = this.#writer.putSnapshot(operations, fold.superseded, [fold.state]);
    const isRevisionWaiting = this.#isRevisionWaiting || revisions.length > 0;
    // Without one, the snapshot is of the lineage, and nobody vouches for it.
    if (!this.#isRevisionVoid && isRevisionWaiting && this.#seq !== null) this.#takeRevision(operations);
    return this.#write(operations, { isUrgent: false, isTriedAgain: false }, (cause) => {
      this.#strays = strays;
      this.#isIncomplete ||= fold.isNeeded;
      this.#writer.undoSnapshot(snapshot, fold.superseded, revisions);
      this.#isRevisionWaiting = isRevisionWaiting && !this.#isRevisionVoid;
      this.#addBackLog(fold);
      this.#noFoldBeforeMs = this.#host.monotonicMs() + this.#foldPauseMs;
      this.#foldPauseMs = Math.min(this.#foldPauseMs * 2, MAX_FOLD_PAUSE_MS);
      if (this.#isIncomplete) this.#fail(cause);
      else if (!this.#isFoldFailing) this.#tell(cause);
      this.#isFoldFailing = true;
    });
  }

  /** What was written before may be gone: writes again what it has, and asks for the rest. */
  startAnew(): void {
    for (const pack of this.#unsaved.packs) this.#writer.putPack(this.#retry, pack);
    this.#isRetryUrgent = true;
    this.#isIncomplete = true;
    this.#isRevisionWaiting = true;
    this.#noFoldBeforeMs = Number.NEGATIVE_INFINITY;
    const what = `the local copy of document ${JSON.stringify(this.document)}`;
    this.#onError(failure(`${what} is not as it was written, and is written again`));
  }

  /** Whether all that was written is there, as far as it is known: another tab may have folded or saved it. */
  async isIntact(database: Pick<OfflineDatabase, "get">): Promise<boolean> {
    const puts = [...this.#taken, ...this.#retry].filter(({ type }) => type === "put");
    const waiting = new Set(puts.map(({ key }) => key));
    const folds = [this.#takenFold, this.#fold].flatMap((fold) => fold?.superseded.content ?? []);
    const keys = [...this.#writer.content, ...folds, ...this.#unsaved.packs.map(({ key }) => key)];
    for (const key of keys) {
      if (!waiting.has(key) && (await database.get(key)) === undefined) return false;
    }
    return true;
  }

  /** A fold writes the revision itself. */
  get #isRevisionDue(): boolean {
    const mayBeWritten = !this.#isRevisionVoid && !this.#isIncomplete && this.#fold === null;
    return this.#isRevisionWaiting && mayBeWritten;
  }

  #takeRevision(operations: Operation[]): void {
    this.#writer.putRevision(operations, this.#seq, this.#unsaved.packs);
    this.#isRevisionWaiting = false;
  }

  /** It speaks of packs that go now. */
  #repeatRevision(): void {
    if (this.#writer.revisions.length > 0) this.#isRevisionWaiting = true;
  }

  #takeQueue(operations: Operation[]): void {
    if (this.#leaving.length > 0) this.#repeatRevision();
    for (const pack of this.#leaving) this.#writer.deletePack(operations, pack);
    const saved = this.#leaving.flatMap(({ updates }) => updates).concat(this.#saved);
    if (saved.length > 0) this.#logged(this.#writer.putUpdates(operations, "saved", saved));
    if (this.#remote.length > 0) this.#logged(this.#writer.putUpdates(operations, "remote", this.#remote));
    [this.#leaving, this.#saved, this.#remote, this.#queueBytes] = [[], [], [], 0];
  }

  #takeUnsaved(operations: Operation[]): void {
    if (this.#unsaved.hasWaiting)
      this.#writer.putPack(operations, this.#unsaved.pack(this.#writer.nextKey("local")));
    const repacked = this.#unsaved.repack(() => this.#writer.nextKey("local"));
    if (repacked === null) return;
    this.#repeatRevision();
    for (const pack of repacked.former) this.#writer.deletePack(operations, pack);
    this.#writer.putPack(operations, repacked.pack);
  }

  #logged(bytes: number): void {
    const log = this.#log;
    this.#log = { ...log, bytes: log.bytes + bytes, records: log.records + 1 };
  }

  #addBackLog({ log }: Fold): void {
    const { bytes, records } = this.#log;
    this.#log = { ...log, bytes: log.bytes + bytes, records: log.records + records };
  }

  #queue(bytes: number): void {
    this.#queueBytes += bytes;
    if (this.#queueBytes + this.#retryBytes > this.#host.limits.maxQueueBytes) {
      this.#takeBackFold(); // It has not what is let go.
      this.#letGoOfQueue();
      this.#isIncomplete = true;
    }
    this.#host.wake();
  }

  #letGoOfQueue(): void {
    for (const pack of this.#leaving) this.#writer.leaveToFold(pack);
    [this.#leaving, this.#saved, this.#remote, this.#queueBytes] = [[], [], [], 0];
  }

  #takeBackFold(): void {
    const fold = this.#fold;
    if (fold === null) return;
    this.#fold = null;
    this.#writer.takeBack(fold.superseded);
    this.#addBackLog(fold);
    this.#isIncomplete ||= fold.isNeeded;
  }

  #write(
    operations: readonly Operation[],
    how: Pick<Write, "isUrgent" | "isTriedAgain">,
    failed: (cause: unknown) => void,
  ): Write {
    const life = this.#life;
    this.#taken = operations;
    return {
      operations,
      ...how,
      stored: () => this.#stored(how),
      // A copy that was replaced meanwhile is of no interest, and its replacement deletes what there may be of it.
      failed: (cause) => {
        [this.#taken, this.#takenFold] = [[], null];
        if (life === this.#life) failed(cause);
        else this.#fail(cause);
      },
    };
  }

  #stored({ isTriedAgain }: Pick<Write, "isTriedAgain">): void {
    [this.#taken, this.#takenFold] = [[], null];
    this.#failure = null;
    if (isTriedAgain) return;
    this.#isFoldFailing = false;
    this.#foldPauseMs = MIN_FOLD_PAUSE_MS;
  }

  #fail(cause: unknown): void {
    if (this.#failure === null) this.#failure = this.#tell(cause);
  }

  #tell(cause: unknown): JoineryError {
    const what = `the local copy of document ${JSON.stringify(this.document)}`;
    const error = failure(`${what} cannot be written, and waits in memory: ${messageOf(cause)}`, cause);
    this.#onError(error);
    return error;
  }

  #requireOpen(): void {
    if (this.#closed !== null) throw new Error(`document ${JSON.stringify(this.document)} is closed`);
  }
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
