import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { type ClientOptions, WebSocket } from "ws";
import { within } from "../../support/until.ts";

export interface SocketOptions extends ClientOptions {
  /** Subprotocols to offer. Default: none. */
  readonly subprotocols?: readonly string[];
}

/** A WebSocket client that keeps what it is sent until it is asked for. */
export class Socket {
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #webSocket: WebSocket;
  readonly #received: Uint8Array[] = [];
  #wake: () => void = () => undefined;

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    this.closed = new Promise((resolve) => {
      webSocket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    webSocket.on("message", (data: Buffer) => {
      this.#received.push(new Uint8Array(data));
      this.#wake();
    });
  }

  /** Resolves once it is open; rejects with the HTTP status when it was not let in. */
  static async open(url: string, options: SocketOptions = {}): Promise<Socket> {
    const { subprotocols = [], ...others } = options;
    const webSocket = new WebSocket(url, [...subprotocols], others);
    const socket = new Socket(webSocket);
    const opened = new Promise<void>((resolve, reject) => {
      webSocket.once("open", resolve);
      webSocket.once("error", reject);
      webSocket.once("unexpected-response", (_request, response: IncomingMessage) => {
        response.resume();
        reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    await within(`${url} to open`, opened);
    return socket;
  }

  /** The subprotocol that was agreed on; empty for none. */
  get subprotocol(): string {
    return this.#webSocket.protocol;
  }

  send(message: Uint8Array | string): void {
    this.#webSocket.send(message);
  }

  /** The next message that was not asked for yet. */
  async next(): Promise<Uint8Array> {
    while (this.#received.length === 0) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within("a message", woken);
    }
    return this.#received.shift() as Uint8Array;
  }

  async close(): Promise<void> {
    this.#webSocket.close();
    await within("the socket to close", this.closed);
  }
}

/** What an HTTP server answers to a GET without keeping the connection. */
export function get(url: string, options: RequestOptions = {}): Promise<{ status: number; text: string }> {
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    const get = request(url, { agent: false, ...options }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    get.once("error", reject).end();
  });
  return within(`${url} to answer`, answered);
}
