/**
 * The documents of a running server, to be read over its HTTP API. What it gives is what is stored; everything else is
 * made of that here, as of a folder, so that commands print the same of both.
 */

import type {
  DocumentListing,
  LogEntry,
  Problem,
  RestorableSource,
  StoredDocument,
  Verification,
} from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Answer } from "./answer.ts";
import type { ApiCall, ServerConnection } from "./connection.ts";
import { type DeletionSummary, listDeletions } from "./deletions.ts";
import { Fields } from "./fields.ts";
import { readStoredDocument } from "./stored-document.ts";

/** What the server gives at once at most. */
const LIST_LIMIT = 1000;
const LOG_LIMIT = 1000;
const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** More than any server keeps of a document. */
const MAX_UPDATE_BYTES = 2 ** 31 - 1;

/** Looking at every record may take long; `fetch` itself waits no longer than 300 s. */
const VERIFICATION_MS = 290_000;

/**
 * The documents of a server. All methods reject as {@link RestorableSource} says, and as `ServerConnection.call` does.
 * Memory and time are what they are of a folder, and that of the way.
 */
export class HttpSource implements RestorableSource {
  /** What is wrong with its storage as a whole, a server has told its log. */
  readonly damage: readonly string[] = [];
  readonly #connection: ServerConnection;

  constructor(connection: ServerConnection) {
    this.#connection = connection;
  }

  describe(): string {
    return `server ${this.#connection.url}`;
  }

  async *list(prefix: string): AsyncGenerator<DocumentListing> {
    let after: string | null = null;
    let damage: string | null = null;
    do {
      const query = { limit: LIST_LIMIT, ...(prefix !== "" && { prefix }), ...(after !== null && { after }) };
      const page: Fields = new Fields(
        await this.#connection.json({ path: ["documents"], query }),
        "a list of documents",
      );
      for (const listing of page.each("documents")) yield listingOf(listing);
      damage ??= page.textOrNull("damage");
      const next: string | null = page.textOrNull("next");
      // It would go round in circles.
      if (next !== null && next === after)
        throw new JoineryError("INTERNAL", "the server's list does not go on");
      after = next;
    } while (after !== null);
    if (damage !== null) throw damaged(damage);
  }

  async *names(prefix: string): AsyncGenerator<DocumentName> {
    for await (const { document } of this.list(prefix)) yield document;
  }

  deletions(prefix: string): AsyncGenerator<DeletionSummary> {
    return listDeletions(this.#connection, prefix);
  }

  async listing(document: DocumentName): Promise<DocumentListing | null> {
    const answer = await this.#found({ path: ["documents", document] });
    return answer && listingOf(new Fields(await answer.json(), "the listing of a document"));
  }

  async load(document: DocumentName, until?: number): Promise<StoredDocument | null> {
    const call = { path: ["documents", document, "stored"], query: { until } };
    try {
      const answer = await this.#found(call);
      return answer && (await readStoredDocument(answer.lines()));
    } catch (error) {
      const isDenied = error instanceof JoineryError && error.code === "PERMISSION_DENIED";
      if (!isDenied || until !== undefined) throw error;
      return await this.#loadContent(document);
    }
  }

  /** For who may read a document and not see its history: what it is now, as if that were a snapshot. */
  async #loadContent(document: DocumentName): Promise<StoredDocument | null> {
    const listing = await this.listing(document);
    if (listing === null) return null;
    const answer = await this.#found({ path: ["documents", document, "update"] });
    if (answer === null) return null;
    const { lineage, bornAt, changedAt, damage } = listing;
    // A batch may have come between the two: of which one this is, the answer says.
    const [, seq = String(listing.seq)] = /\.(\d+)$/.exec(answer.headers.get("joinery-revision") ?? "") ?? [];
    const update = await answer.octets(MAX_UPDATE_BYTES);
    const snapshot = { seq: Number(seq), time: changedAt, update };
    return { lineage, bornAt, snapshot, tail: [], branches: [], damage };
  }

  async log(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    const bytes = Math.min(maxBytes, MAX_LOG_BYTES);
    const query = { after, limit: LOG_LIMIT, bytes, updates: true };
    const answer = await this.#found({ path: ["documents", document, "log"], query });
    if (answer === null) return [];
    const page = new Fields(await answer.json(), "a document's log");
    const damage = page.textOrNull("damage");
    if (damage !== null) throw damaged(damage);
    return page.each("entries").map((entry) => ({
      seq: entry.whole("seq"),
      time: entry.number("timeMs"),
      parts: entry
        .each("parts")
        .map((part) => ({ author: part.text("author"), update: part.bytes("update") })),
    }));
  }

  async verify(document: DocumentName): Promise<Verification | null> {
    const path = ["documents", document, "verification"];
    const answer = await this.#found({ path, firstByteMs: VERIFICATION_MS });
    if (answer === null) return null;
    const found = new Fields(await answer.json(), "the verification of a document");
    return {
      document,
      records: found.whole("records"),
      bytes: found.whole("bytes"),
      comparedSnapshots: found.whole("comparedSnapshots"),
      problems: found.each("problems").map(problemOf),
    };
  }

  async close(): Promise<void> {
    // Connections that nobody uses end by themselves, and keep no process.
  }

  /** `null` where there is no such document. */
  async #found(call: ApiCall): Promise<Answer | null> {
    try {
      return await this.#connection.call(call);
    } catch (error) {
      if (error instanceof JoineryError && error.code === "DOCUMENT_NOT_FOUND") return null;
      throw error;
    }
  }
}

function listingOf(listing: Fields): DocumentListing {
  const damage = listing.textOrNull("damage");
  return {
    // reason: the server checked both when it wrote them.
    document: listing.text("document") as DocumentName,
    lineage: listing.text("lineage") as DocumentListing["lineage"],
    bornAt: listing.time("bornAt"),
    changedAt: listing.time("changedAt"),
    seq: listing.whole("seq"),
    snapshotSeq: listing.whole("snapshotSeq"),
    snapshotBytes: listing.whole("snapshotBytes"),
    logEntries: listing.whole("logEntries"),
    logBytes: listing.whole("logBytes"),
    keptBytes: listing.whole("keptBytes"),
    damage: damage === null ? null : damaged(damage),
  };
}

const RECORDS: readonly Problem["record"][] = ["birth", "snapshot", "log", "branches", "document"];

function problemOf(problem: Fields): Problem {
  const named = problem.text("record");
  const record = RECORDS.find((known) => known === named) ?? "document";
  return { record, seq: problem.whole("seq"), reason: problem.text("reason") };
}

function damaged(message: string): JoineryError {
  return new JoineryError("DOCUMENT_DAMAGED", message);
}
