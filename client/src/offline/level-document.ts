/**
 * One open document of the offline store: what the client gives waits, is written in batches, and is folded. Whatever
 * moment the process ends at:
 *
 * 1. A local edit that was given to a batch is on disk as unsaved, unless it was said to be saved.
 * 2. A revision counts only while all that it speaks of is there, and nothing came from the server since.
 * 3. Records of other handles are never overwritten, and only deleted after they were read.
 */

import type { JoineryError } from "@joinery/shared";
import type { LineageId, LogPoint, Revision } from "@joinery/shared/protocol";
import { type CompactionLimits, CompactionSchedule } from "./compaction-schedule.ts";
import { CopyHealth } from "./copy-health.ts";
import type { OfflineDatabase, Operation } from "./database.ts";
import { DocumentWriter, type Superseded } from "./document-writer.ts";
import type { WriterId } from "./keys.ts";
import type { OfflineCopy, OfflineDocument, OnCopyState } from "./ports.ts";
import type { LogSize, StoredCopy, StrayRecord } from "./stored-copy.ts";
import { type Pack, UnsavedEdits } from "./unsaved-edits.ts";
import type { Write, WriteSource } from "./write-loop.ts";

/** What bounds a document's place in memory and on disk. */
export interface DocumentLimits extends CompactionLimits {
  /**
   * Bytes of updates that came from the server and wait for the disk. Above it they are let go, and a compaction is
   * due, which brings the whole document instead. Local edits always wait: they are nowhere else.
   */
  readonly maxQueueBytes: number;
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
  /** What of it cannot be used; told already. */
  readonly damage: JoineryError | null;
  readonly onState: OnCopyState;
  readonly host: DocumentHost;
}

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
  readonly #health: CopyHealth;
  readonly #schedule: CompactionSchedule;
  readonly #writer: DocumentWriter;

  /** What was set last. */
  #revision: Revision | null;
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
  #fold: Fold | null = null;
  /** Something that came from the server is neither on disk nor waiting: only a fold brings it there. */
  #isIncomplete = false;

  /** Goes up when what was taken before is of no interest any more. */
  #life = 0;
  /** What is being written. */
  readonly #underWay = new Set<readonly Operation[]>();
  #takenFold: Fold | null = null;
  #closed: Promise<void> | null = null;

  constructor({ document, stored, damage, onState, host }: DocumentOptions) {
    const { updates, unsaved, revision, lineage, confirmed } = stored;
    this.document = document;
    this.copy = { updates, unsaved, revision, lineage, confirmed };
    this.#host = host;
    this.#health = new CopyHealth(document, damage, onState);
    this.#schedule = new CompactionSchedule(stored.log, host.limits, () => host.monotonicMs());
    this.#writer = new DocumentWriter(document, stored, (after) => host.newWriter(after));
    this.#revision = revision;
    this.#unsaved = new UnsavedEdits(stored.edits);
    this.#strays = stored.strays;
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

  setRevision(
    revision: Revision | null,
    lineage: LineageId | null,
    confirmed: readonly LogPoint[] = revision === null ? [] : [revision],
  ): void {
    this.#requireOpen();
    const known = lineage ?? this.#writer.lineage;
    if (this.#writer.lineage !== null && known !== this.#writer.lineage)
      throw new Error("a copy of another lineage takes replace()");
    if (revision !== null && revision.lineage !== known)
      throw new Error("the revision is of another lineage");
    this.#writer.confirmed = confirmed;
    const former = this.#isRevisionVoid ? null : this.#revision;
    const isAsItWas = revision?.seq === former?.seq && revision?.branch === former?.branch;
    if (isAsItWas && known === this.#writer.lineage) return;
    this.#writer.lineage = known;
    this.#revision = revision;
    this.#isRevisionVoid = false;
    this.#isRevisionWaiting = true;
    this.#host.wake();
  }

  compact(state: Uint8Array): void {
    this.#requireOpen();
    this.#takeBackFold();
    const isNeeded = this.#isIncomplete || this.#queueBytes > 0;
    this.#letGoOfQueue();
    const log = this.#schedule.begin(state.length);
    this.#fold = { state, superseded: this.#writer.supersede(), log, isNeeded };
    this.#host.wake();
  }

  get compactionDueInMs(): number | null {
    if (this.#fold !== null) return null;
    return this.#schedule.dueInMs(this.#isIncomplete || this.#strays.length > 0);
  }

  replace({ updates, unsaved, revision, lineage, confirmed }: OfflineCopy): void {
    this.#requireOpen();
    this.#life++;
    this.#takeBackFold();
    // What was to go and could not be deleted is to go all the same.
    const operations: Operation[] = this.#retry.filter(({ type }) => type === "del");
    this.#writer.setAside(operations, this.#strays);
    this.#writer.replace(operations, [...this.#unsaved.packs, ...this.#leaving]);
    this.#writer.lineage = lineage;
    this.#writer.confirmed = confirmed;
    if (updates.length > 0) this.#writer.putSnapshot(operations, { content: [], others: [] }, updates);
    this.#leaving = [];
    this.#letGoOfQueue();
    [this.#retry, this.#retryBytes] = [operations, 0];
    this.#strays = [];
    this.#schedule.begin(sum(updates, ({ length }) => length));
    this.#health.folded();
    this.#unsaved = new UnsavedEdits([]);
    for (const update of unsaved) this.#unsaved.add(update);
    this.#revision = revision;
    [this.#isRevisionVoid, this.#isRevisionWaiting, this.#isIncomplete] = [false, true, false];
    this.#host.wake();
  }

  async flush(): Promise<void> {
    await this.#writeAll();
    if (this.#isIncomplete) throw this.#health.incomplete();
  }

  close(): Promise<void> {
    this.#closed ??= this.#writeAll().finally(() => this.#host.forget(this));
    return this.#closed;
  }

  async #writeAll(): Promise<void> {
    await this.#host.flush();
    if (this.#health.writing !== null) throw this.#health.writing;
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
    return this.#writeEdits(operations, isUrgent, bytes);
  }

  takeLocalEdits(): Write | null {
    if (!this.#unsaved.hasWaiting) return null;
    const operations: Operation[] = [];
    this.#writer.putPack(operations, this.#unsaved.pack(this.#writer.nextKey("local")));
    return this.#writeEdits(operations, true, 0);
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
    if (!this.#isRevisionVoid && isRevisionWaiting && this.#revision !== null) this.#takeRevision(operations);
    return this.#write(operations, { isUrgent: false, isTriedAgain: false }, (cause) => {
      this.#strays = strays;
      this.#isIncomplete ||= fold.isNeeded;
      this.#writer.undoSnapshot(snapshot, fold.superseded, revisions);
      this.#isRevisionWaiting = isRevisionWaiting && !this.#isRevisionVoid;
      this.#schedule.putBack(fold.log);
      this.#schedule.foldFailed();
      if (this.#isIncomplete) this.#health.writeFailed(cause);
      else this.#health.foldFailed(cause);
    });
  }

  /** What was written before may be gone: writes again what it has, and asks for the rest. */
  startAnew(): void {
    for (const pack of this.#unsaved.packs) this.#writer.putPack(this.#retry, pack);
    this.#isRetryUrgent = true;
    this.#isIncomplete = true;
    this.#isRevisionWaiting = true;
    this.#schedule.hasten();
    this.#health.lost();
  }

  /** Whether all that was written is there, as far as it is known: another tab may have folded or saved it. */
  async isIntact(database: Pick<OfflineDatabase, "get">): Promise<boolean> {
    const puts = [...this.#underWay, this.#retry].flat().filter(({ type }) => type === "put");
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
    this.#writer.putRevision(operations, this.#revision, this.#unsaved.packs);
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
    if (saved.length > 0) this.#schedule.logged(this.#writer.putUpdates(operations, "saved", saved));
    if (this.#remote.length > 0)
      this.#schedule.logged(this.#writer.putUpdates(operations, "remote", this.#remote));
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
    this.#schedule.putBack(fold.log);
    this.#isIncomplete ||= fold.isNeeded;
  }

  /** @param bytes Of what is let go of when too much waits. */
  #writeEdits(operations: Operation[], isUrgent: boolean, bytes: number): Write {
    return this.#write(operations, { isUrgent, isTriedAgain: true }, (cause) => {
      // What was given meanwhile builds upon it.
      this.#retry = operations.concat(this.#retry);
      this.#retryBytes += bytes;
      this.#isRetryUrgent ||= isUrgent;
      this.#health.writeFailed(cause);
    });
  }

  #write(
    operations: readonly Operation[],
    how: Pick<Write, "isUrgent" | "isTriedAgain">,
    failed: (cause: unknown) => void,
  ): Write {
    const life = this.#life;
    this.#underWay.add(operations);
    const settled = () => {
      this.#underWay.delete(operations);
      if (!how.isTriedAgain) this.#takenFold = null;
    };
    return {
      operations,
      ...how,
      stored: () => {
        settled();
        this.#stored(how);
      },
      failed: (cause) => {
        settled();
        if (life === this.#life) return failed(cause);
        // Of a copy that was replaced meanwhile only what was to go is of interest.
        this.#retry.unshift(...operations.filter(({ type }) => type === "del"));
        this.#health.writeFailed(cause);
      },
    };
  }

  #stored({ isTriedAgain }: Pick<Write, "isTriedAgain">): void {
    if (!isTriedAgain) {
      this.#schedule.folded();
      this.#health.folded();
    }
    // Beside it something may have failed, or be under way still.
    if (this.#retry.length === 0 && this.#underWay.size === 0) this.#health.written(!this.#isIncomplete);
  }

  #requireOpen(): void {
    if (this.#closed !== null) throw new Error(`document ${JSON.stringify(this.document)} is closed`);
  }
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
