import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Bytes on TCP connections, HTTP and WebSocket headers included. */
export interface Traffic {
  /** From clients to the server. */
  readonly up: number;
  readonly down: number;
}

/** Passes connections on to a server on 127.0.0.1 and counts what goes each way. */
export class CountingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #up = 0;
  #down = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param target The port of the server. */
  static async start(target: number): Promise<CountingProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new CountingProxy(server);
    server.on("connection", (client) => proxy.#join(client, target));
    return proxy;
  }

  get traffic(): Traffic {
    return { up: this.#up, down: this.#down };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, target: number): void {
    const server = connect({ host: "127.0.0.1", port: target, noDelay: true });
    client.setNoDelay(true);
    client.on("data", (bytes) => {
      this.#up += bytes.length;
    });
    server.on("data", (bytes) => {
      this.#down += bytes.length;
    });
    client.pipe(server).pipe(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      // A cut connection is the clients' business, who come back.
      socket.on("error", () => socket.destroy());
    }
  }
}
