import type { Branch, BranchId, NewestBranch } from "./ports.ts";

/** Of batches of which it is not known who wrote them: imported, or of too long ago. */
export const UNKNOWN_BRANCH = "0".repeat(16) as BranchId;

/**
 * Most branches that are kept of a document: a restart a day for almost three years. Of what came before them it is not
 * known any more whether a client's revision is of this log, and such a client is compared as one without a revision.
 */
export const MAX_BRANCHES = 1000;

/** Which branch a batch is of, or would have been of. Cost: linear in branches. */
export function branchAt(branches: readonly Branch[], seq: number): BranchId {
  return branches.findLast((branch) => branch.seq <= seq)?.id ?? UNKNOWN_BRANCH;
}

/**
 * The branches of a log to which this life of the server appends.
 *
 * @param stored Those that are on disk.
 * @param lastSeq The end of the log.
 * @returns `stored` itself when the newest one is its own, of a room that was let go of; else with a new one, behind the
 * end of the log.
 */
export function withOwnBranch(stored: readonly Branch[], own: BranchId, lastSeq: number): readonly Branch[] {
  // Of a damaged document the end may be lost.
  const known = stored.filter(({ seq }) => seq <= lastSeq);
  if (known.at(-1)?.id === own) return known.length === stored.length ? stored : known;
  return [...known.slice(1 - MAX_BRANCHES), { seq: lastSeq + 1, id: own }];
}

/** What a session is told of them. */
export function newestOf(branches: readonly Branch[]): NewestBranch {
  const newest = branches.at(-1) ?? { seq: 1, id: UNKNOWN_BRANCH };
  return { ...newest, before: branchAt(branches, newest.seq - 1) };
}
