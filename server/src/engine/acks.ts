/**
 * Which of a client's numbered updates may be acknowledged. Whatever is held aside, or was let go, is not in the log:
 * from its number on nothing is, until an answer, which has all that the client has, was taken in without a rest.
 */
export class Acks {
  /** The input that is being let in, or the last one that was; 0 before the first, and where nothing is numbered. */
  #current = 0;
  /** Everything up to here was let in. */
  #done = 0;
  #acknowledged = 0;
  #unsettledFrom: number | null = null;
  #hasRest = false;

  /** Whether something that the client sent is not in the document. */
  get isUnsettled(): boolean {
    return this.#unsettledFrom !== null;
  }

  /** An input is about to be let in. */
  begin(number: number): void {
    this.#current = number;
    this.#hasRest = false;
  }

  /** Something of the current input is not taken in. */
  leftOut(): void {
    this.#hasRest = true;
    if (this.#current > 0) this.#unsettledFrom ??= this.#current;
  }

  /**
   * The current input was let in.
   *
   * @param isAll Whether it had all that the client has.
   * @returns Whether something of it was left out.
   */
  end(isAll: boolean): boolean {
    this.#done = this.#current;
    if (isAll && !this.#hasRest) this.#unsettledFrom = null;
    return this.#hasRest;
  }

  /** Whether there is something to acknowledge. */
  get isDue(): boolean {
    return this.#acknowledgeable > this.#acknowledged;
  }

  /** The number up to which everything is in the log now; `null` when that was said already. */
  take(): number | null {
    if (!this.isDue) return null;
    this.#acknowledged = this.#acknowledgeable;
    return this.#acknowledged;
  }

  get #acknowledgeable(): number {
    return this.#unsettledFrom === null ? this.#done : Math.min(this.#done, this.#unsettledFrom - 1);
  }
}
