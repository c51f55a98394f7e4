/**
 * Real clients and the real engine in one process, without sockets and without time of its own: people, a server that
 * can be killed, and a disk that keeps only what was written.
 */

import { type ClientOptions, type DocumentHandle, JoineryClient, type OpenOptions } from "@joinery/client";
import { DEFAULT_LIMITS, type DocumentName, type Limits } from "@joinery/shared";
import type { CompactionOptions } from "../../server/src/engine/journal.ts";
import type { RoomObserver } from "../../server/src/engine/observer.ts";
import type { Append, Compression, EngineEvent, Snapshot } from "../../server/src/engine/ports.ts";
import { Rooms } from "../../server/src/engine/rooms.ts";
import type { Admissions } from "../../server/src/protocols/admission.ts";
import { MemoryStorage } from "../../server/src/storage/memory.ts";
import { Loopback } from "../../server/src/transports/loopback.ts";
import { FakeEnvironment } from "./client-environment.ts";
import { FakeClock } from "./fake-clock.ts";

/** Storage in memory whose writes can be held back; what is held when the server is killed was never written. */
class Disk extends MemoryStorage {
  #gate: Promise<void> | null = null;
  #open: () => void = () => undefined;
  #life = 0;
  /** What happened, in order. */
  readonly #done: ((disk: Disk) => Promise<void>)[] = [];

  hold(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#gate = null;
    this.#open();
  }

  /** What is held is lost, and whoever wrote it never hears of it. */
  crash(): void {
    this.#life++;
    this.release();
  }

  override async append(append: Append): Promise<void> {
    const life = this.#life;
    await this.#gate;
    if (life !== this.#life) return new Promise(() => undefined);
    await super.append(append);
    this.#done.push((disk) => disk.append(append));
  }

  override async compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    await super.compact(document, snapshot);
    this.#done.push((disk) => disk.compact(document, snapshot));
  }

  /** How much was written. */
  get writes(): number {
    return this.#done.length;
  }

  /** A copy of it from when only so much was written. */
  async copyOf(writes: number): Promise<Disk> {
    const copy = new Disk();
    await copy.open();
    for (const write of this.#done.slice(0, writes)) await write(copy);
    return copy;
  }
}

export interface ClientWorldOptions {
  readonly limits?: Partial<Limits>;
  readonly compression?: Compression;
  readonly compaction?: CompactionOptions;
  readonly idleRoomMs?: number;
  /** Who may open what. Default: everybody everything. */
  readonly admissions?: Admissions;
  readonly observer?: RoomObserver;
  /** Told what the engine reports. Default: nobody is. */
  readonly onEvent?: (event: EngineEvent) => void;
}

export class ClientWorld {
  readonly clock = new FakeClock();
  disk = new Disk();
  readonly limits: Limits;
  readonly clients: JoineryClient[] = [];
  rooms: Rooms;
  loopback: Loopback;
  readonly #options: ClientWorldOptions;
  #seed = 0;
  #isDown = false;

  constructor(options: ClientWorldOptions = {}) {
    this.#options = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    void this.disk.open();
    ({ rooms: this.rooms, loopback: this.loopback } = this.#start());
  }

  /** Somebody's environment: a network and a page of their own. */
  environment(): FakeEnvironment {
    return new FakeEnvironment((url, subprotocol, events) => {
      if (!this.#isDown) return this.loopback.connect(url, subprotocol, events);
      this.clock.endOfTurn(() => events.closed(1006, ""));
      return { send: () => undefined, close: () => undefined, bufferedBytes: 0 };
    }, this.clock);
  }

  client(options: Partial<ClientOptions> = {}): JoineryClient {
    const client = new JoineryClient({ url: "ws://loopback", environment: this.environment(), ...options });
    this.clients.push(client);
    return client;
  }

  /** A client of somebody with a document open, to whom all has been said. */
  async join(document = "notes", options: OpenOptions = {}): Promise<Person> {
    const person = this.person(document, options);
    await this.settle();
    return person;
  }

  person(document = "notes", options: OpenOptions = {}, client = this.client()): Person {
    return new Person(client, client.open(document, options));
  }

  /** The server dies, and what was not on its disk with it. */
  kill(): void {
    this.disk.crash();
    this.#isDown = true;
    for (const connection of [...this.loopback.open]) connection.cut();
  }

  start(): void {
    this.#isDown = false;
    ({ rooms: this.rooms, loopback: this.loopback } = this.#start());
  }

  /** Connections break; the server lives. */
  cut(): void {
    for (const connection of [...this.loopback.open]) connection.cut();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 12; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.turn();
    }
  }

  async advance(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
  }

  #start(): { rooms: Rooms; loopback: Loopback } {
    const { clock, limits } = this;
    const { limits: _, admissions, onEvent = () => undefined, ...options } = this.#options;
    const rooms = new Rooms({
      storage: this.disk,
      clock,
      // No two lives of the server have the same.
      random: {
        bytes: (length) => Uint8Array.from({ length }, () => Math.imul(++this.#seed, 0x9e3779b1) >>> 24),
      },
      log: { report: onEvent },
      limits,
      ...options,
    });
    return { rooms, loopback: new Loopback({ rooms, clock, limits, ...(admissions && { admissions }) }) };
  }
}

/** Somebody with a document open. */
export class Person {
  readonly client: JoineryClient;
  readonly notes: DocumentHandle;

  constructor(client: JoineryClient, notes: DocumentHandle) {
    this.client = client;
    this.notes = notes;
  }

  get text(): string {
    return this.notes.doc.getText("text").toString();
  }

  type(text: string, at: number = this.text.length): void {
    this.notes.doc.getText("text").insert(at, text);
  }

  erase(at: number, length: number): void {
    this.notes.doc.getText("text").delete(at, length);
  }

  async leave(): Promise<void> {
    await this.client.close();
  }
}
