import type { DocumentName, Limits } from "@joinery/shared";
import type { TurnBounds } from "./audience.ts";
import type { Compactions } from "./compactions.ts";
import type { FlushOptions } from "./flush-window.ts";
import type { Meter } from "./meter.ts";
import type { RoomObserver } from "./observer.ts";
import type { PendingSignalBytes } from "./pending-signals.ts";
import type { BranchId, Clock, Compression, Lineage, Log, Replicas, Storage } from "./ports.ts";
import type { Session } from "./session.ts";
import type { SignalHandlers } from "./signals.ts";

/** A room that has ended. */
export interface EndedRoom {
  readonly document: DocumentName;
  /** Resolves when nothing of it is being written any more. */
  whenQuiet(): Promise<void> | null;
}

/** A room in which nobody is. */
export interface IdleRoom {
  /** Goes as soon as it may. */
  retire(): void;
}

/** What all rooms of an engine share. */
export interface RoomContext {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: Limits;
  readonly flush: FlushOptions;
  readonly turn: TurnBounds;
  /** How long a room without sessions stays in memory, in milliseconds. */
  readonly idleRoomMs: number;
  readonly replicas: Replicas;
  /** `null` where nothing is compressed. */
  readonly compression: Compression | null;
  readonly signalHandlers: SignalHandlers;
  readonly pendingSignals: PendingSignalBytes;
  readonly compactions: Compactions;
  /** `null` where nobody looks on. */
  readonly observer: RoomObserver | null;
  newLineage(): Lineage;
  /** What this life of the server appends is of this branch of each document's log. */
  readonly branch: BranchId;
  /** Nobody is in the room, and it may be let go of. */
  roomIsIdle(room: IdleRoom): void;
  /** Somebody is in the room, or it is being let go of. */
  roomIsUsed(room: IdleRoom): void;
  /** The room ended and must be forgotten. */
  roomEnded(room: EndedRoom & IdleRoom): void;
  /** Log bytes were handed to the storage (positive) or came back from it (negative). */
  uncommittedChanged(bytes: number): void;
  /** Stops reading from this session's client if the storage has fallen behind. */
  throttleWriter(session: Session): void;
  /** A session announced presence that is somebody else's; most are echoes. */
  countForeignPresence(entries: number): void;
  /** A signal was not sent to a client because that reads too slowly. */
  countDroppedSignal(): void;
}
