/**
 * What the engine needs from outside. It imports nothing but these, `@joinery/shared` and Yjs: time, randomness,
 * storage, sockets and the log are handed in, so that the whole of it runs in a test under a clock of the test's
 * own, with neither network nor disk.
 */

import type { DocumentName, JoineryError } from "@joinery/shared";
import type { EngineEvent } from "./events.ts";
import type { Frame } from "./frame.ts";

export type { EngineEvent } from "./events.ts";

/** A timer that was set. Cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970; may jump. For what people read. */
  now(): number;
  /** Milliseconds since some fixed moment, with fractions; never goes back. For durations. */
  monotonicMs(): number;
  setTimer(delayMs: number, run: () => void): Timer;
  /** Runs after all input that has already arrived in this turn of the event loop has been handled. */
  endOfTurn(run: () => void): Timer;
}

export interface Random {
  /** @returns That many unpredictable bytes. */
  bytes(length: number): Uint8Array;
}

/**
 * Where a session's frames go: one connection's way out. The engine keeps no queue of its own, so the bytes
 * that wait here are all that a slow client costs.
 */
export interface Outbox {
  /** Sends frames in order, as one piece where the transport can. Takes no copy; never blocks and never throws. */
  send(frames: readonly Uint8Array[]): void;
  /** The same, where the transport can write a frame that is not in one piece; else it is put together before. */
  sendParts?(frames: readonly Frame[]): void;
  /** Bytes that were sent and are still in memory; a write may count as a whole until its last byte is gone. */
  readonly bufferedBytes: number;
  /** Falls with every byte of them that the operating system takes: tells a slow client from one that is stuck. */
  readonly remainingBytes: number;
  /**
   * Stops, or goes on, reading what the client sends; a connection that was paused twice goes on after the second
   * resume. What has already arrived may still be delivered.
   */
  pauseInput(): void;
  resumeInput(): void;
  /**
   * Asks the other side for a sign of life, and calls back if none came within that time. Called again before it
   * is known, it does nothing.
   */
  probe(timeoutMs: number, onSilent: () => void): void;
  /**
   * Ends what the session came by: the connection, with the error's close code, or the session's part of it where
   * the dialect has several. Idempotent.
   */
  close(error: JoineryError, details?: CloseDetails): void;
}

/** What a dialect may want to say about a session that ended. */
export interface CloseDetails {
  /** Which of the client's updates was refused; 0 if it was none, or if the dialect numbers none. */
  readonly number: number;
  /** How far the server's document is, where the client's copy is not of it. */
  readonly remote: LogPlace | null;
}

/** A place in a document's log. */
interface LogPlace {
  /** As a {@link Lineage}, but somebody else says so. */
  readonly lineage: string;
  readonly seq: number;
}

/** A batch of a document's log, as somebody else names it. */
export interface LogPoint {
  readonly seq: number;
  /** Which branch `seq` was of, as a {@link BranchId}. */
  readonly branch: string;
}

/** How far into a document's log somebody is. */
export interface Revision extends LogPlace, LogPoint {}

/** Who made an update, as the log keeps it. Empty for nobody in particular. */
export type Author = string;

/** What one author contributed to a batch, merged into one Yjs v1 update. */
export interface LogPart {
  readonly author: Author;
  readonly update: Uint8Array;
}

/** One batch of a document's log. */
export interface LogEntry {
  /** Position in the log: 1 for the first, then one more each time. At most 2^53 - 1. */
  readonly seq: number;
  /** When the batch was flushed, in milliseconds since 1970. */
  readonly time: number;
  /** At least one; parts of one entry have different authors. */
  readonly parts: readonly LogPart[];
}

/** One encoded state that stands for the log up to and including `seq`. */
export interface Snapshot {
  readonly seq: number;
  readonly time: number;
  /** Yjs v1 update. */
  readonly update: Uint8Array;
}

/** 128 random bits as 32 lower-case hexadecimal digits: which life of a name a document is. */
export type Lineage = string & { readonly __lineage: true };

/** 64 random bits as 16 lower-case hexadecimal digits: which branch of a log; zeros are none in particular. */
export type BranchId = string & { readonly __branch: true };

/**
 * The part of a document's log that one life of the server writes. After a backup was restored the same numbers stand
 * for other batches than clients know: then they are of another branch.
 */
export interface Branch {
  /** Its first batch; it goes on to where the next one begins. */
  readonly seq: number;
  readonly id: BranchId;
}

export interface StoredDocument {
  /** 32 zeros when `damage` has taken it. */
  readonly lineage: Lineage;
  /** When the first batch was appended, in milliseconds since 1970; 0 when `damage` has taken that. */
  readonly bornAt: number;
  readonly snapshot: Snapshot | null;
  /** What the log holds after the snapshot (after 0 when there is none): ascending, without a hole. */
  readonly tail: readonly LogEntry[];
  /** As they were given last, ascending by `seq`; empty when none were, or `damage` has taken them. */
  readonly branches: readonly Branch[];
  /**
   * DOCUMENT_DAMAGED, naming the document and `seq`, when a record of it fails its check, is missing or may be: the
   * rest is what is sound before that. Nothing may be written to such a document; it can be deleted, or repaired.
   */
  readonly damage: JoineryError | null;
}

export interface Append {
  readonly document: DocumentName;
  readonly entry: LogEntry;
  /** Given with a document's first entry, and only with that. */
  readonly birth?: { readonly lineage: Lineage; readonly bornAt: number };
  /** Given when the entry begins a branch: all that are to be known from now on, ascending by `seq`. */
  readonly branches?: readonly Branch[];
}

export interface DocumentSummary {
  readonly document: DocumentName;
  readonly lineage: Lineage;
  readonly bornAt: number;
}

/** Who deletes a document, when, and what they knew of it. */
export interface DeletionRequest {
  /** In milliseconds since 1970. */
  readonly time: number;
  readonly author: Author;
  /** Of what is deleted, encoded as Yjs does; the empty document's, one byte 0, where it is not known. */
  readonly stateVector: Uint8Array;
  /** How many of the name's deletions are kept, this one too: with it, those are erased that are older. Default: all. */
  readonly keep?: number;
}

/** A document that was deleted, and may be restored. */
export interface Deletion {
  readonly document: DocumentName;
  /** 1 for the first of its name, then one more than the highest that is kept. */
  readonly number: number;
  /** 32 zeros when damage has taken it. */
  readonly lineage: Lineage;
  /** In milliseconds since 1970; 0 when damage has taken that, and then it is never purged. */
  readonly deletedAt: number;
  readonly deletedBy: Author;
  /** The last batch of its log; 0 when damage has taken that. */
  readonly seq: number;
  /** Of the records that are kept; 0 when damage has taken that. */
  readonly bytes: number;
  /** As it was given; the empty document's when damage has taken it. */
  readonly stateVector: Uint8Array;
}

/**
 * Where documents are kept. Any driver must pass the suite in `test/contract/storage.contract.ts`.
 *
 * Operations on one document are called by one owner, in order; `append`s may overlap each other and everything
 * else. All reject with STORAGE_UNAVAILABLE (retry with backoff) when the storage cannot do it now, and after
 * `close`. An `append` that rejects may or may not have happened: load the document again to find out.
 */
export interface Storage {
  /** Opens the storage; idempotent. Rejects with DATA_FOLDER_IN_USE or DATA_FOLDER_UNUSABLE (never retry). */
  open(): Promise<void>;

  /**
   * Reads a document's snapshot and the log after it; of a damaged one, what is sound: the newest snapshot that is,
   * and the log after it up to the first record that is not. Damage changes nothing of what is stored.
   *
   * @returns `null` when there is no such document; that is not an error.
   * Rejects with DOCUMENT_DAMAGED, naming the document and `seq`, when nothing of it is sound.
   * Cost: proportional to the bytes returned.
   */
  load(document: DocumentName): Promise<StoredDocument | null>;

  /**
   * Adds one entry to a document's log; resolves once it is durable: it survives a crash and a power cut.
   * Entries are given in the order of their `seq`, each one more than the one before. When one fails, all that
   * were given after it and are not yet durable fail too, so that the log never has a hole.
   * Rejects with DOCUMENT_DAMAGED when the document was last loaded with damage; with STORAGE_UNAVAILABLE also when
   * the disk is nearly full. Cost: one write, shared with all that is pending at the time.
   */
  append(append: Append): Promise<void>;

  /**
   * Somebody waits for what was appended so far: it is not to gather any longer with what comes next. Default: appends
   * do not wait for others.
   */
  hurry?(): void;

  /**
   * Reads log entries with `seq` greater than `after`, ascending, stopping once `maxBytes` of updates are
   * exceeded (at least one entry is returned if there is one). Entries that a snapshot replaced are gone. Rejects
   * with DOCUMENT_DAMAGED when one of them is damaged or missing.
   */
  read(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]>;

  /**
   * Writes a snapshot, reads it back, and only when that is what was written, drops what it makes dispensable.
   * A driver on disk keeps the snapshot before it and the log since that one, so that it can do without the new
   * snapshot. A crash at any moment leaves a document that loads to the same content. Ordered after the appends that
   * were given before it; the snapshot may stand for some that are not durable yet. Rejects as `append` does.
   */
  compact(document: DocumentName, snapshot: Snapshot): Promise<void>;

  /**
   * Lists documents whose names start with `prefix`, in the order of their names' UTF-8 bytes. One whose birth is
   * damaged or may be lost is left out, and told by DOCUMENT_DAMAGED after all others were listed.
   */
  list(prefix: string): AsyncIterable<DocumentSummary>;

  /**
   * Sets a document aside, damaged or not, so that it can be restored: all of it in one step, which a crash leaves done
   * or not done. What was appended before goes with it; what is appended afterwards is another life of the name.
   *
   * @returns `null` when there is no such document.
   * Rejects with STORAGE_UNAVAILABLE also when the disk is so full that nothing can be moved on it; then there is still
   * {@link Storage.erase}. Cost: the document's records are written once more, and are in memory meanwhile.
   */
  delete(document: DocumentName, by: DeletionRequest): Promise<Deletion | null>;

  /** Erases a document, damaged or not, and all that was deleted under its name. It is not an error if there is none. */
  erase(document: DocumentName): Promise<void>;

  /**
   * Lists what was deleted of documents whose names start with `prefix`, in the order of their names' UTF-8 bytes, then
   * of their numbers. Cost: linear in what there is.
   */
  deletions(prefix: string): AsyncIterable<Deletion>;

  /** What was deleted under a name, by number. Cheap: it is asked at every load. */
  deletionsOf(document: DocumentName): Promise<readonly Deletion[]>;

  /**
   * Brings back what was deleted, as it was: records, lineage, branches, and damage if there was any. In one step.
   *
   * Rejects with DOCUMENT_EXISTS (never) when there is a document of that name, and with DOCUMENT_NOT_FOUND (never) when
   * there is no such deletion. Cost: as `delete`.
   */
  restore(document: DocumentName, number: number): Promise<void>;

  /**
   * Erases what was deleted before a time, in milliseconds since 1970; one deletion a write. Cost: linear in deletions,
   * and in the records of those that go.
   *
   * @returns How many.
   */
  purge(before: number): Promise<number>;

  /**
   * Says whether something could be written now, and asks whom it has to. Cheap: it is asked as often as once a second.
   * Default: what was written last says it.
   */
  health?(): Promise<StorageHealth>;

  /** Waits for pending appends, then closes; idempotent. */
  close(): Promise<void>;
}

/** `full`: it is open, and writes nothing because there is too little room left. */
export type StorageHealth = "sound" | "full" | "unavailable";

/** What a rehearsal is given: a document, in two parts, and an update to it. */
export interface Rehearsal {
  /** The document as it was at the last rehearsal, in order. */
  readonly known: readonly Uint8Array[];
  /** What was added since, in order: one update at a time it was too little to be tried. */
  readonly recent: readonly Uint8Array[];
  readonly update: Uint8Array;
}

/** What a rehearsal found out about the document. That the update is too costly is an error. */
export interface Verdict {
  /** Whether it came to trying the update: the document without it may have taken all the time that there was. */
  readonly isTried: boolean;
  /** Structs of the document, as Yjs merges them; 0 if that is not known. */
  readonly structs: number;
  /** Whether loading the document takes far more time than is usual for its size. */
  readonly isCostly: boolean;
  /** Whether what was added since the last rehearsal takes far more time than is usual for its size. */
  readonly isRecentCostly: boolean;
  /** How long each of `recent` took, in milliseconds, where that is what was too much; else empty. */
  readonly recentMs: readonly number[];
}

/** Where replicas are built: away from the event loop, within bounds of time and memory. */
export interface Replicas {
  /** A log is to be folded before long: what takes long to begin with may begin now. Default: nothing does. */
  prepare?(): void;
  /**
   * Builds a replica from a document's updates, in order, and encodes it anew, without what was deleted. The
   * result was read back and is the same document.
   *
   * Rejects with REPLICA_FAILED (backoff) when that takes too long or the result differs.
   */
  fold(document: DocumentName, updates: readonly Uint8Array[]): Promise<Uint8Array>;
  /**
   * Tries an update on a replica of the document, and looks what the last ones before it have come to.
   *
   * Rejects with UPDATE_TOO_COSTLY (never) when integrating it, or loading the document with it, takes
   * unreasonably long or much memory; MALFORMED_UPDATE (never) when Yjs cannot integrate all of it; REPLICA_FAILED
   * (backoff) when the document without it cannot be built.
   */
  rehearse(document: DocumentName, rehearsal: Rehearsal): Promise<Verdict>;
  /** Jobs that wait or run. */
  readonly jobs: number;
  /** Ends what waits and what runs; their promises reject. */
  close(): Promise<void>;
}

/** Makes bytes smaller, away from the event loop. */
export interface Compression {
  /** @returns Raw deflate (RFC 1951) of the bytes, which must not be changed meanwhile. */
  deflate(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Where the engine says what happens; it never prints. */
export interface Log {
  report(event: EngineEvent): void;
}

/** What a session is told first. */
interface Opened {
  readonly lineage: string;
  readonly seq: number;
  readonly durableSeq: number;
  readonly permission: "read" | "write";
  readonly user: Author;
  /** How what the client has is brought together with what the server has. */
  readonly beginning: "continue" | "compare" | "exchange";
  readonly branch: NewestBranch;
}

/** Where the server writes on: enough to tell the branch of every batch that a session is sent. */
export interface NewestBranch extends Branch {
  /** Which one the batches before its first are of. */
  readonly before: BranchId;
}

/** An application's message to those who are in a document; never stored. */
export interface Signal {
  /** Who sent it; empty for nobody in particular. */
  readonly user: Author;
  /** The session that sent it; 0 for the server itself. */
  readonly session: number;
  readonly name: string;
  /** JSON as UTF-8. */
  readonly payload: Uint8Array;
}

/** Of those client ids that are somebody's in particular: whose. */
export type PresenceUsers = ReadonlyMap<number, Author>;

/**
 * How a wire protocol says what the engine tells its sessions. Each call gives one frame, or `null` where the
 * dialect has no word for it; the engine makes it once and sends the same bytes to every session that speaks the
 * dialect. Stateless.
 */
export interface Dialect {
  readonly name: string;
  /** Set where a client needs no batch that only it wrote: it has that, and goes by no batch's number. */
  readonly skipsOwn?: true;
  /** The document is there; before all else. */
  opened(opened: Opened): Uint8Array | null;
  /** A batch that was just flushed, as one Yjs v1 update. */
  update(update: Uint8Array, seq: number, durableSeq: number): Uint8Array;
  /**
   * A piece of a catch-up; after the last one the client has everything.
   *
   * @param isDeflated Only for sessions that said that they can inflate.
   */
  catchUp(update: Uint8Array, isLast: boolean, isDeflated: boolean): Uint8Array;
  /** What stands in such a frame before a piece of so many bytes, which need not be copied then. */
  catchUpHead?(bytes: number, isLast: boolean): Uint8Array;
  /** The catch-up is whole; `null` where its last piece says so. */
  caughtUp(seq: number, durableSeq: number): Uint8Array | null;
  /** Asks the client for what the server, which has this state vector, is missing. */
  ask(stateVector: Uint8Array): Uint8Array;
  /** Everything that the client sent up to its update `number` is in the log up to `seq`. */
  ack(number: number, seq: number): Uint8Array | null;
  /** An awareness update. */
  presence(update: Uint8Array, users: PresenceUsers): Uint8Array;
  /** Everything up to `seq` is on disk. */
  durable(seq: number): Uint8Array | null;
  signal(signal: Signal): Uint8Array | null;
  /** Asks the client to fill the document, which is new. */
  seed(): Uint8Array | null;
  /** What the session may do has changed. */
  permission(permission: "read" | "write", reason: string): Uint8Array | null;
  /** An edit was refused and the session goes on; `null` where it ends instead. */
  refused(error: JoineryError): Uint8Array | null;
  /** Something other than an edit was refused and the session goes on; `null` where that is as with edits. */
  notice(error: JoineryError): Uint8Array | null;
}
