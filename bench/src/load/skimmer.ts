/**
 * A client's end of a WebSocket that looks at no more than it has to: the load generator has one core, and a hundred
 * clients are sent gigabytes. It speaks the protocol over a plain socket, and offers no compression of messages.
 */
import { randomBytes } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import type { Skimmed, Wire } from "../dialects/dialect.ts";

/** What it is sent is read into this; each part is dealt with before the next one is read, whoever it is for. */
const INPUT = Buffer.allocUnsafeSlow(1024 * 1024);
/** Messages up to this size are skimmed whole, of larger ones the head. */
const MAX_WHOLE_BYTES = 128 * 1024;
const HEAD_BYTES = 64;

const END_OF_HEADERS = "\r\n\r\n";
const FINAL_BINARY = 0x82;
const FINAL_PONG = 0x8a;
const CLOSE = 8;
const PING = 9;
const IS_MASKED = 0x80;

/** What a client will say, made before anything is measured. */
export interface Script {
  readonly wire: Wire;
  /** The request for a WebSocket, what the dialect opens with, and the answer to the server's question. */
  readonly request: Buffer;
  readonly opening: Buffer;
  readonly answer: Buffer;
}

export function scriptOf(wire: Wire, port: number): Script {
  const lines = [
    `GET ${wire.path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
    "Sec-WebSocket-Version: 13",
    ...(wire.subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${wire.subprotocol}`]),
  ];
  return {
    wire,
    request: Buffer.from(lines.join("\r\n") + END_OF_HEADERS),
    opening: Buffer.concat(wire.opening.map((message) => masked(FINAL_BINARY, message))),
    answer: masked(FINAL_BINARY, wire.nothing),
  };
}

export class Skimmer {
  /** When the connection was asked for, and when the last byte of the document was here; `null` before. */
  readonly startMs = performance.now();
  joinedAtMs: number | null = null;
  /** Of updates, without what they are wrapped in; what comes after the joining does not count. */
  documentBytes = 0;
  /** What the server said, if it is kept. */
  readonly messages: Uint8Array[] = [];
  readonly #script: Script;
  readonly #keeps: boolean;
  readonly #socket: Socket;
  readonly #frames: FrameParser;
  #response: Buffer | null = Buffer.alloc(0);
  #fault: unknown = null;

  /** Connects at once. @param keeps Whether messages are kept whole, to be looked at afterwards. */
  constructor(port: number, script: Script, keeps: boolean) {
    this.#script = script;
    this.#keeps = keeps;
    this.#frames = new FrameParser(keeps, (opcode, head, bytes) => this.#message(opcode, head, bytes));
    this.#socket = createConnection({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: INPUT,
        callback: (bytes) => {
          this.#receive(INPUT.subarray(0, bytes));
          return true;
        },
      },
    });
    this.#socket.write(script.request);
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.once("close", () => this.#fail(new Error("a client's connection was closed")));
  }

  /** On the TCP connection, from the server and to it, headers included. */
  get bytes(): { readonly down: number; readonly up: number } {
    return { down: this.#socket.bytesRead, up: this.#socket.bytesWritten };
  }

  /** @throws Error when the connection is closed, or with what was wrong with what came. */
  assertWell(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    try {
      if (this.#response === null) this.#frames.push(bytes);
      else this.#greeted(Buffer.concat([this.#response, bytes]));
    } catch (error) {
      this.#fail(error);
    }
  }

  #greeted(response: Buffer): void {
    const end = response.indexOf(END_OF_HEADERS);
    this.#response = response;
    if (end < 0) return;
    if (!response.toString("latin1", 0, end).startsWith("HTTP/1.1 101 ")) {
      throw new Error(`the server answered ${response.toString("latin1", 0, end)}`);
    }
    this.#response = null;
    this.#socket.write(this.#script.opening);
    this.#frames.push(response.subarray(end + END_OF_HEADERS.length));
  }

  #message(opcode: number, head: Uint8Array, bytes: number): void {
    if (opcode === PING) this.#socket.write(masked(FINAL_PONG, head));
    if (opcode === CLOSE) throw new Error("the server closed a client's connection");
    if (opcode >= CLOSE) return;
    if (this.#keeps) this.messages.push(new Uint8Array(head));
    this.#skimmed(this.#script.wire.skim(head, bytes));
  }

  #skimmed({ documentBytes, asks, joined, refusal }: Skimmed): void {
    if (refusal !== null) throw new Error(`the server refused: ${refusal}`);
    if (asks) this.#socket.write(this.#script.answer);
    if (this.joinedAtMs !== null) return;
    this.documentBytes += documentBytes;
    if (joined) this.joinedAtMs = performance.now();
  }

  #fail(fault: unknown): void {
    this.#fault ??= fault;
  }
}

type OnMessage = (opcode: number, head: Uint8Array, bytes: number) => void;

/** Finds messages in what a server sends. Of large ones only the head is gathered, unless all is wanted. */
class FrameParser {
  readonly #wantsAll: boolean;
  readonly #onMessage: OnMessage;
  /** The first bytes of a frame, as far as its length is not known. */
  #header: Buffer | null = null;
  #opcode = 0;
  #bytes = 0;
  #left = 0;
  #head: Buffer | null = null;
  #headBytes = 0;

  constructor(wantsAll: boolean, onMessage: OnMessage) {
    this.#wantsAll = wantsAll;
    this.#onMessage = onMessage;
  }

  push(input: Buffer): void {
    let bytes = input;
    while (bytes.length > 0) bytes = this.#left > 0 ? this.#readPayload(bytes) : this.#readHeader(bytes);
  }

  #readHeader(input: Buffer): Buffer {
    const bytes = this.#header === null ? input : Buffer.concat([this.#header, input]);
    const short = bytes.length < 2 ? 0 : (bytes[1] as number);
    const headerBytes = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (bytes.length < headerBytes) {
      this.#header = Buffer.from(bytes);
      return bytes.subarray(bytes.length);
    }
    this.#header = null;
    const first = bytes[0] as number;
    if ((first & 0xf0) !== 0x80) throw new Error("the server sent a message in parts, or compressed");
    this.#opcode = first & 0x0f;
    this.#bytes =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    const isWhole = this.#wantsAll || this.#bytes <= MAX_WHOLE_BYTES;
    this.#headBytes = isWhole ? this.#bytes : HEAD_BYTES;
    this.#left = this.#bytes;
    this.#head = null;
    const rest = bytes.subarray(headerBytes);
    if (this.#left > rest.length) return rest;
    // All of it is here: nothing has to be gathered.
    this.#left = 0;
    this.#onMessage(this.#opcode, rest.subarray(0, this.#headBytes), this.#bytes);
    return rest.subarray(this.#bytes);
  }

  #readPayload(input: Buffer): Buffer {
    const payload = input.subarray(0, this.#left);
    const at = this.#bytes - this.#left;
    this.#head ??= Buffer.allocUnsafeSlow(this.#headBytes);
    if (at < this.#headBytes) payload.copy(this.#head, at);
    this.#left -= payload.length;
    if (this.#left === 0) this.#onMessage(this.#opcode, this.#head, this.#bytes);
    return input.subarray(payload.length);
  }
}

/** A client's frame: its payload is masked, which servers have to undo. */
function masked(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
  const header = Buffer.alloc(2 + lengthBytes);
  header[0] = first;
  header[1] = IS_MASKED | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) header.writeUInt16BE(length, 2);
  else if (lengthBytes === 8) header.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (mask[i & 3] as number);
  return Buffer.concat([header, mask, body]);
}
