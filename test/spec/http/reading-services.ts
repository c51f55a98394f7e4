import type { DocumentReading, ListedDocument } from "../../../server/src/documents/reading-api.ts";
import type { Lineage, Revision } from "../../../server/src/engine/ports.ts";
import type { ApiServices } from "../../../server/src/http/api/services.ts";

const lineage = "9f86d081884c7d659a2feaa0c55ad015" as Lineage;
const revision: Revision = { lineage, branch: "4a1f6c0e2b7d9853", seq: 1 };
const kept = { revision, end: () => undefined };

/** Every document is empty, for tests of what is answered before and after. */
const reading: DocumentReading = {
  documents: async () => ({ documents: [], next: null, damage: null }),
  deletions: async () => ({ deletions: [], next: null }),
  revision: async () => revision,
  listing: async (document): Promise<ListedDocument> => ({
    document,
    revision,
    lineage,
    bornAt: 1,
    changedAt: 1,
    seq: 1,
    snapshotSeq: 0,
    snapshotBytes: 0,
    logEntries: 1,
    logBytes: 2,
    keptBytes: 0,
    damage: null,
  }),
  document: async (_, { format }) => {
    const bytes = format === "json" || format === "delta" ? Buffer.from("{}") : Uint8Array.of(0, 0);
    return { ...kept, bytes, leftOut: [], damage: null };
  },
  stored: async () => {
    const stored = { lineage, bornAt: 1, snapshot: null, tail: [], branches: [], damage: null };
    return { ...kept, stored };
  },
  log: async () => ({ ...kept, snapshotSeq: 0, entries: [], summaries: [], next: null, damage: null }),
  verification: async (document) => {
    return { document, records: 2, bytes: 2, comparedSnapshots: 0, problems: [] };
  },
};

export const NOTHING_READ: Pick<ApiServices, "reading"> = { reading };
