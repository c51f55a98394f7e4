/** Which documents there are. */

import type { Deletion, Revision } from "../../engine/ports.ts";
import type { DocumentListing } from "../../inspect/source.ts";
import { json, notModified, reply } from "./answers.ts";
import {
  ABOUT_HEADERS,
  anyText,
  branch,
  count,
  damage,
  headersOf,
  lineage,
  revision,
  timeOrNull,
} from "./documents-fields.ts";
import { revisionText } from "./revision.ts";
import { route } from "./route.ts";
import type { Of } from "./schema.ts";
import {
  described,
  documentName,
  flag,
  listOf,
  moment,
  nested,
  nullable,
  optional,
  schema,
  text,
  wholeNumber,
} from "./schema.ts";

/** 400 KB of JSON. */
const MAX_LISTED = 1000;
const DEFAULT_LISTED = 100;
const MAX_PREFIX_LENGTH = 4096;

const FIELDS = {
  document: documentName,
  lineage,
  seq: described("Of the last batch of its log.", count, 17),
  bytes: described("Of the newest snapshot and the log after it.", count),
  snapshotSeq: described("The last batch that the newest snapshot stands for; 0 without one.", count),
  snapshotBytes: described("Of the newest snapshot.", count),
  logEntries: described("Batches in the log after it.", count),
  logBytes: described("Of those batches.", count),
  keptBytes: described(
    "What is kept besides: the snapshot before the newest one, and the log between the two.",
    count,
  ),
  changedAt: described("When the last batch was written.", nullable(moment)),
  bornAt: described("When the first batch was written.", nullable(moment)),
  damage: nullable(damage),
};
const LISTING = schema("DocumentListing", FIELDS, { description: "What a document takes." });
const DOCUMENT = schema(
  "Document",
  {
    ...FIELDS,
    branch,
    revision,
    sessions: described("Clients that are in it now.", count),
  },
  { description: "What a document takes, and how far it is." },
);
export const DELETION = schema(
  "Deletion",
  {
    document: documentName,
    number: described("By which it is restored: 1 for the first of its name.", count),
    lineage,
    seq: described("Of the last batch of its log.", count),
    bytes: described("Of the records that are kept.", count),
    deletedAt: described("`null` where damage has taken that; then it is never erased.", nullable(moment)),
    deletedBy: described("Empty for nobody in particular.", anyText, "ann"),
  },
  { description: "A document that was deleted and may be restored." },
);
const DOCUMENTS_QUERY = schema("DocumentsQuery", {
  prefix: described(
    "Only documents whose names start with this.",
    optional(text(MAX_PREFIX_LENGTH, { minLength: 0 })),
    "notes/",
  ),
  after: described("Only what comes behind this name, which need not be there.", optional(documentName)),
  limit: described(
    `At most so many; ${DEFAULT_LISTED} where it is not said. What was deleted of one name comes together, and may be more.`,
    optional(wholeNumber(1, MAX_LISTED)),
  ),
  deleted: described("Whether what was deleted is listed, instead of what is there.", optional(flag)),
});
const DOCUMENTS = schema("Documents", {
  documents: described("In the order of their names' UTF-8 bytes.", listOf(nested(LISTING))),
  deletions: described("With `deleted=true`: by name, then by number.", listOf(nested(DELETION))),
  next: described(
    "What to ask for next, as `after`; `null` where these are the last. A page may be short and have a next.",
    nullable(documentName),
  ),
  damage: described("Which documents of this part may be missing as a whole.", nullable(damage)),
});

export const DOCUMENT_ROUTES = [
  route({
    method: "GET",
    path: "/documents",
    group: "Documents",
    summary: "Lists documents",
    description: "What is listed is read: sizes are of what is on disk, and damage is told.",
    action: "read",
    on: "document",
    also: [{ action: "manage", when: "with `deleted`", isNeeded: ({ query }) => query.deleted === true }],
    query: DOCUMENTS_QUERY,
    answers: json(DOCUMENTS, { description: "A page of the list." }),
    errors: ["INVALID_NAME", "DOCUMENT_DAMAGED", "SERVER_FULL"],
    run: async ({ services, signal }, { query }): Promise<Of<typeof DOCUMENTS>> => {
      const { prefix = "", after = null, limit = DEFAULT_LISTED, deleted = false } = query;
      const page = { prefix, after, limit };
      if (deleted) {
        const { deletions, next } = await services.reading.deletions(page);
        return { documents: [], deletions: deletions.map(shownDeletion), next, damage: null };
      }
      const { documents, next, damage } = await services.reading.documents(page, signal);
      return {
        documents: documents.map(shownListing),
        deletions: [],
        next,
        damage: damage?.message ?? null,
      };
    },
  }),
  route({
    method: "GET",
    path: "/documents/:document",
    group: "Documents",
    summary: "Reads what a document takes, and how far it is",
    description:
      "Its `ETag` is the document's revision: what changes without it, as sizes when a log is folded, is not asked for with `If-None-Match`.",
    action: "read",
    on: "document",
    answers: json(DOCUMENT, {
      description: "The document, without what is in it.",
      hasEtag: true,
      headers: ABOUT_HEADERS,
    }),
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "SERVER_FULL"],
    run: async ({ services, access, document, conditions, signal }) => {
      const etag = revisionText(await services.reading.revision(document));
      if (conditions.isUnchanged(etag)) return notModified({ etag });
      const { revision, ...listing } = await services.reading.listing(document, signal);
      const headers = headersOf(revision, listing);
      const shown = shownDocument(listing, revision, access.sessions({ document }).length);
      return reply(shown, { ...(listing.damage === null && { etag: shown.revision }), headers });
    },
  }),
];

function shownListing(listing: DocumentListing): Of<typeof LISTING> {
  const { document, lineage, seq, snapshotSeq, snapshotBytes, logEntries, logBytes, keptBytes } = listing;
  return {
    document,
    lineage,
    seq,
    bytes: snapshotBytes + logBytes,
    snapshotSeq,
    snapshotBytes,
    logEntries,
    logBytes,
    keptBytes,
    changedAt: timeOrNull(listing.changedAt),
    bornAt: timeOrNull(listing.bornAt),
    damage: listing.damage?.message ?? null,
  };
}

function shownDocument(listing: DocumentListing, revision: Revision, sessions: number): Of<typeof DOCUMENT> {
  return { ...shownListing(listing), branch: revision.branch, revision: revisionText(revision), sessions };
}

export function shownDeletion({ deletedAt, stateVector: _, ...deletion }: Deletion): Of<typeof DELETION> {
  return { ...deletion, deletedAt: timeOrNull(deletedAt) };
}
