import { fileURLToPath } from "node:url";
import { DebuggerPort } from "../debugger-port.ts";
import { EVERY_MS, type EventLoopRecord, RECORD } from "./record.ts";

/** What Node is to load first in a server whose event loop is watched. */
export const PROBE = fileURLToPath(new URL("probe.ts", import.meta.url));

const HERE = `globalThis[Symbol.for(${JSON.stringify(RECORD)})]`;
const READ = `JSON.stringify({ ...${HERE}, nowMs: performance.now() })`;
const RESET = `Object.assign(${HERE}, { sinceMs: performance.now(), busyMs: [] }), ""`;

/** How long what comes to a server at any moment waits until its event loop gets round to it. */
export class EventLoopDelay {
  readonly #port: DebuggerPort;

  private constructor(port: DebuggerPort) {
    this.#port = port;
  }

  /** @param url Of the debugger of a server that the probe is loaded in, as Node prints it. */
  static async connect(url: string): Promise<EventLoopDelay> {
    return new EventLoopDelay(await DebuggerPort.connect(url));
  }

  /** Forgets what was until now. */
  async reset(): Promise<void> {
    await this.#evaluate(RESET);
  }

  /**
   * The delays since the last reset, of a moment taken at random: one that falls into 300 ms in which the loop is busy
   * waits 150 ms on average. So a loop that stands still for long counts for as long as it does, where a count of
   * timers would have it as one of many.
   */
  async read(): Promise<Delays> {
    const record = JSON.parse(await this.#evaluate(READ)) as EventLoopRecord & { readonly nowMs: number };
    // What it is busy with now, if the timer is overdue.
    const busyMs = [...record.busyMs, Math.max(0, record.nowMs - record.lastMs - EVERY_MS)];
    return { busyMs, seconds: (record.nowMs - record.sinceMs) / 1000 };
  }

  close(): void {
    this.#port.close();
  }

  async #evaluate(expression: string): Promise<string> {
    const { result, exceptionDetails } = (await this.#port.ask("Runtime.evaluate", { expression })) as {
      readonly result: { readonly value?: string };
      readonly exceptionDetails?: { readonly text: string };
    };
    if (exceptionDetails) throw new Error(`the event loop is not watched: ${exceptionDetails.text}`);
    return result.value ?? "";
  }
}

export interface Delays {
  /** Each time without a break in which the loop was busy. */
  readonly busyMs: readonly number[];
  /** Of the whole interval, busy and idle. */
  readonly seconds: number;
}

/**
 * The delay that this share of all moments does not exceed, in milliseconds.
 *
 * @param share 0..1; 1 gives the longest time that the loop was busy without a break.
 */
export function delayQuantile({ busyMs, seconds }: Delays, share: number): number {
  const allowedMs = (1 - share) * seconds * 1000;
  const longestFirst = busyMs.toSorted((a, b) => b - a);
  // Moments that wait longer than x: of each busy time what is before its last x. Sought is the x where they are as
  // many as allowed: it lies between two neighbours in length.
  let sumMs = 0;
  for (let count = 1; count <= longestFirst.length; count++) {
    sumMs += longestFirst[count - 1] as number;
    const delayMs = (sumMs - allowedMs) / count;
    if (delayMs >= (longestFirst[count] ?? 0)) return Math.max(0, delayMs);
  }
  return 0;
}
