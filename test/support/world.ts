/**
 * A small world for engine tests: the real engine on a clock of the test's own and storage in memory, and clients
 * that are Y.Docs without a socket. Tests read as scripts of what people did.
 */

import type { DocumentName, JoineryError, Limits } from "@joinery/shared";
import { DEFAULT_LIMITS, parseDocumentName } from "@joinery/shared";
import * as awarenessProtocol from "y-protocols/awareness";
import * as Y from "yjs";
import type { TurnBounds } from "../../server/src/engine/audience.ts";
import type { FlushOptions } from "../../server/src/engine/flush-window.ts";
import type { CompactionOptions } from "../../server/src/engine/journal.ts";
import type { Meter } from "../../server/src/engine/meter.ts";
import type { RoomObserver } from "../../server/src/engine/observer.ts";
import type { Opening } from "../../server/src/engine/opening.ts";
import type { SessionPeer } from "../../server/src/engine/peer.ts";
import type {
  Append,
  Dialect,
  EngineEvent,
  Outbox,
  Replicas,
  Snapshot,
  Storage,
} from "../../server/src/engine/ports.ts";
import { Rights, type RightsSpec } from "../../server/src/engine/rights.ts";
import { Rooms } from "../../server/src/engine/rooms.ts";
import type { Guest, Session } from "../../server/src/engine/session.ts";
import { MemoryStorage } from "../../server/src/storage/memory.ts";
import { FakeClock } from "./fake-clock.ts";

const KINDS = ["update", "catchUp", "caughtUp", "ask", "presence", "durable", "refused"] as const;
type Kind = (typeof KINDS)[number];

function frame(kind: Kind, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + payload.length);
  bytes[0] = KINDS.indexOf(kind);
  bytes.set(payload, 1);
  return bytes;
}

/** A dialect with a word for what every dialect says, for "saved", and for refusals. */
export function sayingDialect(name = "test") {
  return {
    name,
    opened: () => null,
    update: (update: Uint8Array) => frame("update", update),
    catchUp: (update: Uint8Array, isLast: boolean) => frame(isLast ? "caughtUp" : "catchUp", update),
    caughtUp: () => null,
    ask: (stateVector: Uint8Array) => frame("ask", stateVector),
    ack: () => null,
    presence: (update: Uint8Array) => frame("presence", update),
    durable: (seq: number): Uint8Array | null => frame("durable", new TextEncoder().encode(String(seq))),
    signal: () => null,
    seed: () => null,
    permission: () => null,
    refused: (error: JoineryError): Uint8Array | null =>
      ["PERMISSION_DENIED", "DOCUMENT_DAMAGED", "DOCUMENT_FULL"].includes(error.code)
        ? frame("refused", new TextEncoder().encode(error.message))
        : null,
    notice: () => null,
  } satisfies Dialect;
}

/** A dialect with a bug in how it says an update, while `isBroken`. */
export class BreakableDialect {
  isBroken = false;
  readonly dialect: Dialect;

  constructor() {
    const sound = sayingDialect("breakable");
    const update = (bytes: Uint8Array): Uint8Array => {
      if (this.isBroken) throw new Error("a bug");
      return sound.update(bytes);
    };
    this.dialect = { ...sound, update };
  }
}

const DIALECT = sayingDialect();

export interface WorldOptions {
  readonly storage?: Storage;
  readonly limits?: Partial<Limits>;
  readonly flush?: FlushOptions;
  readonly turn?: TurnBounds;
  readonly compaction?: CompactionOptions;
  readonly idleRoomMs?: number;
  readonly replicas?: Replicas;
  readonly observer?: RoomObserver;
  readonly meter?: Meter;
  /** Two lives of a server have different random bytes: give each its own. */
  readonly life?: number;
}

export class World {
  readonly clock = new FakeClock();
  readonly events: EngineEvent[] = [];
  readonly storage: Storage;
  readonly rooms: Rooms;
  #seed: number;

  constructor({ storage = new MemoryStorage(), limits, life = 0, ...options }: WorldOptions = {}) {
    this.#seed = life * 100;
    this.storage = storage;
    // Storage in memory is open when this returns.
    void storage.open();
    this.rooms = new Rooms({
      storage,
      clock: this.clock,
      random: { bytes: (length) => Uint8Array.from({ length }, () => ++this.#seed & 0xff) },
      log: { report: (event) => this.events.push(event) },
      limits: { ...DEFAULT_LIMITS, ...limits },
      ...options,
    });
  }

  /** Opens a document for a client and waits until it is caught up. */
  async join(document: string, options: ClientOptions = {}): Promise<Client> {
    const client = this.open(document, options);
    await this.settle();
    return client;
  }

  /** Opens a document for a client that has not been answered yet. */
  open(document: string, options: ClientOptions = {}): Client {
    return new Client(this.rooms, parseDocumentName(document), options);
  }

  /** Lets everything happen that needs no time to pass: promises, and the end of this turn. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.turn();
    }
  }

  async advance(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  eventsOf<T extends EngineEvent["type"]>(type: T): Extract<EngineEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  }

  /** The document's text as the storage has it. */
  async storedText(document: string): Promise<string> {
    const stored = await this.storage.load(parseDocumentName(document));
    const doc = new Y.Doc();
    if (stored?.snapshot) Y.applyUpdate(doc, stored.snapshot.update);
    for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
    return doc.getText("text").toString();
  }

  name(document: string): DocumentName {
    return parseDocumentName(document);
  }
}

export interface ClientOptions {
  readonly doc?: Y.Doc;
  readonly author?: string;
  readonly permission?: RightsSpec;
  readonly peer?: SessionPeer;
  readonly guest?: Guest;
  readonly dialect?: Dialect;
  /** What it says of its copy. Default: nothing. */
  readonly opening?: Opening;
  /** Whether it asks for what it misses as soon as it is there. Default: yes. */
  readonly syncs?: boolean;
}

/** A client and its connection. Frames are taken at once, unless it stalls. */
export class Client implements Outbox {
  readonly doc: Y.Doc;
  readonly awareness: awarenessProtocol.Awareness;
  readonly session: Session;
  /** All frames it was sent, in order, also while it stalls. */
  readonly frames: Uint8Array[] = [];
  closed: JoineryError | null = null;
  bufferedBytes = 0;
  pauses = 0;
  /** While it is, its edits stay with it. */
  isMute = false;
  /** Called when it was asked for a sign of life and gave none. */
  onSilent: (() => void) | null = null;
  #isStalled = false;
  readonly #waiting: Uint8Array[] = [];

  constructor(rooms: Rooms, document: DocumentName, options: ClientOptions) {
    this.doc = options.doc ?? new Y.Doc();
    this.awareness = new awarenessProtocol.Awareness(this.doc);
    // Awareness renews itself by a timer of its own, on the real clock.
    clearInterval(this.awareness._checkInterval);
    this.session = rooms.open({
      document,
      dialect: options.dialect ?? DIALECT,
      outbox: this,
      author: options.author ?? "",
      rights: Rights.from(options.permission ?? "write"),
      ...(options.peer && { peer: options.peer }),
      ...(options.guest && { guest: options.guest }),
      ...(options.opening && { opening: options.opening }),
    });
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== this && !this.isMute) this.session.update(update);
    });
    if (options.syncs !== false) this.sync();
  }

  get text(): string {
    return this.doc.getText("text").toString();
  }

  sync(): void {
    this.session.sync(Y.encodeStateVector(this.doc));
  }

  type(text: string, at: number = this.text.length): void {
    this.doc.getText("text").insert(at, text);
  }

  erase(at: number, length: number): void {
    this.doc.getText("text").delete(at, length);
  }

  /** Announces presence. */
  show(state: Record<string, unknown> | null): void {
    this.awareness.setLocalState(state);
    this.session.presence(awarenessProtocol.encodeAwarenessUpdate(this.awareness, [this.doc.clientID]));
  }

  /** Names of those it sees, itself included. */
  get people(): string[] {
    return [...this.awareness.getStates().values()].map((state) => String(state.name)).sort();
  }

  /** Frames of one kind that it was sent. */
  sent(kind: Kind): Uint8Array[] {
    return this.frames.filter((bytes) => KINDS[bytes[0] as number] === kind);
  }

  /** The seqs that it was told are durable. */
  get durable(): number[] {
    return this.sent("durable").map((bytes) => Number(new TextDecoder().decode(bytes.subarray(1))));
  }

  /** Stops taking what it is sent. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Takes some of what waits, without emptying the buffer. */
  trickle(bytes: number): void {
    this.bufferedBytes = Math.max(1, this.bufferedBytes - bytes);
  }

  /** Takes all that waits, and goes on. */
  drain(): void {
    this.#isStalled = false;
    this.bufferedBytes = 0;
    for (const bytes of this.#waiting.splice(0)) this.#take(bytes);
    this.session.drained();
  }

  /** The connection dies. */
  vanish(): void {
    this.session.left();
  }

  // Outbox

  send(frames: readonly Uint8Array[]): void {
    for (const bytes of frames) {
      this.frames.push(bytes);
      if (this.#isStalled) {
        this.#waiting.push(bytes);
        this.bufferedBytes += bytes.length;
      } else this.#take(bytes);
    }
  }

  get remainingBytes(): number {
    return this.bufferedBytes;
  }

  pauseInput(): void {
    this.pauses++;
  }

  resumeInput(): void {
    this.pauses--;
  }

  probe(_timeoutMs: number, onSilent: () => void): void {
    this.onSilent = onSilent;
  }

  close(error: JoineryError): void {
    this.closed ??= error;
  }

  #take(bytes: Uint8Array): void {
    const payload = bytes.subarray(1);
    switch (KINDS[bytes[0] as number]) {
      case "update":
      case "catchUp":
      case "caughtUp":
        Y.applyUpdate(this.doc, payload, this);
        break;
      case "ask":
        // Answers travel: they do not arrive within the question.
        queueMicrotask(() => this.session.answer(Y.encodeStateAsUpdate(this.doc, payload)));
        break;
      case "presence":
        awarenessProtocol.applyAwarenessUpdate(this.awareness, payload, this);
        break;
      default:
    }
  }
}

/** Storage in memory whose writes can be held back or made to fail. */
export class FaultyStorage extends MemoryStorage {
  /** Errors that the next loads and appends fail with, first one first. */
  readonly loadErrors: Error[] = [];
  readonly appendErrors: Error[] = [];
  loads = 0;
  appends: Append[] = [];
  compactions: Snapshot[] = [];
  #gate: Promise<void> = Promise.resolve();
  #openGate: () => void = () => undefined;

  /** Makes loads and appends wait until `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  release(): void {
    this.#openGate();
  }

  override async load(document: DocumentName): ReturnType<MemoryStorage["load"]> {
    this.loads++;
    await this.#gate;
    const error = this.loadErrors.shift();
    if (error) throw error;
    return super.load(document);
  }

  override async append(append: Append): Promise<void> {
    this.appends.push(append);
    await this.#gate;
    const error = this.appendErrors.shift();
    if (error) throw error;
    return super.append(append);
  }

  override async compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    this.compactions.push(snapshot);
    return super.compact(document, snapshot);
  }
}
