/**
 * Which of a client's numbered updates may be acknowledged. Whatever is held aside, let go or refused is not in the log:
 * from its number on nothing is, until an answer to a question, which has all that the client has, was taken in without
 * a rest. Who may only read answers with nothing, whatever it has: that settles nothing.
 */
export class Acks {
  #mayWrite: boolean;
  /** Whether the client was asked for what the server misses and has not answered yet. */
  #isAsked = false;
  /** Whether the client may have believed since then that it may not write. */
  #isHoldingBack = false;
  /** Whether the current input is an answer, to what it was asked or not, and has all that the client has. */
  #isAnswer = false;
  #wasAsked = false;
  #isAll = false;
  /** The input that is being let in, or the last one that was; 0 before the first, and where nothing is numbered. */
  #current = 0;
  /** Everything up to here was let in. */
  #done = 0;
  #acknowledged = 0;
  #unsettledFrom: number | null = null;
  /** Whether something was not taken in since the client may only read, numbered or not. */
  #wasDenied = false;
  #hasRest = false;

  constructor(mayWrite: boolean) {
    this.#mayWrite = mayWrite;
  }

  /** What the client may do has changed. @returns Whether it has to be asked for what it could not bring. */
  permit(mayWrite: boolean): boolean {
    const mustAsk = mayWrite && (this.isUnsettled || this.#wasDenied);
    this.#mayWrite = mayWrite;
    this.#wasDenied = false;
    if (!mayWrite) this.#isHoldingBack = true;
    return mustAsk;
  }

  /** The client is to be asked for everything. @returns Whether it has to be: `false` until it has answered the last time. */
  ask(): boolean {
    if (this.#isAsked) return false;
    this.#isAsked = true;
    this.#isHoldingBack = !this.#mayWrite;
    return true;
  }

  /** Whether something that the client sent is not in the document. */
  get isUnsettled(): boolean {
    return this.#unsettledFrom !== null;
  }

  /** An input is about to be let in. */
  begin(number: number, isAnswer: boolean): void {
    this.#current = number;
    this.#hasRest = false;
    this.#isAnswer = isAnswer;
    this.#wasAsked = isAnswer && this.#isAsked;
    this.#isAll = this.#wasAsked && !this.#isHoldingBack;
    if (isAnswer) this.#isAsked = false;
  }

  /** Something of the current input is not taken in. */
  leftOut(): void {
    this.#hasRest = true;
    if (!this.#mayWrite) this.#wasDenied = true;
    if (this.#current > 0) this.#unsettledFrom ??= this.#current;
  }

  /**
   * The current input was let in.
   *
   * @returns Whether the client has to be asked: for what its answer lacked, if that was not all that it has.
   */
  end(): boolean {
    this.#done = this.#current;
    if (this.#isAll && !this.#hasRest) this.#unsettledFrom = null;
    if (!this.#isAnswer || this.#isAll || !this.#mayWrite || this.#current === 0) return false;
    return this.#wasAsked ? this.isUnsettled : this.#hasRest;
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
