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
  type JoineryError,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import { Audience } from "./audience.ts";
import { OpenBatch } from "./batch.ts";
import { CatchUp } from "./catch-up.ts";
import type { Compactions } from "./compactions.ts";
import type { Contents } from "./contents.ts";
import { type FlushOptions, FlushWindow } from "./flush-window.ts";
import { Intake, type IntakeRoom } from "./intake.ts";
import { Journal } from "./journal.ts";
import { type Loaded, loadContents } from "./load-contents.ts";
import type { Clock, EngineEvent, Lineage, Log, Replicas, Storage, Timer } from "./ports.ts";
import { Presence } from "./presence.ts";
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
  readonly contents: Contents;
  readonly catchUp: CatchUp;
  readonly intake: Intake;
  /** What is wrong with what the storage has; then the document is read only. */
  readonly damage: JoineryError | null;
}

type RoomState =
  | { readonly kind: "loading" }
  | ({ readonly kind: "live" } & Live)
  /** Nobody is here; what was flushed becomes durable, then the room goes. Somebody who comes makes it live again. */
  | ({ readonly kind: "closing" } & Live)
  | { readonly kind: "evicted" }
  | { readonly kind: "failed" };

export class Room implements SessionRoom, IntakeRoom {
  readonly document: DocumentName;
  /** Which incarnation of the document's room this is: greater for a later one. */
  readonly epoch: number;
  readonly #context: RoomContext;
  readonly #sessions = new Set<Session>();
  readonly #audience = new Audience();
  readonly #batch = new OpenBatch();
  readonly #presence: Presence;
  readonly #window: FlushWindow;
  #state: RoomState = { kind: "loading" };
  #flushTimer: Timer | null = null;
  #presenceTimer: Timer | null = null;
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
    this.#presence = new Presence(context.limits, context.clock);
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
    return this.#alive.contents.stateVector;
  }

  get durableSeq(): number {
    return this.#alive.journal.durableSeq;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get replicas(): Replicas {
    return this.#context.replicas;
  }

  get damage(): JoineryError | null {
    return this.#alive.damage;
  }

  get documentBytes(): number {
    return this.#alive.journal.bytes + this.#batch.bytes;
  }

  /** Whether it takes edits in. */
  get isAlive(): boolean {
    return this.#state.kind === "live" || this.#state.kind === "closing";
  }

  /** Bytes of updates that cannot be added yet. */
  get heldBytes(): number {
    return this.isAlive ? this.#alive.intake.heldBytes : 0;
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
    loadContents(this.#context, this.document, predecessor)
      .then((loaded) => this.#bringToLife(loaded, startMs))
      .catch((error: unknown) => this.#loadFailed(error));
  }

  #bringToLife({ contents, stored }: Loaded, startMs: number): void {
    if (this.#state.kind !== "loading") return;
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
    const damage = stored?.damage ?? null;
    const catchUp = new CatchUp(journal, contents);
    this.#state = { kind: "live", journal, contents, catchUp, intake: new Intake(this, contents), damage };
    const { document, epoch } = this;
    if (damage) this.report({ type: "document-damaged", document, error: damage });
    const ms = this.clock.monotonicMs() - startMs;
    this.report({ type: "room-loaded", document, epoch, entries: stored?.tail.length ?? 0, ms });
    for (const session of this.#sessions) session.opened();
    if (this.state === "live" && this.#sessions.size === 0) this.#becomeIdle();
  }

  #loadFailed(thrown: unknown): void {
    if (this.#state.kind !== "loading") return;
    const error = toJoineryError(thrown);
    this.report({ type: "load-failed", document: this.document, error });
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
    this.#audience.delete(session);
    if (this.#presence.release(session)) this.#openWindow();
    if (this.isAlive) this.#alive.intake.release(session, (client) => this.#presentUnder(client));
    if (this.#sessions.size === 0 && this.#state.kind === "live") this.#becomeIdle();
  }

  sessionIsLive(session: Session): void {
    this.#audience.add(session);
  }

  sessionIsLagging(session: Session, bufferedBytes: number): void {
    this.#audience.delete(session);
    this.report({ type: "session-lagging", document: this.document, bufferedBytes });
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

  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): Promise<void> | null {
    return this.#alive.intake.receive(session, update, isAnswer);
  }

  allUpdates(): readonly Uint8Array[] {
    return [...this.#alive.journal.wholeUpdates(), ...this.#batch.updates()];
  }

  addNews(writer: Session, update: Uint8Array): void {
    // One that is large goes alone: merging it with others takes long.
    if (update.length >= this.limits.maxBatchBytes) this.flush();
    this.#batch.add(writer.author, update);
    this.#context.throttleWriter(writer);
    // What was being tried when the last one left: nobody comes who would open a window.
    if (this.#state.kind === "closing") this.flush();
    else this.#openWindow();
  }

  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void {
    const { intake } = this.#alive;
    const own = entries.filter(({ clientId }) => {
      // Who has announced it is here is known to the presence itself.
      const writer = intake.ownerOf(clientId);
      return writer === null || writer === session || writer === this.#presentUnder(clientId);
    });
    const { changed, outdated, foreign, limits, refused } = this.#presence.receive(session, own);
    this.#context.countForeignPresence(foreign + entries.length - own.length);
    for (const limit of limits) this.report({ type: "limit-hit", document: this.document, limit });
    if (changed) {
      for (const { clientId } of own) {
        if (this.#presentUnder(clientId) === session) intake.announced(session, clientId);
      }
      this.#openWindow();
    }
    if (outdated.length > 0) session.tellPresence(outdated);
    if (refused) throw refused;
  }

  /** The session that has announced this id and is here. */
  #presentUnder(clientId: number): Session | null {
    // Only sessions of this room announce anything to its presence.
    return this.#presence.ownerOf(clientId) as Session | null;
  }

  // Flushing

  #openWindow(): void {
    if (this.#state.kind !== "live") return;
    if (this.#batch.bytes >= this.limits.maxBatchBytes) {
      this.report({ type: "limit-hit", document: this.document, limit: "maxBatchBytes" });
      this.#closeWindow();
      return;
    }
    if (this.#flushTimer) return;
    const delayMs = this.#window.delayMs(this.clock.monotonicMs());
    const run = () => this.#closeWindow();
    this.#flushTimer = delayMs > 0 ? this.clock.setTimer(delayMs, run) : this.clock.endOfTurn(run);
  }

  #closeWindow(): void {
    if (this.#state.kind === "live" && this.#batch.bytes > 0) this.#state.intake.retryHeld();
    this.flush();
  }

  /** Merges the batch, appends it, and sends it and changed presence to everybody. */
  flush(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = null;
    if (this.#state.kind !== "live" && this.#state.kind !== "closing") return;
    const startMs = this.clock.monotonicMs();
    try {
      this.#flushBatch(this.#state);
    } catch (thrown) {
      // A bug, or an update that Yjs cannot merge. One document pays for it, not the process.
      const error = toJoineryError(thrown);
      this.report({ type: "room-failed", document: this.document, error });
      this.fail(error);
    }
    this.#window.flushed(startMs, this.clock.monotonicMs());
    this.#tellPresenceLater();
  }

  /** Who changes too often is told of at a pace. */
  #tellPresenceLater(): void {
    const { dueInMs } = this.#presence;
    this.#presenceTimer?.cancel();
    this.#presenceTimer =
      dueInMs === null || this.#state.kind !== "live"
        ? null
        : this.clock.setTimer(Math.max(1, dueInMs), () => this.#openWindow());
  }

  #flushBatch({ journal, contents }: Live): void {
    const batch = this.#batch.take();
    const presence = this.#presence.takeChanges();
    if (batch) {
      // Append before broadcast: the disk works while the sockets are written.
      const bytes = journal.append(batch, this.clock.now());
      this.#context.uncommittedChanged(bytes);
      contents.flushed();
    }
    if (batch || presence) this.#audience.broadcast(batch?.update ?? null, presence);
  }

  /** The storage confirmed the log up to `seq`. This is where "saved" is said. */
  #durable(seq: number, bytes: number): void {
    if (this.#state.kind !== "live" && this.#state.kind !== "closing") return;
    this.#context.uncommittedChanged(-bytes);
    this.#audience.tellDurable(seq);
    if (this.#state.kind === "closing" && this.isDurable) this.#evict();
    else if (!this.#state.damage) this.#context.compactions.consider(this.#state.journal);
  }

  #commitFailed(error: JoineryError): void {
    this.report({ type: "commit-failed", document: this.document, error });
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
    this.report({ type: "room-evicted", document: this.document, epoch: this.epoch });
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
    for (const timer of [this.#flushTimer, this.#presenceTimer, this.#idleTimer]) timer?.cancel();
    if (this.#state.kind === "live" || this.#state.kind === "closing") {
      this.#state.intake.close();
      this.#context.compactions.cancel(this.#state.journal);
    }
    this.#context.roomEnded(this);
  }

  get #alive(): Live {
    if (this.#state.kind === "live" || this.#state.kind === "closing") return this.#state;
    throw new Error(`room is ${this.#state.kind}`);
  }

  report(event: EngineEvent): void {
    this.#context.log.report(event);
  }

  reportRefusal(error: JoineryError): void {
    this.report({ type: "input-refused", document: this.document, error });
  }

  reportTooSlow(bufferedBytes: number): void {
    this.report({ type: "session-too-slow", document: this.document, bufferedBytes });
  }
}
