/**
 * The native dialect without a client: the real engine and driver on a clock of the test's own, and connections of
 * which a test writes and reads every frame.
 */

import { DEFAULT_LIMITS, type Limits } from "@joinery/shared";
import {
  CAPABILITIES,
  clientFrames,
  decodeServerFrame,
  forEachFrame,
  type Open,
  PROTOCOL_VERSION,
  type ServerFrame,
  SUBPROTOCOL,
  serverFrames,
} from "@joinery/shared/protocol";
import * as Y from "yjs";
import type { CompactionOptions } from "../../server/src/engine/journal.ts";
import type { RoomObserver } from "../../server/src/engine/observer.ts";
import type { Compression, EngineEvent, Replicas } from "../../server/src/engine/ports.ts";
import { type EngineOptions, type OpenRequest, Rooms } from "../../server/src/engine/rooms.ts";
import type { Session } from "../../server/src/engine/session.ts";
import type { SignalHandlers } from "../../server/src/engine/signals.ts";
import { ANONYMOUS, admitAs, type Principal } from "../../server/src/protocols/admission.ts";
import { bySubprotocol } from "../../server/src/protocols/by-subprotocol.ts";
import type { DriverFactory } from "../../server/src/protocols/driver.ts";
import type { JoineryDriverOptions } from "../../server/src/protocols/joinery/driver.ts";
import { Loopback, type LoopbackConnection, type Socket } from "../../server/src/transports/loopback.ts";
import { FakeClock } from "./fake-clock.ts";
import { FaultyStorage } from "./world.ts";

export interface NativeStageOptions {
  readonly limits?: Partial<Limits>;
  readonly storage?: FaultyStorage;
  readonly compression?: Compression;
  readonly compaction?: CompactionOptions;
  readonly replicas?: Replicas;
  readonly idleRoomMs?: number;
  readonly observer?: RoomObserver;
}

export class NativeStage {
  readonly clock = new FakeClock();
  readonly events: EngineEvent[] = [];
  readonly signalHandlers: SignalHandlers = new Map();
  readonly limitHits: string[] = [];
  readonly storage: FaultyStorage;
  readonly limits: Limits;
  readonly rooms: Rooms;
  readonly #sessions: Session[] = [];
  #start: DriverFactory | null = null;
  #seed = 0;

  constructor({ storage = new FaultyStorage(), limits, ...options }: NativeStageOptions = {}) {
    this.storage = storage;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    // Storage in memory is open when this returns.
    void storage.open();
    this.rooms = new WatchedRooms((session) => this.#sessions.push(session), {
      storage,
      clock: this.clock,
      random: { bytes: (length) => Uint8Array.from({ length }, () => ++this.#seed & 0xff) },
      log: { report: (event) => this.events.push(event) },
      limits: this.limits,
      signalHandlers: this.signalHandlers,
      ...options,
    });
  }

  /** A connection on which nothing was said yet. */
  connect(principal: Principal = ANONYMOUS, subprotocol: string = SUBPROTOCOL): Wire {
    return new Wire(this.#loopbackOf(principal), subprotocol);
  }

  #loopbackOf(principal: Principal): Loopback {
    const { rooms, clock, limits } = this;
    const onLimit = (limit: string) => this.limitHits.push(limit);
    this.#start ??= joineryDriverOf({ clock, limits, onLimit });
    return new Loopback({ rooms, clock, limits, admissions: admitAs(principal), start: this.#start });
  }

  /** A connection on which both sides have said hello. */
  async greeted(principal?: Principal): Promise<Wire> {
    const wire = this.connect(principal);
    wire.send(HELLO);
    await this.settle();
    wire.take();
    return wire;
  }

  /** Somebody with a document open on channel 1, to whom all has been said. */
  async joined(document = "notes", principal?: Principal, open: Partial<Open> = {}): Promise<Wire> {
    const wire = await this.greeted(principal);
    wire.say(1, openFrame(document, { stateVector: NOTHING, ...open }));
    await this.settle();
    wire.say(1, clientFrames.answer(1, EMPTY));
    await this.settle();
    wire.take();
    return wire;
  }

  /** Lets everything happen that needs no time to pass: promises, and the end of this turn. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.turn();
    }
  }

  async advance(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  /** Those that have not ended, the first one first. */
  get sessions(): readonly Session[] {
    return this.#sessions.filter(({ isClosed }) => !isClosed);
  }

  eventsOf<T extends EngineEvent["type"]>(type: T): Extract<EngineEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  }
}

function joineryDriverOf(options: Pick<JoineryDriverOptions, "clock" | "limits" | "onLimit">): DriverFactory {
  return bySubprotocol({
    ...options,
    agent: "joinery",
    keepAliveMs: 15_000,
    capabilities: CAPABILITIES.deflate,
  });
}

/** Tells of each session that it opens. */
class WatchedRooms extends Rooms {
  readonly #onOpen: (session: Session) => void;

  constructor(onOpen: (session: Session) => void, options: EngineOptions) {
    super(options);
    this.#onOpen = onOpen;
  }

  override open(request: OpenRequest): Session {
    const session = super.open(request);
    this.#onOpen(session);
    return session;
  }
}

/** What came, and on which channel; 0 for frames of the connection. */
export type Said = ServerFrame & { readonly on: number };

const OF_THE_CONNECTION = new Set(["hello", "ping", "pong", "goaway", "failed"]);

/** One connection of the native dialect, at the level of frames. */
export class Wire {
  readonly socket: Socket;
  readonly connection: LoopbackConnection;
  /** All messages that came, as they came. */
  readonly messages: Uint8Array[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  #said: Said[] = [];
  /** The channel of the server's last SELECT, and of ours. */
  #theirs = 0;
  #ours = 0;

  constructor(loopback: Loopback, subprotocol: string) {
    this.socket = loopback.connect("ws://server/", subprotocol, {
      opened: () => undefined,
      message: (bytes) => this.#receive(bytes),
      closed: (code, reason) => {
        this.closed = { code, reason };
      },
    });
    [this.connection] = [...loopback.open] as [LoopbackConnection];
  }

  /** Sends one message of these frames. */
  send(...frames: readonly Uint8Array[]): void {
    this.socket.send(joined(frames));
  }

  /** Sends frames about a document. */
  say(channel: number, ...frames: readonly Uint8Array[]): void {
    const select = this.#ours === channel ? [] : [clientFrames.select(channel)];
    this.#ours = channel;
    this.send(...select, ...frames);
  }

  /** What came since the last time. */
  take(): Said[] {
    const said = this.#said;
    this.#said = [];
    return said;
  }

  /** Of what came since the last time, the frames of one type; the others are gone too. */
  takeOf<T extends ServerFrame["type"]>(type: T): (Said & { type: T })[] {
    return this.take().filter((frame): frame is Said & { type: T } => frame.type === type);
  }

  #receive(message: Uint8Array): void {
    this.messages.push(message);
    forEachFrame(message, (raw) => {
      const frame = decodeServerFrame(raw);
      if (!frame) throw new Error(`the server sent a frame of type ${raw.type}`);
      if (frame.type === "select") this.#theirs = frame.channel;
      else this.#said.push({ ...frame, on: OF_THE_CONNECTION.has(frame.type) ? 0 : this.#theirs });
    });
  }
}

export function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

export const HELLO: Uint8Array = clientFrames.hello({
  version: PROTOCOL_VERSION,
  capabilities: CAPABILITIES.deflate,
  agent: "test",
  token: "",
});

/** The state vector of nobody. */
export const NOTHING: Uint8Array = Uint8Array.of(0);
/** The update that brings nothing. */
export const EMPTY: Uint8Array = Uint8Array.of(0, 0);

export function openFrame(document: string, options: Partial<Open> = {}): Uint8Array {
  return clientFrames.open({
    document,
    revision: null,
    lineage: null,
    confirmed: [],
    stateVector: null,
    token: "",
    partial: null,
    offersSeed: false,
    ...options,
  });
}

/** The updates of somebody who types, one at a time. */
export class Typist {
  readonly doc = new Y.Doc();
  readonly #updates: Uint8Array[] = [];

  constructor(clientId: number) {
    this.doc.clientID = clientId;
    this.doc.on("update", (update: Uint8Array) => this.#updates.push(update));
  }

  type(text: string, at = this.doc.getText("text").length): Uint8Array {
    this.doc.getText("text").insert(at, text);
    return this.#updates.at(-1) as Uint8Array;
  }

  get text(): string {
    return this.doc.getText("text").toString();
  }
}

/** The text of a document that consists of these updates. */
export function textOf(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

export { clientFrames, serverFrames };
