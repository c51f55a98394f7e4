import { LazyMap } from "./lazy-map.ts";

/**
 * Who goes on within so long of being told, or as long as it took to be told, does so at once; one who types ten keys a
 * second presses the next 100 ms later.
 */
const AT_ONCE_MS = 30;
/** It may have been chance. */
const MIN_ROUNDS = 3;

/** Where somebody is in a round. Who wrote something else meanwhile is in several places. */
interface RoundWriter {
  /** Whether something of theirs is in the open batch. */
  isInBatch: boolean;
  /** The last batch that has something of theirs, is in the log and not on disk; 0 for none. */
  seq: number;
  /** Until when it is at once if they write now, after they were told; 0 if they have, or were not. */
  untilMs: number;
  /** Whether they are in the list of those who have either. */
  isWaiting: boolean;
}

/**
 * Notices when all who write in a room wait until they are told that what they wrote is on disk, and go on then, as
 * programs do. Once all of them have written again, nobody is left for whom a flush or a commit could gather: waiting
 * longer saves nothing, and is time that all of them lose. It is noticed while flushes and commits do gather, which is
 * when those who do not wait write more than once.
 */
export class Rounds<Session> {
  /** One for each who wrote and is here, changed in place: there is something to note of each edit. */
  readonly #writers = new LazyMap<Session, RoundWriter>();
  /** Who wrote what is in the open batch. */
  readonly #inBatch: RoundWriter[] = [];
  /** Who wrote what is in the log and not on disk, or was told and has not written since. */
  readonly #waiting: RoundWriter[] = [];
  /** How many of these are in the log, and how many are to come. */
  #inLog = 0;
  #toCome = 0;
  #appendedAtMs = 0;
  /** How often all waited and went on at once, one time after the other. */
  #count = 0;

  wrote(session: Session, nowMs: number): void {
    const writer = this.#writerOf(session);
    if (!writer.isInBatch) {
      writer.isInBatch = true;
      this.#inBatch.push(writer);
    }
    if (writer.seq > 0) this.#count = 0;
    const { untilMs } = writer;
    if (untilMs === 0) return;
    writer.untilMs = 0;
    this.#toCome--;
    if (nowMs > untilMs) this.#count = 0;
    else if (this.#toCome === 0) this.#count++;
  }

  /** The batch is in the log. */
  appended(seq: number, nowMs: number): void {
    this.#appendedAtMs = nowMs;
    for (const writer of this.#inBatch) {
      if (writer.seq === 0) this.#inLog++;
      writer.seq = seq;
      writer.isInBatch = false;
      if (writer.isWaiting) continue;
      writer.isWaiting = true;
      this.#waiting.push(writer);
    }
    this.#inBatch.length = 0;
  }

  /** All up to `seq` is on disk, and everybody was told. */
  told(seq: number, nowMs: number): void {
    const untilMs = nowMs + Math.max(AT_ONCE_MS, nowMs - this.#appendedAtMs);
    const waiting = this.#waiting;
    let kept = 0;
    for (const writer of waiting) {
      if (writer.untilMs > 0 && nowMs > writer.untilMs) {
        writer.untilMs = 0;
        this.#toCome--;
        this.#count = 0;
      }
      if (writer.seq > 0 && writer.seq <= seq) {
        writer.seq = 0;
        this.#inLog--;
        // Who had written more before being told of the first is told twice.
        if (writer.untilMs === 0) this.#toCome++;
        writer.untilMs = untilMs;
      }
      writer.isWaiting = writer.seq > 0 || writer.untilMs > 0;
      if (writer.isWaiting) waiting[kept++] = writer;
    }
    waiting.length = kept;
  }

  forget(session: Session): void {
    const writer = this.#writers.get(session);
    if (!writer) return;
    this.#writers.delete(session);
    if (writer.isInBatch) remove(this.#inBatch, writer);
    if (writer.isWaiting) remove(this.#waiting, writer);
    if (writer.seq > 0) this.#inLog--;
    if (writer.untilMs > 0) this.#toCome--;
  }

  /**
   * Whether all who write have written, and wait. They have to be half of those who are sent a batch: where few write what
   * many read, flushing for each edit costs more than the edit.
   *
   * @param audience Those who are sent a batch.
   */
  isOver(audience: number): boolean {
    return this.areKept && this.#toCome === 0 && this.#inLog === 0 && 2 * this.#inBatch.length >= audience;
  }

  /** Whether somebody is about to write with whom a round would be over. @param audience As above. */
  isUnderWay(audience: number): boolean {
    const others = this.#toCome + this.#inLog;
    return this.areKept && others > 0 && 2 * (this.#inBatch.length + others) >= audience;
  }

  /** Whether all waited and went on at once, the last few times. */
  get areKept(): boolean {
    return this.#count >= MIN_ROUNDS;
  }

  #writerOf(session: Session): RoundWriter {
    const known = this.#writers.get(session);
    if (known) return known;
    const writer = { isInBatch: false, isWaiting: false, seq: 0, untilMs: 0 };
    this.#writers.set(session, writer);
    return writer;
  }
}

function remove(writers: RoundWriter[], writer: RoundWriter): void {
  writers.splice(writers.indexOf(writer), 1);
}
