import { setTimeout as sleep } from "node:timers/promises";
import { POLL_MS } from "./config.ts";

/**
 * Looks at a condition until it holds.
 *
 * @throws Error saying what did not happen in time, or whatever the condition throws.
 */
export async function waitUntil(
  condition: () => boolean,
  timeoutMs: number,
  describe: () => string,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${describe()}`);
    await sleep(POLL_MS);
  }
}
