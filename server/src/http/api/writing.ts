/** Writing to documents: updates as Yjs has them, and edits as JSON. */

import { JoineryError, type Limits } from "@joinery/shared";
import { json } from "./answers.ts";
import { edits, MAX_EDITS_DEPTH } from "./edits.ts";
import { jsonBody, octetsBody, route } from "./route.ts";
import { described, numberChoice, optional, schema } from "./schema.ts";
import { demanding, expectedBy, WRITTEN, writtenAt } from "./written.ts";

const UPDATE_QUERY = schema("WriteUpdateQuery", {
  version: described("Which of Yjs' formats it is in. Default: 1.", optional(numberChoice([1, 2])), 1),
});

const EDIT_REQUEST = schema("EditRequest", {
  edits: described("Made in this order, in one transaction; all or none.", edits, [
    { op: "set", path: ["settings", "theme"], value: "dark" },
    { op: "text", path: ["title"], value: "A new title" },
  ]),
});

/** As an edit of a client may be refused. */
const REFUSED = [
  "REVISION_CHANGED",
  "MALFORMED_UPDATE",
  "MESSAGE_TOO_LARGE",
  "UPDATE_TOO_LARGE",
  "UPDATE_TOO_COSTLY",
  "DOCUMENT_FULL",
  "DOCUMENT_DELETED",
  "DOCUMENT_DAMAGED",
  "CLIENT_ID_IN_USE",
  "REPLICA_FAILED",
] as const;

export const WRITING_ROUTES = [
  route({
    method: "POST",
    path: "/documents/:document/update",
    group: "Writing",
    summary: "Merges a Yjs update into a document",
    description:
      "All of it, or nothing. A document that is not there begins with it. It is on disk when it is answered, and in the log under the name of whoever asks. An update that is known already changes nothing.",
    action: "write",
    on: "document",
    query: UPDATE_QUERY,
    body: octetsBody(),
    answers: json(WRITTEN, { description: "It was merged.", hasEtag: true }),
    takesIfMatch: true,
    errors: REFUSED,
    run: async ({ services, limits, request, document, conditions, signal }, { query, body }) => {
      const demanded = { ...expectedBy(conditions), signal };
      const update = query.version === 2 ? demandSmall(await services.firstFormat(body), limits) : body;
      return writtenAt(await demanding(() => services.writing.write(request, document, update, demanded)));
    },
  }),
  route({
    method: "POST",
    path: "/documents/:document/edit",
    group: "Writing",
    summary: "Edits a document as JSON",
    description:
      "In one transaction, upon what the document has when it is its turn: all edits are made, or none. Edits of others are kept. A document that is not there begins with it. It is on disk when it is answered, and in the log under the name of whoever asks. What each edit does: [editing.md](editing.md).",
    action: "write",
    on: "document",
    body: jsonBody(EDIT_REQUEST, { limit: "maxEditBytes", maxDepth: MAX_EDITS_DEPTH }),
    answers: json(WRITTEN, { description: "All edits were made.", hasEtag: true }),
    takesIfMatch: true,
    errors: REFUSED,
    run: async ({ services, request, document, conditions, signal }, { body }) => {
      const demanded = { ...expectedBy(conditions), signal };
      return writtenAt(await demanding(() => services.writing.edit(request, document, body.edits, demanded)));
    },
  }),
];

/** The second format says in a few bytes what takes many in the first. */
function demandSmall(update: Uint8Array, limits: Limits): Uint8Array {
  const limit = "maxMessageBytes";
  if (update.length <= limits[limit]) return update;
  const message = `in Yjs' first format the update has ${update.length} bytes, at most ${limits[limit]} are taken`;
  throw new JoineryError("MESSAGE_TOO_LARGE", message, { limit });
}
