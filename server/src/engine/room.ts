/**
 * The live instance of one document: collects what sessions send, flushes it to the log and to everybody, and
 * lets the log say when it is durable.
 *
 *   loading ──> live <──> closing ──> evicted        loading, live, closing ──> failed
 *
 * Invariants:
 * 1. Append before broadcast: a batch is handed to the storage before any session is sent it.
 * 2. Nothing that was not inspected enters a batch, and nothing with a gap.
 * 3. A room that failed accepts nothing and holds no session; its document is loaded anew by the next one.
 * 4. Only rooms.ts makes a room and forgets it, so a document has one at a time.
 */

import {
  type AwarenessEntry,
  type DocumentName,
  type Inspection,
  inspectUpdate,
  JoineryError,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import { OpenBatch } from "./batch.ts";
import { CatchUp } from "./catch-up.ts";
import type { Compactions } from "./compactions.ts";
import { Coverage } from "./coverage.ts";
import { type FlushOptions, FlushWindow } from "./flush-window.ts";
import { Journal } from "./journal.ts";
import type { Clock, Dialect, EngineEvent, Lineage, Log, Storage, StoredDocument, Timer } from "./ports.ts";
import { Presence } from "./presence.ts";
import type { Replicas } from "./replicas.ts";
import type { Session, SessionRoom } from "./session.ts";

/** What all rooms of an engine share. */
export interface RoomContext {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Limits;
  readonly flush: FlushOptions;
  /** How long a room without sessions stays in memory, in milliseconds. */
  readonly idleRoomMs: number;
  readonly replicas: Replicas;
  readonly compactions: Compactions;
  newLineage(): Lineage;
  /** The room ended and must be forgotten. */
  roomEnded(room: Room): void;
  /** Log bytes were handed to the storage (positive) or came back from it (negative). */
  uncommittedChanged(bytes: number): void;
  /** Stops reading from this session's client if the storage has fallen behind. */
  throttleWriter(session: Session): void;
  /** A session announced presence that is somebody else's; most are echoes. */
  countForeignPresence(entries: number): void;
}

interface Live {
  readonly journal: Journal;
  readonly catchUp: CatchUp;
  readonly coverage: Coverage;
}

type RoomState =
  | { readonly kind: "loading" }
  | ({ readonly kind: "live" } & Live)
  /** Nobody is here; what was flushed becomes durable, then the room goes. Somebody who comes makes it live again. */
  | ({ readonly kind: "closing" } & Live)
  | { readonly kind: "evicted" }
  | { readonly kind: "failed" };

export class Room implements SessionRoom {
  readonly document: DocumentName;
  /** Which incarnation of the document's room this is: greater for a later one. */
  readonly epoch: number;
  readonly #context: RoomContext;
  readonly #sessions = new Set<Session>();
  readonly #live = new Map<Dialect, Set<Session>>();
  readonly #batch = new OpenBatch();
  readonly #presence: Presence;
  readonly #window: FlushWindow;
  #state: RoomState = { kind: "loading" };
  #flushTimer: Timer | null = null;
  #idleTimer: Timer | null = null;

  /** @param predecessor Resolves when nothing of the document's last room is being written any more. */
  constructor(
    document: DocumentName,
    epoch: number,
    context: RoomContext,
    predecessor: Promise<void> | null,
  ) {
    this.document = document;
    this.epoch = epoch;
    this.#context = context;
    this.#presence = new Presence(context.limits);
    this.#window = new FlushWindow(context.flush);
    this.#load(predecessor);
  }

  get state(): RoomState["kind"] {
    return this.#state.kind;
  }

  get limits(): Limits {
    return this.#context.limits;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  get seq(): number {
    return this.#alive.journal.seq;
  }

  get stateVector(): Uint8Array {
    return this.#alive.coverage.stateVector;
  }

  get durableSeq(): number {
    return this.#alive.journal.durableSeq;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  /** Whether everything that was accepted is on disk. */
  get isDurable(): boolean {
    if (this.#state.kind !== "live" && this.#state.kind !== "closing") return true;
    return this.#batch.bytes === 0 && this.#state.journal.isDurable;
  }

  /** Resolves when nothing of this room is being written any more. Asked when it ends. */
  whenQuiet(): Promise<void> | null {
    return this.#state.kind === "live" || this.#state.kind === "closing"
      ? this.#state.journal.whenQuiet()
      : null;
  }

  // Loading

  #load(predecessor: Promise<void> | null): void {
    const startMs = this.clock.monotonicMs();
    const load = () => this.#context.storage.load(this.document);
    (predecessor === null ? load() : predecessor.then(load)).then(
      (stored) => this.#loaded(stored, startMs),
      (error: unknown) => this.#loadFailed(error),
    );
  }

  #loaded(stored: StoredDocument | null, startMs: number): void {
    if (this.#state.kind !== "loading") return;
    try {
      this.#state = { kind: "live", ...this.#bringToLife(stored) };
    } catch (error) {
      this.#loadFailed(error);
      return;
    }
    const entries = stored?.tail.length ?? 0;
    const ms = this.clock.monotonicMs() - startMs;
    this.#report({ type: "room-loaded", document: this.document, epoch: this.epoch, entries, ms });
    for (const session of this.#sessions) session.opened();
    if (this.state === "live" && this.#sessions.size === 0) this.#becomeIdle();
  }

  #bringToLife(stored: StoredDocument | null): Live {
    const coverage = Coverage.of(this.document, stored);
    const journal = new Journal({
      document: this.document,
      storage: this.#context.storage,
      stored,
      newLineage: this.#context.newLineage(),
      events: {
        onDurable: (seq, bytes) => this.#durable(seq, bytes),
        onFailed: (error) => this.#commitFailed(error),
      },
    });
    return { journal, coverage, catchUp: new CatchUp(journal, this.#context.replicas) };
  }

  #loadFailed(thrown: unknown): void {
    if (this.#state.kind !== "loading") return;
    const error = toJoineryError(thrown);
    this.#report({ type: "load-failed", document: this.document, error });
    this.fail(error);
  }

  // Sessions come and go

  /** Lets a session in; it is opened now or when the room has loaded. Rooms that failed take nobody. */
  join(session: Session): void {
    this.#sessions.add(session);
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
    if (this.#state.kind === "closing") this.#state = { ...this.#state, kind: "live" };
    if (this.#state.kind === "live") session.opened();
  }

  leave(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.#live.get(session.dialect)?.delete(session);
    if (this.#presence.release(session)) this.#openWindow();
    if (this.#sessions.size === 0 && this.#state.kind === "live") this.#becomeIdle();
  }

  sessionIsLive(session: Session): void {
    const sessions = this.#live.get(session.dialect);
    if (sessions) sessions.add(session);
    else this.#live.set(session.dialect, new Set([session]));
  }

  sessionIsLagging(session: Session, bufferedBytes: number): void {
    this.#live.get(session.dialect)?.delete(session);
    this.#report({ type: "session-lagging", document: this.document, bufferedBytes });
  }

  catchUp(session: Session, stateVector: Uint8Array): Uint8Array[] {
    return this.#alive.catchUp.forStateVector(stateVector, session.dialect);
  }

  catchUpSince(session: Session, seq: number): Uint8Array[] {
    return this.#alive.catchUp.forSeq(seq, session.dialect);
  }

  get presenceVersion(): number {
    return this.#presence.version;
  }

  encodePresence(options: { withDeparted: boolean }): Uint8Array | null {
    return this.#presence.encodeAll(options);
  }

  // What sessions send

  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): void {
    const { coverage } = this.#alive;
    const inspection = inspectUpdate(update);
    const verdict = coverage.judge(inspection);
    if (verdict === "known") return;
    if (session.permission !== "write") {
      // An answer carries everything that the client has deleted, whoever else did: that is no attempt to write.
      if (isAnswer && coverage.hasStructs(inspection)) return;
      throw new JoineryError("PERMISSION_DENIED", "this session may read the document but not write to it");
    }
    if (isAnswer && (verdict === "gap" || (inspection.deletes > 0 && !coverage.isEmpty))) {
      this.#acceptNews(session, update);
    } else if (verdict === "gap") {
      // Dropped, not kept: the client still has it, and its answer will bring it with what comes before it.
      this.#report({ type: "gap", document: this.document, bytes: update.length });
      session.ask();
    } else {
      this.#add(session, update, inspection);
    }
  }

  #add(session: Session, update: Uint8Array, inspection: Inspection): void {
    this.#alive.coverage.add(inspection);
    // A copy: the update is a view into a frame, a frame into a larger buffer. `slice` would not be one of a Buffer.
    this.#batch.add(session.author, new Uint8Array(update));
    this.#context.throttleWriter(session);
    this.#openWindow();
  }

  /**
   * Takes from an answer what is news. A client answers with its whole delete set, because a state vector says
   * nothing about deletes; logging and sending that at every reconnect would cost everybody 10 KB for a document
   * of 260,000 edits. And an answer may refer to what nobody here has.
   */
  #acceptNews(session: Session, update: Uint8Array): void {
    const { journal } = this.#alive;
    const { replicas } = this.#context;
    let news: Uint8Array | null = null;
    let isSound = false;
    try {
      const replica = replicas.use(journal);
      replica.include(this.#batch.updates());
      news = replica.integrate(update);
      isSound = replica.isSound;
    } finally {
      if (!isSound) replicas.drop(journal);
    }
    if (!isSound) this.#report({ type: "gap", document: this.document, bytes: update.length });
    if (news) this.#add(session, news, inspectUpdate(news));
  }

  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void {
    const { changed, outdated, foreign, refused } = this.#presence.receive(session, entries);
    if (foreign > 0) this.#context.countForeignPresence(foreign);
    if (changed) this.#openWindow();
    if (outdated.length > 0) session.tellPresence(outdated);
    if (refused) throw refused;
  }

  // Flushing

  #openWindow(): void {
    if (this.#state.kind !== "live") return;
    if (this.#batch.bytes >= this.limits.maxBatchBytes) {
      this.flush();
      return;
    }
    if (this.#flushTimer) return;
    const delayMs = this.#window.delayMs(this.clock.monotonicMs());
    const run = () => this.flush();
    this.#flushTimer = delayMs > 0 ? this.clock.setTimer(delayMs, run) : this.clock.endOfTurn(run);
  }

  /** Closes the window: merges the batch, appends it, and sends it and changed presence to everybody. */
  flush(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = null;
    if (this.#state.kind !== "live") return;
    const startMs = this.clock.monotonicMs();
    try {
      this.#flushBatch(this.#state.journal);
    } catch (thrown) {
      // A bug, or an update that Yjs cannot merge. One document pays for it, not the process.
      const error = toJoineryError(thrown);
      this.#report({ type: "room-failed", document: this.document, error });
      this.fail(error);
    }
    this.#window.flushed(startMs, this.clock.monotonicMs());
  }

  #flushBatch(journal: Journal): void {
    const batch = this.#batch.take();
    const presence = this.#presence.takeChanges();
    if (batch) {
      // Append before broadcast: the disk works while the sockets are written.
      const bytes = journal.append(batch, this.clock.now());
      this.#context.uncommittedChanged(bytes);
    }
    if (batch || presence) this.#broadcast(batch?.update ?? null, presence);
  }

  #broadcast(update: Uint8Array | null, presence: Uint8Array | null): void {
    for (const [dialect, sessions] of this.#live) {
      if (sessions.size === 0) continue;
      const frames: Uint8Array[] = [];
      if (update) frames.push(dialect.update(update));
      if (presence) frames.push(dialect.presence(presence));
      for (const session of sessions) session.deliver(frames);
    }
  }

  /** The storage confirmed the log up to `seq`. This is where "saved" is said. */
  #durable(seq: number, bytes: number): void {
    if (this.#state.kind !== "live" && this.#state.kind !== "closing") return;
    this.#context.uncommittedChanged(-bytes);
    for (const [dialect, sessions] of this.#live) {
      const frame = dialect.durable(seq);
      if (frame) for (const session of sessions) session.tellDurable(frame);
    }
    if (this.#state.kind === "closing" && this.isDurable) this.#evict();
    else this.#context.compactions.consider(this.#state.journal);
  }

  #commitFailed(error: JoineryError): void {
    this.#report({ type: "commit-failed", document: this.document, error });
    this.fail(error);
  }

  // The end

  #becomeIdle(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = this.clock.setTimer(this.#context.idleRoomMs, () => {
      this.flush();
      if (this.#state.kind !== "live") return;
      this.#state = { ...this.#state, kind: "closing" };
      if (this.isDurable) this.#evict();
    });
  }

  #evict(): void {
    this.#end();
    this.#state = { kind: "evicted" };
    this.#report({ type: "room-evicted", document: this.document, epoch: this.epoch });
  }

  /** Gives the room up: everybody is told why and sent away; what was not durable they still have. */
  fail(error: JoineryError): void {
    if (this.#state.kind === "failed" || this.#state.kind === "evicted") return;
    const journal = this.#state.kind === "loading" ? null : this.#state.journal;
    if (journal) this.#context.uncommittedChanged(-journal.uncommittedBytes);
    this.#end();
    this.#state = { kind: "failed" };
    for (const session of [...this.#sessions]) session.close(error);
  }

  #end(): void {
    this.#flushTimer?.cancel();
    this.#idleTimer?.cancel();
    if (this.#state.kind === "live" || this.#state.kind === "closing") {
      this.#context.replicas.drop(this.#state.journal);
      this.#context.compactions.cancel(this.#state.journal);
    }
    this.#context.roomEnded(this);
  }

  get #alive(): Live {
    if (this.#state.kind === "live" || this.#state.kind === "closing") return this.#state;
    throw new Error(`room is ${this.#state.kind}`);
  }

  #report(event: EngineEvent): void {
    this.#context.log.report(event);
  }

  reportRefusal(error: JoineryError): void {
    this.#report({ type: "input-refused", document: this.document, error });
  }

  reportTooSlow(bufferedBytes: number): void {
    this.#report({ type: "session-too-slow", document: this.document, bufferedBytes });
  }
}
