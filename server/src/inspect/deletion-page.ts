import type { DocumentName } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { Deletion, Storage } from "../engine/ports.ts";
import { compareBytes } from "../storage/keys.ts";

/** Which part of what was deleted. */
export interface DeletionPart {
  readonly prefix: string;
  /** Only documents behind this name; `null` for all. */
  readonly after: DocumentName | null;
  /** What is of one name is never torn apart, and may be more. */
  readonly maxDeletions: number;
}

export interface DeletionPage {
  readonly deletions: readonly Deletion[];
  /** Behind which name the list goes on; `null` at its end. */
  readonly next: DocumentName | null;
}

/** Lists some of what was deleted. Cost: a seek for each that comes before it, too. */
export async function deletionPage(
  storage: Pick<Storage, "deletions">,
  { prefix, after, maxDeletions }: DeletionPart,
): Promise<DeletionPage> {
  const deletions: Deletion[] = [];
  let last: DocumentName | null = null;
  for await (const deletion of storage.deletions(prefix)) {
    const { document } = deletion;
    if (after !== null && compareNames(document, after) <= 0) continue;
    if (deletions.length >= maxDeletions && document !== last) return { deletions, next: last };
    deletions.push(deletion);
    last = document;
  }
  return { deletions, next: null };
}

/** In the order in which storages list names: that of their UTF-8 bytes. */
export function compareNames(a: DocumentName, b: DocumentName): number {
  return compareBytes(encodeUtf8(a), encodeUtf8(b));
}
