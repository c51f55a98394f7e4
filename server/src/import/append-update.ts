import { type DocumentName, JoineryError, type Limits } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import { withOwnBranch } from "../engine/branches.ts";
import { Contents } from "../engine/contents.ts";
import type {
  Append,
  Author,
  BranchId,
  Clock,
  Lineage,
  Random,
  Replicas,
  Storage,
  StoredDocument,
} from "../engine/ports.ts";
import { boundsOf } from "./clean-state.ts";
import { newLineage, updatesOf } from "./import-documents.ts";
import { requireFits } from "./source.ts";

export interface AppendPorts {
  readonly storage: Pick<Storage, "load" | "append">;
  readonly replicas: Pick<Replicas, "fold">;
  readonly random: Random;
  readonly clock: Pick<Clock, "now">;
  readonly limits: Limits;
  /** What is appended is of this branch; no other life of the server has it. */
  readonly branch: BranchId;
}

/** A batch that was added to a document. */
export interface AppendedUpdate {
  readonly seq: number;
  /** Of what was new. */
  readonly bytes: number;
  readonly lineage: Lineage;
  /** There was no document of that name before. */
  readonly isNew: boolean;
}

/**
 * Adds to a stored document what an update has that is new to it, as one batch; creates the document where there is
 * none. Nobody else may write to it meanwhile.
 *
 * @param update Yjs v1 update.
 * @returns `null` when the document has all of it.
 * Rejects with MALFORMED_UPDATE (never) also when it builds upon what is not there, UPDATE_TOO_COSTLY, DOCUMENT_FULL
 * (never), REPLICA_FAILED, DOCUMENT_DAMAGED, and as {@link Storage.append}.
 * Cost: a replica of the document.
 */
export async function appendUpdate(
  document: DocumentName,
  { update, author }: { readonly update: Uint8Array; readonly author: Author },
  ports: AppendPorts,
): Promise<AppendedUpdate | null> {
  const { storage, replicas, limits } = ports;
  const stored = await storage.load(document);
  const news = newsFor(document, stored, update, limits);
  if (news === null) return null;
  const there = stored === null ? [] : updatesOf(stored);
  requireFits(
    there.reduce((sum, { length }) => sum + length, news.length),
    limits.maxDocumentBytes,
  );
  // In a worker, within bounds of time and memory: after that it is known to be no bomb.
  await replicas.fold(document, [...there, news]);
  const append = appendOf(document, stored, { author, update: news }, ports);
  await storage.append(append);
  const lineage = stored?.lineage ?? (append.birth as NonNullable<Append["birth"]>).lineage;
  return { seq: append.entry.seq, bytes: news.length, lineage, isNew: stored === null };
}

function newsFor(
  document: DocumentName,
  stored: StoredDocument | null,
  update: Uint8Array,
  limits: Limits,
): Uint8Array | null {
  const contents = new Contents(boundsOf(limits));
  if (stored !== null) {
    const loading = contents.load(document, stored);
    let step = loading.next();
    while (!step.done) step = loading.next();
    if (step.value.damage) throw step.value.damage;
  }
  const examination = contents.examine(update, () => true);
  if (examination.kind === "known") return null;
  if (examination.rest !== null) {
    const clients = [...examination.rest.buildsUpon.keys(), ...(examination.rest.deletes?.keys() ?? [])];
    const whose = clients.length === 1 ? `client ${clients[0]}` : `${clients.length} clients`;
    throw new JoineryError(
      "MALFORMED_UPDATE",
      `it builds upon edits of ${whose}, which document ${JSON.stringify(document)} does not have`,
    );
  }
  if (examination.kind === "missing") return null; // Only where there is a rest.
  contents.add(examination);
  return examination.update;
}

function appendOf(
  document: DocumentName,
  stored: StoredDocument | null,
  part: { readonly author: Author; readonly update: Uint8Array },
  { clock, random, branch }: AppendPorts,
): Append {
  const time = clock.now();
  const last = stored?.tail.at(-1)?.seq ?? stored?.snapshot?.seq ?? 0;
  const known = stored?.branches ?? [];
  const branches = withOwnBranch(known, branch, last);
  return {
    document,
    entry: { seq: last + 1, time, parts: [part] },
    ...(stored === null && { birth: { lineage: newLineage(random), bornAt: time } }),
    ...(branches !== known && { branches }),
  };
}

/** A branch that no life of a server has. */
export function newBranch(random: Random): BranchId {
  return toHexString(random.bytes(8)) as BranchId;
}
