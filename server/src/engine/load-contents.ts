import type { DocumentName, Limits } from "@joinery/shared";
import { Contents } from "./contents.ts";
import { Graves } from "./graves.ts";
import type { Clock, Storage, StoredDocument } from "./ports.ts";

export interface Loaded {
  readonly contents: Contents;
  /** What is in order of what the storage has; `null` if it has nothing. */
  readonly stored: StoredDocument | null;
  /** What was deleted under its name. */
  readonly graves: Graves;
}

/**
 * Loads a document and takes it in, step by step: a large one would hold up all others.
 *
 * @param predecessor Resolves when nothing of the document is being written any more.
 * Rejects with what {@link Storage.load} and {@link Contents.load} say.
 */
export async function loadContents(
  { storage, clock, limits }: { storage: Storage; clock: Clock; limits: Limits },
  document: DocumentName,
  predecessor: Promise<void> | null,
): Promise<Loaded> {
  if (predecessor !== null) await predecessor;
  const [deletions, stored] = await Promise.all([storage.deletionsOf(document), storage.load(document)]);
  const graves = new Graves(deletions);
  const contents = new Contents(limits);
  if (!stored) return { contents, stored: null, graves };
  const loading = contents.load(document, stored);
  for (;;) {
    const step = loading.next();
    if (step.done) return { contents, stored: step.value, graves };
    await new Promise<void>((resolve) => {
      clock.endOfTurn(resolve);
    });
  }
}
