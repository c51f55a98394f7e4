/**
 * A whole world from one seed: the production engine on a clock of the test's own, storage that does what the
 * scenario says, two documents, the people who have them open, and the connections between. Nothing happens in it
 * by itself, so a seed replays exactly.
 */

import { DEFAULT_LIMITS, type DocumentName, type Limits, parseDocumentName } from "@joinery/shared";
import type { Opening } from "../../server/src/engine/opening.ts";
import type { Dialect, EngineEvent } from "../../server/src/engine/ports.ts";
import { Rights } from "../../server/src/engine/rights.ts";
import { type EngineOptions, Rooms } from "../../server/src/engine/rooms.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { checkBounds, checkDurable, checkRemembersDurable, checkSaved } from "./checkers.ts";
import { type ClientEnd, Connection } from "./connection.ts";
import { DIALECTS, durableSeq } from "./frames.ts";
import { NativePerson } from "./native-person.ts";
import { Person } from "./person.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SlowStorage } from "./slow-storage.ts";
import type { Stranger } from "./stranger.ts";
import { Visitor } from "./visitor.ts";

const DOCUMENTS: readonly DocumentName[] = ["notes", "plans"].map((name) => parseDocumentName(name));
const NAMES = ["ann", "ben", "cem", "dee", "eve"];

/** Rounds of everything arriving after which a world without new input must have come to rest. */
const MAX_ROUNDS = 200;
/** Longer than any flush window. */
const ROUND_MS = 110;

export class World {
  readonly random: SeededRandom;
  readonly clock = new FakeClock();
  readonly storage = new SlowStorage();
  readonly limits: Limits;
  readonly rooms: Rooms;
  people: Person[];
  readonly strangers: Stranger[] = [];
  /** All that ever were. */
  readonly connections: Connection[] = [];
  /** How often the engine reported what. */
  readonly tally = new Map<string, number>();
  /** Rules that were broken where it could not be thrown. */
  readonly broken: Error[] = [];
  /** What clients were told is durable: the last seq of each document. */
  readonly promised = new Map<DocumentName, number[]>();
  readonly #deliversPausedInput: boolean;
  readonly #checks: Promise<void>[] = [];
  #lastClientId = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    // Storage in memory is open when this returns.
    void this.storage.open();
    const { limits, ...options } = chooseOptions(this.random);
    this.limits = limits;
    this.rooms = new Rooms({
      ...options,
      limits,
      storage: this.storage,
      clock: this.clock,
      random: { bytes: (length) => Uint8Array.from({ length }, () => this.random.upTo(255)) },
      log: { report: (event) => this.#reported(event) },
    });
    this.#deliversPausedInput = this.random.chance(0.3);
    this.people = NAMES.slice(0, 2 + this.random.upTo(3)).map((name) => {
      const document = DOCUMENTS[this.random.chance(0.8) ? 0 : 1] as DocumentName;
      // Some are known by their name, others are nobody in particular.
      return this.#newPerson(name, document, this.random.chance(0.5) ? name : "", this.random.chance(0.4));
    });
  }

  /** Connections of which an end is left. */
  get openConnections(): Connection[] {
    return this.connections.filter((connection) => !connection.isGone);
  }

  #newPerson(name: string, document: DocumentName, author: string, isNative: boolean): Person {
    const options = { name, clientId: ++this.#lastClientId, document, author };
    if (!isNative) return new Person(options);
    const onSaved = (updates: readonly Uint8Array[]) => {
      this.#checks.push(checkSaved(this.storage, document, updates));
    };
    return new NativePerson({ ...options, onSaved });
  }

  bringOnline(person: Person): void {
    if (person.connection) return;
    const { document, author } = person;
    const native = person instanceof NativePerson ? person : undefined;
    person.wentOnline(this.connect(person, document, author, native));
  }

  /** The person's window is gone, with what nobody was sent, and opened anew. */
  replace(person: Person): void {
    person.connection?.breakOff();
    const { name, document, author } = person;
    const successor = this.#newPerson(name, document, author, person instanceof NativePerson);
    this.people = this.people.map((each) => (each === person ? successor : each));
    this.bringOnline(successor);
  }

  /** @param native How a client speaks that is neither of the ordinary ones. */
  connect(
    client: ClientEnd,
    document: DocumentName,
    author: string,
    native?: { readonly dialect: Dialect; readonly opening: Opening },
  ): Connection {
    const dialect = native?.dialect ?? this.random.pick(DIALECTS);
    const opening = native && { opening: native.opening };
    const connection = new Connection({
      client,
      open: (outbox) =>
        this.rooms.open({ document, dialect, outbox, author, rights: Rights.WRITER, ...opening }),
      watch: (to, frames) => this.#sending(document, to, frames),
      deliversPausedInput: this.#deliversPausedInput,
    });
    this.connections.push(connection);
    return connection;
  }

  /** Lets everything happen that needs no time to pass and nothing to arrive, then says what went wrong. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.check();
  }

  /** @throws Error The first rule that was broken so far. */
  async check(): Promise<void> {
    await Promise.all(this.#checks.splice(0));
    const [problem] = [...this.broken, ...this.storage.protests];
    if (problem) throw problem;
  }

  /** Somebody without a socket writes something; what comes of it is checked when it has come. */
  letVisitorWrite(document: DocumentName, word: string): void {
    const visitor = new Visitor(++this.#lastClientId);
    visitor.write(this.rooms, this.storage, document, word).catch((thrown: unknown) => {
      this.broken.push(thrown as Error);
    });
  }

  async breakStorage(happened: number): Promise<void> {
    await this.storage.breakDown(happened);
    await checkRemembersDurable(this);
  }

  /** Ends all trouble and lets everything arrive, until nothing moves any more. */
  async comeToRest(): Promise<void> {
    this.storage.comeBack();
    let quietRounds = 0;
    for (let round = 0; quietRounds < 3; round++) {
      if (round === MAX_ROUNDS) throw new Error("the world does not come to rest");
      quietRounds = this.#isQuiet ? quietRounds + 1 : 0;
      await this.#round();
    }
  }

  get #isQuiet(): boolean {
    return this.storage.isIdle && this.openConnections.every((connection) => connection.isIdle);
  }

  async #round(): Promise<void> {
    for (const person of this.people) this.bringOnline(person);
    for (const connection of this.openConnections) connection.deliverToServer(100);
    for (const connection of this.openConnections) {
      connection.readAgain();
      connection.deliverToClient(100);
    }
    await this.storage.write(100);
    await this.storage.answerLoads();
    await this.settle();
    this.clock.advance(ROUND_MS);
    await this.settle();
  }

  #sending(document: DocumentName, to: Connection, frames: readonly Uint8Array[]): void {
    this.#noting(() => checkBounds(this.limits, to));
    for (const frame of frames) {
      const seq = durableSeq(frame);
      if (seq !== null && seq > 0) this.#promise(document, seq);
    }
  }

  /** A client is told that everything up to a seq is on disk: that has to be so at this moment. */
  #promise(document: DocumentName, seq: number): void {
    const promised = this.promised.get(document) ?? [];
    if (promised.includes(seq)) return;
    this.promised.set(document, [...promised, seq]);
    this.#checks.push(checkDurable(this.storage, document, seq));
  }

  #reported(event: EngineEvent): void {
    this.tally.set(event.type, (this.tally.get(event.type) ?? 0) + 1);
    if (event.type === "id-spoofed") this.broken.push(new Error(`${event.user} is taken for a forger`));
    if (!("error" in event)) return;
    const { type, error } = event;
    // A stranger's rubbish, and a connection that is dead while its client is back on another one.
    const refusals = ["MALFORMED_UPDATE", "CONNECTION_LOST"];
    const expected = type === "input-refused" ? refusals : ["STORAGE_UNAVAILABLE"];
    if (type === "room-failed" || !expected.includes(error.code)) {
      this.broken.push(new Error(`${type}: ${error.code}: ${error.message}`, { cause: error }));
    }
  }

  /** The engine takes what an outbox throws for its own mistake; it is kept for later. */
  #noting(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.broken.push(error as Error);
    }
  }
}

/** Each world has some of the bounds so low that it meets them. */
function chooseOptions(
  random: SeededRandom,
): Pick<EngineOptions, "flush" | "turn" | "compaction" | "idleRoomMs"> & { limits: Limits } {
  const often = (small: number, large: number) => (random.chance(0.5) ? small : large);
  return {
    limits: {
      ...DEFAULT_LIMITS,
      maxBufferedBytes: often(400, 1_000_000),
      stalledTimeoutMs: 2000,
      maxBatchBytes: often(100, 1_000_000),
      maxUncommittedBytes: often(200, 10_000_000),
      maxUnrehearsed: often(20, 2000),
      maxHeldBytes: often(100, 100_000),
    },
    flush: random.chance(0.5)
      ? { kind: "adaptive", share: 0.05, maxWindowMs: 100 }
      : { kind: "fixed", windowMs: 10 },
    turn: { maxMs: 10, maxSessions: often(1, 1000) },
    compaction: { minTailBytes: 300, maxTailEntries: 8 },
    idleRoomMs: often(5, 500),
  };
}
