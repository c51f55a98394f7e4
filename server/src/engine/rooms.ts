/**
 * The document store: which documents are in memory, and the one door to them. Loading is single-flight because a
 * document's room is registered before it loads: whoever comes meanwhile joins the same room and waits with it.
 */

import { DEFAULT_LIMITS, type DocumentName, JoineryError, type Limits } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import { DEFAULT_TURN, type TurnBounds } from "./audience.ts";
import { Compactions } from "./compactions.ts";
import { DEFAULT_FLUSH, type FlushOptions } from "./flush-window.ts";
import { InlineReplicas } from "./inline-replicas.ts";
import { type CompactionOptions, DEFAULT_COMPACTION } from "./journal.ts";
import { Meter } from "./meter.ts";
import type { RoomObserver } from "./observer.ts";
import type { Opening } from "./opening.ts";
import { concerned, type SessionPeer } from "./peer.ts";
import { PendingSignalBytes } from "./pending-signals.ts";
import type {
  Author,
  BranchId,
  Clock,
  Compression,
  Dialect,
  Lineage,
  Log,
  Outbox,
  Random,
  Replicas,
  Storage,
} from "./ports.ts";
import type { Rights } from "./rights.ts";
import { beingChanged, Room } from "./room.ts";
import type { EndedRoom, IdleRoom, RoomContext } from "./room-context.ts";
import { type Guest, type Leaver, Session } from "./session.ts";
import { type SignalHandlers, serverSignal } from "./signals.ts";

export interface EngineOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Counts what comes and goes. Default: one that nobody reads. */
  readonly meter?: Meter;
  /** Where replicas are built; whoever made it closes it. Default: on this thread, without bounds. */
  readonly replicas?: Replicas;
  /** Default: nothing is compressed. */
  readonly compression?: Compression;
  /** What the application does with signals, by name; may change. Default: all are passed on. */
  readonly signalHandlers?: SignalHandlers;
  /** Who is told of rooms. Default: nobody. */
  readonly observer?: RoomObserver;
  /** Default: the table in `@joinery/shared`. */
  readonly limits?: Limits;
  /** How long updates are collected before they are sent. Default: adaptive, 2.5 % of a core a room, at most 100 ms. */
  readonly flush?: FlushOptions;
  /** How much of a large room is sent something before all others get their turn. Default: 10 ms of it. */
  readonly turn?: TurnBounds;
  readonly compaction?: CompactionOptions;
  /** How long a room without sessions stays in memory, in milliseconds. Default 30,000: a reload finds it warm. */
  readonly idleRoomMs?: number;
}

/** What everybody is told who is sent away because the server stops. */
export function comeBack(): JoineryError {
  return new JoineryError("SERVER_DRAINING", "the server is restarting, come back in a moment");
}

/** Who wants to join which document, and how to talk to them. */
export interface OpenRequest {
  readonly document: DocumentName;
  readonly dialect: Dialect;
  readonly outbox: Outbox;
  /** Kept in the log with what the session writes. */
  readonly author: Author;
  readonly rights: Rights;
  /** What whoever let the client in knows of it. Default: nothing. */
  readonly guest?: Guest;
  /** By which connection it comes. Default: one in the same process. */
  readonly peer?: SessionPeer;
  /** What the client says of its copy. Default: nothing. */
  readonly opening?: Opening;
  /** Whether the client can inflate what it is sent. Default: no. */
  readonly inflates?: boolean;
  /** Who wants to know when the session has ended. Default: nobody. */
  readonly leaver?: Leaver;
}

/** Who is sent a signal of the server's; everybody if nothing is given. */
export interface SignalAddress {
  readonly document?: DocumentName;
  readonly user?: Author;
}

const NOTHING = (): void => undefined;

export class Rooms {
  readonly #options: EngineOptions;
  readonly #replicas: Replicas;
  readonly #limits: Limits;
  readonly #context: RoomContext;
  readonly #rooms = new Map<DocumentName, Room>();
  /** Those in which nobody is; the one that was left first is first. */
  readonly #idle = new Set<IdleRoom>();
  readonly #compactions: Compactions;
  readonly #paused = new Set<Session>();
  /** Rooms that take nothing in any more, until something was done to their documents. */
  readonly #sealed = new Map<DocumentName, Room>();
  /** Documents whose last room is gone while something of it was still being written. */
  readonly #unquiet = new Map<DocumentName, Promise<void>>();
  #foreignPresence = 0;
  #droppedSignals = 0;
  #uncommittedBytes = 0;
  #lastEpoch = 0;
  #lastSessionId = 0;
  #isDraining = false;
  /** Called when something became durable or a room ended, while somebody waits for that. */
  #onProgress: (() => void) | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#replicas = options.replicas ?? new InlineReplicas();
    this.#compactions = new Compactions({
      clock: options.clock,
      log: options.log,
      replicas: this.#replicas,
      options: options.compaction ?? DEFAULT_COMPACTION,
    });
    this.#context = {
      storage: options.storage,
      clock: options.clock,
      log: options.log,
      meter: options.meter ?? new Meter(),
      limits: this.#limits,
      flush: options.flush ?? DEFAULT_FLUSH,
      turn: options.turn ?? DEFAULT_TURN,
      idleRoomMs: options.idleRoomMs ?? 30_000,
      replicas: this.#replicas,
      compression: options.compression ?? null,
      signalHandlers: options.signalHandlers ?? new Map(),
      observer: options.observer ?? null,
      pendingSignals: new PendingSignalBytes(),
      compactions: this.#compactions,
      newLineage: () => this.#randomHex(16) as Lineage,
      branch: this.#randomHex(8) as BranchId,
      roomIsIdle: (room) => this.#idle.add(room),
      roomIsUsed: (room) => this.#idle.delete(room),
      roomEnded: (room) => this.#forget(room),
      uncommittedChanged: (bytes) => this.#uncommittedChanged(bytes),
      countForeignPresence: (entries) => {
        this.#foreignPresence += entries;
      },
      countDroppedSignal: () => {
        this.#droppedSignals++;
      },
      throttleWriter: (session) => this.#throttleWriter(session),
    };
  }

  /** Numbers for people and metrics. Cost: linear in rooms. */
  counts(): {
    rooms: number;
    sessions: number;
    replicaJobs: number;
    heldBytes: number;
    uncommittedBytes: number;
    foreignPresence: number;
    droppedSignals: number;
  } {
    let sessions = 0;
    let heldBytes = 0;
    for (const room of this.#rooms.values()) {
      sessions += room.sessions.size;
      heldBytes += room.heldBytes;
    }
    return {
      rooms: this.#rooms.size,
      sessions,
      replicaJobs: this.#replicas.jobs,
      heldBytes,
      uncommittedBytes: this.#uncommittedBytes,
      foreignPresence: this.#foreignPresence,
      droppedSignals: this.#droppedSignals,
    };
  }

  /** Memory of signals that the application has not decided about. */
  get pendingSignalBytes(): number {
    return this.#context.pendingSignals.bytes;
  }

  /** The document's room, be it loading; `null` where it has none. */
  room(document: DocumentName): Room | null {
    return this.#rooms.get(document) ?? null;
  }

  /** All rooms, in the order in which they were made. Others may go while they are walked. */
  all(): Iterable<Room> {
    return this.#rooms.values();
  }

  /** Those who are in documents, and those who wait for one to be loaded. Others may leave while it is walked. */
  *sessions(): Iterable<Session> {
    for (const room of this.#rooms.values()) yield* room.sessions;
  }

  /**
   * Sends a signal of the server's to those for whom all that is given fits: in all documents, and in all tabs of a user.
   *
   * @param to Nobody in particular, who has an empty name, cannot be sent one.
   * @param payload Anything that `JSON.stringify` takes.
   * @returns To how many it was sent: not to who reads too slowly, nor to whose dialect has no word for it.
   * @throws JoineryError SIGNAL_REFUSED (never) when a client could not have sent it either.
   * Cost: linear in sessions; without a document, of the whole server.
   */
  signal(to: SignalAddress, name: string, payload: unknown): number {
    const signal = serverSignal(name, payload, this.#limits);
    const { document, user } = to;
    if (user === "") return 0;
    const isFor = ({ author }: Session) => user === undefined || author === user;
    const only = document === undefined ? null : this.#rooms.get(document);
    const rooms = only === null ? this.#rooms.values() : only ? [only] : [];
    let count = 0;
    for (const room of rooms) count += room.signals.tell(signal, isFor);
    return count;
  }

  /**
   * Lets a client into a document. The session is there at once; what the client sends before the document is
   * loaded waits. If it cannot be loaded, the session closes with the reason.
   *
   * @throws JoineryError SERVER_DRAINING or SERVER_FULL (backoff), PERMISSION_DENIED (never) to who may not read it.
   */
  open(request: OpenRequest): Session {
    // Without this there is no session at all, so that none of them can be of somebody who may do nothing.
    request.rights.demand("read");
    if (this.#isDraining) throw new JoineryError("SERVER_DRAINING", "the server is stopping");
    const room = this.#rooms.get(request.document) ?? this.#start(request.document);
    const session = new Session({ ...request, id: ++this.#lastSessionId }, room);
    room.join(session);
    return session;
  }

  /** Whether the document has a room in which something was ever written. */
  hasContent(document: DocumentName): boolean {
    const room = this.#rooms.get(document);
    return room?.isAlive === true && room.whereItIs?.seq !== 0;
  }

  /**
   * Folds the log of a document that somebody is in. Rejects with REPLICA_FAILED, STORAGE_UNAVAILABLE, SERVER_DRAINING
   * (backoff), DOCUMENT_DAMAGED.
   */
  async compact(document: DocumentName): Promise<void> {
    const room = this.#rooms.get(document);
    // Whoever is in it may be on their way out.
    if (!room?.isAlive) throw beingChanged();
    await room.compact();
  }

  /**
   * Makes durable what was accepted of a document, does something to it while nothing is written to it, and then sends
   * everybody away who was in it; who comes meanwhile waits.
   *
   * @param work Given the state vector of what was accepted; `null` where the document was not in memory, or not whole.
   * @param told What those who were there are told when that was done. Where it was not, they are to come back.
   * Rejects as `work` does, and with SERVER_DRAINING (backoff).
   */
  async withoutRoom<Result>(
    document: DocumentName,
    work: (stateVector: Uint8Array | null) => Promise<Result>,
    told: JoineryError = beingChanged(),
  ): Promise<Result> {
    if (this.#isDraining) throw new JoineryError("SERVER_DRAINING", "the server is stopping");
    const room = this.#rooms.get(document);
    room?.seal();
    const stateVector = room?.isAlive && !room.damage ? room.stateVector : null;
    this.#rooms.delete(document);
    if (room?.isAlive) this.#sealed.set(document, room);
    const before = [this.#unquiet.get(document), room?.whenQuiet()];
    const working = Promise.all(before).then(() => work(stateVector));
    this.#waitFor(document, working.then(NOTHING, NOTHING));
    try {
      const result = await working;
      room?.fail(told);
      return result;
    } catch (thrown) {
      room?.fail(beingChanged());
      throw thrown;
    }
  }

  /**
   * Stops: reads nothing more, makes durable what was accepted, sends everybody away to come back.
   *
   * @param deadlineMs How long the storage may take.
   * @param beforeEnd Called when what was accepted is durable, while the rooms are still there; waited for.
   * @returns Names of the documents whose last batches are not known to be durable: empty when all went well.
   */
  async drain(
    deadlineMs: number,
    beforeEnd: () => Promise<void> | null = () => null,
  ): Promise<readonly DocumentName[]> {
    this.#isDraining = true;
    this.#compactions.stop();
    const all = () => [...this.#rooms.values(), ...this.#sealed.values()];
    const waiting = new Set(all().filter((room) => !room.isDurable));
    for (const room of this.#rooms.values()) {
      for (const session of room.sessions) session.pauseInput();
      room.flush();
    }
    const unsaved = await this.#whenDurable(waiting, deadlineMs);
    const last = beforeEnd();
    if (last !== null) await last;
    for (const room of all()) {
      room.sayAll();
      room.fail(comeBack());
    }
    return unsaved;
  }

  #start(document: DocumentName): Room {
    const { maxRooms } = this.#limits;
    if (this.#rooms.size >= maxRooms) this.#makeRoomFor(document, maxRooms);
    const predecessor = this.#unquiet.get(document) ?? null;
    const room = new Room(document, ++this.#lastEpoch, this.#context, predecessor);
    this.#rooms.set(document, room);
    return room;
  }

  /** Lets go of a room in which nobody is. One that has to wait for the disk goes by itself, and is not asked again. */
  #makeRoomFor(document: DocumentName, maxRooms: number): void {
    for (const room of this.#idle) {
      this.#idle.delete(room);
      room.retire();
      if (this.#rooms.size >= maxRooms) continue;
      this.#options.log.report({ type: "limit-hit", document, limit: "maxRooms" });
      return;
    }
    const message = `the server has ${maxRooms} documents open, its limit`;
    throw new JoineryError("SERVER_FULL", message, { limit: "maxRooms" });
  }

  #forget(room: EndedRoom & IdleRoom): void {
    const { document } = room;
    this.#idle.delete(room);
    // The name may have another room by now: only the one that ended goes.
    for (const rooms of [this.#rooms, this.#sealed]) {
      if (rooms.get(document) === room) rooms.delete(document);
    }
    const quiet = room.whenQuiet();
    if (quiet !== null) this.#waitFor(document, quiet);
    this.#onProgress?.();
  }

  /** The document's next room loads when this is over, which never rejects, and what had to be waited for before. */
  #waitFor(document: DocumentName, quiet: Promise<void>): void {
    const before = this.#unquiet.get(document);
    const all = before === undefined ? quiet : Promise.all([before, quiet]).then(NOTHING);
    this.#unquiet.set(document, all);
    void all.then(() => {
      if (this.#unquiet.get(document) === all) this.#unquiet.delete(document);
    });
  }

  /** Waits for the rooms that hold something that is not on disk. Returns those of which it never was confirmed. */
  async #whenDurable(waiting: Set<Room>, deadlineMs: number): Promise<readonly DocumentName[]> {
    const lost: DocumentName[] = [];
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(deadlineMs, resolve);
      this.#onProgress = () => {
        for (const room of waiting) {
          const { document } = room;
          const isGone = this.#rooms.get(document) !== room && this.#sealed.get(document) !== room;
          if (!isGone && !room.isDurable) continue;
          waiting.delete(room);
          if (isGone) lost.push(document);
        }
        if (waiting.size > 0) return;
        timer.cancel();
        resolve();
      };
      this.#onProgress();
    });
    this.#onProgress = null;
    return [...lost, ...[...waiting].map((room) => room.document)];
  }

  #uncommittedChanged(bytes: number): void {
    this.#uncommittedBytes += bytes;
    if (this.#paused.size > 0 && this.#uncommittedBytes <= this.#limits.maxUncommittedBytes / 2) {
      for (const session of this.#paused) session.resumeInput();
      this.#paused.clear();
    }
    this.#onProgress?.();
  }

  #throttleWriter(session: Session): void {
    if (this.#uncommittedBytes <= this.#limits.maxUncommittedBytes || this.#paused.has(session)) return;
    this.#paused.add(session);
    const { document } = session;
    const limit = "maxUncommittedBytes";
    this.#options.log.report({ type: "limit-hit", document, limit, ...concerned(session) });
    session.pauseInput();
  }

  #randomHex(length: number): string {
    return toHexString(this.#options.random.bytes(length));
  }
}
