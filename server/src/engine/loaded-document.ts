/**
 * The document of a room, once it is loaded: its log, what is known of its contents, what is taken in, and what those
 * who come are sent of it.
 */

import { type DocumentName, equalBytes, type JoineryError, type Limits } from "@joinery/shared";
import { CatchUp, nothingToCatchUp } from "./catch-up.ts";
import type { Contents } from "./contents.ts";
import type { Flushes } from "./flushes.ts";
import type { Frame } from "./frame.ts";
import type { Gate } from "./gate.ts";
import type { Graves } from "./graves.ts";
import { Intake, type IntakeRoom, type Writer } from "./intake.ts";
import { type DurableState, Journal, type JournalEvents } from "./journal.ts";
import type { Loaded } from "./load-contents.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import type { Clock, Dialect, EngineEvent, Lineage, Replicas } from "./ports.ts";
import type { RoomContext } from "./room-context.ts";
import type { WhereItIs } from "./whole-write.ts";

/** What a loaded document needs of its room. */
export interface DocumentHolder {
  readonly document: DocumentName;
  readonly flushes: Flushes;
  readonly journalEvents: JournalEvents;
  /** Whether it takes edits in. */
  readonly isAlive: boolean;
  /** Something that was not there before was taken in. The bytes are the room's. */
  newsCame(writer: Writer, update: Uint8Array): void;
}

/** What is smaller is put together on the event loop: it takes less than the way to another thread and back. */
const SMALL_BYTES = 64 * 1024;

export class LoadedDocument implements IntakeRoom {
  readonly journal: Journal;
  readonly intake: Intake;
  /** What is wrong with what the storage has; then the document is read only. */
  readonly damage: JoineryError | null;
  readonly graves: Graves;
  readonly #context: RoomContext;
  readonly #room: DocumentHolder;
  readonly #contents: Contents;
  readonly #catchUp: CatchUp;

  constructor(context: RoomContext, room: DocumentHolder, { contents, stored, graves }: Loaded) {
    this.#context = context;
    this.#room = room;
    this.#contents = contents;
    this.graves = graves;
    this.damage = stored?.damage ?? null;
    this.journal = new Journal({
      document: room.document,
      storage: context.storage,
      stored,
      newLineage: context.newLineage(),
      branch: context.branch,
      events: room.journalEvents,
    });
    const { clock, compression } = context;
    this.#catchUp = new CatchUp({ clock, journal: this.journal, contents, compression });
    this.intake = new Intake(this, contents);
    room.flushes.start({ journal: this.journal, contents, isSound: this.damage === null });
  }

  get document(): DocumentName {
    return this.#room.document;
  }

  get limits(): Limits {
    return this.#context.limits;
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get replicas(): Replicas {
    return this.#context.replicas;
  }

  get isAlive(): boolean {
    return this.#room.isAlive;
  }

  get lineage(): Lineage {
    return this.journal.lineage;
  }

  /** The last batch that was handed to the storage, shown or not. */
  get loggedSeq(): number {
    return this.journal.seq;
  }

  /** Where the log is, if that is all that there is. */
  get whereItIs(): WhereItIs {
    const { batchBytes, seeding } = this.#room.flushes;
    if (batchBytes > 0 || seeding.isTrying) return null;
    const { lineage, seq } = this.journal;
    return { lineage, seq, branch: this.journal.branchAt(seq) };
  }

  /** What the document contains, flushed or not. */
  get stateVector(): Uint8Array {
    return this.#contents.stateVector;
  }

  get documentBytes(): number {
    return this.journal.bytes + this.#room.flushes.batchBytes;
  }

  /** Whether everything that was accepted is on disk. */
  get isDurable(): boolean {
    return this.#room.flushes.batchBytes === 0 && this.journal.isDurable;
  }

  /** The room has ended. */
  close(): void {
    this.intake.close();
    this.#catchUp.close();
  }

  // What sessions bring

  /** As {@link Intake.receive}; what comes while the document is being filled, or while too much waits, waits. */
  receive(writer: Writer, update: Uint8Array, isAnswer: boolean): Promise<void> | null {
    const seeded = this.#whenSeeded();
    if (seeded === null) return this.intake.receive(writer, update, isAnswer);
    return seeded.then(() => (this.isAlive ? this.receive(writer, update, isAnswer) : null) ?? undefined);
  }

  /** As {@link receive}, of what has to be taken in as a whole, while a condition holds. */
  receiveWhole(writer: Writer, update: Uint8Array, gate: Gate): Promise<void> | null {
    const seeded = this.#whenSeeded();
    if (seeded === null) return gate.isOpen ? this.#receiveWhole(writer, update, gate) : null;
    return seeded.then(() => (this.isAlive ? this.receiveWhole(writer, update, gate) : null) ?? undefined);
  }

  #receiveWhole(writer: Writer, update: Uint8Array, gate: Gate): Promise<void> | null {
    const isNew = this.whereItIs?.seq === 0;
    if (!isNew || !equalBytes(update, EMPTY_UPDATE)) return this.intake.receiveWhole(writer, update, gate);
    // Nothing is something for a document that is not there: it is there then.
    writer.rights.demand("write");
    if (this.damage) throw this.damage;
    this.addNews(writer, new Uint8Array(EMPTY_UPDATE));
    return null;
  }

  /** `null` where nothing has to wait for the document to be filled. */
  #whenSeeded(): Promise<void> | null {
    const { seeding, batchBytes } = this.#room.flushes;
    const mustWait = seeding.isTrying || batchBytes >= this.limits.maxBatchBytes;
    return mustWait ? seeding.whenOver() : null;
  }

  addNews(writer: Writer, update: Uint8Array): void {
    this.#room.newsCame(writer, update);
  }

  flush(): void {
    this.#room.flushes.flush();
  }

  allUpdates(): readonly Uint8Array[] {
    return [...this.journal.wholeUpdates(), ...this.#room.flushes.batchUpdates()];
  }

  updatesSince(seq: number): readonly Uint8Array[] | null {
    const logged = this.journal.updatesSince(seq);
    return logged && [...logged, ...this.#room.flushes.batchUpdates()];
  }

  report(event: EngineEvent): void {
    this.#context.log.report(event);
  }

  // What sessions are sent

  /** Resolves when what a client with this state vector is to be sent is ready; `null` when it is. */
  prepareCatchUp(stateVector: Uint8Array): Promise<void> | null {
    return this.#room.flushes.seeding.withheld ? null : this.#catchUp.prepare(stateVector);
  }

  catchUp(stateVector: Uint8Array, dialect: Dialect, inflates: boolean): Frame[] {
    const { flushes } = this.#room;
    if (flushes.seeding.withheld) return nothingToCatchUp(stateVector, dialect);
    // All deletes are sent, and those of the open batch are known already: they have to be in the log first.
    if (stateVector.length > 1 && flushes.batchBytes > 0) flushes.flush();
    if (!this.isAlive) return [];
    return this.#catchUp.forStateVector(stateVector, dialect, inflates);
  }

  catchUpSince(seq: number, dialect: Dialect): Frame[] {
    // Whoever is here then has been sent nothing, and there is nothing yet that may be.
    return this.#room.flushes.seeding.withheld ? [] : this.#catchUp.forSeq(seq, dialect);
  }

  /** Puts together what is on disk: a large document elsewhere, so that the event loop goes on. */
  async encodeDurable(): Promise<DurableState> {
    const { durableSeq: seq } = this.journal;
    const updates = this.journal.durableUpdates();
    const bytes = updates.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= SMALL_BYTES) return { seq, update: mergeUpdates(updates) };
    return { seq, update: await this.replicas.fold(this.document, updates) };
  }
}
