/**
 * One room as its observer sees it, and what the observer does in it. What the server itself writes is written by
 * nobody in particular, who is never there.
 */

import { type AwarenessEntry, type DocumentName, JoineryError } from "@joinery/shared";
import type { AppendedBatch } from "./flushes.ts";
import type { Writer } from "./intake.ts";
import type { ObservedRoom, RoomObserver } from "./observer.ts";
import type { Lineage, Signal } from "./ports.ts";
import type { Session } from "./session.ts";

/** What an observation needs of its room. */
export interface ObservableRoom {
  readonly document: DocumentName;
  readonly lineage: Lineage;
  readonly sessions: ReadonlySet<Session>;
  readonly seq: number;
  readonly durableSeq: number;
  /** The last batch that was handed to the storage, shown or not. */
  readonly loggedSeq: number;
  readonly damage: JoineryError | null;
  allUpdates(): readonly Uint8Array[];
  acceptUpdate(writer: Writer, update: Uint8Array, isAnswer: boolean): Promise<void> | null;
  /** Bytes of what was accepted and is not in the log. */
  readonly batchBytes: number;
  flush(): void;
  tellSignal(signal: Pick<Signal, "name" | "payload">, isFor: (session: Session) => boolean): void;
  /** Whose presence this id is. */
  presentUnder(clientId: number): Session | null;
}

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: JoineryError) => void;
}

/** The server, as it writes. */
class House implements Writer {
  readonly author = "";
  readonly permission = "write";
  readonly isClosed = false;
  wasLeftOut = false;

  leftOut(): void {
    this.wasLeftOut = true;
  }

  ask(): void {
    // It has nothing but what it wrote.
  }

  takenIn(): void {
    // It was told already that it was not.
  }

  probe(): void {
    // It is always there.
  }

  close(): void {
    // As with `takenIn`.
  }
}

export class Observation implements ObservedRoom {
  readonly #observer: RoomObserver;
  readonly #room: ObservableRoom;
  readonly #house = new House();
  /** Those who were let in. */
  readonly #joined = new Set<Session>();
  #waiters: Waiter[] = [];
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
    return this.#room.lineage;
  }

  get sessions(): ReadonlySet<Session> {
    return this.#joined;
  }

  get seq(): number {
    return this.#room.seq;
  }

  get durableSeq(): number {
    return this.#room.durableSeq;
  }

  get damage(): JoineryError | null {
    return this.#room.damage;
  }

  allUpdates(): readonly Uint8Array[] {
    return this.#room.allUpdates();
  }

  write(update: Uint8Array): Promise<void> | null {
    this.#requireLife();
    this.#house.wasLeftOut = false;
    const tried = this.#room.acceptUpdate(this.#house, update, false);
    if (tried !== null) return tried;
    if (!this.#house.wasLeftOut) return null;
    throw new JoineryError(
      "INTERNAL",
      "the server wrote an update that builds upon what the document has not",
    );
  }

  async whenDurable(): Promise<void> {
    this.#requireLife();
    this.#room.flush();
    const { loggedSeq, batchBytes } = this.#room;
    const seq = batchBytes > 0 ? loggedSeq + 1 : loggedSeq;
    if (seq <= this.#room.durableSeq) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject });
    });
  }

  signal(signal: Pick<Signal, "name" | "payload">, isFor: (session: Session) => boolean = () => true): void {
    if (this.#end === null) this.#room.tellSignal(signal, isFor);
  }

  #requireLife(): void {
    if (this.#end !== null) throw this.#end;
  }

  // What the room tells.

  loaded(): Promise<void> | null {
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
    const isOwn = ({ clientId }: AwarenessEntry) => this.#room.presentUnder(clientId) === session;
    if (!this.#observer.announced) {
      accept();
      return;
    }
    const before = new Set(entries.filter(isOwn));
    accept();
    const own = entries.filter((entry) => before.has(entry) || isOwn(entry));
    if (own.length > 0) this.#observer.announced(this, session, own);
  }

  appended(batch: AppendedBatch): void {
    this.#observer.appended?.(this, batch);
  }

  durable(seq: number): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.seq > seq);
    for (const waiter of waiters) if (waiter.seq <= seq) waiter.resolve();
    this.#observer.durable?.(this, seq);
  }

  evicting(): Promise<boolean> | null {
    return this.#observer.evicting?.(this) ?? null;
  }

  /** @param error Why the room failed; `null` if it did not. */
  ended(error: JoineryError | null): void {
    this.#end = error ?? new JoineryError("SERVER_DRAINING", "the document's room is gone");
    for (const { reject } of this.#waiters.splice(0)) reject(this.#end);
    this.#joined.clear();
    this.#observer.ended?.(this, error);
  }
}
