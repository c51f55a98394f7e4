import type {
  AppendedUpdate,
  DocumentCompaction,
  FolderTools,
  LogEntry,
  StoredDocument,
} from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { DeletionSummary } from "../remote/deletions.ts";
import type { DocumentStore, NewUpdate } from "./document-store.ts";

/** The documents of a data folder, which nobody else has open. */
export class FolderStore implements DocumentStore {
  readonly #tools: FolderTools;

  constructor(tools: FolderTools) {
    this.#tools = tools;
  }

  describe(): string {
    return `data folder ${this.#tools.folder}`;
  }

  get damage(): readonly string[] {
    return this.#tools.damage;
  }

  async count(): Promise<number> {
    let count = 0;
    try {
      for await (const _ of this.#tools.storage.list("")) count++;
    } catch (error) {
      // What may be missing is told when something is done with all of them.
      if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
    }
    return count;
  }

  load(document: DocumentName): Promise<StoredDocument | null> {
    return this.#tools.storage.load(document);
  }

  async entry(document: DocumentName, seq: number): Promise<LogEntry | null> {
    const [entry] = await this.#tools.storage.read(document, seq - 1, 0);
    return entry?.seq === seq ? entry : null;
  }

  async append(
    document: DocumentName,
    { update, author, mustBeNew }: NewUpdate,
  ): Promise<AppendedUpdate | null> {
    if (mustBeNew && (await this.load(document)) !== null) {
      throw new JoineryError("DOCUMENT_EXISTS", `there is a document ${JSON.stringify(document)} already`);
    }
    return this.#tools.append(document, update, author ?? undefined);
  }

  delete(document: DocumentName): Promise<DeletionSummary | null> {
    return this.#tools.delete(document);
  }

  async erase(document: DocumentName): Promise<boolean> {
    const isThere = await this.#isThere(document);
    // What was deleted and damage has taken from the list goes, too.
    await this.#tools.erase(document);
    return isThere;
  }

  async restore(document: DocumentName, number: number | null): Promise<{ seq: number; lineage: string }> {
    const { seq, lineage } = await this.#tools.restore(document, number ?? undefined);
    return { seq, lineage };
  }

  compact(document: DocumentName | null): AsyncIterable<DocumentCompaction> {
    return this.#tools.compact(document === null ? { prefix: "" } : { document });
  }

  requireReclaim(): void {
    // The folder is this command's.
  }

  reclaim(): Promise<{ readonly bytesBefore: number; readonly bytesAfter: number }> {
    return this.#tools.reclaim();
  }

  close(): Promise<void> {
    return this.#tools.close();
  }

  /** Whether there is any of a document: itself, damaged or not, or what was deleted under its name. */
  async #isThere(document: DocumentName): Promise<boolean> {
    try {
      if ((await this.load(document)) !== null) return true;
    } catch (error) {
      if (error instanceof JoineryError && error.code === "DOCUMENT_DAMAGED") return true;
      throw error;
    }
    return (await this.#tools.storage.deletionsOf(document)).length > 0;
  }
}
