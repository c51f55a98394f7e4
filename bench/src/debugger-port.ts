import { once } from "node:events";
import { WebSocket } from "ws";

/** What the debugger's protocol says of requests, and of what happens unasked. */
interface Message {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: unknown;
  readonly method?: string;
  readonly params?: unknown;
}

/** The port that Node opens for debuggers. It answers also while JavaScript runs. */
export class DebuggerPort {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  onEvent: (method: string, params: unknown) => void = () => undefined;
  onClosed: (error: Error) => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => this.#receive(JSON.parse(bytes.toString()) as Message));
    socket.on("close", () => {
      const error = new Error("the debugger closed its connection");
      for (const answer of this.#waiting.values()) answer.reject(error);
      this.#waiting.clear();
      this.onClosed(error);
    });
  }

  /** @param url As Node prints it. */
  static async connect(url: string): Promise<DebuggerPort> {
    const socket = new WebSocket(url);
    await once(socket, "open");
    return new DebuggerPort(socket);
  }

  /** @throws Error when the debugger refuses, or is gone. */
  async ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answer.promise;
  }

  close(): void {
    this.#socket.terminate();
  }

  #receive({ id, error, result, method, params }: Message): void {
    if (method !== undefined) this.onEvent(method, params);
    if (id === undefined) return;
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) answer?.reject(new Error(`the debugger says: ${error.message}`));
    else answer?.resolve(result);
  }
}
