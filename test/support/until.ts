import { setTimeout as delay } from "node:timers/promises";

export interface UntilOptions {
  /** Deadline; 20 s unless told, far above what a busy machine needs. */
  readonly withinMs?: number;
  /** What was seen instead, for the message of a deadline that passed. */
  readonly saw?: () => unknown;
}

const POLL_MS = 5;
const DEADLINE_MS = 20_000;

/**
 * Waits until a condition holds. For things that tell nobody when they change; where there is an event, wait
 * for that with {@link within}.
 *
 * @param what What is waited for, for the message of the rejection.
 * @param condition Called every few milliseconds; cheap.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: UntilOptions = {},
): Promise<void> {
  const { withinMs = DEADLINE_MS, saw } = options;
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${withinMs} ms for ${what}${saw ? `; saw ${String(saw())}` : ""}`);
    }
    await delay(POLL_MS);
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @param what What is waited for, for the message of the rejection.
 */
export async function within<T>(what: string, promise: Promise<T>, options: UntilOptions = {}): Promise<T> {
  const { withinMs = DEADLINE_MS, saw } = options;
  const deadline = new AbortController();
  const expiry = delay(withinMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`waited ${withinMs} ms for ${what}${saw ? `; saw ${String(saw())}` : ""}`);
  });
  // The promise may settle first and cancel the expiry; nobody is to hear about that.
  expiry.catch(() => undefined);
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    deadline.abort();
  }
}
