import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** What the disk itself takes for the least that can be made durable. */
export class SingleFsync {
  readonly #file: number;
  readonly #bytes = new Uint8Array(100);

  /** @param folder Of the disk that is meant. */
  constructor(folder: string) {
    this.#file = openSync(join(folder, "single-fsync"), "a");
  }

  /** Appends about as much as an edit's log record has, and has it written. @returns Milliseconds. */
  measure(): number {
    const startMs = performance.now();
    writeSync(this.#file, this.#bytes);
    fdatasyncSync(this.#file);
    return performance.now() - startMs;
  }

  close(): void {
    closeSync(this.#file);
  }
}
