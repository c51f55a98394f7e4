import type { Revision } from "../../engine/ports.ts";

/** How a revision is written: in an `ETag`, and as the `id` of an event. */
export function revisionText({ lineage, branch, seq }: Revision): string {
  return `${lineage}.${branch}.${seq}`;
}
