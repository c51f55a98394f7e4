import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Append, Snapshot, StoredDocument } from "../../server/src/engine/ports.ts";
import { MemoryStorage } from "../../server/src/storage/memory.ts";

interface Waiting {
  /** Does what was asked for; its caller does not hear of it yet. */
  happen(): Promise<void>;
  succeed(): void;
  fail(error: Error): void;
}

/** What somebody learned of a document's log, or added to it. */
export interface LogStep {
  readonly kind: "loaded" | "appended";
  readonly document: DocumentName;
  /** The log's last entry, by this. */
  readonly seq: number;
}

/**
 * Storage in memory that does nothing by itself: what it is asked for waits until the scenario lets it happen, or
 * lets it fail. It keeps a history of who read and wrote what.
 */
export class SlowStorage extends MemoryStorage {
  readonly history: LogStep[] = [];
  /** What it could not do although nothing was wrong with it: its caller broke the rules of the log. */
  readonly protests: Error[] = [];
  /** Everything that was ever handed over for a seq; the last one counts. */
  readonly #handedOver = new Map<string, Append>();
  readonly #writes: Waiting[] = [];
  readonly #loads: Waiting[] = [];
  #isDown = false;

  get isIdle(): boolean {
    return this.#writes.length === 0 && this.#loads.length === 0;
  }

  // What the engine asks for.

  override append(append: Append): Promise<void> {
    const { document, entry } = append;
    this.history.push({ kind: "appended", document, seq: entry.seq });
    this.#handedOver.set(`${entry.seq} ${document}`, append);
    return this.#wait(this.#writes, () => super.append(append));
  }

  override compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    return this.#wait(this.#writes, () => super.compact(document, snapshot));
  }

  override load(document: DocumentName): Promise<StoredDocument | null> {
    return this.#wait(this.#loads, async () => {
      const stored = await super.load(document);
      this.history.push({ kind: "loaded", document, seq: lastSeq(stored) });
      return stored;
    });
  }

  // What the scenario does.

  /** Lets this many writes happen, in their order. */
  async write(count: number): Promise<void> {
    for (const waiting of this.#writes.splice(0, count)) await this.#finish(waiting);
  }

  async answerLoads(): Promise<void> {
    for (const waiting of this.#loads.splice(0)) await this.#finish(waiting);
  }

  /** Breaks down: everything under way is rejected, though the first few writes have happened. */
  async breakDown(happened: number): Promise<void> {
    this.#isDown = true;
    const writes = this.#writes.splice(0);
    for (const waiting of writes.slice(0, happened)) await waiting.happen().catch(this.#protest);
    for (const waiting of [...writes, ...this.#loads.splice(0)]) waiting.fail(unavailable());
  }

  comeBack(): void {
    this.#isDown = false;
  }

  /** What is stored at the moment of the call. */
  peek(document: DocumentName): Promise<StoredDocument | null> {
    return super.load(document);
  }

  /** The updates that were handed over as this entry of the log. */
  handedOver(document: DocumentName, seq: number): readonly Uint8Array[] {
    const append = this.#handedOver.get(`${seq} ${document}`);
    return append?.entry.parts.map((part) => part.update) ?? [];
  }

  #wait<T>(queue: Waiting[], operate: () => Promise<T>): Promise<T> {
    if (this.#isDown) return Promise.reject(unavailable());
    return new Promise<T>((resolve, reject) => {
      let outcome: T;
      queue.push({
        happen: async () => {
          outcome = await operate();
        },
        succeed: () => resolve(outcome),
        fail: reject,
      });
    });
  }

  async #finish(waiting: Waiting): Promise<void> {
    try {
      await waiting.happen();
    } catch (error) {
      this.#protest(error);
      waiting.fail(error as Error);
      return;
    }
    waiting.succeed();
  }

  readonly #protest = (error: unknown): void => {
    this.protests.push(error as Error);
  };
}

/** The last entry of a stored log; 0 when there is none. */
export function lastSeq(stored: StoredDocument | null): number {
  return stored?.tail.at(-1)?.seq ?? stored?.snapshot?.seq ?? 0;
}

function unavailable(): JoineryError {
  return new JoineryError("STORAGE_UNAVAILABLE", "the storage is down");
}
