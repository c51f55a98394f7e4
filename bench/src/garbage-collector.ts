import { once } from "node:events";
import { WebSocket } from "ws";

const COLLECT = "HeapProfiler.collectGarbage";

/** What the debugger's protocol says of requests, of worker threads, and of what these answer. */
interface Message {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: { readonly sessionId?: string };
}

/**
 * The garbage collectors of a server's threads, asked to run through the port that Node opens for debuggers. An idle
 * thread collects nothing by itself, so memory would say what was done and not what is held.
 */
export class GarbageCollector {
  readonly #socket: WebSocket;
  readonly #workers = new Set<string>();
  /** By the number of the request, or by the worker that is to answer. */
  readonly #waiting = new Map<number | string, PromiseWithResolvers<void>>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => this.#receive(JSON.parse(bytes.toString()) as Message));
    socket.on("close", () => {
      const error = new Error("the debugger closed its connection");
      for (const by of this.#waiting.keys()) this.#answered(by, error);
    });
  }

  /** @param url Of the debugger, as Node prints it. */
  static async connect(url: string): Promise<GarbageCollector> {
    const socket = new WebSocket(url);
    await once(socket, "open");
    const collector = new GarbageCollector(socket);
    await collector.#ask("NodeWorker.enable", { waitForDebuggerOnStart: false });
    return collector;
  }

  /** Resolves when what nothing refers to is gone. */
  async run(): Promise<void> {
    await Promise.all([this.#ask(COLLECT), ...[...this.#workers].map((worker) => this.#askWorker(worker))]);
  }

  /** Threads that the server has beside its own. */
  get workers(): number {
    return this.#workers.size;
  }

  close(): void {
    this.#socket.terminate();
  }

  async #ask(method: string, params: object = {}): Promise<void> {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params }));
    await this.#answerOf(id);
  }

  async #askWorker(sessionId: string): Promise<void> {
    const message = JSON.stringify({ id: 1, method: COLLECT });
    const collected = this.#answerOf(sessionId);
    try {
      await Promise.all([this.#ask("NodeWorker.sendMessageToWorker", { sessionId, message }), collected]);
    } catch (error) {
      // A worker that has ended has none left.
      if (this.#workers.has(sessionId)) throw error;
    }
  }

  #answerOf(by: number | string): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#waiting.set(by, answer);
    return answer.promise;
  }

  #receive({ id, error, method, params }: Message): void {
    if (id !== undefined) {
      this.#answered(id, error ? new Error(`the debugger says: ${error.message}`) : null);
      return;
    }
    const sessionId = params?.sessionId;
    if (sessionId === undefined) return;
    if (method === "NodeWorker.attachedToWorker") this.#workers.add(sessionId);
    else if (method === "NodeWorker.receivedMessageFromWorker") this.#answered(sessionId, null);
    else if (method === "NodeWorker.detachedFromWorker") {
      this.#workers.delete(sessionId);
      this.#answered(sessionId, null);
    }
  }

  #answered(by: number | string, error: Error | null): void {
    const answer = this.#waiting.get(by);
    this.#waiting.delete(by);
    if (error) answer?.reject(error);
    else answer?.resolve();
  }
}
