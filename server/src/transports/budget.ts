/**
 * What somebody may use each second: messages, bytes, and time of the processor. A connection has a budget, and so
 * have all connections of an address together. Whoever owes is not read until nothing is owed: TCP carries the
 * pressure back to the sender, and nothing is lost.
 */

import type { LimitName, Limits } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";

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

/** A rounding error is no debt. */
const NEGLIGIBLE_MS = 1e-6;

/** How fast what is used of one thing comes back, and how much of it may be saved up. */
class Rate {
  readonly name: LimitName;
  readonly #msPerUnit: number;
  readonly #burstMs: number;

  constructor(name: LimitName, limits: Limits) {
    this.name = name;
    this.#msPerUnit = 1000 / limits[name];
    // One unit may always be used.
    this.#burstMs = Math.max(limits.maxBurstMs, this.#msPerUnit);
  }

  /** @param restoredAtMs When all that was used before is back. @returns The same with what is used now. */
  spend(units: number, restoredAtMs: number, nowMs: number): number {
    const restoredMs = Math.max(restoredAtMs, nowMs) + units * this.#msPerUnit;
    // A debt has an end: what was measured may have been a stall of the machine.
    return Math.min(restoredMs, nowMs + 2 * this.#burstMs);
  }

  owedMs(restoredAtMs: number, nowMs: number): number {
    const owedMs = restoredAtMs - nowMs - this.#burstMs;
    return owedMs > NEGLIGIBLE_MS ? owedMs : 0;
  }
}

/** What the budgets of all connections have in common, or of all addresses. */
export class BudgetTerms {
  readonly clock: Clock;
  readonly messages: Rate;
  readonly bytes: Rate;
  readonly cpuMs: Rate;

  constructor(clock: Clock, limits: Limits, names: BudgetLimits) {
    this.clock = clock;
    this.messages = new Rate(names.messages, limits);
    this.bytes = new Rate(names.bytes, limits);
    this.cpuMs = new Rate(names.cpuMs, limits);
  }
}

/** A token bucket for each of the three, as one number: when it is full again. There is a budget for each connection. */
export class Budget {
  readonly #terms: BudgetTerms;
  #messagesAtMs = 0;
  #bytesAtMs = 0;
  #cpuAtMs = 0;
  /** `null` where nobody does, which is most of the time. */
  #waiting: Set<{ readonly run: () => void }> | null = null;
  #timer: Timer | null = null;

  /** Starts with all that may be saved up. */
  constructor(terms: BudgetTerms) {
    this.#terms = terms;
  }

  /** @param nowMs The clock's monotonic time; handed in because the caller has just read it. */
  spendMessage(cpuMs: number, nowMs: number): void {
    const terms = this.#terms;
    this.#messagesAtMs = terms.messages.spend(1, this.#messagesAtMs, nowMs);
    if (cpuMs > 0) this.#cpuAtMs = terms.cpuMs.spend(cpuMs, this.#cpuAtMs, nowMs);
  }

  spendBytes(bytes: number, nowMs: number): void {
    this.#bytesAtMs = this.#terms.bytes.spend(bytes, this.#bytesAtMs, nowMs);
  }

  /** How long until nothing is owed, in milliseconds; 0 when nothing is. */
  owedMs(nowMs: number): number {
    const { messages, bytes, cpuMs } = this.#terms;
    return Math.max(
      messages.owedMs(this.#messagesAtMs, nowMs),
      bytes.owedMs(this.#bytesAtMs, nowMs),
      cpuMs.owedMs(this.#cpuAtMs, nowMs),
    );
  }

  /** The limits of what is owed. */
  exceeded(nowMs: number): LimitName[] {
    const { messages, bytes, cpuMs } = this.#terms;
    const rows = [
      [messages, this.#messagesAtMs],
      [bytes, this.#bytesAtMs],
      [cpuMs, this.#cpuAtMs],
    ] as const;
    return rows.filter(([rate, atMs]) => rate.owedMs(atMs, nowMs) > 0).map(([rate]) => rate.name);
  }

  isFull(nowMs: number): boolean {
    return Math.max(this.#messagesAtMs, this.#bytesAtMs, this.#cpuAtMs) <= nowMs;
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
    const owedMs = this.owedMs(this.#terms.clock.monotonicMs());
    return this.#terms.clock.setTimer(Math.max(MIN_WAIT_MS, owedMs), () => this.#wake());
  }

  #wake(): void {
    const all = this.#waiting ?? [];
    for (const waiting of all) {
      if (this.owedMs(this.#terms.clock.monotonicMs()) > 0) break;
      this.#waiting?.delete(waiting);
      waiting.run();
    }
    if (this.#waiting?.size === 0) this.#waiting = null;
    this.#timer = this.#waiting === null ? null : this.#wakeLater();
  }
}
