import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Incoming, Multiplexed, Wire } from "../dialects/dialect.ts";

/** What there is to hear for the reader of a connection; it answers what the server asks by itself. */
export type Heard = Exclude<Incoming, { readonly kind: "ask" | "refused" }>;

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
   * Connects and says what the dialect opens with.
   *
   * @param onIncoming What it throws comes out of {@link assertWell}.
   * @param from The address on our end, one of this machine. Default: 127.0.0.1.
   * @throws Error when the server does not accept.
   */
  static async open(
    port: number,
    wire: Wire,
    onIncoming: (incoming: Heard) => void,
    from?: string,
  ): Promise<Connection> {
    const onMessage = (connection: Connection, message: Uint8Array) => {
      for (const incoming of wire.read(message)) connection.#hear(incoming, () => wire.nothing, onIncoming);
    };
    return Connection.#open(port, wire, onMessage, from);
  }

  /** The same with several documents. @param onIncoming Is told of which of them that is. */
  static async openMany(
    port: number,
    wire: Multiplexed,
    onIncoming: (document: number, incoming: Heard) => void,
  ): Promise<Connection> {
    return Connection.#open(port, wire, (connection, message) => {
      for (const { document, incoming } of wire.read(message)) {
        connection.#hear(
          incoming,
          () => wire.nothing(document),
          (heard) => onIncoming(document, heard),
        );
      }
    });
  }

  static async #open(
    port: number,
    wire: Pick<Wire, "path" | "subprotocol" | "opening">,
    onMessage: (connection: Connection, message: Uint8Array) => void,
    from?: string,
  ): Promise<Connection> {
    const url = `ws://127.0.0.1:${port}${wire.path}`;
    const socket = new WebSocket(url, wire.subprotocol ?? [], {
      handshakeTimeout: JOIN_TIMEOUT_MS,
      ...(from !== undefined && { localAddress: from }),
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      // Comes before "open" and before anything that the server sends.
      socket.once("upgrade", (response) => {
        const connection = new Connection(socket, response.socket);
        socket.on("message", (message: Buffer) => connection.#receive(message, onMessage));
        socket.on("error", (error) => connection.#fail(error));
        socket.once("close", (code) =>
          connection.#fail(new Error(`a client's connection was closed with ${code}`)),
        );
        socket.once("open", () => {
          for (const frame of wire.opening) connection.send(frame);
          resolve(connection);
        });
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

  /** Bytes sent on the TCP connection, with handshake and frame headers. */
  get bytesSent(): number {
    return this.#stream.bytesWritten;
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

  #receive(message: Uint8Array, onMessage: (connection: Connection, message: Uint8Array) => void): void {
    this.#frames++;
    try {
      onMessage(this, message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #hear(incoming: Incoming, nothing: () => Uint8Array, onIncoming: (incoming: Heard) => void): void {
    if (incoming.kind === "ask") this.send(nothing());
    else if (incoming.kind === "refused") throw new Error(`the server refused: ${incoming.reason}`);
    else onIncoming(incoming);
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
  }
}
