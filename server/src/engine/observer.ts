/**
 * What an application may know of rooms, and do in them. One observer is handed to the engine, or none: then nothing of
 * this costs anything.
 *
 * What is called here runs on the way of every edit: it must not throw, and must not call back into the room before it
 * has returned. The promises that some of it may return are waited for, without a limit of the engine's own: whoever
 * calls into an application has to bound that.
 */

import type { AwarenessEntry, DocumentName, JoineryError } from "@joinery/shared";
import type { AppendedBatch } from "./flushes.ts";
import type { Guard } from "./guard.ts";
import type { DurableState } from "./journal.ts";
import type { Lineage, Signal } from "./ports.ts";
import type { Session } from "./session.ts";

/** A room, as far as an observer may see and use it. */
export interface ObservedRoom {
  readonly document: DocumentName;
  readonly lineage: Lineage;
  /** Those who are in it. */
  readonly sessions: ReadonlySet<Session>;
  /** Those who wait to be let in, in the order in which they came. */
  readonly waiting: readonly Session[];
  /** The last batch, and the last one that is on disk; 0 for a document that was never written to. */
  readonly seq: number;
  readonly durableSeq: number;
  /** Why nothing may be written; `null` if it may. */
  readonly damage: JoineryError | null;
  /** Everything that was accepted, as Yjs v1 updates in order. Cost: none; the bytes must not be changed. */
  allUpdates(): readonly Uint8Array[];
  /**
   * Everything that is on disk, as one update. Rejects with the reason when the room has ended, and with
   * REPLICA_FAILED or SERVER_FULL (backoff). Cost: linear in the document, on another thread if that is large.
   */
  encodeDurable(): Promise<DurableState>;
  /**
   * Writes an update of the server's own; it is dealt with like one that a client sends, but all of it is taken or
   * nothing, and nobody owns the client ids in it.
   *
   * @returns A promise where the update has to be rehearsed; it rejects with the refusal.
   * @throws JoineryError as for a client's update; INTERNAL (backoff) when it builds upon what is not there.
   */
  write(update: Uint8Array): Promise<void> | null;
  /** Resolves when everything that was accepted by now is on disk; rejects when it cannot be. */
  whenDurable(): Promise<void>;
  /** Sends a signal of the server's to those for whom this is true. Default: everybody. */
  signal(signal: Pick<Signal, "name" | "payload">, isFor?: (session: Session) => boolean): void;
}

/** What becomes of a room. Which of them an observer has is looked at once, when the engine is made. */
export interface RoomObserver {
  /** Looks at what clients send before it is let in. */
  readonly guard?: Guard<Session>;
  /**
   * A document was read. Nobody is let in before this settles and all that was written meanwhile is on disk. When it
   * rejects, the load has failed, and everybody who waits is sent away with the reason.
   */
  loaded?(room: ObservedRoom): Promise<void> | null;
  /** Somebody was let in. */
  joined?(room: ObservedRoom, session: Session): void;
  /** Somebody who was let in has gone, or the room is about to end. */
  left?(room: ObservedRoom, session: Session): void;
  /** Somebody's edit was accepted, in the order in which they are applied. The bytes must not be changed. */
  accepted?(room: ObservedRoom, session: Session, update: Uint8Array): void;
  /** Presence was accepted, of ids that are the session's own. */
  announced?(room: ObservedRoom, session: Session, entries: readonly AwarenessEntry[]): void;
  /** A batch was handed to the storage, and not sent to anybody yet. */
  appended?(room: ObservedRoom, batch: AppendedBatch): void;
  /** Everything up to a `seq` is on disk. */
  durable?(room: ObservedRoom, seq: number): void;
  /**
   * A room in which nobody is would be let go.
   *
   * @returns Whether it may be; if not, it is asked again after as long a time. `null` for yes, at once.
   */
  evicting?(room: ObservedRoom): Promise<boolean> | null;
  /** A room that was loaded is gone, because nobody was in it (`null`) or because it failed. */
  ended?(room: ObservedRoom, error: JoineryError | null): void;
}
