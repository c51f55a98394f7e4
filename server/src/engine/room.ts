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
  type LimitName,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import { Attendance } from "./attendance.ts";
import { CatchUp, nothingToCatchUp } from "./catch-up.ts";
import type { Compactions } from "./compactions.ts";
import type { Contents } from "./contents.ts";
import type { FlushOptions } from "./flush-window.ts";
import { Flushes } from "./flushes.ts";
import { Intake, type IntakeRoom } from "./intake.ts";
import { Journal } from "./journal.ts";
import { type Loaded, loadContents } from "./load-contents.ts";
import type { PendingSignalBytes } from "./pending-signals.ts";
import type {
  BranchId,
  Clock,
  Compression,
  Dialect,
  EngineEvent,
  Lineage,
  Log,
  NewestBranch,
  Replicas,
  Storage,
  Timer,
} from "./ports.ts";
import type { PresenceUpdate } from "./presence.ts";
import type { Session, SessionRoom } from "./session.ts";
import { type SentSignal, type SignalHandlers, Signals } from "./signals.ts";

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
  /** `null` where nothing is compressed. */
  readonly compression: Compression | null;
  readonly signalHandlers: SignalHandlers;
  readonly pendingSignals: PendingSignalBytes;
  readonly compactions: Compactions;
  newLineage(): Lineage;
  /** What this life of the server appends is of this branch of each document's log. */
  readonly branch: BranchId;
  /** Nobody is in the room, and it may be let go of. */
  roomIsIdle(room: Room): void;
  /** Somebody is in the room, or it is being let go of. */
  roomIsUsed(room: Room): void;
  /** The room ended and must be forgotten. */
  roomEnded(room: Room): void;
  /** Log bytes were handed to the storage (positive) or came back from it (negative). */
  uncommittedChanged(bytes: number): void;
  /** Stops reading from this session's client if the storage has fallen behind. */
  throttleWriter(session: Session): void;
  /** A session announced presence that is somebody else's; most are echoes. */
  countForeignPresence(entries: number): void;
  /** A signal was not sent to a client because that reads too slowly. */
  countDroppedSignal(): void;
}

/** How long those who have waited for the document may be busied with before all others get their turn. */
const MAX_TURN_MS = 25;

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
  readonly #attendance: Attendance<Session>;
  readonly #signals: Signals;
  readonly #flushes: Flushes;
  #state: RoomState = { kind: "loading" };
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
    const { clock, limits } = context;
    const onLimit = (limit: LimitName) => this.report({ type: "limit-hit", document, limit });
    const onForeign = (entries: number) => context.countForeignPresence(entries);
    this.#attendance = new Attendance({
      clock,
      limits,
      onLimit,
      onForeign,
      onChanged: () => this.#openWindow(),
    });
    this.#signals = new Signals({
      document,
      clock,
      limits,
      handlers: context.signalHandlers,
      pending: context.pendingSignals,
      sessions: this.#sessions,
      onDropped: () => context.countDroppedSignal(),
      onFailed: (error) => this.report({ type: "signal-failed", document, error }),
    });
    this.#flushes = new Flushes({
      clock,
      limits,
      flush: context.flush,
      attendance: this.#attendance,
      onWindowEnd: () => this.#alive.intake.retryHeld(),
      onFullBatch: () => onLimit("maxBatchBytes"),
      onAppended: (bytes) => context.uncommittedChanged(bytes),
      onFlushed: () => this.#tellPresenceLater(),
      onMistake: (thrown) => this.#failedByMistake(thrown),
    });
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

  get lineage(): Lineage {
    return this.#alive.journal.lineage;
  }

  /** The last batch that may be shown. */
  get seq(): number {
    return this.#flushes.seq;
  }

  get loggedSeq(): number {
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

  hasLogSince(seq: number): boolean {
    return this.#alive.journal.updatesSince(seq) !== null;
  }

  branchAt(seq: number): BranchId {
    return this.#alive.journal.branchAt(seq);
  }

  get newestBranch(): NewestBranch {
    return this.#alive.journal.newestBranch;
  }

  get damage(): JoineryError | null {
    return this.#alive.damage;
  }

  get documentBytes(): number {
    return this.#alive.journal.bytes + this.#flushes.batchBytes;
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
    return !this.isAlive || (this.#flushes.batchBytes === 0 && this.#alive.journal.isDurable);
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
      branch: this.#context.branch,
      events: {
        onDurable: (seq, bytes) => this.#durable(seq, bytes),
        onFailed: (error) => this.#commitFailed(error),
      },
    });
    const damage = stored?.damage ?? null;
    const catchUp = new CatchUp(journal, contents, this.#context.compression);
    this.#state = { kind: "live", journal, contents, catchUp, intake: new Intake(this, contents), damage };
    this.#flushes.start({ journal, contents, isSound: damage === null });
    const { document, epoch } = this;
    if (damage) this.report({ type: "document-damaged", document, error: damage });
    const ms = this.clock.monotonicMs() - startMs;
    this.report({ type: "room-loaded", document, epoch, entries: stored?.tail.length ?? 0, ms });
    this.#openAll([...this.#sessions].values());
    if (this.state === "live" && this.#sessions.size === 0) this.#becomeIdle();
  }

  /** Opens those who have waited, a turn's time at a time: what each is sent may take as long as the document is large. */
  #openAll(waiting: Iterator<Session>): void {
    const startMs = this.clock.monotonicMs();
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      if (!this.isAlive) return;
      next.value.opened();
      if (this.clock.monotonicMs() - startMs < MAX_TURN_MS) continue;
      this.clock.endOfTurn(() => this.#openAll(waiting));
      return;
    }
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
    this.#context.roomIsUsed(this);
    if (this.#state.kind === "closing") this.#state = { ...this.#state, kind: "live" };
    if (this.#state.kind === "live") session.opened();
  }

  leave(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.#flushes.forget(session);
    this.#attendance.leave(session);
    if (this.isAlive) {
      this.#alive.intake.release(session, (client) => this.#attendance.presentUnder(client));
    }
    if (this.#sessions.size === 0 && this.#state.kind === "live") this.#becomeIdle();
  }

  sessionIsLive(session: Session): void {
    this.#flushes.audience.add(session);
  }

  sessionIsLagging(session: Session, bufferedBytes: number): void {
    this.#flushes.audience.delete(session);
    this.report({ type: "session-lagging", document: this.document, bufferedBytes });
  }

  whenBorn(): Promise<void> | null {
    return this.#flushes.whenBorn();
  }

  prepareCatchUp(stateVector: Uint8Array): Promise<void> | null {
    return this.#flushes.seeding.withheld ? null : this.#alive.catchUp.prepare(stateVector);
  }

  catchUp(stateVector: Uint8Array, dialect: Dialect, inflates: boolean): Uint8Array[] {
    if (this.#flushes.seeding.withheld) return nothingToCatchUp(stateVector, dialect);
    // All deletes are sent, and those of the open batch are known already: they have to be in the log first.
    if (stateVector.length > 1 && this.#flushes.batchBytes > 0) this.flush();
    if (!this.isAlive) return [];
    return this.#alive.catchUp.forStateVector(stateVector, dialect, inflates);
  }

  catchUpSince(seq: number, dialect: Dialect): Uint8Array[] {
    // Whoever is here then has been sent nothing, and there is nothing yet that may be.
    return this.#flushes.seeding.withheld ? [] : this.#alive.catchUp.forSeq(seq, dialect);
  }

  get presenceVersion(): number {
    return this.#attendance.version;
  }

  encodePresence(options: { withDeparted: boolean }): PresenceUpdate | null {
    return this.#attendance.encodeAll(options);
  }

  // What sessions send

  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): Promise<void> | null {
    const mustWait = this.#flushes.seeding.isTrying || this.#flushes.batchBytes >= this.limits.maxBatchBytes;
    const seeded = mustWait ? this.#flushes.seeding.whenOver() : null;
    if (seeded === null) return this.#alive.intake.receive(session, update, isAnswer);
    return seeded.then(() => this.acceptUpdate(session, update, isAnswer) ?? undefined);
  }

  offerSeed(session: Session): void {
    if (session.permission === "write") this.#flushes.seeding.offer(session);
  }

  acceptSeed(session: Session, update: Uint8Array): Promise<void> | null {
    const { seeding } = this.#flushes;
    const receive = () => this.#alive.intake.receiveSeed(session, update, seeding);
    return seeding.accept(session, update, receive, () => this.flush());
  }

  allUpdates(): readonly Uint8Array[] {
    return [...this.#alive.journal.wholeUpdates(), ...this.#flushes.batchUpdates()];
  }

  updatesSince(seq: number): readonly Uint8Array[] | null {
    const logged = this.#alive.journal.updatesSince(seq);
    return logged && [...logged, ...this.#flushes.batchUpdates()];
  }

  addNews(writer: Session, update: Uint8Array): void {
    this.#flushes.add(writer.author, update);
    this.#context.throttleWriter(writer);
    // What was being tried when the last one left: nobody comes who would open a window.
    if (this.#state.kind === "closing") this.flush();
    else this.#openWindow();
  }

  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void {
    const refused = this.#attendance.accept(session, entries, this.#alive.intake);
    if (refused) throw refused;
  }

  acceptSignal(session: Session, signal: SentSignal): void {
    this.#signals.accept(session, signal);
  }

  acknowledgeSoon(session: Session): void {
    if (this.#state.kind === "live") this.#flushes.acknowledgeSoon(session);
  }

  // Flushing

  #openWindow(): void {
    if (this.#state.kind === "live") this.#flushes.openWindow();
  }

  /** Appends what was accepted, and sends it and changed presence to everybody. */
  flush(): void {
    this.#flushes.flush();
  }

  #tellPresenceLater(): void {
    if (this.#state.kind === "live") this.#attendance.tellLater();
  }

  #failedByMistake(thrown: unknown): void {
    // A bug, or an update that Yjs cannot merge. One document pays for it, not the process.
    const error = toJoineryError(thrown);
    this.report({ type: "room-failed", document: this.document, error });
    this.fail(error);
  }

  /** The storage confirmed the log up to `seq`. This is where "saved" is said. */
  #durable(seq: number, bytes: number): void {
    if (!this.isAlive) return;
    this.#context.uncommittedChanged(-bytes);
    this.#flushes.durable(seq);
    if (this.#state.kind === "closing" && this.isDurable) this.#evict();
    else if (this.isAlive && !this.damage) this.#context.compactions.consider(this.#alive.journal);
  }

  #commitFailed(error: JoineryError): void {
    this.report({ type: "commit-failed", document: this.document, error });
    this.fail(error);
  }

  // The end

  #becomeIdle(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = this.clock.setTimer(this.#context.idleRoomMs, () => this.retire());
    this.#context.roomIsIdle(this);
  }

  /** Nobody is here, and it is not kept for who may come: goes, now or when all is on disk. */
  retire(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
    this.#context.roomIsUsed(this);
    this.flush();
    if (this.#state.kind !== "live") return;
    this.#state = { ...this.#state, kind: "closing" };
    if (this.isDurable) this.#evict();
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
    this.#idleTimer?.cancel();
    this.#attendance.close();
    this.#signals.close();
    this.#flushes.close();
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
