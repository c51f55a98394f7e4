/**
 * Who fills a document that is new, so that it is filled once in its life, whoever comes first and whatever crashes.
 * One client at a time is asked; the first answer counts, if the document is still empty then. It is appended at once,
 * but nobody is shown it before it is durable: a client that kept what the log lost would bring it back beside what the
 * next one fills in.
 *
 *   waiting ──> trying ──> added ──> withheld ──> over        trying, added ──> waiting
 *
 * trying: the answer is being looked at; what others write waits. What came before it does not: if that is added first,
 * the answer came too late.
 * added: it is in the open batch.
 * withheld: it is in the log and not yet durable; what others write waits in the open batch.
 */

import { equalBytes, JoineryError, type Limits } from "@joinery/shared";
import type { SentBatch } from "./audience.ts";
import type { Gate } from "./gate.ts";
import { LazySet } from "./lazy-map.ts";
import { EMPTY_UPDATE } from "./merge.ts";
import type { Clock, Timer } from "./ports.ts";
import { ActionDenied, type Rights } from "./rights.ts";

/** The part of a session that seeding needs. */
export interface Seeder {
  readonly rights: Rights;
  askForSeed(): void;
  /** Something of the client was refused, and its session goes on. */
  notice(error: JoineryError): void;
}

export class Seeding implements Gate {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #isEmpty: () => boolean;
  /** Those who offered and were not asked, the first one first. */
  readonly #candidates = new LazySet<Seeder>();
  /** Those who were asked and have not answered. */
  readonly #asked = new LazySet<Seeder>();
  #timer: Timer | null = null;
  #isTrying = false;
  #isAdded = false;
  #withheld: Omit<SentBatch, "durableSeq"> | null = null;
  #over: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  /** @param isEmpty Whether nothing was ever written to the document. */
  constructor(options: { clock: Clock; limits: Limits; isEmpty: () => boolean }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#isEmpty = options.isEmpty;
  }

  /** Whether an answer is being looked at. */
  get isTrying(): boolean {
    return this.#isTrying;
  }

  get isOpen(): boolean {
    return this.#isTrying && !this.#isAdded && this.#isEmpty();
  }

  pass(): void {
    this.#isAdded = true;
  }

  /** Whether the open batch begins with it, and must not be shown when it is in the log. */
  get isAdded(): boolean {
    return this.#isAdded;
  }

  /** What is in the log and must not be shown yet. */
  get withheld(): Omit<SentBatch, "durableSeq"> | null {
    return this.#withheld;
  }

  /** Resolves when what is going on is over; `null` when nothing is. */
  whenOver(): Promise<void> | null {
    if (!this.#isTrying && !this.#withheld) return null;
    this.#over ??= Promise.withResolvers<void>();
    return this.#over.promise;
  }

  offer(seeder: Seeder): void {
    if (!this.#isEmpty()) return;
    this.#candidates.add(seeder);
    // Without a timer, whoever was asked has had the time for it.
    if (this.#asked.size === 0 || !this.#timer) this.#askNext();
  }

  /** Somebody may write who may have offered before. */
  mayWriteNow(): void {
    if (this.#candidates.size > 0) this.#askIfNobodyIs();
  }

  leave(seeder: Seeder): void {
    this.#candidates.delete(seeder);
    if (this.#asked.delete(seeder)) this.#askIfNobodyIs();
  }

  /**
   * Deals with an answer: takes it in if it is the first and the document still empty. Who was asked and may not write any
   * more did nothing wrong: what they give is dropped, and they are asked again when they may write and it is still wanted.
   *
   * @param receive Takes it in by this gate.
   * @param flush Puts it into the log.
   * @throws JoineryError PERMISSION_DENIED (never retry) when the client was not asked, and may not write; MALFORMED_FRAME
   * (never retry) when it was not asked; what `receive` throws.
   */
  accept(
    seeder: Seeder,
    update: Uint8Array,
    receive: () => Promise<void> | null,
    flush: () => void,
  ): Promise<void> | null {
    const isAsked = this.#asked.delete(seeder);
    const isNothing = equalBytes(update, EMPTY_UPDATE);
    const { mayWrite } = seeder.rights;
    if (!isAsked) {
      if (!isNothing) seeder.rights.demand("write");
      throw new JoineryError("MALFORMED_FRAME", "the client was not asked to fill the document");
    }
    if (!isNothing && !mayWrite) this.#denied(seeder, new ActionDenied("write"));
    if (isNothing || !mayWrite || !this.#isEmpty() || this.#isTrying) {
      this.#askIfNobodyIs();
      return null;
    }
    this.#isTrying = true;
    const done = () => {
      flush();
      this.#giveUp();
    };
    try {
      const tried = receive();
      if (tried !== null) {
        const failed = (thrown: unknown) => {
          if (!(thrown instanceof ActionDenied)) throw thrown;
          this.#denied(seeder, thrown);
        };
        return tried.catch(failed).finally(done);
      }
    } catch (error) {
      this.#giveUp();
      throw error;
    }
    done();
    return null;
  }

  /** What was begun is in the log now. */
  withhold(batch: Omit<SentBatch, "durableSeq">): void {
    this.#isTrying = false;
    this.#isAdded = false;
    this.#withheld = batch;
  }

  /** If what was begun is not in the log by now, it came to nothing. */
  #giveUp(): void {
    if (!this.#isTrying) return;
    this.#isTrying = false;
    this.#isAdded = false;
    this.#end();
    this.#askIfNobodyIs();
  }

  /** What was withheld is durable, and may be shown. */
  release(): void {
    this.#withheld = null;
    this.#end();
    this.close();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#candidates.clear();
    this.#asked.clear();
  }

  #denied(seeder: Seeder, error: ActionDenied): void {
    // Who was sent away meanwhile has nothing to offer.
    if (!seeder.rights.isNone) this.#candidates.add(seeder);
    seeder.notice(error);
  }

  #end(): void {
    this.#over?.resolve();
    this.#over = null;
  }

  #askIfNobodyIs(): void {
    if (this.#asked.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#askNext();
  }

  #askNext(): void {
    const next = [...this.#candidates].find(({ rights }) => rights.mayWrite);
    if (!next || this.#isTrying || this.#withheld || !this.#isEmpty()) return;
    this.#candidates.delete(next);
    this.#asked.add(next);
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#limits.seedTimeoutMs, () => {
      this.#timer = null;
      this.#askNext();
    });
    next.askForSeed();
  }
}
