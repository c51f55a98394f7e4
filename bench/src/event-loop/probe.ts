/**
 * Preloaded into a server (`--import`): notes for how long its event loop did not get round to a timer. The same for
 * every server, and read from outside through the debugger's port: see event-loop-delay.ts.
 */
import { isMainThread } from "node:worker_threads";
import { EVERY_MS, type EventLoopRecord, RECORD } from "./record.ts";

if (isMainThread) {
  const record: EventLoopRecord = { sinceMs: performance.now(), lastMs: performance.now(), busyMs: [] };
  (globalThis as Record<symbol, unknown>)[Symbol.for(RECORD)] = record;
  setInterval(() => {
    const nowMs = performance.now();
    const busyMs = nowMs - record.lastMs - EVERY_MS;
    // What is shorter than a timer is exact is nothing.
    if (busyMs >= 1) record.busyMs.push(busyMs);
    record.lastMs = nowMs;
  }, EVERY_MS).unref();
}
