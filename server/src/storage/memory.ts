import { type DocumentName, JoineryError } from "@joinery/shared";
import type {
  Append,
  Branch,
  DocumentSummary,
  LogEntry,
  Snapshot,
  Storage,
  StoredDocument,
} from "../engine/ports.ts";
import { compareBytes, encodeKey, prefixRange } from "./keys.ts";
import { type Birth, updateBytes } from "./record.ts";

interface MemoryDocument extends Birth {
  /** Gives the order of listing. */
  readonly key: Uint8Array;
  snapshot: Snapshot | null;
  log: LogEntry[];
  branches: readonly Branch[];
}

/**
 * Keeps documents in memory only, for tests and for documents that need not outlive the process. Bytes are
 * copied on their way in and out. Unlike a driver on disk it checks that its caller keeps the log free of holes,
 * and throws a plain `Error` when not.
 */
export class MemoryStorage implements Storage {
  readonly #documents = new Map<DocumentName, MemoryDocument>();
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
    const matching = [...this.#documents]
      .filter(([document]) => document.startsWith(prefix))
      .sort(([, a], [, b]) => compareBytes(a.key, b.key));
    for (const [document, { lineage, bornAt }] of matching) yield { document, lineage, bornAt };
  }

  async delete(document: DocumentName): Promise<void> {
    this.#requireOpen();
    this.#documents.delete(document);
  }

  async close(): Promise<void> {
    this.#state = "closed";
  }

  #create(document: DocumentName, birth: Birth | undefined): MemoryDocument {
    if (birth === undefined) throw new Error("first entry of a document without its birth");
    const key = encodeKey({ document, kind: "birth", seq: 0 });
    const created: MemoryDocument = { key, ...birth, snapshot: null, log: [], branches: [] };
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

function closedError(): JoineryError {
  return new JoineryError("STORAGE_UNAVAILABLE", "storage is closed");
}

function copyEntry({ seq, time, parts }: LogEntry): LogEntry {
  return { seq, time, parts: parts.map(({ author, update }) => ({ author, update: update.slice() })) };
}

function copySnapshot({ seq, time, update }: Snapshot): Snapshot {
  return { seq, time, update: update.slice() };
}
