import { DEFAULT_LIMITS, type DocumentName, type Limits } from "@joinery/shared";
import * as Y from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import type { DeletionRequest, StoredDocument } from "../../../server/src/engine/ports.ts";
import {
  type ImportOptions,
  type ImportOutcome,
  importDocuments,
} from "../../../server/src/import/import-documents.ts";
import type { Source } from "../../../server/src/import/source.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";

/** Bytes of one document, or what reading it rejects with. */
export type Kept = readonly Uint8Array[] | Error;

/** A source that has these documents. */
export function sourceOf(documents: Readonly<Record<string, Kept>>): Source {
  return {
    count: null,
    damage: [],
    async *documents() {
      for (const [name, kept] of Object.entries(documents)) {
        yield { name, read: async () => (kept instanceof Error ? Promise.reject(kept) : kept) };
      }
    },
    close: () => Promise.resolve(),
  };
}

/** A target in memory that outlives several imports. */
export class Target {
  readonly storage = new MemoryStorage();
  writes = 0;

  async import(
    documents: Readonly<Record<string, Kept>>,
    options: Partial<Omit<ImportOptions, "limits">> & { readonly limits?: Partial<Limits> } = {},
  ): Promise<ImportOutcome[]> {
    await this.storage.open();
    const watched = {
      load: (document: DocumentName) => this.storage.load(document),
      append: (...args: Parameters<MemoryStorage["append"]>) => {
        this.writes++;
        return this.storage.append(...args);
      },
      delete: (document: DocumentName, by: DeletionRequest) => this.storage.delete(document, by),
    };
    const importing = importDocuments({
      source: sourceOf(documents),
      storage: watched,
      replicas: new InlineReplicas(),
      clock: { now: () => 1_700_000_000_000 },
      random: { bytes: (length) => new Uint8Array(length).fill(7) },
      isDryRun: false,
      mayMerge: false,
      ...options,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
    });
    const outcomes: ImportOutcome[] = [];
    for await (const outcome of importing) outcomes.push(outcome);
    return outcomes;
  }

  async stored(name: string): Promise<StoredDocument | null> {
    return this.storage.load(name as DocumentName);
  }

  /** The text of a stored document. */
  async text(name: string): Promise<string | null> {
    const stored = await this.stored(name);
    if (stored === null) return null;
    const doc = new Y.Doc();
    for (const { parts } of stored.tail) for (const { update } of parts) Y.applyUpdate(doc, update);
    return doc.getText("text").toString();
  }
}

/** A document that a client wrote. */
export function written(text: string, clientID: number): Y.Doc {
  const doc = new Y.Doc();
  doc.clientID = clientID;
  doc.getText("text").insert(0, text);
  return doc;
}

export function stateOf(doc: Y.Doc): Uint8Array {
  return Y.encodeStateAsUpdate(doc);
}

/** Every update of a document while it is being written. */
export function updatesWhile(doc: Y.Doc, write: () => void): Uint8Array[] {
  const updates: Uint8Array[] = [];
  const note = (update: Uint8Array) => updates.push(update);
  doc.on("update", note);
  write();
  doc.off("update", note);
  return updates;
}
