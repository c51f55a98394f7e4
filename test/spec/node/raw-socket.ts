import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { within } from "../../support/until.ts";

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly isMasked?: boolean;
  /** RSV1, RSV2 and RSV3, in the upper bits of the first byte. */
  readonly reserved?: number;
  /** What the header says instead of the payload's own length. */
  readonly length?: number;
}

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** One WebSocket frame, right or wrong, as a client sends it. */
export function frame(payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { opcode = BINARY, fin = true, isMasked = true, reserved = 0, length = payload.length } = options;
  const header = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) header.push(mask | length);
  else if (length < 65_536) header.push(mask | 126, length >> 8, length & 0xff);
  else header.push(mask | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (length >>> shift) & 0xff));
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([Buffer.from(header), Buffer.alloc(isMasked ? 4 : 0), payload]);
}

/** A client that writes bytes as it is told, and reads a server's frames. */
export class RawSocket {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    // A server that cuts a connection may do so while it is written to.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawSocket> {
    const socket = connect(port, "127.0.0.1");
    await within("the connection", once(socket, "connect"));
    return new RawSocket(socket);
  }

  /** Opens a WebSocket. */
  static async upgraded(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawSocket> {
    const raw = await RawSocket.open(port);
    raw.write(upgradeRequest(path, headers));
    await raw.head();
    return raw;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Resolves when all that was written is gone, or the socket is. */
  async flushed(): Promise<void> {
    while (this.socket.writableLength > 0 && !this.#isClosed) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.socket.once("drain", resolve);
      });
      await within("what was written to be taken", woken);
    }
  }

  /** The status line and headers of the answer. */
  async head(): Promise<string> {
    const end = await this.#until("the answer", () => this.#received.indexOf("\r\n\r\n") + 1);
    const head = this.#received.subarray(0, end - 1).toString();
    this.#received = this.#received.subarray(end + 3);
    return head;
  }

  /** Whether this text has come; all before it and itself are dropped then. */
  takes(text: string): boolean {
    const at = this.#received.indexOf(text);
    if (at >= 0) this.#received = this.#received.subarray(at + text.length);
    return at >= 0;
  }

  /** The next frame of the server. */
  async next(): Promise<{ opcode: number; payload: Buffer }> {
    await this.#until("a frame", () => this.#nextLength());
    const [header, length] = this.#header();
    const opcode = (this.#received[0] as number) & 0x0f;
    const payload = this.#received.subarray(header, header + length);
    this.#received = this.#received.subarray(header + length);
    return { opcode, payload };
  }

  /** The next frame of a kind; others before it are passed over. */
  async nextOf(opcode: number): Promise<Buffer> {
    for (;;) {
      const frame = await this.next();
      if (frame.opcode === opcode) return frame.payload;
    }
  }

  /** The code of the server's close frame. */
  async closeCode(): Promise<number> {
    return (await this.nextOf(CLOSE)).readUInt16BE(0);
  }

  /** Everything that came, once the connection is closed. */
  async rest(): Promise<string> {
    await this.closed();
    return this.#received.toString();
  }

  async closed(): Promise<void> {
    if (this.#isClosed) return;
    await within("the connection to be closed", once(this.socket, "close"));
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #until(what: string, length: () => number): Promise<number> {
    for (;;) {
      const found = length();
      if (found > 0) return found;
      if (this.#isClosed) throw new Error(`the connection was closed instead of ${what}`);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(what, woken);
    }
  }

  #nextLength(): number {
    if (this.#received.length < 2) return 0;
    const [header, length] = this.#header();
    return header > 0 && this.#received.length >= header + length ? header + length : 0;
  }

  /** Lengths of the next frame's header, 0 if it is not whole, and payload. */
  #header(): [number, number] {
    const bytes = this.#received;
    const length = (bytes[1] as number) & 0x7f;
    if (length < 126) return [2, length];
    if (bytes.length < 10) return [0, 0];
    return length === 126 ? [4, bytes.readUInt16BE(2)] : [10, Number(bytes.readBigUInt64BE(2))];
  }
}

export function upgradeRequest(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
