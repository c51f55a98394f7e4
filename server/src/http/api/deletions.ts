/** Taking documents away, bringing them back, and folding their logs. */

import { json } from "./answers.ts";
import { DELETION, shownDeletion } from "./documents.ts";
import { jsonBody, route } from "./route.ts";
import { described, optional, schema, wholeNumber } from "./schema.ts";
import { demanding, expectedBy, WRITTEN, writtenAt } from "./written.ts";

const RESTORE_REQUEST = schema("RestoreRequest", {
  deletion: described(
    "The number of the deletion that is undone. Default: the last one.",
    optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
    1,
  ),
});

export const DELETION_ROUTES = [
  route({
    method: "DELETE",
    path: "/documents/:document",
    group: "Documents",
    summary: "Deletes a document",
    description:
      "Whoever is in it is sent away, and does not bring it back. It is kept for a while, and can be restored.",
    action: "manage",
    on: "document",
    answers: json(DELETION, { description: "It is not there any more." }),
    takesIfMatch: true,
    errors: ["DOCUMENT_NOT_FOUND", "REVISION_CHANGED"],
    run: async ({ services, request, document, conditions, signal }) => {
      const demanded = { ...expectedBy(conditions), signal };
      return shownDeletion(await demanding(() => services.writing.delete(request, document, demanded)));
    },
  }),
  route({
    method: "POST",
    path: "/documents/:document/restore",
    group: "Documents",
    summary: "Restores a document that was deleted",
    description: "As it was: content, log and lineage. Clients that had it go on with it.",
    action: "manage",
    on: "document",
    body: jsonBody(RESTORE_REQUEST),
    answers: json(WRITTEN, { description: "It is there again.", hasEtag: true }),
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_EXISTS"],
    run: async ({ services, document }, { body: { deletion = null } }) => {
      return writtenAt(await services.writing.restore(document, deletion));
    },
  }),
  route({
    method: "POST",
    path: "/documents/:document/compact",
    group: "Documents",
    summary: "Folds a document's log into a snapshot",
    description:
      "The server does it by itself when a log has grown. Nothing that the document shows changes by it.",
    action: "manage",
    on: "document",
    answers: json(WRITTEN, { description: "It was folded.", hasEtag: true }),
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "REPLICA_FAILED"],
    run: async ({ services, document }) => writtenAt(await services.writing.compact(document)),
  }),
];
