/**
 * One room as its observer sees it, and what the observer does in it. What the server itself writes is written by
 * nobody in particular, who is never there.
 */

import { type AwarenessEntry, type DocumentName, JoineryError } from "@joinery/shared";
import type { AppendedBatch, Flushes } from "./flushes.ts";
import type { Writer } from "./intake.ts";
import type { DurableState } from "./journal.ts";
import type { LoadedDocument } from "./loaded-document.ts";
import type { ObservedRoom, RoomObserver } from "./observer.ts";
import { LOCAL_PEER } from "./peer.ts";
import type { Lineage, Signal } from "./ports.ts";
import { Rights } from "./rights.ts";
import type { Session } from "./session.ts";
import type { Signals } from "./signals.ts";

/** What an observation needs of its room. */
export interface ObservableRoom {
  readonly document: DocumentName;
  readonly seq: number;
  readonly loaded: LoadedDocument;
  readonly flushes: Flushes;
  readonly signals: Signals<Session>;
  /** Those who wait for it, too. */
  readonly sessions: ReadonlySet<Session>;
  /** Resolves when everything up to `seq` is on disk; rejects when the room ends before. */
  whenDurableUpTo(seq: number): Promise<void>;
  /** Whose presence this id is. */
  presentUnder(clientId: number): Session | null;
}

/** The server, as it writes. */
class House implements Writer {
  readonly id = 0;
  readonly author = "";
  readonly peer = LOCAL_PEER;
  readonly rights = Rights.WRITER;
  readonly isClosed = false;
  /** What it writes may have been made under anybody's id, and be of somebody who comes back. */
  readonly claimsIds = false;

  leftOut(): void {
    // Nobody could be asked for the rest, so nothing is held aside.
    const message = "the server wrote an update that builds upon what the document has not";
    throw new JoineryError("INTERNAL", message);
  }

  ask(): void {
    // It has nothing but what it wrote.
  }

  takenIn(): void {
    // Nothing of it is ever held aside.
  }

  probe(): void {
    // It is always there.
  }

  close(): void {
    // It cannot be sent away.
  }
}

export class Observation implements ObservedRoom {
  readonly #observer: RoomObserver;
  readonly #room: ObservableRoom;
  readonly #house = new House();
  /** Those who were let in. */
  readonly #joined = new Set<Session>();
  #isLoaded = false;
  #end: JoineryError | null = null;

  constructor(observer: RoomObserver, room: ObservableRoom) {
    this.#observer = observer;
    this.#room = room;
  }

  // What the observer sees and does.

  get document(): DocumentName {
    return this.#room.document;
  }

  get lineage(): Lineage {
    return this.#room.loaded.lineage;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#joined;
  }

  get waiting(): readonly Session[] {
    return [...this.#room.sessions].filter((session) => !this.#joined.has(session));
  }

  get seq(): number {
    return this.#room.seq;
  }

  get durableSeq(): number {
    return this.#room.loaded.journal.durableSeq;
  }

  get damage(): JoineryError | null {
    return this.#room.loaded.damage;
  }

  allUpdates(): readonly Uint8Array[] {
    return this.#room.loaded.allUpdates();
  }

  async encodeDurable(): Promise<DurableState> {
    this.#requireLife();
    return await this.#room.loaded.encodeDurable();
  }

  write(update: Uint8Array): Promise<void> | null {
    this.#requireLife();
    const tried = this.#room.loaded.receive(this.#house, update, false);
    // While it is tried the room may end, and then it was not written.
    return tried === null ? null : tried.then(() => this.#requireLife());
  }

  async whenDurable(): Promise<void> {
    this.#requireLife();
    const { flushes, loaded } = this.#room;
    flushes.flush();
    // That may have gone wrong.
    this.#requireLife();
    const seq = flushes.batchBytes > 0 ? loaded.loggedSeq + 1 : loaded.loggedSeq;
    if (seq <= this.durableSeq) return;
    await this.#room.whenDurableUpTo(seq);
  }

  signal(signal: Pick<Signal, "name" | "payload">, isFor: (session: Session) => boolean = () => true): void {
    if (this.#end === null) this.#room.signals.tell(signal, isFor);
  }

  #requireLife(): void {
    if (this.#end !== null) throw this.#end;
  }

  // What the room tells.

  loaded(): Promise<void> | null {
    this.#isLoaded = true;
    const settled = this.#observer.loaded?.(this) ?? null;
    return settled === null ? null : settled.then(() => this.whenDurable());
  }

  joined(session: Session): void {
    this.#joined.add(session);
    this.#observer.joined?.(this, session);
  }

  left(session: Session): void {
    if (this.#joined.delete(session)) this.#observer.left?.(this, session);
  }

  accepted(writer: Writer, update: Uint8Array): void {
    // reason: whoever writes is the house or a session of this room.
    if (writer !== this.#house) this.#observer.accepted?.(this, writer as Session, update);
  }

  /** @param accept Takes the entries in. What is told of them is what is the session's own. */
  announced(session: Session, entries: readonly AwarenessEntry[], accept: () => void): void {
    if (!this.#observer.announced) {
      accept();
      return;
    }
    const isOwn = ({ clientId }: AwarenessEntry) => this.#room.presentUnder(clientId) === session;
    // An id that is taken back was its own before, one that is new is so after.
    const before = new Set(entries.filter(isOwn));
    accept();
    const own = entries.filter((entry) => before.has(entry) || isOwn(entry));
    if (own.length > 0) this.#observer.announced(this, session, own);
  }

  appended(batch: AppendedBatch): void {
    this.#observer.appended?.(this, batch);
  }

  durable(seq: number): void {
    this.#observer.durable?.(this, seq);
  }

  evicting(): Promise<boolean> | null {
    return this.#observer.evicting?.(this) ?? null;
  }

  /** @param error Why the room failed; `null` if it did not. */
  ended(error: JoineryError | null): void {
    this.#end = error ?? new JoineryError("SERVER_DRAINING", "the document's room is gone");
    for (const session of [...this.#joined]) this.left(session);
    if (this.#isLoaded) this.#observer.ended?.(this, error);
  }
}
