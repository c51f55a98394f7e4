/** A document as it is stored, in as little memory as its bytes take. */

import { type DocumentName, type ErrorCode, JoineryError } from "@joinery/shared";
import type { LogEntry, StoredDocument } from "../engine/ports.ts";
import { PackedUpdates } from "./packed-updates.ts";
import type { DocumentSource, PackedDocument } from "./source.ts";

/**
 * Loads a document.
 *
 * @param load Loads it, and puts into its log what `keep` makes of each entry.
 * @param onRead Told of each update of the log, of which nobody needs the bytes that it came in any more.
 */
export async function packDocument(
  load: (keep: (entry: LogEntry) => LogEntry) => Promise<StoredDocument | null>,
  onRead: (update: Uint8Array) => void = () => undefined,
): Promise<PackedDocument | null> {
  const updates = new PackedUpdates();
  const stored = await load(({ seq, time, parts }) => {
    for (const { update } of parts) {
      updates.add(update);
      onRead(update);
    }
    return { seq, time, parts: [] };
  });
  if (stored === null) return null;
  const { lineage, bornAt, damage, snapshot, tail } = stored;
  if (snapshot !== null) updates.addFirst(snapshot.update);
  const { seq, time } = tail.at(-1) ?? snapshot ?? { seq: 0, time: 0 };
  const snapshotBytes = snapshot?.update.length ?? 0;
  return { lineage, bornAt, damage, seq, time, snapshotBytes, logEntries: tail.length, updates };
}

/** As {@link DocumentSource.load}, packed. */
export async function loadPacked(
  source: DocumentSource,
  document: DocumentName,
  until?: number,
): Promise<PackedDocument | null> {
  const packed = await packedOf(source, document, until);
  if (packed === null || packed.seq === 0 || packed.logEntries > 0) return packed;
  return { ...packed, time: (await batchTime(source, document, packed.seq)) ?? packed.time };
}

function packedOf(
  source: DocumentSource,
  document: DocumentName,
  until?: number,
): Promise<PackedDocument | null> {
  if (source.pack !== undefined) return source.pack(document, until);
  return packDocument(async (keep) => {
    const stored = await source.load(document, until);
    return stored && { ...stored, tail: stored.tail.map(keep) };
  });
}

const NO_BATCH: ReadonlySet<ErrorCode> = new Set(["DOCUMENT_DAMAGED", "PERMISSION_DENIED"]);

/** When a batch that a snapshot stands for was flushed: before the snapshot was written. `null` where it is not kept. */
async function batchTime(
  source: DocumentSource,
  document: DocumentName,
  seq: number,
): Promise<number | null> {
  try {
    const [entry] = await source.log(document, seq - 1, 0);
    return entry?.seq === seq ? entry.time : null;
  } catch (error) {
    // What is in the snapshot is sound all the same; and who may see it may not see the log.
    if (error instanceof JoineryError && NO_BATCH.has(error.code)) return null;
    throw error;
  }
}
