/** What routes that write have in common: the revision that is demanded, and the one that came of it. */

import { JoineryError } from "@joinery/shared";
import { RevisionChanged } from "../../documents/revision-changed.ts";
import type { Expected } from "../../documents/writing-api.ts";
import type { Revision } from "../../engine/ports.ts";
import { type Reply, type ReplyOptions, reply } from "./answers.ts";
import type { Conditions } from "./conditions.ts";
import { count, revision } from "./documents-fields.ts";
import { Refusal } from "./problem.ts";
import { revisionText } from "./revision.ts";
import { described, schema } from "./schema.ts";

export const WRITTEN = schema(
  "Written",
  {
    revision,
    seq: described("The number of the last batch in its log.", count, 17),
  },
  { description: "Where a document is, on disk." },
);

/** A document at this revision, as an answer. */
export function writtenAt(
  revision: Revision,
  options: Omit<ReplyOptions, "etag"> = {},
): Reply<{ revision: string; seq: number }> {
  const text = revisionText(revision);
  return reply({ revision: text, seq: revision.seq }, { ...options, etag: text });
}

/**
 * What `If-Match` demands.
 *
 * @throws JoineryError INVALID_OPTION (never) for `If-None-Match`: nobody may believe that it held.
 */
export function expectedBy(conditions: Conditions): { readonly expected?: Expected } {
  const { matching } = conditions;
  if (matching === null) {
    if (!conditions.areDemanding) return {};
    throw new JoineryError("INVALID_OPTION", "If-None-Match is not looked at here");
  }
  if (matching === "any") return { expected: "any" };
  // What is no revision is none that the document is at.
  return { expected: matching.map(parseRevision).filter((revision) => revision !== null) };
}

const REVISION = /^([0-9a-f]{32})\.([0-9a-f]{16})\.(0|[1-9][0-9]{0,15})$/;

function parseRevision(text: string): Revision | null {
  const [, lineage, branch, digits] = REVISION.exec(text) ?? [];
  const seq = Number(digits);
  if (lineage === undefined || branch === undefined || !Number.isSafeInteger(seq)) return null;
  return { lineage, branch, seq };
}

/** Does it; whoever builds upon another revision is told at which the document is. */
export async function demanding<Value>(write: () => Promise<Value>): Promise<Value> {
  try {
    return await write();
  } catch (thrown) {
    if (!(thrown instanceof RevisionChanged) || thrown.current === null) throw thrown;
    throw new Refusal(thrown, { ETag: `"${revisionText(thrown.current)}"` });
  }
}
