/**
 * Which of a provider's edits it can be told are saved. A provider counts them: it begins with 1 whenever it says what
 * it has, for the step 2 that it will be asked for, adds 1 for each update that it sends, and takes 1 off for each
 * SyncStatus(true). So these are answered, each once, when they are on disk. A step 2 that the server asked for of its
 * own accord is not: the provider did not count it, and would believe that something else was saved. Nor is what came
 * before the provider first said what it has. One that was refused keeps its number: the engine goes no further than to
 * the one before it until it has been given all that the provider has.
 *
 *   engine's number = edits to be answered so far + 1, so that what is not answered has none of its own
 */

interface Logged {
  /** So many edits are in the log up to `seq`. */
  readonly count: number;
  readonly seq: number;
}

/** Batches on their way to the disk that are told apart; of more, the newest two are answered together. */
const MAX_LOGGED = 64;

export class SyncAnswers {
  /** Edits to be answered; of these, those known to be saved; and those answered, or not to be answered any more. */
  #given = 0;
  #saved = 0;
  #answered = 0;
  #durableSeq = 0;
  /** Most of the time there are none. */
  #logged: Logged[] | null = null;
  /** Whether the next step 2 is the one that the provider counts. */
  #isStep2Due = false;
  /** Whether the provider has said what it has. */
  #hasBegun = false;

  /** The provider says what it has, and counts from 1 again: what came before is in what it will be asked for. */
  restarted(): void {
    this.#answered = this.#given;
    this.#hasBegun = true;
    this.#isStep2Due = true;
  }

  /** @returns The engine's number of the update that is given now. */
  update(): number {
    return this.#give(this.#hasBegun);
  }

  /** @returns The engine's number of the step 2 that is given now. */
  step2(): number {
    const isCounted = this.#isStep2Due;
    this.#isStep2Due = false;
    return this.#give(isCounted);
  }

  /** All up to the engine's number is in the log up to `seq`. */
  logged(number: number, seq: number): void {
    const count = number - 1;
    if (seq <= this.#durableSeq) {
      this.#saved = Math.max(this.#saved, count);
      return;
    }
    this.#logged ??= [];
    if (this.#logged.length === MAX_LOGGED) this.#logged.pop();
    this.#logged.push({ count, seq });
  }

  /** Everything up to `seq` is on disk. */
  durable(seq: number): void {
    this.#durableSeq = Math.max(this.#durableSeq, seq);
    while (this.#logged !== null) {
      const [first] = this.#logged;
      if (!first || first.seq > this.#durableSeq) return;
      this.#saved = Math.max(this.#saved, first.count);
      if (this.#logged.length > 1) this.#logged.shift();
      else this.#logged = null;
    }
  }

  /** How many SyncStatus(true) are due. */
  get due(): number {
    return Math.max(0, this.#saved - this.#answered);
  }

  /** So many were sent. */
  sent(count: number): void {
    this.#answered += count;
  }

  #give(isCounted: boolean): number {
    if (isCounted) this.#given++;
    return this.#given + 1;
  }
}
