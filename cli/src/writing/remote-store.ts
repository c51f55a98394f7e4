/** The documents of a running server, to be written over its HTTP API. What is done is attributed to whose token it is. */

import type { AppendedUpdate, DocumentCompaction, LogEntry, StoredDocument } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { ApiCall, ServerConnection } from "../remote/connection.ts";
import { type DeletionSummary, deletionOf } from "../remote/deletions.ts";
import { Fields } from "../remote/fields.ts";
import { HttpSource } from "../remote/http-source.ts";
import type { DocumentStore, NewUpdate } from "./document-store.ts";

/** Folding a large log takes long; `fetch` itself waits no longer than 300 s. */
const WORK_MS = 290_000;

export class RemoteStore implements DocumentStore {
  /** What is wrong with its storage as a whole, a server has told its log. */
  readonly damage: readonly string[] = [];
  readonly #connection: ServerConnection;
  readonly #source: HttpSource;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
    this.#source = new HttpSource(connection);
  }

  describe(): string {
    return this.#source.describe();
  }

  async count(): Promise<number> {
    let count = 0;
    try {
      for await (const _ of this.#source.list("")) count++;
    } catch (error) {
      // What may be missing is told when something is done with all of them.
      if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
    }
    return count;
  }

  load(document: DocumentName): Promise<StoredDocument | null> {
    return this.#source.load(document);
  }

  async entry(document: DocumentName, seq: number): Promise<LogEntry | null> {
    const [entry] = await this.#source.log(document, seq - 1, 0);
    return entry?.seq === seq ? entry : null;
  }

  async append(
    document: DocumentName,
    { update, author, mustBeNew }: NewUpdate,
  ): Promise<AppendedUpdate | null> {
    if (author !== null)
      throw refused("--author is for a data folder: a server knows by the token who you are");
    const before = await this.#source.listing(document);
    const created = mustBeNew ? await this.#create(document) : null;
    const answer = await this.#json({
      method: "POST",
      path: ["documents", document, "update"],
      body: { octets: update },
      firstByteMs: WORK_MS,
      // Somebody may have come meanwhile.
      ...(created !== null && { headers: { "If-Match": `"${created}"` } }),
    });
    const seq = answer.whole("seq");
    if (before !== null && seq <= before.seq) return null;
    const entry = await this.entry(document, seq);
    const bytes = entry?.parts.reduce((sum, part) => sum + part.update.length, 0) ?? 0;
    // reason: a revision begins with its lineage.
    const lineage = answer.text("revision").split(".")[0] as AppendedUpdate["lineage"];
    return { seq, bytes, lineage, isNew: before === null };
  }

  /**
   * Creates an empty document.
   *
   * @returns Its revision. Rejects with DOCUMENT_EXISTS (never).
   */
  async #create(document: DocumentName): Promise<string> {
    const answer = await this.#json({ method: "POST", path: ["documents"], body: { json: { document } } });
    return answer.text("revision");
  }

  async delete(document: DocumentName): Promise<DeletionSummary | null> {
    try {
      return deletionOf(await this.#json({ method: "DELETE", path: ["documents", document] }));
    } catch (error) {
      if (error instanceof JoineryError && error.code === "DOCUMENT_NOT_FOUND") return null;
      throw error;
    }
  }

  erase(): Promise<boolean> {
    return Promise.reject(
      refused("a server erases nothing at once: stop it for --forever, or wait until it does"),
    );
  }

  async restore(document: DocumentName, number: number | null): Promise<{ seq: number; lineage: string }> {
    const answer = await this.#json({
      method: "POST",
      path: ["documents", document, "restore"],
      body: { json: number === null ? {} : { deletion: number } },
    });
    return { seq: answer.whole("seq"), lineage: answer.text("revision").split(".")[0] ?? "" };
  }

  async *compact(document: DocumentName | null): AsyncGenerator<DocumentCompaction> {
    if (document !== null) {
      const compaction = await this.#compactOne(document);
      if (compaction !== null) yield compaction;
      else throw new JoineryError("DOCUMENT_NOT_FOUND", `there is no document ${JSON.stringify(document)}`);
      return;
    }
    for await (const listing of this.#source.list("")) {
      const compaction = await this.#compactOne(listing.document);
      if (compaction !== null) yield compaction;
    }
  }

  requireReclaim(): never {
    throw refused("a server writes its files anew when it likes: stop it for --reclaim");
  }

  async reclaim(): Promise<never> {
    return this.requireReclaim();
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  /** @returns `null` when there is no such document. */
  async #compactOne(document: DocumentName): Promise<DocumentCompaction | null> {
    const before = await this.#source.listing(document);
    if (before === null) return null;
    const { seq } = before;
    const bytesBefore = before.snapshotBytes + before.logBytes;
    const same = { document, seq, bytesBefore, bytesAfter: bytesBefore };
    if (before.damage !== null) return { ...same, outcome: "failed", reason: before.damage.message };
    if (before.logEntries === 0) return { ...same, outcome: "already", reason: null };
    try {
      await this.#json({
        method: "POST",
        path: ["documents", document, "compact"],
        firstByteMs: WORK_MS,
      });
    } catch (error) {
      if (!(error instanceof JoineryError) || !ABOUT_DOCUMENT.includes(error.code)) throw error;
      return { ...same, outcome: "failed", reason: error.message };
    }
    const after = (await this.#source.listing(document)) ?? before;
    return { ...same, bytesAfter: after.snapshotBytes + after.logBytes, outcome: "compacted", reason: null };
  }

  async #json(call: ApiCall): Promise<Fields> {
    return new Fields(await this.#connection.json(call), "what this command knows");
  }
}

/** What is wrong with one document is no reason to leave the others. */
const ABOUT_DOCUMENT: readonly string[] = ["DOCUMENT_DAMAGED", "REPLICA_FAILED"];

function refused(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
