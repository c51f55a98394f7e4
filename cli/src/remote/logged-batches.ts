import { JoineryError } from "@joinery/shared";
import type { ServerConnection } from "./connection.ts";
import { Fields } from "./fields.ts";
import { batchOf, type LiveEvent } from "./live-event.ts";

/** What the server gives at once at most. */
const LIMIT = 1000;

export interface LoggedPart {
  readonly document: string;
  /** The first one is the batch after this one. */
  readonly after: number;
  /** The last one. */
  readonly last: number;
  readonly hasUpdates: boolean;
}

/**
 * What a document's log has from one batch to another, as if it happened now.
 *
 * Rejects with INVALID_OPTION (never) when the log ends before it, DOCUMENT_DAMAGED (backoff) where it cannot be read on.
 */
export async function* batchesSince(
  connection: ServerConnection,
  { document, after, last, hasUpdates }: LoggedPart,
): AsyncGenerator<LiveEvent> {
  if (after > last) {
    throw new JoineryError("INVALID_OPTION", `the log of ${JSON.stringify(document)} ends with seq ${last}`);
  }
  let done = after;
  while (done < last) {
    const query = { after: done, limit: LIMIT, ...(hasUpdates && { updates: true }) };
    const page = new Fields(
      await connection.json({ path: ["documents", document, "log"], query }),
      "a document's log",
    );
    const damage = page.textOrNull("damage");
    if (damage !== null) throw new JoineryError("DOCUMENT_DAMAGED", damage);
    const batches = page.each("entries").map(batchOf);
    for (const batch of batches) {
      if (batch.seq > last) break;
      if (batch.seq > done + 1) yield { kind: "gap", from: done + 1, to: batch.seq - 1 };
      yield batch;
      done = batch.seq;
    }
    // A snapshot stands for the rest.
    if (batches.length === 0) yield { kind: "gap", from: done + 1, to: last };
    if (batches.length === 0 || (batches.at(-1)?.seq ?? 0) > last) return;
  }
}
