import { Worker } from "node:worker_threads";
import { JoineryError, type Limits } from "@joinery/shared";

/** What the worker answers. */
export type Converted =
  | { readonly kind: "converted"; readonly update: Uint8Array }
  | { readonly kind: "failed"; readonly reason: string };

/** Beside the sources runs a source, beside what was emitted from them runs what was emitted. */
const ENTRY = new URL(
  import.meta.url.endsWith(".ts") ? "./second-format-worker.ts" : "./second-format-worker.js",
  import.meta.url,
);

const MIB = 1024 * 1024;
/** Enough for a worker to start and to convert what is honest, on a machine that has much else to do. */
const FLOOR_MS = 20_000;
const MS_A_MIB = 4000;

/**
 * Makes Yjs v1 of updates in Yjs' second format, in a worker: 25 bytes of it can say that they are billions of
 * structs. The worker starts with the first, and anew after one that took it along.
 */
export class SecondFormat {
  readonly #maxHeapMib: number;
  readonly #floorMs: number;
  #worker: Worker | null = null;
  #answer: PromiseWithResolvers<Converted> | null = null;

  /** @param floorMs How long an update may take at least, in milliseconds. Default 20,000. */
  constructor({ maxReplicaBytes }: Limits, floorMs: number = FLOOR_MS) {
    this.#maxHeapMib = Math.ceil(maxReplicaBytes / MIB);
    this.#floorMs = floorMs;
  }

  /**
   * Converts an update; the one before must have been settled.
   *
   * Rejects with MALFORMED_UPDATE when it is none, and with UPDATE_TOO_COSTLY when it takes too much (both never).
   */
  async convert(update: Uint8Array): Promise<Uint8Array> {
    const answer = Promise.withResolvers<Converted>();
    this.#answer = answer;
    this.#worker ??= this.#start();
    const timer = setTimeout(
      () => this.#fail(tooCostly(update, "time")),
      this.#floorMs + (update.length / MIB) * MS_A_MIB,
    );
    this.#worker.postMessage(update);
    try {
      const converted = await answer.promise;
      if (converted.kind === "converted") return converted.update;
      throw new JoineryError("MALFORMED_UPDATE", `update: ${converted.reason}`);
    } catch (error) {
      if (error instanceof JoineryError) throw error;
      throw tooCostly(update, "memory", error);
    } finally {
      clearTimeout(timer);
      this.#answer = null;
    }
  }

  /** Ends the worker; what it was doing rejects with SERVER_DRAINING (backoff). */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#answer?.reject(new JoineryError("SERVER_DRAINING", "nothing is converted any more"));
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(ENTRY, {
      name: "joinery import",
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#maxHeapMib },
    });
    worker.on("message", (converted: Converted) => this.#answer?.resolve(converted));
    worker.on("error", (error) => this.#fail(error));
    return worker;
  }

  /** Whoever comes next gets another worker. */
  #fail(error: unknown): void {
    this.#answer?.reject(error);
    void this.close();
  }
}

function tooCostly(update: Uint8Array, what: string, cause?: unknown): JoineryError {
  const message = `update: reading its ${update.length} bytes takes far more ${what} than is usual`;
  return new JoineryError("UPDATE_TOO_COSTLY", message, { cause });
}
