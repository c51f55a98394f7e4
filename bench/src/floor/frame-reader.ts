import { once } from "node:events";
import { get } from "node:http";
import { connect, type Socket } from "node:net";

/** Connections of one process to a writer of frames: whatever comes is counted and dropped. */
export class FrameReader {
  readonly #sockets: Socket[] = [];
  #missing = 0;
  #complete: (() => void) | null = null;

  /** @param isWebSocket Whether the connections begin with a handshake. */
  static async open(port: number, sockets: number, isWebSocket: boolean): Promise<FrameReader> {
    const reader = new FrameReader();
    for (let i = 0; i < sockets; i++) reader.#add(await (isWebSocket ? upgrade(port) : connected(port)));
    return reader;
  }

  /** Resolves when so many bytes more have arrived, on all connections together. Call it before they are sent. */
  async next(bytes: number): Promise<void> {
    this.#missing += bytes;
    await new Promise<void>((resolve) => {
      this.#complete = resolve;
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #add(socket: Socket): void {
    this.#sockets.push(socket);
    // The writer's end is heard of by its own exit.
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      this.#missing -= bytes.length;
      if (this.#missing === 0) this.#complete?.();
    });
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function upgrade(port: number): Promise<Socket> {
  const request = get({
    host: "127.0.0.1",
    port,
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.alloc(16).toString("base64"),
    },
  });
  const [, socket] = (await once(request, "upgrade")) as [unknown, Socket];
  return socket;
}
