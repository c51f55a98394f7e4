/** What a document has, now or at an earlier moment, in the formats that `joinery export` writes. */

import type { Revision } from "../../engine/ports.ts";
import { ROOT_KINDS, type RootKind } from "../../inspect/content-roots.ts";
import type { RenderFormat } from "../../inspect/render.ts";
import { type Answers, notModified, octets, type Reply, reply } from "./answers.ts";
import { ABOUT_ROOTS_HEADERS, headersOf, pointInLog } from "./documents-fields.ts";
import { revisionText } from "./revision.ts";
import { type AlsoNeeded, type CallAt, type Input, type Route, route } from "./route.ts";
import type { Of } from "./schema.ts";
import { choice, described, mapOf, numberChoice, optional, schema, text } from "./schema.ts";

const MAX_ROOT_NAME_LENGTH = 64 * 1024;
const BYTES = "application/octet-stream";

const at = optional(pointInLog);
const asJson = mapOf(choice(ROOT_KINDS));

const CONTENT_QUERY = schema("ContentQuery", {
  at,
  root: described("Only this root.", optional(text(MAX_ROOT_NAME_LENGTH, { minLength: 0 })), "body"),
  as: described(
    `What roots are, where their content tells it wrong: a JSON object of their names and kinds.`,
    optional({ ...asJson, fromText: parsed }),
    '{"body":"text"}',
  ),
});
const UPDATE_QUERY = schema("UpdateQuery", {
  at,
  version: described("Of Yjs' formats; 1 where it is not said.", optional(numberChoice([1, 2]))),
});
const STATE_VECTOR_QUERY = schema("StateVectorQuery", { at });

type AtQuery = Of<typeof STATE_VECTOR_QUERY>;
type ContentQuery = Of<typeof CONTENT_QUERY>;
type Answer = Promise<Reply<Uint8Array>>;

const HISTORY: readonly AlsoNeeded<Input<AtQuery>>[] = [
  { action: "history", when: "with `at`", isNeeded: ({ query }) => query.at !== undefined },
];

const ABOUT =
  "Of a damaged document what is sound is read: then there is no `ETag`, and `Joinery-Damage` says what is wrong.";

/** What all of these routes have. */
const COMMON = {
  method: "GET",
  group: "Reading",
  action: "read",
  on: "document",
  also: HISTORY,
  errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "REPLICA_FAILED", "SERVER_FULL"],
} as const;

export const CONTENT_ROUTES: readonly Route[] = [
  route({
    ...COMMON,
    path: "/documents/:document/json",
    summary: "Reads a document as JSON",
    description: `The values as the application has them, by the names of roots: texts are strings, XML is markup.\n\n${ABOUT}`,
    query: CONTENT_QUERY,
    answers: content("application/json", "The values."),
    run: (call, { query }) => read(call, "json", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/text",
    summary: "Reads the plain text of a document",
    description: `Without formatting and what is embedded.\n\n${ABOUT}`,
    query: CONTENT_QUERY,
    answers: content("text/plain; charset=utf-8", "The text."),
    run: (call, { query }) => read(call, "text", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/xml",
    summary: "Reads a document as XML",
    description: `Roots that are XML or text, as markup.\n\n${ABOUT}`,
    query: CONTENT_QUERY,
    answers: content("application/xml", "The markup."),
    run: (call, { query }) => read(call, "xml", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/markdown",
    summary: "Reads a document as Markdown",
    description: `As far as Markdown goes.\n\n${ABOUT}`,
    query: CONTENT_QUERY,
    answers: content("text/markdown; charset=utf-8", "The Markdown."),
    run: (call, { query }) => read(call, "markdown", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/delta",
    summary: "Reads the texts of a document with their formatting",
    description: `As lists of operations, as Quill and Yjs have them, by the names of roots.\n\n${ABOUT}`,
    query: CONTENT_QUERY,
    answers: content("application/json", "The texts."),
    run: (call, { query }) => read(call, "delta", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/update",
    summary: "Reads a document as one Yjs update",
    description: ABOUT,
    query: UPDATE_QUERY,
    answers: content(BYTES, "A Yjs update."),
    run: (call, { query }) => read(call, query.version === 2 ? "update-v2" : "update", query),
  }),
  route({
    ...COMMON,
    path: "/documents/:document/state-vector",
    summary: "Reads the state vector of a document",
    description: ABOUT,
    query: STATE_VECTOR_QUERY,
    answers: content(BYTES, "A Yjs state vector."),
    run: (call, { query }) => read(call, "state-vector", query),
  }),
];

function content(mediaType: string, description: string): Answers<Uint8Array> {
  return octets(mediaType, { description, hasEtag: true, headers: ABOUT_ROOTS_HEADERS });
}

async function read(
  { services, document, conditions, signal }: CallAt<"/documents/:document">,
  format: RenderFormat,
  { at, root, as = {} }: ContentQuery,
): Answer {
  const request = {
    format,
    at: at ?? null,
    root: root ?? null,
    as: new Map<string, RootKind>(Object.entries(as)),
    isKnown: (revision: Revision) => conditions.isUnchanged(revisionText(revision)),
  };
  const read = await services.reading.document(document, request, signal);
  const { revision, bytes, damage, end } = read;
  const headers = headersOf(revision, read);
  const etag = revisionText(revision);
  if (bytes === null) return notModified({ etag, headers });
  return reply(bytes, { ...(damage === null && { etag }), headers, onClose: end });
}

/** What is no JSON is refused as what it is. */
function parsed(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
