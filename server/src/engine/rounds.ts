import { LazyMap, LazySet } from "./lazy-map.ts";

/**
 * Who goes on within so long of being told, or as long as it took to be told, does so at once; one who types ten keys a
 * second presses the next 100 ms later.
 */
const AT_ONCE_MS = 30;
/** It may have been chance. */
const MIN_ROUNDS = 3;

/**
 * Notices when all who write in a room wait until they are told that what they wrote is on disk, and go on then, as
 * programs do. Once all of them have written again, nobody is left for whom a flush or a commit could gather: waiting
 * longer saves nothing, and is time that all of them lose. It is noticed while flushes and commits do gather, which is
 * when those who do not wait write more than once.
 */
export class Rounds<Session> {
  /** Who wrote what is in the open batch. */
  readonly #inBatch = new LazySet<Session>();
  /** Who wrote what is in the log and not on disk, and the last batch that has something of theirs. */
  readonly #inLog = new LazyMap<Session, number>();
  /** Who was told and has not written since, and until when that is at once. */
  readonly #toCome = new LazyMap<Session, number>();
  #appendedAtMs = 0;
  /** How often all waited and went on at once, one time after the other. */
  #count = 0;

  wrote(session: Session, nowMs: number): void {
    this.#inBatch.add(session);
    if (this.#inLog.has(session)) this.#count = 0;
    const untilMs = this.#toCome.get(session);
    if (untilMs === undefined) return;
    this.#toCome.delete(session);
    if (nowMs > untilMs) this.#count = 0;
    else if (this.#toCome.size === 0) this.#count++;
  }

  /** The batch is in the log. */
  appended(seq: number, nowMs: number): void {
    this.#appendedAtMs = nowMs;
    for (const session of this.#inBatch) this.#inLog.set(session, seq);
    this.#inBatch.clear();
  }

  /** All up to `seq` is on disk, and everybody was told. */
  told(seq: number, nowMs: number): void {
    for (const [session, untilMs] of this.#toCome) {
      if (nowMs <= untilMs) continue;
      this.#toCome.delete(session);
      this.#count = 0;
    }
    const untilMs = nowMs + Math.max(AT_ONCE_MS, nowMs - this.#appendedAtMs);
    for (const [session, itsSeq] of this.#inLog) {
      if (itsSeq > seq) continue;
      this.#inLog.delete(session);
      this.#toCome.set(session, untilMs);
    }
  }

  forget(session: Session): void {
    this.#inBatch.delete(session);
    this.#inLog.delete(session);
    this.#toCome.delete(session);
  }

  /**
   * Whether all who write have written, and wait. They have to be half of those who are sent a batch: where few write what
   * many read, flushing for each edit costs more than the edit.
   *
   * @param audience Those who are sent a batch.
   */
  isOver(audience: number): boolean {
    return (
      this.#count >= MIN_ROUNDS &&
      this.#toCome.size === 0 &&
      this.#inLog.size === 0 &&
      2 * this.#inBatch.size >= audience
    );
  }
}
