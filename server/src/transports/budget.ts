/**
 * What somebody may use each second: messages, bytes, and time of the processor. A connection has a budget, and so
 * have all connections of an address together. Whoever owes is not read until nothing is owed: TCP carries the
 * pressure back to the sender, and nothing is lost.
 */

import type { LimitName, Limits } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";
import { TokenBucket } from "../engine/token-bucket.ts";

/** Which limits bound a budget. */
export interface BudgetLimits {
  readonly messages: LimitName;
  readonly bytes: LimitName;
  readonly cpuMs: LimitName;
}

export const CONNECTION_BUDGET: BudgetLimits = {
  messages: "maxMessagesPerSecond",
  bytes: "maxBytesPerSecond",
  cpuMs: "maxCpuMsPerSecond",
};

export const ADDRESS_BUDGET: BudgetLimits = {
  messages: "maxAddressMessagesPerSecond",
  bytes: "maxAddressBytesPerSecond",
  cpuMs: "maxAddressCpuMsPerSecond",
};

/** Shorter pauses cost more than they save: each stops and starts the reading of a socket. */
const MIN_WAIT_MS = 50;

export class Budget {
  readonly #clock: Clock;
  readonly #names: BudgetLimits;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #cpuMs: TokenBucket;
  /** `null` where nobody does, which is most of the time. */
  #waiting: Set<{ readonly run: () => void }> | null = null;
  #timer: Timer | null = null;

  /** Starts with all that may be saved up. */
  constructor(clock: Clock, limits: Limits, names: BudgetLimits) {
    const now = clock.monotonicMs();
    const bucket = (name: LimitName) =>
      new TokenBucket({ perSecond: limits[name], burstMs: limits.maxBurstMs }, now);
    this.#clock = clock;
    this.#names = names;
    this.#messages = bucket(names.messages);
    this.#bytes = bucket(names.bytes);
    this.#cpuMs = bucket(names.cpuMs);
  }

  /** @param nowMs The clock's monotonic time; handed in because the caller has just read it. */
  spendMessage(cpuMs: number, nowMs: number): void {
    this.#messages.take(1, nowMs);
    if (cpuMs > 0) this.#cpuMs.take(cpuMs, nowMs);
  }

  spendBytes(bytes: number, nowMs: number): void {
    this.#bytes.take(bytes, nowMs);
  }

  /** How long until nothing is owed, in milliseconds; 0 when nothing is. */
  owedMs(nowMs: number): number {
    return Math.max(this.#messages.owedMs(nowMs), this.#bytes.owedMs(nowMs), this.#cpuMs.owedMs(nowMs));
  }

  /** The limits of what is owed. */
  exceeded(nowMs: number): LimitName[] {
    const { messages, bytes, cpuMs } = this.#names;
    const rows = [
      [messages, this.#messages],
      [bytes, this.#bytes],
      [cpuMs, this.#cpuMs],
    ] as const;
    return rows.filter(([, bucket]) => bucket.owedMs(nowMs) > 0).map(([name]) => name);
  }

  isFull(nowMs: number): boolean {
    return this.#messages.isFull(nowMs) && this.#bytes.isFull(nowMs) && this.#cpuMs.isFull(nowMs);
  }

  /**
   * Calls back once nothing is owed. Those who wait are called one after the other, in the order in which they
   * asked, as long as that holds: of many who share a budget, each gets its turn.
   */
  wait(run: () => void): Timer {
    const waiting = { run };
    this.#waiting ??= new Set();
    this.#waiting.add(waiting);
    this.#timer ??= this.#wakeLater();
    return { cancel: () => this.#waiting?.delete(waiting) };
  }

  #wakeLater(): Timer {
    const owedMs = this.owedMs(this.#clock.monotonicMs());
    return this.#clock.setTimer(Math.max(MIN_WAIT_MS, owedMs), () => this.#wake());
  }

  #wake(): void {
    const all = this.#waiting ?? [];
    for (const waiting of all) {
      if (this.owedMs(this.#clock.monotonicMs()) > 0) break;
      this.#waiting?.delete(waiting);
      waiting.run();
    }
    if (this.#waiting?.size === 0) this.#waiting = null;
    this.#timer = this.#waiting === null ? null : this.#wakeLater();
  }
}
