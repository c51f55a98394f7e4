/** What is happening in documents now: what the HTTP API asks of the server. */

import type { DocumentName, JoineryError } from "@joinery/shared";
import type { DoorRequest } from "../access/access-api.ts";
import type { LogEntry, Revision, Signal } from "../engine/ports.ts";
import type { UpdateSummary } from "../inspect/log-entries.ts";

/** Somebody wants to be told what happens in a document. */
export interface FollowRequest {
  readonly who: DoorRequest;
  readonly document: DocumentName;
  /** Whether they are sent what was written, not only told that it was. */
  readonly hasUpdates: boolean;
  /** The `id` of the last event that they had, as they say; `null` for none: they are told from now on. */
  readonly after: string | null;
  /** Aborted when they are gone; or when it has to end for another reason, which is a JoineryError that they are told. */
  readonly signal: AbortSignal;
}

/** Why somebody cannot go on where they were: see {@link placeAfter}. */
export type ResetReason = "unreadable" | "lineage" | "branch" | "ahead";

/** Somebody who is here. */
export interface Present {
  readonly clientId: number;
  /** Empty for nobody in particular. */
  readonly user: string;
  /** As the client announced it. */
  readonly state: unknown;
}

/** One thing that a follower is told. Where it has a revision, they can go on behind it. */
export type LiveEvent =
  | {
      readonly type: "hello";
      readonly document: DocumentName;
      /** What follows comes after this. */
      readonly revision: Revision;
      readonly user: string;
      readonly session: number;
      readonly hasUpdates: boolean;
    }
  /** What they had does not fit: they go on from now. */
  | { readonly type: "reset"; readonly reason: ResetReason; readonly given: string }
  | {
      readonly type: "batch";
      readonly revision: Revision;
      readonly entry: LogEntry;
      /** Of its parts, in order. */
      readonly summaries: readonly UpdateSummary[];
      readonly hasUpdates: boolean;
    }
  /** These batches, both ends included, are folded into a snapshot: nobody can tell them one by one. */
  | { readonly type: "gap"; readonly revision: Revision; readonly from: number; readonly to: number }
  | {
      readonly type: "presence";
      /** Whether everybody who is here is in `joined`: whoever is not has gone. */
      readonly isAll: boolean;
      readonly joined: readonly Present[];
      readonly changed: readonly Present[];
      /** Their client ids. */
      readonly left: readonly number[];
    }
  | { readonly type: "signal"; readonly signal: Signal }
  /** So many signals were dropped since the last event, because too much waited to be read. */
  | { readonly type: "missed"; readonly signals: number }
  /** The last one: why there will be no more, and in how many milliseconds to come back, if at all. */
  | { readonly type: "ended"; readonly error: JoineryError; readonly comeBackMs: number };

/** What somebody is told who follows a document. */
export interface Following {
  /** Events, encoded. To be read once. Ends after the event that says why; never rejects but with INTERNAL. */
  readonly events: AsyncIterable<Uint8Array>;
  /** Nobody reads any more. Idempotent. */
  leave(): void;
}

/** Somebody who is here, and by which session. */
export interface PresentClient extends Present {
  readonly session: number | null;
  /** When that session began, in milliseconds since 1970; `null` for one of the server's own. */
  readonly since: number | null;
}

/** A document in memory. */
export interface RoomInfo {
  /** Greater for one that was made later; a document that is loaded again has another. */
  readonly room: number;
  readonly document: DocumentName;
  readonly state: "loading" | "live" | "closing";
  readonly sessions: number;
  readonly seq: number;
  readonly durableSeq: number;
  /** Of the document, encoded, with its log. */
  readonly bytes: number;
  /** Of the log, that are not on disk. */
  readonly uncommittedBytes: number;
  /** Of updates that are held aside until what they build upon comes. */
  readonly heldBytes: number;
  /** In milliseconds since 1970; `null` while it loads. */
  readonly loadedAt: number | null;
  /** Batches that were written since. */
  readonly batches: number;
}

export interface RoomsQuery {
  readonly prefix: string;
  /** Only rooms with greater numbers. */
  readonly after: number;
  readonly limit: number;
}

export interface DocumentsLive {
  /**
   * Follows a document, as a session of the engine that is asked for like any other; it is in memory meanwhile.
   *
   * Rejects as `Admissions.admit` and `Rooms.open`, with what ended the session before it began, and with
   * TOO_MANY_CONNECTIONS (backoff).
   */
  follow(request: FollowRequest): Promise<Following>;
  /** Who is here; nobody, where the document is not in memory: it is not loaded for that. Cost: linear in sessions. */
  presence(document: DocumentName): readonly PresentClient[];
  /**
   * Sends a signal of the server's to those who are in a document, all tabs of one user where one is given.
   *
   * @returns To how many.
   * @throws JoineryError SIGNAL_REFUSED (never).
   */
  signal(
    to: { readonly document: DocumentName; readonly user?: string },
    name: string,
    payload: unknown,
  ): number;
  /** The documents in memory, by the numbers of their rooms. Cost: linear in rooms. */
  rooms(query: RoomsQuery): { readonly rooms: readonly RoomInfo[]; readonly next: number | null };
}
