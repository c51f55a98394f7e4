/** A server without an engine: tests see every frame that a client sends, and say what is answered. */

import type { Connect, Socket, SocketEvents } from "@joinery/client";
import {
  type ClientFrame,
  decodeClientFrame,
  forEachFrame,
  type LineageId,
  type Opened,
  type ServerHello,
  serverFrames,
} from "@joinery/shared/protocol";
import { ONE_BRANCH } from "./branch.ts";

export const LINEAGE: LineageId = "0123456789abcdef0123456789abcdef";
export const OTHER_LINEAGE: LineageId = "ffffffffffffffffffffffffffffffff";

/** Frames of a type; updates and answers are of one. */
export type FrameOf<Type extends ClientFrame["type"]> = Having<ClientFrame, Type>;
type Having<Frame extends ClientFrame, Type> = Frame extends unknown
  ? Type extends Frame["type"]
    ? Frame
    : never
  : never;

/** A frame and the channel that was selected when it came. */
export interface Received {
  readonly channel: number;
  readonly frame: ClientFrame;
}

export class ScriptedServer {
  /** All connections that were tried, in order. */
  readonly links: ScriptedLink[] = [];
  /** What HELLO says. */
  hello: Omit<ServerHello, "type"> = {
    version: 1,
    capabilities: 1,
    agent: "scripted",
    maxMessageBytes: 16 * 1024 * 1024,
    fragmentBytes: 256 * 1024,
    maxDocuments: 100,
    keepAliveMs: 30_000,
  };
  /** Whether sockets open and HELLO is answered by themselves. */
  isWelcoming = true;

  readonly connect: Connect = (url, subprotocol, events) => {
    const link = new ScriptedLink(this, url, subprotocol, events);
    this.links.push(link);
    if (this.isWelcoming) queueMicrotask(() => link.open());
    return link.socket;
  };

  get link(): ScriptedLink {
    const link = this.links.at(-1);
    if (!link) throw new Error("nobody has connected");
    return link;
  }
}

export class ScriptedLink {
  readonly url: string;
  readonly subprotocol: string;
  /** Whole messages, as they came. */
  readonly messages: Uint8Array[] = [];
  readonly received: Received[] = [];
  /** What the client's socket says it has not sent yet. */
  bufferedBytes = 0;
  /** Whether what the client sends stays in its socket, too. */
  isStuck = false;
  /** How the client closed it. */
  closedWith: number | null = null;
  readonly socket: Socket;
  readonly #server: ScriptedServer;
  readonly #events: SocketEvents;
  #selected = 0;

  constructor(server: ScriptedServer, url: string, subprotocol: string, events: SocketEvents) {
    this.#server = server;
    this.url = url;
    this.subprotocol = subprotocol;
    this.#events = events;
    const link = this;
    this.socket = {
      send: (message) => {
        if (this.isStuck) this.bufferedBytes += message.length;
        this.#receive(message);
      },
      close: (code) => {
        this.closedWith ??= code ?? 1005;
      },
      get bufferedBytes() {
        return link.bufferedBytes;
      },
    };
  }

  open(): void {
    if (this.closedWith === null) this.#events.opened();
  }

  /** Says frames, as one message. */
  say(...frames: Uint8Array[]): void {
    if (frames.length > 0) this.#events.message(new Uint8Array(Buffer.concat(frames)));
  }

  /** Says frames on a channel, as one message. */
  on(channel: number, ...frames: Uint8Array[]): void {
    this.say(serverFrames.select(channel), ...frames);
  }

  lose(code = 1006, reason = ""): void {
    this.#events.closed(code, reason);
  }

  /** All frames of a type, on whatever channel. */
  all<Type extends ClientFrame["type"]>(type: Type): FrameOf<Type>[] {
    return this.received
      .map(({ frame }) => frame)
      .filter((frame): frame is FrameOf<Type> => frame.type === type);
  }

  /** The last frame of a type. */
  last<Type extends ClientFrame["type"]>(type: Type): FrameOf<Type> {
    const frame = this.all(type).at(-1);
    if (!frame) throw new Error(`no ${type} has come, but ${this.types().join(", ")}`);
    return frame;
  }

  types(): string[] {
    return this.received.map(({ frame }) => frame.type);
  }

  /** The channel on which a document was opened last. */
  channelOf(document: string): number {
    const opened = this.received.findLast(
      ({ frame }) => frame.type === "open" && frame.document === document,
    );
    if (!opened) throw new Error(`${document} was not opened`);
    return opened.channel;
  }

  /** Lets a client in, and on a channel that asked for nothing else says that nothing is missing. */
  welcome(document: string, options: Partial<Omit<Opened, "type">> = {}): number {
    const channel = this.channelOf(document);
    const opened = { ...OPENED, ...options };
    this.on(channel, serverFrames.opened(opened));
    if (opened.beginning === "exchange") this.on(channel, serverFrames.ask(Uint8Array.of(0)));
    this.on(channel, serverFrames.caughtUp(opened.seq, opened.durableSeq));
    return channel;
  }

  #receive(message: Uint8Array): void {
    this.messages.push(message);
    forEachFrame(message, (raw) => {
      const frame = decodeClientFrame(raw);
      if (!frame) throw new Error(`a client sent a server's frame, ${raw.type}`);
      if (frame.type === "select") this.#selected = frame.channel;
      else this.received.push({ channel: this.#selected, frame });
      if (frame.type === "hello" && this.#server.isWelcoming) {
        queueMicrotask(() => this.say(serverFrames.hello(this.#server.hello)));
      }
    });
  }
}

const OPENED: Omit<Opened, "type"> = {
  lineage: LINEAGE,
  seq: 1,
  durableSeq: 1,
  permission: "write",
  user: "",
  branch: ONE_BRANCH,
  beginning: "exchange",
};
