/**
 * Signals that the application's handlers have not decided yet. A handler may take as long as it likes, or never end:
 * what waits for it is bounded in memory, by room and by server, and in time.
 */

import type { Limits } from "@joinery/shared";
import { LazySet } from "./lazy-map.ts";
import type { Clock, Timer } from "./ports.ts";

/** What waits in all rooms of a server. */
export class PendingSignalBytes {
  bytes = 0;
}

/** One signal that waits. */
export interface PendingSignal {
  readonly bytes: number;
  readonly dueAtMs: number;
  readonly onTimeout: () => void;
}

/** What one takes besides its payload: promises, and what the schema made of it. */
const OVERHEAD_BYTES = 1024;
/** Of what all rooms together may have, one may have this part. */
const ROOM_SHARE = 4;

/** What all rooms together must have at least, so that a signal of so many bytes finds room in one. */
export function pendingSignalBytesFor(maxSignalBytes: number): number {
  return ROOM_SHARE * (maxSignalBytes + OVERHEAD_BYTES);
}

/** Those of one room. */
export class PendingSignals {
  readonly #clock: Pick<Clock, "monotonicMs" | "setTimer">;
  readonly #limits: Limits;
  readonly #all: PendingSignalBytes;
  /** The first one is due first. */
  readonly #waiting = new LazySet<PendingSignal>();
  #bytes = 0;
  #timer: Timer | null = null;

  constructor(options: {
    clock: Pick<Clock, "monotonicMs" | "setTimer">;
    limits: Limits;
    all: PendingSignalBytes;
  }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#all = options.all;
  }

  /**
   * Notes one that waits from now on.
   *
   * @param onTimeout Called if it was not ended in time; it is then.
   * @returns `null` where there is no room for it.
   */
  begin(payloadBytes: number, onTimeout: () => void): PendingSignal | null {
    const { maxPendingSignalBytes, signalTimeoutMs } = this.#limits;
    const bytes = payloadBytes + OVERHEAD_BYTES;
    if (this.#bytes + bytes > maxPendingSignalBytes / ROOM_SHARE) return null;
    if (this.#all.bytes + bytes > maxPendingSignalBytes) return null;
    const signal = { bytes, dueAtMs: this.#clock.monotonicMs() + signalTimeoutMs, onTimeout };
    this.#waiting.add(signal);
    this.#count(bytes);
    this.#timer ??= this.#wait(signalTimeoutMs);
    return signal;
  }

  /** It waits no more. @returns Whether it did until now. */
  end(signal: PendingSignal): boolean {
    if (!this.#waiting.delete(signal)) return false;
    this.#count(-signal.bytes);
    if (this.#waiting.size === 0) this.#stop();
    return true;
  }

  /** Nobody waits any more. */
  close(): void {
    for (const signal of this.#waiting) this.end(signal);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#all.bytes += bytes;
  }

  #wait(delayMs: number): Timer {
    return this.#clock.setTimer(delayMs, () => this.#expire());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #expire(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    for (const signal of this.#waiting) {
      if (signal.dueAtMs > nowMs) {
        this.#timer = this.#wait(signal.dueAtMs - nowMs);
        return;
      }
      this.end(signal);
      signal.onTimeout();
    }
  }
}
