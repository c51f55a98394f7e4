/**
 * Bytes that were read from files and from LevelDB are not on V8's own heap, and it is in no hurry to let them go: after
 * a few large records several copies of a document would be in memory. So it is told to look, now and then.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

/** What is worth a collection, which takes some milliseconds. */
const WORTH_BYTES = 8_000_000;

type Collect = (options?: { readonly type: "major"; readonly flavor: "last-resort" }) => void;

let collect: Collect | null = null;

function collector(): Collect {
  if (collect === null) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as Collect;
  }
  return collect;
}

/**
 * Lets go of bytes that nobody uses any more, if there may be many. Not in a worker: flags are of the whole process, and a
 * worker's heap has bounds of its own.
 */
export function releaseMemory(): void {
  if (!isMainThread) return;
  if (process.memoryUsage().arrayBuffers >= WORTH_BYTES) collector()();
}

/**
 * Gives back all that nobody uses, the room for new objects too: V8 lets that grow to 64 MB, whatever is in it. For who
 * is about to need much. Cost: a tenth of a second.
 */
export function releaseAll(): void {
  collector()({ type: "major", flavor: "last-resort" });
}

/** Counts what is read record by record, and lets go of it. */
export class ReadBytes {
  #bytes = 0;

  add({ length }: Uint8Array): void {
    this.#bytes += length;
    if (this.#bytes < WORTH_BYTES) return;
    this.#bytes = 0;
    releaseMemory();
  }
}
