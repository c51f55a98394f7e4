import { JoineryError } from "@joinery/shared";
import { UNKNOWN_BRANCH } from "./branches.ts";
import type { LogPoint, Revision } from "./ports.ts";

/** What a client says of its copy when it opens a document. */
export interface Opening {
  /** It has all that is durable up to here, and knows what it has beyond. */
  readonly revision: Revision | null;
  /** It has a copy of this lineage, and no revision of it. */
  readonly lineage: string | null;
  /** Batches of that lineage that were durable when the copy was made. */
  readonly confirmed: readonly LogPoint[];
  readonly stateVector: Uint8Array | null;
  /** It would fill the document if that is new. */
  readonly offersSeed: boolean;
}

/** Of a client whose dialect cannot say any of it. */
export const NO_OPENING: Opening = {
  revision: null,
  lineage: null,
  confirmed: [],
  stateVector: null,
  offersSeed: false,
};

/**
 * How a session begins. `continue`: it is sent the log since its revision, at once. `compare`: it has all that is
 * durable here and knows what it has beyond, but the log since is folded: it is asked nothing, and sent what its state
 * vector lacks. `exchange`: both sides say what they have. `refuse`: its copy is of another life of the name, or of
 * another branch, as after a backup was restored, or made when this one was further than it is; merging would bring back
 * what was deleted, and going on from there would leave out what took the place of what it has.
 */
export type Beginning = "continue" | "compare" | "exchange" | "refuse";

/** Where the server's document is. */
export interface Position {
  readonly lineage: string;
  /** The last batch, durable or not; 0 for a document that was never written to. */
  readonly seq: number;
  readonly durableSeq: number;
  /** Whether the log after this seq is in memory. */
  hasLogSince(seq: number): boolean;
  /** Which branch this batch of the log is of; zeros where that is not known, or not any more. */
  branchAt(seq: number): string;
}

/** Decides how a session begins. */
export function beginningOf({ revision, lineage, confirmed }: Opening, position: Position): Beginning {
  const theirs = revision?.lineage ?? lineage;
  if (theirs === null) return "exchange";
  // A document that was never written to has another lineage each time that it is opened.
  if (theirs !== position.lineage || position.seq === 0) return "refuse";
  const standings = [...confirmed, ...(revision ? [revision] : [])].map((point) =>
    standingOf(point, position),
  );
  if (standings.includes("lost")) return "refuse";
  if (!revision || standings.includes("forgotten")) return "exchange";
  return position.hasLogSince(revision.seq) ? "continue" : "compare";
}

/** Whether a batch that a client names is in the log; `forgotten` when nobody can tell any more. */
function standingOf({ seq, branch }: LogPoint, position: Position): "there" | "lost" | "forgotten" {
  if (seq > position.seq) return "lost";
  const ours = position.branchAt(seq);
  if (branch === ours) return "there";
  return ours === UNKNOWN_BRANCH ? "forgotten" : "lost";
}

/** What a client is told whose copy is refused. */
export function lineageChanged(opening: Opening, position: Position): JoineryError {
  const { revision, lineage, confirmed } = opening;
  const known = [...confirmed, ...(revision ? [revision] : [])];
  const upTo = known.length > 0 ? ` up to ${Math.max(...known.map(({ seq }) => seq))}` : "";
  const theirs = `${revision?.lineage ?? lineage}${upTo}`;
  const isOfAnother =
    (revision?.lineage ?? lineage) === position.lineage && known.every(({ seq }) => seq <= position.seq);
  const ours =
    position.seq === 0
      ? "has no such document"
      : `has ${position.lineage} up to ${position.durableSeq}${isOfAnother ? ", with another batch there" : ""}`;
  return new JoineryError("LINEAGE_CHANGED", `the client has a copy of ${theirs}, the server ${ours}`);
}
