import type { Operation } from "./database.ts";

interface Waiting {
  /** What to write, or how to find that out once all that was given before is written. */
  readonly operations: readonly Operation[] | (() => Promise<readonly Operation[]>);
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts what many ask for at the same time into one write. While one write is under way the next one gathers, so
 * that the slower the disk is, the more share a write.
 *
 * Everything is written in the order in which it was given. When a write fails, all that waits fails with it:
 * what came later may build on what did not happen. There is no bound here; the callers hold back.
 */
export class GroupCommit {
  readonly #write: (operations: Operation[]) => Promise<void>;
  #queue: Waiting[] = [];
  #draining: Promise<void> | null = null;

  /** @param write Makes the operations durable, as a whole or not at all. */
  constructor(write: (operations: Operation[]) => Promise<void>) {
    this.#write = write;
  }

  /**
   * Resolves once the operations are durable, rejects with the error of the write.
   *
   * @param operations A function is called once everything given before is written, and its operations are
   * written by themselves before anything given after it; when it rejects, only this call does.
   */
  add(operations: Waiting["operations"]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ operations, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves once nothing is waiting any more. */
  async idle(): Promise<void> {
    while (this.#draining !== null) await this.#draining;
  }

  async #drain(): Promise<void> {
    await null; // What is added in the same turn shares the first write.
    while (this.#queue.length > 0) await this.#writeGroup();
    this.#draining = null;
  }

  async #writeGroup(): Promise<void> {
    const group = this.#takeGroup();
    let operations: Operation[];
    try {
      operations = (await Promise.all(group.map(operationsOf))).flat();
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    try {
      if (operations.length > 0) await this.#write(operations);
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group.concat(this.#queue.splice(0))) reject(error);
    }
  }

  /** All that waits up to the first that has to be looked up; that one alone, when it is first. */
  #takeGroup(): Waiting[] {
    const lookup = this.#queue.findIndex(({ operations }) => typeof operations === "function");
    if (lookup === -1) return this.#queue.splice(0);
    return this.#queue.splice(0, Math.max(lookup, 1));
  }
}

async function operationsOf({ operations }: Waiting): Promise<readonly Operation[]> {
  return typeof operations === "function" ? operations() : operations;
}
