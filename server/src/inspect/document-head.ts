/** How far a document is, out of a database: told from keys and its smallest records, however large it is. */

import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Branch, Lineage } from "../engine/ports.ts";
import { logRange, snapshotRange } from "../storage/keys.ts";
import { type Loss, missingAfter, missingAt } from "../storage/losses.ts";
import { damage } from "../storage/record.ts";
import { firstSeq, readBirth, readBranches, UNKNOWN_BIRTH } from "./folder-log.ts";
import type { Reader } from "./stepwise-reads.ts";

export interface DocumentHead {
  /** 32 zeros when damage has taken it. */
  readonly lineage: Lineage;
  /** Ascending by `seq`; empty when damage has taken them. */
  readonly branches: readonly Branch[];
  /** Of the last record of its log or of its newest snapshot, sound or not. */
  readonly seq: number;
  /** Of its newest snapshot, sound or not; 0 when there is none. */
  readonly snapshotSeq: number;
}

/**
 * How far a document is; `null` when there is none.
 *
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when nothing of it is left. Cost: four seeks.
 */
export async function headOf(
  database: Reader,
  document: DocumentName,
  losses: readonly Loss[],
): Promise<DocumentHead | null> {
  const newest = { reverse: true } as const;
  const snapshotSeq = (await firstSeq(database, { ...snapshotRange(document), ...newest })) ?? 0;
  const logSeq = (await firstSeq(database, { ...logRange(document, 0), ...newest })) ?? 0;
  const birth = await readBirth(database, document);
  const seq = Math.max(snapshotSeq, logSeq);
  if (seq === 0) {
    const lost = birth === null ? missingAfter(losses, document, 0) : null;
    if (birth === null && lost === null) return null;
    throw lost ?? damage({ document, seq: 1 }, "the record is missing");
  }
  const { lineage } = birth === null || birth instanceof JoineryError ? UNKNOWN_BIRTH : birth;
  const areLost = missingAt(losses, { document, kind: "branches", seq: 0 }) !== null;
  const branches = areLost ? [] : await readBranches(database, document);
  return { lineage, branches, seq, snapshotSeq };
}
