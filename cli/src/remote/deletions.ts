/** What a server says of documents that were deleted. */

import type { RestorableSource } from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { ServerConnection } from "./connection.ts";
import { Fields } from "./fields.ts";

/** What is told of a deletion. */
export type DeletionSummary =
  ReturnType<RestorableSource["deletions"]> extends AsyncIterable<infer Each> ? Each : never;

/** What the server gives at once at most. */
const LIST_LIMIT = 1000;

/** Lists what was deleted under names that start with `prefix`. Rejects as `ServerConnection.call` does. */
export async function* listDeletions(
  connection: ServerConnection,
  prefix: string,
): AsyncGenerator<DeletionSummary> {
  let after: string | null = null;
  do {
    const query = {
      deleted: true,
      limit: LIST_LIMIT,
      ...(prefix !== "" && { prefix }),
      ...(after !== null && { after }),
    };
    const page: Fields = new Fields(
      await connection.json({ path: ["documents"], query }),
      "a list of what was deleted",
    );
    for (const deletion of page.each("deletions")) yield deletionOf(deletion);
    const next: string | null = page.textOrNull("next");
    if (next !== null && next === after)
      throw new JoineryError("INTERNAL", "the server's list does not go on");
    after = next;
  } while (after !== null);
}

export function deletionOf(deletion: Fields): DeletionSummary {
  return {
    // reason: the server checked both when it wrote them.
    document: deletion.text("document") as DocumentName,
    lineage: deletion.text("lineage") as DeletionSummary["lineage"],
    number: deletion.whole("number"),
    deletedAt: deletion.time("deletedAt"),
    deletedBy: deletion.text("deletedBy"),
    seq: deletion.whole("seq"),
    bytes: deletion.whole("bytes"),
  };
}
