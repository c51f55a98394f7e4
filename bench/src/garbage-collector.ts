import { DebuggerPort } from "./debugger-port.ts";

const COLLECT = "HeapProfiler.collectGarbage";

/**
 * The garbage collectors of a server's threads, asked to run through the port that Node opens for debuggers. An idle
 * thread collects nothing by itself, so memory would say what was done and not what is held.
 */
export class GarbageCollector {
  readonly #port: DebuggerPort;
  readonly #workers = new Set<string>();
  /** By the worker that is to answer. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  private constructor(port: DebuggerPort) {
    this.#port = port;
    port.onEvent = (method, params) => this.#receive(method, params as { readonly sessionId?: string });
    port.onClosed = (error) => {
      for (const worker of this.#waiting.keys()) this.#answered(worker, error);
    };
  }

  /** @param url Of the debugger, as Node prints it. */
  static async connect(url: string): Promise<GarbageCollector> {
    const port = await DebuggerPort.connect(url);
    const collector = new GarbageCollector(port);
    await port.ask("NodeWorker.enable", { waitForDebuggerOnStart: false });
    return collector;
  }

  /** Resolves when what nothing refers to is gone. */
  async run(): Promise<void> {
    const workers = [...this.#workers].map((worker) => this.#askWorker(worker));
    await Promise.all([this.#port.ask(COLLECT), ...workers]);
  }

  /** Threads that the server has beside its own. */
  get workers(): number {
    return this.#workers.size;
  }

  close(): void {
    this.#port.close();
  }

  async #askWorker(sessionId: string): Promise<void> {
    const message = JSON.stringify({ id: 1, method: COLLECT });
    const collected = Promise.withResolvers<void>();
    this.#waiting.set(sessionId, collected);
    try {
      const asked = this.#port.ask("NodeWorker.sendMessageToWorker", { sessionId, message });
      await Promise.all([asked, collected.promise]);
    } catch (error) {
      // A worker that has ended has none left.
      if (this.#workers.has(sessionId)) throw error;
    }
  }

  #receive(method: string, { sessionId }: { readonly sessionId?: string }): void {
    if (sessionId === undefined) return;
    if (method === "NodeWorker.attachedToWorker") this.#workers.add(sessionId);
    else if (method === "NodeWorker.receivedMessageFromWorker") this.#answered(sessionId, null);
    else if (method === "NodeWorker.detachedFromWorker") {
      this.#workers.delete(sessionId);
      this.#answered(sessionId, null);
    }
  }

  #answered(worker: string, error: Error | null): void {
    const answer = this.#waiting.get(worker);
    this.#waiting.delete(worker);
    if (error) answer?.reject(error);
    else answer?.resolve();
  }
}
