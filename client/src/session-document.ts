/** What a session needs of its document. */

import type { LineageId, Revision, ServerFrame, WirePermission } from "@joinery/shared/protocol";
import type * as Y from "yjs";
import type { Failure } from "./failure.ts";
import type { TokenSource } from "./token.ts";

/** Whose copy of a document is whose. */
export interface LineageConflict {
  /** What this device has; `seq` is `null` when it does not know how far. */
  readonly local: { readonly lineage: LineageId; readonly seq: number | null };
  /** What the server has; `seq` 0 when it has no such document. */
  readonly remote: Revision;
}

interface SessionPresence {
  /** What others have to be told; `null` for nothing. */
  take(): Uint8Array | null;
  received(users: ReadonlyMap<number, string>, update: Uint8Array): void;
  /** The server knows nothing of us any more, and we of nobody. */
  linkIsUp(): void;
  linkIsDown(): void;
}

export interface SessionDocument {
  readonly name: string;
  readonly doc: Y.Doc;
  /** For this document alone; `null` for the connection's. */
  readonly token: TokenSource | null;
  readonly seed: ((doc: Y.Doc) => void | Promise<void>) | null;
  readonly presence: SessionPresence | null;
  /** Applies a remote update. @returns What of it was not here; `null` for nothing. */
  apply(update: Uint8Array): Uint8Array | null;
  /** The oldest so many unsaved edits are durable. */
  saved(edits: number): void;
  /** What a later run may rely on. */
  positionChanged(revision: Revision | null, lineage: LineageId | null): void;
  signalled(signal: Extract<ServerFrame, { type: "signal" }>): void;
  noticed(failure: Failure): void;
  permissionChanged(permission: WirePermission, reason: string): void;
  /** The application made a mistake. */
  report(thrown: unknown): void;
  /** The state, or something else that is told of it, is different. */
  changed(): void;
}
