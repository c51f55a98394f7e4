/** What an application gives to a document, and what it is told. */

import type { JoineryError } from "@joinery/shared";
import type { LineageId, LogPlace, WirePermission } from "@joinery/shared/protocol";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import type { Failure } from "./failure.ts";
import type { Status } from "./status.ts";
import type { TokenSource } from "./token.ts";

/** Whose copy of a document is whose. */
export interface LineageConflict {
  /** What this device has; `seq` is `null` when it does not know how far. */
  readonly local: { readonly lineage: LineageId; readonly seq: number | null };
  /** What the server has; `seq` 0 when it has no such document. */
  readonly remote: LogPlace;
}

/** What to do with a copy whose document was deleted, re-created or restored on the server. */
export type LineageChoice =
  /** Take the server's; what is on this device goes. */
  | "discard"
  /** Both become one document, on purpose. */
  | "merge"
  /** Take the server's; what is on this device becomes another document. */
  | "keep-as-copy";

export interface OpenOptions {
  /** Where the content goes; what is in it already counts as edited here. Default: a new one. */
  readonly doc?: Y.Doc;
  /** Of the same Y.Doc. Default: a new one. */
  readonly awareness?: Awareness;
  /**
   * Fills a document that is new on the server. It runs on a Y.Doc of its own, on one client at a time, and what it
   * makes enters the document once in its life, whoever comes first and whatever crashes. If it throws, the event
   * `error` tells, the document stays empty, and it is asked again when the document is opened the next time.
   */
  readonly seed?: (doc: Y.Doc) => void | Promise<void>;
  /** For this document alone. Default: the client's. */
  readonly token?: TokenSource;
  /** Chooses when the server's document is another one than ours. Without a choice the document stays refused. */
  readonly onLineage?: (
    conflict: LineageConflict,
  ) => LineageChoice | undefined | Promise<LineageChoice | undefined>;
  /** Pause between two changes of presence that `setPresence` announces, in milliseconds. Default 50. */
  readonly presenceThrottleMs?: number;
}

/** What is true of a document at one moment. */
export interface DocumentSnapshot {
  readonly status: Status;
  /** Changes only when a lineage conflict is resolved by taking the server's document. */
  readonly doc: Y.Doc;
  /** Whether what this device has of it is in `doc`. */
  readonly isLoaded: boolean;
  /** Whether everything that the server has is here, and goes on coming. */
  readonly synced: boolean;
  /** Whether every local edit is durable on the server. Not while there is a conflict: that server has lost some. */
  readonly saved: boolean;
  /** Local edits that are not known to be durable on the server, and their bytes. */
  readonly unsaved: { readonly count: number; readonly bytes: number };
  /** What the server allows; `null` before it said. While it is `read`, local edits stay unsaved. */
  readonly permission: WirePermission | null;
  /** Who the server takes us for; `null` for nobody in particular. */
  readonly user: string | null;
  /** Set while the document is refused because the server has another one of this name. */
  readonly conflict: LineageConflict | null;
  /**
   * Why edits are not kept on this device, or what of them could not be; `null` when all is well, and again once what
   * waited is on disk. A copy that was damaged, or could not be read, is told of for as long as the document is open.
   */
  readonly offlineError: JoineryError | null;
}

/** An application's message from somebody in the document. Nothing in it is checked, unless the server does. */
export interface Signal {
  readonly name: string;
  readonly payload: unknown;
  /** Who sent it, as the server knows them; `null` for nobody in particular. */
  readonly user: string | null;
  /** The session that sent it; 0 for the server. */
  readonly session: number;
}

export interface DocumentEvents {
  readonly status: Status;
  readonly synced: boolean;
  readonly saved: boolean;
  readonly signal: Signal;
  readonly permission: { readonly permission: WirePermission; readonly reason: string };
  readonly lineage: LineageConflict;
  /** A new Y.Doc has taken the place of the old one, and so has a new `awareness`; `presence` is the same. */
  readonly doc: Y.Doc;
  /** The server refused presence or a signal, or wants a new token and there is none; the document goes on. */
  readonly notice: Failure;
  /** A mistake of the application's own functions, or of the offline store. Without a listener the first are thrown. */
  readonly error: Error;
}
