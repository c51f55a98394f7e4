/**
 * Verifies documents in a worker: checksums, digests and what is built of a document take seconds where it is large. The
 * worker reads through a port, record by record, because only one thread can have the database open.
 */

import { Worker } from "node:worker_threads";
import {
  type DocumentName,
  type ErrorCode,
  JoineryError,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import type { StoredDocument } from "../engine/ports.ts";
import type { CursorRange } from "../storage/database.ts";
import type { Loss } from "../storage/losses.ts";
import type { Verification } from "./source.ts";
import type { Reader } from "./stepwise-reads.ts";

/** What is to be verified: what a reader gives, or what was loaded of any storage. */
export type VerifyTask =
  | { readonly kind: "read"; readonly document: DocumentName; readonly losses: readonly Loss[] }
  | {
      readonly kind: "stored";
      readonly document: DocumentName;
      readonly stored: Omit<StoredDocument, "damage">;
      readonly damage: string | null;
    };

/** What the worker asks and says; it waits for the answer to each question. */
export type VerifyMessage =
  | { readonly kind: "get"; readonly key: Uint8Array }
  | { readonly kind: "open"; readonly cursor: number; readonly range: CursorRange }
  | { readonly kind: "next"; readonly cursor: number }
  | { readonly kind: "close"; readonly cursor: number }
  | { readonly kind: "verified"; readonly verification: Verification | null }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

export type Row = [key: Uint8Array, value: Uint8Array];

/** The answer to `get`, and to `next`: of that none at the end. */
export type VerifyAnswer = Uint8Array | undefined | readonly Row[];

type Question = Exclude<VerifyMessage, { kind: "verified" | "failed" }>;

/** Beside the sources runs a source, beside what was emitted from them runs what was emitted. */
const ENTRY = new URL(
  import.meta.url.endsWith(".ts") ? "./verify-worker.ts" : "./verify-worker.js",
  import.meta.url,
);

const MIB = 1024 * 1024;
/** How long it may be silent: to start, and for what is honest. Real documents take 0.1 to 0.3 s a MiB to build. */
const FLOOR_MS = 60_000;
const MS_A_MIB = 8000;
/** What is read at once: enough that asking does not count. */
const ROWS_AT_ONCE = 1000;
const READ_AHEAD_BYTES = 256 * 1024;

/** Those that run. */
export class VerifyThreads {
  readonly #maxHeapMib: number;
  readonly #running = new Set<VerifyThread>();

  constructor({ maxReplicaBytes }: Pick<Limits, "maxReplicaBytes">) {
    this.#maxHeapMib = Math.ceil(maxReplicaBytes / MIB);
  }

  /** See `DocumentSource.verify`. Rejects with REPLICA_FAILED (backoff) where it takes too much time or memory. */
  verify(
    document: DocumentName,
    { view, losses }: { readonly view: Reader; readonly losses: readonly Loss[] },
  ): Promise<Verification | null> {
    return this.#run({ kind: "read", document, losses }, view);
  }

  /** The same of what was loaded. Cost: copies its bytes. */
  verifyStored(document: DocumentName, { damage, ...stored }: StoredDocument): Promise<Verification | null> {
    return this.#run({ kind: "stored", document, stored, damage: damage?.message ?? null }, null);
  }

  /** Ends what runs; it rejects with SERVER_DRAINING. */
  async close(): Promise<void> {
    const draining = new JoineryError("SERVER_DRAINING", "the server is stopping");
    await Promise.all([...this.#running].map((thread) => thread.end(draining)));
  }

  async #run(task: VerifyTask, view: Reader | null): Promise<Verification | null> {
    const thread = new VerifyThread(this.#maxHeapMib, view);
    this.#running.add(thread);
    try {
      return await thread.run(task);
    } finally {
      this.#running.delete(thread);
    }
  }
}

/** One verification. */
class VerifyThread {
  readonly #worker: Worker;
  readonly #view: Reader | null;
  readonly #outcome = Promise.withResolvers<Verification | null>();
  readonly #cursors = new Map<number, ReturnType<Reader["iterator"]>>();
  #timer: NodeJS.Timeout | null = null;
  #bytes = 0;

  constructor(maxHeapMib: number, view: Reader | null) {
    this.#view = view;
    this.#worker = new Worker(ENTRY, {
      name: "joinery verify",
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
    });
    this.#worker.on("message", (message: VerifyMessage) => this.#heard(message));
    this.#worker.on("error", (cause) => this.#outcome.reject(failed("ended", cause)));
    this.#worker.on("exit", () => this.#outcome.reject(failed("ended")));
  }

  async run(task: VerifyTask): Promise<Verification | null> {
    this.#watch();
    this.#worker.postMessage(task);
    try {
      return await this.#outcome.promise;
    } finally {
      if (this.#timer) clearTimeout(this.#timer);
      await this.#worker.terminate();
      for (const cursor of this.#cursors.values()) await cursor.close();
    }
  }

  async end(error: JoineryError): Promise<void> {
    this.#outcome.reject(error);
    await this.#worker.terminate();
  }

  #heard(message: VerifyMessage): void {
    if (message.kind === "verified") this.#outcome.resolve(message.verification);
    else if (message.kind === "failed") this.#outcome.reject(new JoineryError(message.code, message.message));
    else this.#answer(message).catch((error: unknown) => this.#outcome.reject(toJoineryError(error)));
  }

  async #answer(question: Question): Promise<void> {
    const answer = await this.#read(question);
    const copies = copiesOf(answer);
    this.#bytes += copies.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#watch();
    this.#worker.postMessage(answer, copies);
  }

  /** In copies of their own: a database may give views of what it keeps. */
  async #read(question: Question): Promise<VerifyAnswer> {
    if (this.#view === null) throw new Error("there is nothing to read");
    if (question.kind === "get") {
      const value = await this.#view.get(question.key);
      return value && new Uint8Array(value);
    }
    if (question.kind === "open") {
      const range = { ...question.range, highWaterMarkBytes: READ_AHEAD_BYTES };
      this.#cursors.set(question.cursor, this.#view.iterator(range));
      return undefined;
    }
    const cursor = this.#cursors.get(question.cursor);
    if (question.kind === "close") {
      this.#cursors.delete(question.cursor);
      await cursor?.close();
      return undefined;
    }
    const rows = (await cursor?.nextv(ROWS_AT_ONCE)) ?? [];
    return rows.map(([key, value]): Row => [new Uint8Array(key), new Uint8Array(value)]);
  }

  /** It has so long until it asks again, or is ready. */
  #watch(): void {
    if (this.#timer) clearTimeout(this.#timer);
    const ms = FLOOR_MS + (this.#bytes / MIB) * MS_A_MIB;
    this.#timer = setTimeout(() => {
      this.#outcome.reject(failed("takes more time than it may"));
    }, ms).unref();
  }
}

function copiesOf(answer: VerifyAnswer): ArrayBuffer[] {
  const views = answer === undefined ? [] : answer instanceof Uint8Array ? [answer] : answer.flat();
  // They were all copied.
  return views.map(({ buffer }) => buffer as ArrayBuffer);
}

function failed(how: string, cause?: unknown): JoineryError {
  const isMemory = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  const why = isMemory ? "takes more memory than it may" : how;
  const limit = isMemory && { limit: "maxReplicaBytes" };
  return new JoineryError("REPLICA_FAILED", `the worker that verifies ${why}`, { cause, ...limit });
}
