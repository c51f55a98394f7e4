/**
 * A room's way from accepted updates to the log and to everybody: collects a batch, and when its window is over hands
 * it to the journal, sends it, and lets writers know what of theirs is in the log.
 */

import type { DocumentName, Limits } from "@joinery/shared";
import type { Attendance } from "./attendance.ts";
import { Audience, type TurnBounds } from "./audience.ts";
import { type ClosedBatch, OpenBatch } from "./batch.ts";
import { BatchTimes } from "./batch-times.ts";
import type { Contents } from "./contents.ts";
import { type FlushOptions, FlushWindow } from "./flush-window.ts";
import type { Journal } from "./journal.ts";
import { LazySet } from "./lazy-map.ts";
import type { Meter } from "./meter.ts";
import type { Author, Clock, Timer } from "./ports.ts";
import { Rounds } from "./rounds.ts";
import { Seeding } from "./seeding.ts";
import type { Session } from "./session.ts";

/**
 * How long a batch waits beyond its window for the last ones of a round, who would else need a batch of their own, and be out
 * of step with the others from then on.
 */
export const MAX_ROUND_WAIT_MS = 5;

/** One batch, as it is in the log. */
export interface AppendedBatch extends ClosedBatch {
  readonly seq: number;
  readonly time: number;
}

export interface FlushesOptions {
  readonly document: DocumentName;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly flush: FlushOptions;
  readonly turn: TurnBounds;
  readonly attendance: Attendance<Session>;
  /** A window is over: what is held aside may have become ready to be added. */
  readonly onWindowEnd: () => void;
  /** So many bytes wait that the window ends early. */
  readonly onFullBatch: () => void;
  /** A batch was handed to the storage, and that many bytes with it. */
  readonly onAppended: (batch: ClosedBatch, seq: number, time: number, bytes: number) => void;
  /** All that was due was sent. */
  readonly onFlushed: () => void;
  /** A bug, or an update that Yjs cannot merge: the room must end. */
  readonly onMistake: (thrown: unknown) => void;
}

/** Where a room's updates go, once it has loaded. */
export interface FlushTarget {
  readonly journal: Journal;
  readonly contents: Contents;
  /** Whether the document is as the storage says, and may be filled if it is new. */
  readonly isSound: boolean;
}

export class Flushes {
  readonly audience: Audience;
  readonly seeding: Seeding;
  readonly #options: FlushesOptions;
  readonly #batch = new OpenBatch();
  readonly #times: BatchTimes;
  readonly #window: FlushWindow;
  readonly #rounds = new Rounds<Session>();
  /** Those who have something to acknowledge, once what was accepted is in the log. */
  readonly #unacknowledged = new LazySet<Session>();
  readonly #onWindowOver = () => this.#windowOver();
  #target: FlushTarget | null = null;
  #timer: Timer | null = null;
  /** Who sent all that is in the batch. */
  #writer: Session | null = null;
  /** Whether it ends with this turn. */
  #endsWithTurn = false;
  /** Whether its time is over, and it is a round that is waited for. */
  #isOverdue = false;
  /** Whether there is something to flush once everybody has been sent what was flushed last. */
  #isDue = false;
  #flushedAtMs = 0;
  /** What sending took that the window does not know of yet. */
  #costMs = 0;
  /** Batches that are being sent. */
  readonly #sending: number[] = [];
  /** Set while somebody waits for the first batch to be durable. */
  #birth: PromiseWithResolvers<void> | null = null;

  constructor(options: FlushesOptions) {
    const { clock, limits, meter, turn, onMistake } = options;
    this.#options = options;
    const onReached = (ms: number) => this.#reached(ms);
    this.audience = new Audience({ meter, clock, turn, onReached, onMistake });
    this.#times = new BatchTimes(options);
    this.#window = new FlushWindow(options.flush);
    this.seeding = new Seeding({ clock, limits, isEmpty: () => this.#isEmpty });
  }

  start(target: FlushTarget): void {
    this.#target = target;
  }

  close(): void {
    this.#target = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#isDue = false;
    this.audience.close();
    this.seeding.close();
    this.#times.close();
  }

  /** Bytes of what was accepted and is not in the log. */
  get batchBytes(): number {
    return this.#batch.bytes;
  }

  /** What was accepted and is not in the log. */
  batchUpdates(): Iterable<Uint8Array> {
    return this.#batch.updates();
  }

  /** The last batch that may be shown. */
  get seq(): number {
    const { withheld } = this.seeding;
    return withheld ? withheld.seq - 1 : (this.#target?.journal.seq ?? 0);
  }

  /** Resolves when the document's first batch is durable; `null` when it is, or there is none. */
  whenBorn(): Promise<void> | null {
    const journal = this.#target?.journal;
    if (!journal || journal.durableSeq > 0 || (journal.seq === 0 && this.#batch.bytes === 0)) return null;
    journal.hurry(1);
    this.#birth ??= Promise.withResolvers<void>();
    return this.#birth.promise;
  }

  /** Whether nothing was ever written to the document. */
  get #isEmpty(): boolean {
    const target = this.#target;
    return target?.isSound === true && target.journal.seq === 0 && this.#batch.bytes === 0;
  }

  /**
   * Puts an update into the batch. The bytes are its own from now on.
   *
   * @param session Who sent what is in it, and so has that; `null` where it may be something else, or of nobody here.
   */
  add(author: Author, update: Uint8Array, session: Session | null): void {
    // One that is large goes alone: merging it with others takes long.
    if (update.length >= this.#options.limits.maxBatchBytes) this.flush();
    if (this.#batch.bytes === 0) this.#writer = session;
    else if (this.#writer !== session) this.#writer = null;
    this.#batch.add(author, update);
    this.#times.added();
    if (session) this.#rounds.wrote(session, this.#options.clock.monotonicMs());
  }

  /** The update that was added last came then: it had to wait. */
  cameAt(atMs: number): void {
    this.#times.cameAt(atMs);
  }

  acknowledgeSoon(session: Session): void {
    this.#unacknowledged.add(session);
    this.openWindow();
  }

  /** The session is gone. */
  forget(session: Session): void {
    this.audience.delete(session);
    this.#unacknowledged.delete(session);
    this.#rounds.forget(session);
    if (this.#writer === session) this.#writer = null;
    this.seeding.leave(session);
  }

  /** Whether all who write have written and wait, so that nothing more comes by waiting longer. */
  get #isRoundOver(): boolean {
    return this.#rounds.areKept && this.#window.mayEndEarly && this.#rounds.isOver(this.audience.size);
  }

  /** There is something to flush: does so when the window is over. */
  openWindow(): void {
    const { clock, limits, onFullBatch } = this.#options;
    if (this.#batch.bytes >= limits.maxBatchBytes && !this.seeding.withheld) {
      onFullBatch();
      this.#closeWindow();
      return;
    }
    if (this.#timer && this.#endsWithTurn) return;
    const isRoundOver = this.#isRoundOver;
    if (this.#timer && !isRoundOver) return;
    // The window is to grow with the audience, and nothing to pile up.
    if (this.audience.isBusy) {
      this.#isDue = true;
      return;
    }
    this.#timer?.cancel();
    const delayMs = isRoundOver ? 0 : this.#window.delayMs(clock.monotonicMs());
    this.#endsWithTurn = delayMs <= 0;
    const run = this.#onWindowOver;
    this.#timer = delayMs > 0 ? clock.setTimer(delayMs, run) : clock.endOfTurn(run);
  }

  #windowOver(): void {
    this.#timer = null;
    if (this.#isOverdue || this.#batch.bytes === 0 || !this.#isRoundUnderWay) {
      this.#closeWindow();
      return;
    }
    this.#isOverdue = true;
    this.#endsWithTurn = false;
    this.#timer = this.#options.clock.setTimer(MAX_ROUND_WAIT_MS, this.#onWindowOver);
  }

  get #isRoundUnderWay(): boolean {
    return this.#rounds.areKept && this.#window.mayEndEarly && this.#rounds.isUnderWay(this.audience.size);
  }

  #closeWindow(): void {
    if (this.#batch.bytes > 0) this.#options.onWindowEnd();
    this.flush();
  }

  /** Merges the batch, appends it, and sends it and changed presence to everybody. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#isOverdue = false;
    this.#isDue = false;
    if (!this.#target) return;
    const { clock, onMistake, onFlushed } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      this.#flush(this.#target);
    } catch (thrown) {
      onMistake(thrown);
    }
    this.#flushedAtMs = startMs;
    this.#costMs += clock.monotonicMs() - startMs;
    if (!this.audience.isBusy) this.#sent();
    onFlushed();
  }

  /** Everybody has been sent all, in later turns that took so long. */
  #reached(ms: number): void {
    this.#costMs += ms;
    this.#sent();
    const isDue = this.#isDue;
    this.#isDue = false;
    if (isDue) this.openWindow();
  }

  #sent(): void {
    this.#window.flushed(this.#flushedAtMs, this.#costMs);
    this.#costMs = 0;
    for (const seq of this.#sending) this.#times.sent(seq);
    this.#sending.length = 0;
  }

  #flush({ journal, contents }: FlushTarget): void {
    const { clock, attendance, onAppended } = this.#options;
    const presence = attendance.takeChanges();
    // What comes after a seed that may not be shown yet waits for it.
    const batch = this.seeding.withheld ? null : this.#batch.take();
    // An observer that is told may write, which is of the next batch.
    const writer = this.#writer;
    const isRoundOver = this.#isRoundOver;
    if (batch) {
      this.#writer = null;
      // Append before broadcast: the disk works while the sockets are written.
      const time = clock.now();
      const bytes = journal.append(batch, time);
      this.#rounds.appended(journal.seq, clock.monotonicMs());
      if (isRoundOver) journal.hurry(journal.seq);
      this.#times.appended(journal.seq, bytes);
      onAppended(batch, journal.seq, time, bytes);
      contents.flushed();
    }
    const { seq, durableSeq } = journal;
    if (batch && this.seeding.isAdded) {
      this.seeding.withhold({ update: batch.update, seq, writer: null });
      journal.hurry(seq);
    }
    const { withheld } = this.seeding;
    const sent = batch && !withheld ? { update: batch.update, seq, durableSeq, writer } : null;
    if (sent && isRoundOver) this.audience.hold();
    if (sent || presence) this.audience.broadcast(sent, presence);
    if (sent) this.#sending.push(seq);
    if (withheld) return;
    for (const session of this.#unacknowledged) session.acknowledge(seq);
    this.#unacknowledged.clear();
  }

  /** Everything up to `seq` is durable. This is where "saved" is said. */
  durable(seq: number): void {
    try {
      this.#durable(seq);
    } catch (thrown) {
      // The storage says it, and has nobody to tell.
      this.#options.onMistake(thrown);
    }
  }

  #durable(seq: number): void {
    const { withheld } = this.seeding;
    if (withheld && withheld.seq <= seq) {
      this.seeding.release();
      this.audience.broadcast({ ...withheld, durableSeq: seq }, null);
      this.#sending.push(withheld.seq);
      this.flush();
    }
    const startMs = this.#options.clock.monotonicMs();
    this.audience.tellDurable(seq);
    this.#costMs += this.#options.clock.monotonicMs() - startMs;
    this.#times.durable(seq);
    this.#rounds.told(seq, startMs);
    this.#birth?.resolve();
    this.#birth = null;
  }
}
