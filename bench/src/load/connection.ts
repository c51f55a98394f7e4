import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { JOIN_TIMEOUT_MS } from "../config.ts";

/** One WebSocket to a server, and what came out of it. Offers compression, as browsers do. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  #frames = 0;
  #fault: unknown = null;

  private constructor(socket: WebSocket, stream: Socket) {
    this.#socket = socket;
    this.#stream = stream;
  }

  /**
   * @param onFrame Called for every frame; what it throws comes out of {@link assertWell}.
   * @throws Error when the server does not accept.
   */
  static async open(
    url: string,
    onFrame: (frame: Uint8Array, connection: Connection) => void,
  ): Promise<Connection> {
    const socket = new WebSocket(url, { handshakeTimeout: JOIN_TIMEOUT_MS });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      // Comes before "open" and before anything that the server sends.
      socket.once("upgrade", (response) => {
        const connection = new Connection(socket, response.socket);
        socket.on("message", (frame: Buffer) => connection.#receive(frame, onFrame));
        socket.on("error", (error) => connection.#fail(error));
        socket.once("close", (code) =>
          connection.#fail(new Error(`a client's connection was closed with ${code}`)),
        );
        socket.once("open", () => resolve(connection));
      });
    });
  }

  send(frame: Uint8Array): void {
    this.#socket.send(frame);
  }

  /** WebSocket messages received. */
  get frames(): number {
    return this.#frames;
  }

  /** Bytes received on the TCP connection, with handshake and frame headers. */
  get bytes(): number {
    return this.#stream.bytesRead;
  }

  /** @throws Error when the connection is closed, or with what the reader of its frames threw first. */
  assertWell(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  /** On our end of the TCP connection. */
  get port(): number {
    if (this.#stream.localPort === undefined) throw new Error("the connection has no port");
    return this.#stream.localPort;
  }

  /** Stops reading, as a client does that is busy or asleep: what the server sends waits on its side. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  #receive(frame: Uint8Array, onFrame: (frame: Uint8Array, connection: Connection) => void): void {
    this.#frames++;
    try {
      onFrame(frame, this);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
  }
}
