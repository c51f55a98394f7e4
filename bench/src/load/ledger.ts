/**
 * Who sent what when, and how far each reader has got with it. Both sides count in ticks: a sender's first edit
 * (or presence) is its tick 0, the next its tick 1; one keystroke takes one clock of a Y.Doc, one presence one
 * clock of an awareness state.
 */
export class Ledger {
  readonly #sentAtMs = new Map<number, number[]>();
  #total = 0;

  /** Notes that a sender sends its next tick. */
  send(sender: number, nowMs: number): void {
    const ticks = this.#sentAtMs.get(sender);
    if (ticks === undefined) this.#sentAtMs.set(sender, [nowMs]);
    else ticks.push(nowMs);
    this.#total++;
  }

  /** Ticks sent by all. */
  get total(): number {
    return this.#total;
  }

  ticksOf(sender: number): number {
    return this.#sentAtMs.get(sender)?.length ?? 0;
  }

  /** @throws Error when the tick was never sent: somebody made it up. */
  sentAtMs(sender: number, tick: number): number {
    const sentAtMs = this.#sentAtMs.get(sender)?.[tick];
    if (sentAtMs === undefined)
      throw new Error(`received tick ${tick} of client ${sender}, which was never sent`);
    return sentAtMs;
  }
}

/** How far one reader has got with a ledger's ticks. Its own are left out: some servers echo, some do not. */
export class Progress {
  readonly #ledger: Ledger;
  readonly #self: number;
  readonly #known = new Map<number, number>();
  #received = 0;
  /** Time from send to receive of every tick, where somebody wants to know. */
  latenciesMs: number[] | null = null;

  /** @param self Client id of the reader. */
  constructor(ledger: Ledger, self: number) {
    this.#ledger = ledger;
    this.#self = self;
  }

  /**
   * Notes that a sender's ticks from `start` up to, not including, `end` have arrived. Ticks that were already
   * here count once, so several ways to the same tick do no harm.
   *
   * @throws Error when there is a hole before `start`, or when a tick was never sent.
   */
  receive(sender: number, start: number, end: number, nowMs: number): void {
    if (sender === this.#self) return;
    const known = this.#known.get(sender) ?? 0;
    if (start > known)
      throw new Error(
        `ticks ${known} to ${start - 1} of client ${sender} did not arrive before what follows them`,
      );
    for (let tick = known; tick < end; tick++) {
      const latencyMs = nowMs - this.#ledger.sentAtMs(sender, tick);
      this.latenciesMs?.push(latencyMs);
    }
    if (end <= known) return;
    this.#known.set(sender, end);
    this.#received += end - known;
  }

  /** Ticks sent by others that have not arrived. */
  get missing(): number {
    return this.#ledger.total - this.#ledger.ticksOf(this.#self) - this.#received;
  }
}
