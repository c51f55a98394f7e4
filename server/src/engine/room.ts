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
  JoineryError,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import { Attendance } from "./attendance.ts";
import { DurableWaiters } from "./durable-waiters.ts";
import { spoofEvent } from "./events.ts";
import { Flushes } from "./flushes.ts";
import type { Frame } from "./frame.ts";
import type { Guard } from "./guard.ts";
import { Idleness } from "./idleness.ts";
import { inTurns } from "./in-turns.ts";
import type { Writer } from "./intake.ts";
import type { JournalEvents } from "./journal.ts";
import { type Loaded, loadContents } from "./load-contents.ts";
import { type DocumentHolder, LoadedDocument } from "./loaded-document.ts";
import type { Meter } from "./meter.ts";
import { type ObservableRoom, Observation } from "./observation.ts";
import { concerned } from "./peer.ts";
import type { BranchId, Clock, Dialect, EngineEvent, Lineage, NewestBranch, Revision } from "./ports.ts";
import type { PresenceUpdate } from "./presence.ts";
import type { RoomContext } from "./room-context.ts";
import { Session } from "./session.ts";
import type { SessionRoom } from "./session-room.ts";
import { Signals } from "./signals.ts";
import { type Demand, type WhereItIs, WholeWrite } from "./whole-write.ts";

type RoomState =
  | { readonly kind: "loading" }
  | { readonly kind: "live"; readonly loaded: LoadedDocument }
  /** Nobody is here; what was flushed becomes durable, then the room goes. Somebody who comes makes it live again. */
  | { readonly kind: "closing"; readonly loaded: LoadedDocument }
  | { readonly kind: "evicted" }
  | { readonly kind: "failed" };

/** How a document was when it came into memory. */
export interface Arrival {
  /** In milliseconds since 1970. */
  readonly time: number;
  /** The last batch of its log. */
  readonly seq: number;
}

export class Room implements SessionRoom<Session>, DocumentHolder, ObservableRoom {
  readonly document: DocumentName;
  /** Which incarnation of the document's room this is: greater for a later one. */
  readonly epoch: number;
  readonly #context: RoomContext;
  readonly #sessions = new Set<Session>();
  readonly signals: Signals<Session>;
  readonly flushes: Flushes;
  readonly #attendance: Attendance<Session>;
  readonly #observation: Observation | null;
  readonly #idleness: Idleness;
  readonly #durableWaiters = new DurableWaiters();
  #arrival: Arrival | null = null;
  readonly journalEvents: JournalEvents = {
    onDurable: (seq, bytes) => this.#durable(seq, bytes),
    onFailed: (error) => this.#commitFailed(error),
  };
  #state: RoomState = { kind: "loading" };
  /** Whether nothing is taken in any more. */
  #isSealed = false;
  /** Whether the document is there and the observer wants nobody let in yet. */
  #isPreparing = false;

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
    const { clock, limits, observer } = context;
    this.#observation = observer && new Observation(observer, this);
    this.#attendance = new Attendance({
      clock,
      limits,
      onLimit: (limit, from) => this.report({ type: "limit-hit", document, limit, ...concerned(from) }),
      onForeign: (entries) => context.countForeignPresence(entries),
      onSpoofed: (clientIds, from) => this.report(spoofEvent(document, "presence", clientIds, from)),
      onChanged: () => this.#openWindow(),
    });
    this.signals = new Signals({
      document,
      clock,
      limits,
      handlers: context.signalHandlers,
      pending: context.pendingSignals,
      sessions: this.#sessions,
      onDropped: () => context.countDroppedSignal(),
      onFailed: (error, from) => this.report({ type: "signal-failed", document, error, ...concerned(from) }),
    });
    this.flushes = new Flushes({
      document,
      meter: context.meter,
      clock,
      limits,
      flush: context.flush,
      turn: context.turn,
      attendance: this.#attendance,
      onWindowEnd: () => this.loaded.intake.retryHeld(),
      onFullBatch: () => this.report({ type: "limit-hit", document, limit: "maxBatchBytes" }),
      onAppended: (batch, seq, time, bytes) => {
        context.uncommittedChanged(bytes);
        this.#observation?.appended({ ...batch, seq, time });
      },
      onFlushed: () => this.#tellPresenceLater(),
      onMistake: (thrown) => this.#failedByMistake(thrown),
    });
    this.#idleness = new Idleness({
      clock,
      idleMs: context.idleRoomMs,
      mayGo: () => this.#observation?.evicting() ?? null,
      isIdle: () => this.#isIdle,
      onIdle: () => context.roomIsIdle(this),
      beforeAsking: () => this.flush(),
      go: () => this.#goWhenDurable(),
      onMistake: (thrown) => this.#failedByMistake(thrown),
    });
    this.#load(predecessor);
  }

  get state(): RoomState["kind"] {
    return this.#state.kind;
  }

  get guard(): Guard<Session> | null {
    return this.#context.observer?.guard ?? null;
  }

  get limits(): Limits {
    return this.#context.limits;
  }

  get meter(): Meter {
    return this.#context.meter;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** @throws Error unless it has loaded and not ended. */
  get loaded(): LoadedDocument {
    if (this.#state.kind === "live" || this.#state.kind === "closing") return this.#state.loaded;
    throw new Error(`room is ${this.#state.kind}`);
  }

  get lineage(): Lineage {
    return this.loaded.lineage;
  }

  /** The last batch that may be shown. */
  get seq(): number {
    return this.flushes.seq;
  }

  get durableSeq(): number {
    return this.loaded.journal.durableSeq;
  }

  get stateVector(): Uint8Array {
    return this.loaded.stateVector;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  hasLogSince(seq: number): boolean {
    return this.loaded.journal.updatesSince(seq) !== null;
  }

  branchAt(seq: number): BranchId {
    return this.loaded.journal.branchAt(seq);
  }

  get newestBranch(): NewestBranch {
    return this.loaded.journal.newestBranch;
  }

  get damage(): JoineryError | null {
    return this.loaded.damage;
  }

  /** Whether it takes edits in. */
  get isAlive(): boolean {
    return this.#state.kind === "live" || this.#state.kind === "closing";
  }

  /** When it was loaded, in milliseconds since 1970, and how far its log was then; `null` while it is not. */
  get arrival(): Arrival | null {
    return this.isAlive ? this.#arrival : null;
  }

  /** Of the document, with what is not flushed yet; 0 while it is not loaded. */
  get bytes(): number {
    return this.isAlive ? this.loaded.documentBytes : 0;
  }

  /** Log bytes that are not on disk. */
  get uncommittedBytes(): number {
    return this.isAlive ? this.loaded.journal.uncommittedBytes : 0;
  }

  /** Bytes of updates that cannot be added yet. */
  get heldBytes(): number {
    return this.isAlive ? this.loaded.intake.heldBytes : 0;
  }

  /** Whether everything that was accepted is on disk. */
  get isDurable(): boolean {
    return !this.isAlive || this.loaded.isDurable;
  }

  /** Resolves when nothing of this room is being written any more. Asked when it ends. */
  whenQuiet(): Promise<void> | null {
    return this.isAlive ? this.loaded.journal.whenQuiet() : null;
  }

  // Loading

  #load(predecessor: Promise<void> | null): void {
    const startMs = this.clock.monotonicMs();
    loadContents(this.#context, this.document, predecessor)
      .then((loaded) => this.#bringToLife(loaded, startMs))
      .catch((error: unknown) => this.#loadFailed(error));
  }

  #bringToLife(found: Loaded, startMs: number): void {
    if (this.#state.kind !== "loading") return;
    const loaded = new LoadedDocument(this.#context, this, found);
    this.#state = { kind: "live", loaded };
    this.#arrival = { time: this.clock.now(), seq: loaded.loggedSeq };
    const { document, epoch } = this;
    if (loaded.damage) this.report({ type: "document-damaged", document, error: loaded.damage });
    const ms = this.clock.monotonicMs() - startMs;
    this.report({ type: "room-loaded", document, epoch, entries: found.stored?.tail.length ?? 0, ms });
    this.#isPreparing = true;
    const preparing = this.#observation?.loaded() ?? null;
    if (preparing === null) this.#letIn();
    else {
      preparing.then(
        () => this.#letIn(),
        (error: unknown) => this.#loadFailed(error),
      );
    }
  }

  #letIn(): void {
    this.#isPreparing = false;
    // What each is sent may take as long as the document is large.
    inTurns(this.clock, [...this.#sessions].values(), (session) => {
      if (this.isAlive) session.opened();
      return this.isAlive;
    });
    if (this.#isIdle) this.#idleness.begin();
  }

  #loadFailed(thrown: unknown): void {
    if (this.#state.kind !== "loading" && !this.#isPreparing) return;
    const error = toJoineryError(thrown);
    this.report({ type: "load-failed", document: this.document, error });
    this.fail(error);
  }

  // Sessions come and go

  /** Lets a session in; it is opened now or when the room has loaded. Rooms that failed take nobody. */
  join(session: Session): void {
    this.#sessions.add(session);
    this.#idleness.end();
    this.#context.roomIsUsed(this);
    if (this.#state.kind === "closing") this.#state = { ...this.#state, kind: "live" };
    if (this.#state.kind === "live" && !this.#isPreparing) session.opened();
  }

  leave(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.flushes.forget(session);
    this.#attendance.leave(session);
    if (this.isAlive) {
      this.loaded.intake.release(session, (client) => this.#attendance.presentUnder(client));
    }
    this.#observation?.left(session);
    if (this.#isIdle) this.#idleness.begin();
  }

  sessionIsOpen(session: Session): void {
    this.#observation?.joined(session);
  }

  sessionIsLive(session: Session): void {
    this.flushes.audience.add(session);
  }

  sessionIsLagging(session: Session, bufferedBytes: number): void {
    this.flushes.audience.delete(session);
    const { document } = this;
    this.report({ type: "session-lagging", document, bufferedBytes, ...concerned(session) });
  }

  whenBorn(): Promise<void> | null {
    return this.flushes.whenBorn();
  }

  prepareCatchUp(stateVector: Uint8Array): Promise<void> | null {
    return this.loaded.prepareCatchUp(stateVector);
  }

  catchUp(stateVector: Uint8Array, dialect: Dialect, inflates: boolean): Frame[] {
    return this.#counted(dialect, this.loaded.catchUp(stateVector, dialect, inflates));
  }

  catchUpSince(seq: number, dialect: Dialect): Frame[] {
    return this.#counted(dialect, this.loaded.catchUpSince(seq, dialect));
  }

  #counted(dialect: Dialect, frames: Frame[]): Frame[] {
    const traffic = this.meter.trafficOf(dialect);
    traffic.catchUps++;
    for (const { length } of frames) traffic.catchUpBytesOut += length;
    return frames;
  }

  get presenceVersion(): number {
    return this.#attendance.version;
  }

  encodePresence(options: { withDeparted: boolean }): PresenceUpdate | null {
    return this.#attendance.encodeAll(options);
  }

  /** Folds the log into a snapshot, be it due or not; see {@link Compactions.fold}. */
  async compact(): Promise<void> {
    const { journal, damage } = this.loaded;
    if (damage) throw damage;
    if (journal.hasTail) await this.#context.compactions.fold(journal);
  }

  // What sessions send

  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): Promise<void> | null {
    this.#requireOpen();
    return this.loaded.receive(session, update, isAnswer);
  }

  offerSeed(session: Session): void {
    if (session.rights.mayWrite) this.flushes.seeding.offer(session);
  }

  mayWriteNow(): void {
    this.flushes.seeding.mayWriteNow();
  }

  acceptWhole(session: Session, update: Uint8Array, demand: Demand): Promise<void> | null {
    this.#requireOpen();
    const { loaded } = this;
    return loaded.receiveWhole(session, update, new WholeWrite(demand, () => loaded.whereItIs));
  }

  allUpdates(): readonly Uint8Array[] {
    return this.loaded.allUpdates();
  }

  get whereItIs(): WhereItIs {
    return this.loaded.whereItIs;
  }

  isOwned(clientId: number): boolean {
    return this.loaded.intake.ownerOf(clientId) !== null;
  }

  async whenDurable(): Promise<Revision> {
    const { lineage, journal } = this.loaded;
    const seq = journal.seq + (this.flushes.batchBytes > 0 ? 1 : 0);
    if (seq > journal.durableSeq) await this.whenDurableUpTo(seq);
    return { lineage, seq, branch: journal.branchAt(seq) };
  }

  whenDurableUpTo(seq: number): Promise<void> {
    this.loaded.journal.hurry(seq);
    return this.#durableWaiters.wait(seq);
  }

  acceptSeed(session: Session, update: Uint8Array): Promise<void> | null {
    this.#requireOpen();
    const { seeding } = this.flushes;
    const receive = () => this.loaded.intake.receiveWhole(session, update, seeding);
    return seeding.accept(session, update, receive, () => this.flush());
  }

  newsCame(writer: Writer, update: Uint8Array): void {
    // What was being tried when it was sealed.
    this.#requireOpen();
    // A guard may have let in something else than was sent. Who has left needs nothing, and is waited for by nobody.
    const isHere = writer instanceof Session && !writer.isClosed;
    const sender = isHere && this.guard === null ? writer : null;
    this.flushes.add(writer.author, update, sender);
    if (writer instanceof Session) {
      if (writer.isWaiting) this.flushes.cameAt(writer.waitsSinceMs);
      this.#context.throttleWriter(writer);
    }
    this.#observation?.accepted(writer, update);
    // What was being tried when the last one left: nobody comes who would open a window.
    if (this.#state.kind === "closing") this.flush();
    else this.#openWindow();
  }

  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void {
    if (this.#observation === null) this.#acceptPresence(session, entries);
    else this.#observation.announced(session, entries, () => this.#acceptPresence(session, entries));
  }

  #acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void {
    const refused = this.#attendance.accept(session, entries, this.loaded.intake);
    if (refused) throw refused;
  }

  hidePresence(session: Session): void {
    this.#attendance.hide(session);
  }

  presentUnder(clientId: number): Session | null {
    return this.#attendance.presentUnder(clientId);
  }

  acknowledgeSoon(session: Session): void {
    if (this.#state.kind === "live") this.flushes.acknowledgeSoon(session);
  }

  // Flushing

  #openWindow(): void {
    if (this.#state.kind === "live") this.flushes.openWindow();
  }

  /** Appends what was accepted, and sends it and changed presence to everybody. */
  flush(): void {
    this.flushes.flush();
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
    this.flushes.durable(seq);
    // What was flushed with it may have ended the room.
    if (!this.isAlive) return;
    this.#durableWaiters.durable(seq);
    this.#observation?.durable(seq);
    if (this.#state.kind === "closing" && this.isDurable) this.#evict();
    else if (this.isAlive && !this.damage && !this.#isSealed) {
      this.#context.compactions.consider(this.loaded.journal);
    }
  }

  #commitFailed(error: JoineryError): void {
    this.report({ type: "commit-failed", document: this.document, error });
    this.fail(error);
  }

  // The end

  /**
   * Stores what was accepted, and takes in nothing more: who brings something is told to come back. It is to be failed
   * when it is known why.
   */
  seal(): void {
    if (!this.isAlive) {
      this.fail(beingChanged());
      return;
    }
    this.flush();
    this.sayAll();
    // That may have gone wrong.
    if (!this.isAlive) return;
    this.#isSealed = true;
    this.flushes.close();
    this.#context.compactions.cancel(this.loaded.journal);
    this.#idleness.end();
    this.#context.roomIsUsed(this);
  }

  /** Sends everybody what waits for its turn, or to go with something else. */
  sayAll(): void {
    this.flushes.audience.finish();
  }

  #requireOpen(): void {
    if (this.#isSealed) throw beingChanged();
  }

  /** Nobody is here, and it is not kept for who may come: goes as soon as it may. */
  retire(): void {
    this.#context.roomIsUsed(this);
    this.#idleness.hurry();
  }

  get #isIdle(): boolean {
    return this.#state.kind === "live" && this.#sessions.size === 0 && !this.#isPreparing && !this.#isSealed;
  }

  #goWhenDurable(): void {
    if (this.#state.kind !== "live") return;
    this.#state = { ...this.#state, kind: "closing" };
    // What was written while it was asked whether it may go.
    this.flush();
    // That may have gone wrong.
    if (this.isAlive && this.isDurable) this.#evict();
  }

  #evict(): void {
    this.#end(null);
    this.#state = { kind: "evicted" };
    this.report({ type: "room-evicted", document: this.document, epoch: this.epoch });
  }

  /** Gives the room up: everybody is told why and sent away; what was not durable they still have. */
  fail(error: JoineryError): void {
    if (this.#state.kind === "failed" || this.#state.kind === "evicted") return;
    if (this.isAlive) this.#context.uncommittedChanged(-this.loaded.journal.uncommittedBytes);
    this.#end(error);
    this.#state = { kind: "failed" };
    for (const session of [...this.#sessions]) session.close(error);
  }

  #end(error: JoineryError | null): void {
    this.#isPreparing = false;
    this.#idleness.end();
    this.#durableWaiters.end(error ?? new JoineryError("SERVER_DRAINING", "the document's room is gone"));
    this.#observation?.ended(error);
    this.#attendance.close();
    this.signals.close();
    this.flushes.close();
    if (this.isAlive) {
      this.loaded.close();
      this.#context.compactions.cancel(this.loaded.journal);
    }
    this.#context.roomEnded(this);
  }

  report(event: EngineEvent): void {
    this.#context.log.report(event);
  }
}

/** What whoever is in a document, or brings something, is told while something is done to it as a whole. */
export function beingChanged(): JoineryError {
  return new JoineryError("SERVER_DRAINING", "the document is being changed, come back in a moment");
}
