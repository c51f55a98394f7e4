/**
 * What came into a document since it was last rehearsed, and who brought how much of it. Each update may be next to
 * nothing, and all of them together a document that nobody wants to load: so they are counted, and measured together
 * when they are enough to matter. Who brought most of what proves too costly has to go. From then on, and wherever
 * nobody knows yet what the document costs, less is enough.
 *
 * What counts is structs and deletes. A struct that stands elsewhere than where people write as a rule counts for more,
 * the more structs the document has, because Yjs may have to pass all of them.
 */

import type { Limits } from "@joinery/shared";
import { Blame, type Suspect } from "./blame.ts";
import type { News } from "./contents.ts";
import { FreshEnds } from "./fresh-ends.ts";
import { LazySet } from "./lazy-map.ts";
import type { Clock, Verdict } from "./ports.ts";

/** A client id that is new costs everybody for good: what as many structs may. */
const CLIENT_WEIGHT = 10;
/** Structs that count for one more to whoever may have to pass them: passing a thousand takes some 0.3 ms. */
const STRUCTS_A_WEIGHT = 1000;
/** What the bytes of a document say of its structs before it was rehearsed. Text that was typed has some 20 each. */
const BYTES_A_STRUCT = 16;
/** However large the document is, so many structs anywhere come in between two rehearsals. */
const MIN_ELSEWHERE = 8;

/** How much sooner a document is rehearsed that is too costly, or may be. */
const WATCHED_TIMES = 16;
/** A document of fewer bytes is not too costly when it is loaded: making it so takes more. */
const MIN_COSTLY_BYTES = 16 * 1024;
/** Until a document is tried again that took longer to build than it may, in milliseconds. */
const RETRY_MS = 30_000;

/** What a period needs of its room. */
export interface PeriodRoom {
  readonly limits: Pick<Limits, "maxUnrehearsed">;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** The last batch of the log. */
  readonly loggedSeq: number;
  readonly documentBytes: number;
}

/** A period that is being rehearsed, as it was when that began. It has to be ended in one of the three ways. */
export interface Trial {
  /** Of the period. */
  readonly number: number;
  /** The batch before its first, and its last. */
  readonly afterSeq: number;
  readonly seq: number;
  /** Taken out of the period, so that others may write meanwhile. */
  readonly weight: number;
  readonly newStructs: number;
  /** Whether some of it cannot be told from what was there before. */
  readonly isBlurred: boolean;
}

/** What the document is known to cost. */
type Finding = "unknown" | "usual" | "costly" | "unbuildable";

export class Period<Writer extends Suspect> {
  readonly #room: PeriodRoom;
  readonly #ends = new FreshEnds();
  readonly #blame = new Blame<Writer>();
  #number = 0;
  #knownSeq: number;
  /** Of the document when the period began, about. */
  #knownStructs: number;
  #finding: Finding;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #newStructs = 0;
  #weight = 0;
  readonly #trials = new LazySet<Trial>();

  /** Begins with the document as it is. */
  constructor(room: PeriodRoom) {
    this.#room = room;
    this.#knownSeq = room.loggedSeq;
    this.#knownStructs = room.documentBytes / BYTES_A_STRUCT;
    this.#finding = room.documentBytes < MIN_COSTLY_BYTES ? "usual" : "unknown";
  }

  /** The log up to here was there when the period began. */
  get knownSeq(): number {
    return this.#knownSeq;
  }

  /** Whether trying the document is no use: it could not be built just before. */
  get isHopeless(): boolean {
    return this.#finding === "unbuildable" && this.#room.clock.monotonicMs() < this.#retryAtMs;
  }

  /** How much an update counts for that was not added yet. Cost: a few look-ups a struct. */
  weigh(news: News): number {
    const { structs, deletes } = news.inspection;
    const { fresh, elsewhere } = this.#ends.placesOf(news);
    let weight = fresh + deletes;
    if (elsewhere > 0) weight += elsewhere * this.#weightElsewhere;
    for (const { start } of structs) if (start === 0) weight += CLIENT_WEIGHT;
    return weight;
  }

  /** Whether an update of this weight may be added without a rehearsal. Who types on always may, unless nothing is. */
  hasRoomFor(news: News, weight: number): boolean {
    if (weight === 0 && sizeOf(news) <= 1) return this.#maxWeight > 0;
    return this.#weight + Math.max(weight, sizeOf(news)) <= this.#maxWeight;
  }

  /** Whether there may be room for an update of this weight after a rehearsal, whatever comes of that. */
  isSmall(news: News, weight: number): boolean {
    return Math.max(weight, sizeOf(news)) <= this.#maxWeight;
  }

  /**
   * An update was added, to the batch `seq`.
   *
   * @param wasTried It was found to be no more than may be, and counts only for who brought what.
   */
  add(writer: Writer, news: News, weight: number, seq: number, wasTried: boolean): void {
    this.#ends.add(news);
    if (weight === 0) return;
    if (!wasTried) {
      this.#newStructs += sizeOf(news);
      this.#weight += weight;
    }
    this.#blame.add(writer, seq, weight);
  }

  /** The writer has left. */
  forget(writer: Writer): void {
    this.#blame.forget(writer);
  }

  /**
   * Begins a rehearsal of all that is in the log.
   *
   * @param isBlurred Whether the log was folded beyond where the period began.
   */
  begin(isBlurred: boolean): Trial {
    // One at a time: else whoever begins many has room as often.
    const weight = this.#trials.size === 0 ? this.#weight : 0;
    this.#weight -= weight;
    const trial = {
      number: this.#number,
      afterSeq: this.#knownSeq,
      seq: this.#room.loggedSeq,
      weight,
      newStructs: this.#newStructs,
      isBlurred,
    };
    this.#trials.add(trial);
    return trial;
  }

  /**
   * A rehearsal has ended: what comes from now on is another period.
   *
   * @returns Who has to go, if somebody has.
   */
  judge(trial: Trial, verdict: Verdict): Writer | null {
    if (!this.#end(trial)) return null;
    const before = this.#finding;
    const isCostly = verdict.isCostly || verdict.isRecentCostly;
    this.#finding = isCostly ? "costly" : "usual";
    if (verdict.isTried) this.#knownStructs = verdict.structs;
    else this.#isUnbuildable();
    // Where times say nothing about the period, what it made of the document does; but not of one that was so before.
    const turned =
      (verdict.isCostly && trial.isBlurred && before === "usual") ||
      (!verdict.isTried && (before === "usual" || before === "costly"));
    if (verdict.isRecentCostly || turned) return this.#blame.judge(trial, verdict.recentMs);
    this.#blame.absolve(trial.seq);
    return null;
  }

  /**
   * The document could not be built: nobody knows what came, and nobody is to blame.
   *
   * @param tookTooLong Whether that is because it takes longer than it may.
   */
  fail(trial: Trial, tookTooLong: boolean): void {
    if (!this.#end(trial)) return;
    this.#blame.absolve(trial.seq);
    if (tookTooLong) this.#isUnbuildable();
  }

  /** A rehearsal said nothing about the period, unless it has ended already. */
  cancel(trial: Trial): void {
    if (this.#trials.delete(trial)) this.#weight += trial.weight;
  }

  #isUnbuildable(): void {
    this.#finding = "unbuildable";
    this.#retryAtMs = this.#room.clock.monotonicMs() + RETRY_MS;
  }

  /** Whether it is the first of those that were under way at once: it has judged what the others would again. */
  #end(trial: Trial): boolean {
    const { number, seq, newStructs } = trial;
    if (number !== this.#number) {
      this.cancel(trial);
      return false;
    }
    this.#trials.delete(trial);
    this.#number++;
    this.#knownSeq = seq;
    this.#knownStructs += newStructs;
    this.#newStructs -= newStructs;
    return true;
  }

  get #maxWeight(): number {
    const { maxUnrehearsed } = this.#room.limits;
    return this.#finding === "usual" ? maxUnrehearsed : maxUnrehearsed / WATCHED_TIMES;
  }

  get #weightElsewhere(): number {
    const toPass = (this.#knownStructs + this.#newStructs) / STRUCTS_A_WEIGHT;
    return Math.max(1, Math.min(1 + toPass, this.#maxWeight / MIN_ELSEWHERE));
  }
}

function sizeOf({ inspection }: News): number {
  return inspection.structCount + inspection.deletes;
}
