import { setTimeout as sleep } from "node:timers/promises";
import type { GarbageCollector } from "./garbage-collector.ts";
import { readAnonymousBytes } from "./process-counters.ts";
import type { ServerProcess } from "./server-process.ts";

/** The memory of a server that rests, without the garbage that it has not got round to. */
export async function heldBytes(
  server: ServerProcess,
  collector: GarbageCollector,
  restMs: number,
): Promise<number> {
  await collector.run();
  await sleep(restMs);
  await collector.run();
  return readAnonymousBytes(server.pid);
}
