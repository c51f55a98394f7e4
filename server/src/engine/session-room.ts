import type { AwarenessEntry, DocumentName, JoineryError, Limits } from "@joinery/shared";
import type { EngineEvent } from "./events.ts";
import type { FeedRoom } from "./feed.ts";
import type { Guard } from "./guard.ts";
import type { Meter } from "./meter.ts";
import type { Position } from "./opening.ts";
import type { NewestBranch, Revision } from "./ports.ts";
import type { SentSignal } from "./signals.ts";
import type { Demand, WhereItIs } from "./whole-write.ts";

/** What a session needs of its room. */
export interface SessionRoom<Session> extends FeedRoom, Position {
  readonly document: DocumentName;
  readonly limits: Limits;
  readonly meter: Meter;
  /** Looks at what clients send; `null` for nobody. */
  readonly guard: Guard<Session> | null;
  readonly signals: { accept(session: Session, signal: SentSignal): void };
  readonly durableSeq: number;
  readonly seq: number;
  readonly newestBranch: NewestBranch;
  /** What is wrong with what the storage has of the document; then nobody may write to it. */
  readonly damage: JoineryError | null;
  /** What the room contains, flushed or not. */
  readonly stateVector: Uint8Array;
  /** Where the document is; `null` while something was accepted that is not in the log. */
  readonly whereItIs: WhereItIs;
  /** Everything that was accepted, as Yjs v1 updates in order. Cost: none; the bytes must not be changed. */
  allUpdates(): readonly Uint8Array[];
  /** Whether somebody who is here writes, or is seen, under this id. */
  isOwned(clientId: number): boolean;
  /** Resolves when all that was accepted by now is on disk; rejects when the room ends before. */
  whenDurable(): Promise<Revision>;
  /** Resolves when the document's first batch is durable; `null` when it is, or there is none. */
  whenBorn(): Promise<void> | null;
  /** Resolves when what a client with this state vector is to be sent is ready; `null` when it is. */
  prepareCatchUp(stateVector: Uint8Array): Promise<void> | null;
  /**
   * These throw JoineryError when the input is refused. A promise says that it is being tried, and that what the
   * client sends after it has to wait; it rejects with the refusal.
   */
  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): Promise<void> | null;
  /** All of it or nothing, while the condition holds, which throws where it does not. */
  acceptWhole(session: Session, update: Uint8Array, demand: Demand): Promise<void> | null;
  acceptSeed(session: Session, update: Uint8Array): Promise<void> | null;
  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void;
  /** The session would fill the document, if that is new. */
  offerSeed(session: Session): void;
  /** A session may write which might not before: it may fill the document, if it offered to. */
  mayWriteNow(): void;
  /** The session has something to acknowledge, once what was accepted is in the log. */
  acknowledgeSoon(session: Session): void;
  /** The session has been let in. */
  sessionIsOpen(session: Session): void;
  sessionIsLive(session: Session): void;
  sessionIsLagging(session: Session, bufferedBytes: number): void;
  leave(session: Session): void;
  /** The session may not show presence any more: what it did is taken back. */
  hidePresence(session: Session): void;
  report(event: EngineEvent): void;
}
