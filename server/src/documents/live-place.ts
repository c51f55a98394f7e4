/** Where in a document's log a follower goes on. */

import type { Revision } from "../engine/ports.ts";
import type { ResetReason } from "./live-api.ts";

/** Where a document is that somebody follows. */
export interface WhereItIs {
  /** The last batch that is on disk. */
  readonly durable: Revision;
  /** Which branch a batch is of; zeros where nobody knows any more. */
  branchAt(seq: number): string;
}

export interface Place {
  /** What comes after it is told. */
  readonly revision: Revision;
  /** Why it is not what the follower asked for; `null` where it is. */
  readonly reset: ResetReason | null;
}

const REVISION = /^([0-9a-f]{32})\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,15})$/;

/**
 * Where a follower goes on who was told everything up to a revision. Nothing is left out, and nothing told twice: where
 * what they had is not of this log, they go on from now, and know why.
 *
 * unreadable: it is no revision. lineage: it is of another life of the name. branch: another batch is there, as after a
 * backup was restored, or it is of so long ago that nobody knows. ahead: there is no such batch yet.
 */
export function placeAfter(given: string | null, { durable, branchAt }: WhereItIs): Place {
  if (given === null) return { revision: durable, reset: null };
  const from = (reason: ResetReason): Place => ({ revision: durable, reset: reason });
  const [, lineage, branch, digits] = REVISION.exec(given) ?? [];
  const seq = Number(digits);
  if (lineage === undefined || branch === undefined || !Number.isSafeInteger(seq)) return from("unreadable");
  // Who had nothing has missed all that there is, whichever life of the name it is of.
  if (seq === 0) return { revision: { lineage: durable.lineage, branch: branchAt(0), seq: 0 }, reset: null };
  if (lineage !== durable.lineage) return from("lineage");
  if (seq > durable.seq) return from("ahead");
  if (branch !== branchAt(seq)) return from("branch");
  return { revision: { lineage, branch, seq }, reset: null };
}
