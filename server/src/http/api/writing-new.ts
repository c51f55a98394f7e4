/** Documents that are created: empty, filled by edits, or as copies. */

import { JoineryError } from "@joinery/shared";
import type { Beginnings } from "../../documents/writing-api.ts";
import { json } from "./answers.ts";
import { pointInLog } from "./documents-fields.ts";
import { edits, MAX_EDITS_DEPTH } from "./edits.ts";
import { API_PATH } from "./path.ts";
import { jsonBody, route } from "./route.ts";
import { described, documentName, type Of, optional, schema } from "./schema.ts";
import { WRITTEN, writtenAt } from "./written.ts";

const CREATE_REQUEST = schema("CreateRequest", {
  document: described("Its name.", documentName, "notes/today"),
  copyOf: described("All that this document has, without its log.", optional(documentName), "templates/day"),
  at: optional(pointInLog),
  edits: described("What it begins with.", optional(edits)),
});

type CreateRequest = Of<typeof CREATE_REQUEST>;

export const CREATION_ROUTES = [
  route({
    method: "POST",
    path: "/documents",
    group: "Documents",
    summary: "Creates a document",
    description:
      "An empty one; a copy of another; or one that begins with edits. What is copied is all that the other has, not its log: the copy is another document, with a lineage of its own.",
    action: "write",
    on: "document",
    also: [
      {
        action: "read",
        when: "of the other document, with `copyOf`",
        isNeeded: ({ body: { copyOf } }) => copyOf ?? false,
      },
      {
        action: "history",
        when: "of the other document, with `at`",
        isNeeded: ({ body: { copyOf, at } }) => (at === undefined ? false : (copyOf ?? false)),
      },
    ],
    body: jsonBody(CREATE_REQUEST, { limit: "maxEditBytes", maxDepth: MAX_EDITS_DEPTH }),
    answers: json(WRITTEN, {
      status: 201,
      description: "It is there.",
      hasEtag: true,
      headers: { Location: "Where it is." },
    }),
    errors: [
      "DOCUMENT_EXISTS",
      "DOCUMENT_NOT_FOUND",
      "DOCUMENT_DELETED",
      "DOCUMENT_DAMAGED",
      "MESSAGE_TOO_LARGE",
      "UPDATE_TOO_LARGE",
      "UPDATE_TOO_COSTLY",
      "REPLICA_FAILED",
    ],
    run: async ({ services, request }, { body }) => {
      const { document } = body;
      const revision = await services.writing.create(request, document, beginningsOf(body));
      const location = `${API_PATH}/documents/${encodeURIComponent(document)}`;
      return writtenAt(revision, { headers: { Location: location } });
    },
  }),
];

function beginningsOf({ copyOf, at, edits }: CreateRequest): Beginnings {
  if (copyOf === undefined) {
    if (at !== undefined) throw invalid('has "at", and no "copyOf"');
    return { edits: edits ?? [] };
  }
  if (edits !== undefined) throw invalid('has "copyOf" and "edits", it may have one of them');
  return { copyOf, at: at ?? null };
}

function invalid(what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `the request ${what}`);
}
