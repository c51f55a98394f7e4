/**
 * A client that is one of very many: it joins and sends as any other, and of what it is sent it counts bytes and frames,
 * without reading them. Its bytes all go into one buffer that is used again and again: at hundreds of megabytes a second
 * a WebSocket library would spend the load generator's core on copies that nobody looks at.
 */

import { randomBytes } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { BINARY, CLOSE, FrameScanner, PING, PONG } from "./frame-scanner.ts";
import { maskedFrame } from "./masked-frame.ts";

const END_OF_HEAD = "\r\n\r\n";
/** As much as Node reads at once. */
const CHUNK_BYTES = 64 * 1024;
const SHARED_BUFFER = Buffer.alloc(CHUNK_BYTES);

export class Bystander {
  readonly #wire: Wire;
  readonly #scanner: FrameScanner;
  readonly #socket: Socket;
  #head: string | null = "";
  #joined = false;
  #fault: unknown = null;

  private constructor(port: number, wire: Wire) {
    this.#wire = wire;
    this.#scanner = new FrameScanner(
      (opcode) => opcode !== BINARY || !this.#joined,
      (opcode, payload) => this.#receive(opcode, payload),
    );
    const onread = {
      buffer: SHARED_BUFFER,
      callback: (bytes: number) => {
        this.#read(SHARED_BUFFER.subarray(0, bytes));
        return true;
      },
    };
    this.#socket = createConnection({ host: "127.0.0.1", port, noDelay: true, onread });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.once("close", () => this.#fail(new Error("a client's connection was closed")));
    this.#socket.once("connect", () => this.#socket.write(handshake(port, wire)));
  }

  /** Connects and waits for the document's state. */
  static async join(port: number, wire: Wire): Promise<Bystander> {
    const bystander = new Bystander(port, wire);
    await waitUntil(
      () => {
        bystander.assertWell();
        return bystander.#joined;
      },
      JOIN_TIMEOUT_MS,
      () => "a client that connected was not given the document",
    );
    return bystander;
  }

  /** @param message As {@link Wire} makes them. */
  send(message: Uint8Array): void {
    this.#socket.write(maskedFrame(BINARY, message));
  }

  /** WebSocket frames received. */
  get frames(): number {
    return this.#scanner.frames;
  }

  /** Bytes received on the TCP connection, with handshake and frame headers. */
  get bytes(): number {
    return this.#socket.bytesRead;
  }

  /** @throws Error when the connection is closed, or something that arrived was wrong. */
  assertWell(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      if (this.#head === null) this.#scanner.push(chunk);
      else this.#readHead(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  #readHead(chunk: Buffer): void {
    this.#head += chunk.toString("latin1");
    const head = this.#head as string;
    const end = head.indexOf(END_OF_HEAD);
    if (end < 0) return;
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`the server answered ${head.split("\r\n")[0]}`);
    this.#head = null;
    this.#joined = this.#wire.joinsUnasked === true;
    for (const message of this.#wire.opening) this.send(message);
    this.#scanner.push(Buffer.from(head.slice(end + END_OF_HEAD.length), "latin1"));
  }

  #receive(opcode: number, payload: Uint8Array): void {
    if (opcode === PING) this.#socket.write(maskedFrame(PONG, payload));
    else if (opcode === CLOSE) throw new Error("the server closed a client's connection");
    else if (opcode === BINARY) {
      for (const incoming of this.#wire.read(payload)) {
        if (incoming.kind === "joined") this.#joined = true;
        else if (incoming.kind === "ask") this.send(this.#wire.nothing);
        else if (incoming.kind === "refused") throw new Error(`the server refused: ${incoming.reason}`);
      }
    }
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
  }
}

function handshake(port: number, { path, subprotocol }: Wire): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    ...(subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
  ];
  return lines.join("\r\n") + END_OF_HEAD;
}
