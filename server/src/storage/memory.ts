import { type DocumentName, JoineryError } from "@joinery/shared";
import type {
  Append,
  Branch,
  Deletion,
  DeletionRequest,
  DocumentSummary,
  LogEntry,
  Snapshot,
  Storage,
  StoredDocument,
} from "../engine/ports.ts";
import { compareBytes, encodeKey, prefixRange } from "./keys.ts";
import { type Birth, updateBytes } from "./record.ts";

interface MemoryDocument extends Birth {
  snapshot: Snapshot | null;
  log: LogEntry[];
  branches: readonly Branch[];
}

/** What was deleted, and what is said of it. */
interface MemoryDeletion {
  readonly deletion: Deletion;
  readonly document: MemoryDocument;
}

/**
 * Keeps documents in memory only, for tests and for documents that need not outlive the process. Bytes are
 * copied on their way in and out. Unlike a driver on disk it checks that its caller keeps the log free of holes,
 * and throws a plain `Error` when not.
 */
export class MemoryStorage implements Storage {
  readonly #documents = new Map<DocumentName, MemoryDocument>();
  /** By name and number. */
  readonly #deleted = new Map<DocumentName, Map<number, MemoryDeletion>>();
  #state: "new" | "open" | "closed" = "new";

  async open(): Promise<void> {
    if (this.#state === "closed") throw closedError();
    this.#state = "open";
  }

  async load(document: DocumentName): Promise<StoredDocument | null> {
    this.#requireOpen();
    const found = this.#documents.get(document);
    if (found === undefined) return null;
    const { lineage, bornAt, snapshot, log, branches } = found;
    const loadedFrom = snapshot?.seq ?? 0;
    return {
      lineage,
      bornAt,
      snapshot: snapshot && copySnapshot(snapshot),
      tail: log.filter(({ seq }) => seq > loadedFrom).map(copyEntry),
      branches: structuredClone(branches),
      damage: null,
    };
  }

  async append({ document, entry, birth, branches }: Append): Promise<void> {
    this.#requireOpen();
    const found = this.#documents.get(document) ?? this.#create(document, birth);
    if (birth !== undefined && entry.seq !== 1) throw new Error(`birth given with seq ${entry.seq}`);
    const lastSeq = found.log.at(-1)?.seq ?? found.snapshot?.seq ?? 0;
    if (entry.seq !== lastSeq + 1) throw new Error(`append of seq ${entry.seq} after ${lastSeq}`);
    found.log.push(copyEntry(entry));
    if (branches !== undefined) found.branches = structuredClone(branches);
  }

  async read(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    this.#requireOpen();
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (const entry of this.#documents.get(document)?.log ?? []) {
      if (entry.seq <= after) continue;
      bytes += updateBytes(entry);
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push(copyEntry(entry));
    }
    return entries;
  }

  async compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    this.#requireOpen();
    const found = this.#documents.get(document);
    if (found === undefined) throw new Error("compaction of a document that does not exist");
    found.snapshot = copySnapshot(snapshot);
    found.log = found.log.filter(({ seq }) => seq > snapshot.seq);
  }

  async *list(prefix: string): AsyncGenerator<DocumentSummary> {
    this.#requireOpen();
    prefixRange(prefix); // Refuses what has no UTF-8, as on disk.
    for (const document of inOrder(this.#documents.keys(), prefix)) {
      const found = this.#documents.get(document);
      if (found !== undefined) yield { document, lineage: found.lineage, bornAt: found.bornAt };
    }
  }

  async delete(document: DocumentName, by: DeletionRequest): Promise<Deletion | null> {
    this.#requireOpen();
    const found = this.#documents.get(document);
    if (found === undefined) return null;
    const deletions = this.#deleted.get(document) ?? new Map<number, MemoryDeletion>();
    const { snapshot, log, lineage } = found;
    const deletion: Deletion = {
      document,
      number: Math.max(0, ...deletions.keys()) + 1,
      lineage,
      deletedAt: by.time,
      deletedBy: by.author,
      seq: log.at(-1)?.seq ?? snapshot?.seq ?? 0,
      bytes: log.reduce((sum, entry) => sum + updateBytes(entry), snapshot?.update.length ?? 0),
      stateVector: by.stateVector.slice(),
    };
    this.#deleted.set(document, deletions.set(deletion.number, { deletion, document: found }));
    const tooMany = Math.max(0, deletions.size - (by.keep ?? Number.POSITIVE_INFINITY));
    for (const number of [...deletions.keys()].slice(0, tooMany)) deletions.delete(number);
    this.#documents.delete(document);
    return { ...deletion, stateVector: by.stateVector };
  }

  async erase(document: DocumentName): Promise<void> {
    this.#requireOpen();
    this.#documents.delete(document);
    this.#deleted.delete(document);
  }

  async *deletions(prefix: string): AsyncGenerator<Deletion> {
    this.#requireOpen();
    prefixRange(prefix);
    for (const document of inOrder(this.#deleted.keys(), prefix)) yield* await this.deletionsOf(document);
  }

  async deletionsOf(document: DocumentName): Promise<readonly Deletion[]> {
    this.#requireOpen();
    const deletions = [...(this.#deleted.get(document)?.values() ?? [])];
    return deletions.map(({ deletion }) => ({ ...deletion, stateVector: deletion.stateVector.slice() }));
  }

  async restore(document: DocumentName, number: number): Promise<void> {
    this.#requireOpen();
    const named = `document ${JSON.stringify(document)}`;
    if (this.#documents.has(document)) throw new JoineryError("DOCUMENT_EXISTS", `${named} is there already`);
    const found = this.#deleted.get(document)?.get(number);
    if (found === undefined)
      throw new JoineryError("DOCUMENT_NOT_FOUND", `${named} has no deletion ${number}`);
    this.#documents.set(document, found.document);
    this.#forget(found.deletion);
  }

  async purge(before: number): Promise<number> {
    this.#requireOpen();
    const old = [...this.#deleted.values()]
      .flatMap((deletions) => [...deletions.values()])
      .filter(({ deletion }) => deletion.deletedAt > 0 && deletion.deletedAt < before);
    for (const { deletion } of old) this.#forget(deletion);
    return old.length;
  }

  async close(): Promise<void> {
    this.#state = "closed";
  }

  #forget({ document, number }: Deletion): void {
    const deletions = this.#deleted.get(document);
    deletions?.delete(number);
    if (deletions?.size === 0) this.#deleted.delete(document);
  }

  #create(document: DocumentName, birth: Birth | undefined): MemoryDocument {
    if (birth === undefined) throw new Error("first entry of a document without its birth");
    encodeKey({ document, kind: "birth", seq: 0 }); // Refuses what has no UTF-8, as on disk.
    const created: MemoryDocument = { ...birth, snapshot: null, log: [], branches: [] };
    this.#documents.set(document, created);
    return created;
  }

  #requireOpen(): void {
    if (this.#state === "open") return;
    throw this.#state === "closed"
      ? closedError()
      : new JoineryError("STORAGE_UNAVAILABLE", "storage is not open");
  }
}

/** Names in the order of their UTF-8. */
function inOrder(names: Iterable<DocumentName>, prefix: string): DocumentName[] {
  return [...names]
    .filter((name) => name.startsWith(prefix))
    .map((name) => ({ name, key: encodeKey({ document: name, kind: "birth", seq: 0 }) }))
    .sort((a, b) => compareBytes(a.key, b.key))
    .map(({ name }) => name);
}

function closedError(): JoineryError {
  return new JoineryError("STORAGE_UNAVAILABLE", "storage is closed");
}

function copyEntry({ seq, time, parts }: LogEntry): LogEntry {
  return { seq, time, parts: parts.map(({ author, update }) => ({ author, update: update.slice() })) };
}

function copySnapshot({ seq, time, update }: Snapshot): Snapshot {
  return { seq, time, update: update.slice() };
}
