/** A WebSocket server in front of another one, which passes everything on and keeps what passed. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";

interface Passed {
  readonly from: "client" | "server";
  readonly message: Uint8Array;
}

/** One client's connection. */
export interface Recording {
  /** Of the request: path and query. */
  readonly path: string;
  readonly subprotocol: string;
  /** In the order in which they passed. */
  readonly passed: readonly Passed[];
}

export class RecordingProxy {
  readonly wsUrl: string;
  /** In the order in which clients came. */
  readonly recordings: Recording[] = [];
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer, target: string) {
    this.#server = server;
    this.wsUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (client, request) => this.#join(client, target, request.url ?? "/"));
  }

  /** @param target The URL of the server, without a path. */
  static async start(target: string): Promise<RecordingProxy> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new RecordingProxy(server, target);
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }

  #join(client: WebSocket, target: string, path: string): void {
    const passed: Passed[] = [];
    this.recordings.push({ path, subprotocol: client.protocol, passed });
    const server = new WebSocket(target + path, client.protocol === "" ? [] : [client.protocol]);
    const early: RawData[] = [];
    client.on("message", (message) => {
      passed.push({ from: "client", message: Uint8Array.from(message as Buffer) });
      if (server.readyState === WebSocket.CONNECTING) early.push(message);
      else server.send(message);
    });
    server.on("open", () => {
      for (const message of early) server.send(message);
    });
    server.on("message", (message) => {
      passed.push({ from: "server", message: Uint8Array.from(message as Buffer) });
      client.send(message);
    });
    client.on("close", () => server.terminate());
    server.on("close", () => client.terminate());
    // Whoever ends a connection hears of it by its own means.
    for (const socket of [client, server]) socket.on("error", () => undefined);
  }
}
