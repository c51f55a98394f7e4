/** The description of the API: an OpenAPI 3.1 document, made of the table of routes. */

import { createHash } from "node:crypto";
import { BODY, reply, text } from "./answers.ts";
import type {
  Components,
  HeaderObject,
  MediaType,
  OpenApiDocument,
  Operation,
  Parameter,
  Reference,
  ResponseObject,
} from "./openapi-document.ts";
import { PROBLEM_SCHEMA, refusalsOf } from "./openapi-problems.ts";
import { schemasOf } from "./openapi-schemas.ts";
import { API_PATH } from "./path.ts";
import { GROUPS, type Group, type Route, route } from "./route.ts";
import { schemaPath } from "./schema.ts";

const GROUP_DESCRIPTIONS: Readonly<Record<Group, string>> = {
  Documents: "Which documents there are; creating, copying, deleting and restoring them.",
  Reading: "What a document has, now or at an earlier moment.",
  Writing: "Changing a document without an editor.",
  History: "How a document came to be what it is, and what is stored of it.",
  Live: "Who is here, and what happens.",
  Access: "Who may be where: tickets, sessions, kicks, bans and revocations.",
  Server: "The server as a whole.",
};

const DESCRIPTION = `Documents of a Joinery server, over HTTP: reading, writing, following, and who may.

What is read is what is durable: an edit is seen here once it is on disk. Fields are added to answers in later versions, and
never change their meaning or go within a major one.`;

const HEADERS = {
  "X-Request-Id": header("The request's name in the log.", { type: "string", minLength: 1, maxLength: 64 }),
  ETag: header(
    'The document\'s revision, where it is about one: `"<lineage>.<branch>.<seq>"`. Shown again as `If-None-Match` or `If-Match`.',
    { type: "string", pattern: '^"[\\x21\\x23-\\x7e]+"$' },
  ),
  "WWW-Authenticate": header("That a token is needed, or that the one that was shown is not good.", {
    type: "string",
    pattern: "^Bearer",
  }),
  "Retry-After": header("When to come back, in seconds.", { type: "string", pattern: "^\\d+$" }),
} satisfies Record<string, HeaderObject>;

const PARAMETERS = {
  document: {
    name: "document",
    in: "path",
    required: true,
    description: "The document's name, percent-encoded as one segment: `notes%2Ftoday` for `notes/today`.",
    schema: { type: "string", minLength: 1 },
    example: "notes/today",
  },
  "If-None-Match": {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "The `ETag` of what the client has: it is answered 304 while that is still so.",
    schema: { type: "string" },
  },
  "If-Match": {
    name: "If-Match",
    in: "header",
    required: false,
    description:
      "The `ETag` that this builds upon: it is refused with 412 when the document is not at it any more.",
    schema: { type: "string" },
  },
  "Last-Event-ID": {
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description: "The `id` of the last event that came: it goes on behind that.",
    schema: { type: "string" },
  },
} satisfies Record<string, Parameter>;

/** Makes the description. Cost: some milliseconds. */
export function describeApi(routes: readonly Route[]): OpenApiDocument {
  const responses = new Map<string, ResponseObject>();
  const paths = new Map<string, Record<string, Operation>>();
  for (const route of routes) {
    const path = pathOf(route);
    const operations = paths.get(path) ?? {};
    operations[route.method.toLowerCase()] = operationOf(route, responses);
    paths.set(path, operations);
  }
  const used = new Set(routes.map(({ group }) => group));
  return {
    openapi: "3.1.1",
    info: {
      title: "Joinery",
      version: "1",
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: API_PATH }],
    tags: GROUPS.filter((group) => used.has(group)).map((name) => ({
      name,
      description: GROUP_DESCRIPTIONS[name],
    })),
    // Where the server lets anybody in, or somebody without a name, no token is needed.
    security: [{ bearer: [] }, {}],
    paths: Object.fromEntries(paths),
    components: componentsOf(routes, responses),
  };
}

/** The route that answers with the description, made once. Anybody may ask. */
export function openApiRoute(routes: () => readonly Route[]): Route {
  let made: { readonly json: string; readonly etag: string } | null = null;
  const make = () => {
    const json = `${JSON.stringify(describeApi(routes()), null, 2)}\n`;
    return { json, etag: createHash("sha256").update(json).digest("base64url") };
  };
  return route({
    method: "GET",
    path: "/openapi.json",
    group: "Server",
    summary: "Reads the description of this API",
    description: "As an OpenAPI 3.1 document.",
    action: null,
    on: "nobody",
    answers: text("application/json", { description: "The OpenAPI document.", hasEtag: true }),
    run: () => {
      made ??= make();
      return reply(made.json, { etag: made.etag });
    },
  });
}

function componentsOf(routes: readonly Route[], responses: ReadonlyMap<string, ResponseObject>): Components {
  return {
    schemas: { Problem: PROBLEM_SCHEMA, ...schemasOf(routes) },
    responses: Object.fromEntries([...responses].sort(([a], [b]) => (a < b ? -1 : 1))),
    parameters: PARAMETERS,
    headers: HEADERS,
    securitySchemes: {
      bearer: {
        type: "http",
        scheme: "bearer",
        description: "A token, or a ticket, in `Authorization: Bearer …`. Nothing else says who somebody is.",
      },
    },
  };
}

function operationOf(route: Route, responses: Map<string, ResponseObject>): Operation {
  const { group, summary, description } = route;
  const parts = [description, needsText(route)].filter((part) => part !== "");
  return {
    operationId: operationId(route),
    tags: [group],
    summary,
    description: parts.join("\n\n"),
    ...(route.on === "nobody" && { security: [] }),
    parameters: parametersOf(route),
    ...(route.body && { requestBody: requestBodyOf(route.body) }),
    responses: { ...answersOf(route), ...refusalsOf(route, responses) },
    "x-needs": needsOf(route),
  };
}

function needsOf({ action, on, also }: Route): Operation["x-needs"] {
  const first = action === null || on === "token" ? [] : [{ action, when: "" }];
  return [...first, ...also.map(({ action, when }) => ({ action, when }))];
}

function needsText(route: Route): string {
  if (route.on === "nobody") return "Anybody may.";
  if (route.on === "token") return "Needs a token.";
  const also = route.also.map(({ action, when }) => `; also **${action}** ${when}`).join("");
  return `Needs **${route.action}** ${subjectText(route)}${also}.`;
}

function subjectText({ path, on, query, body }: Route): string {
  if (on === "ban") return "of the document that the ban is of, or of all documents";
  if (path.includes(":document")) return "of the document";
  const schemas = [query, body?.kind === "json" ? body.schema : null];
  const names = schemas.flatMap((schema) => schema?.fields.document ?? []);
  if (names.length === 0) return "of all documents";
  if (names.some(({ isOptional }) => !isOptional)) return "of the document";
  return "of the document that is named, or of all where none is";
}

function parametersOf(route: Route): readonly (Parameter | Reference)[] {
  const segments = route.path.split("/").filter((segment) => segment.startsWith(":"));
  const fields = Object.entries(route.query?.fields ?? {});
  return [
    ...segments.map((segment) => segmentParameter(segment.slice(1), route)),
    ...fields.map(([name, { isOptional = false, description = "", json, example }]): Parameter => {
      const shown = example !== undefined && { example };
      return { name, in: "query", required: !isOptional, description, schema: json, ...shown };
    }),
    ...(isRead(route) ? [parameter("If-None-Match")] : []),
    ...(route.takesIfMatch ? [parameter("If-Match")] : []),
    ...(route.answers.kind === "events" ? [parameter("Last-Event-ID")] : []),
  ];
}

/** What writes has an `ETag` for the next request, and is no less done where the client knows that. */
function isRead({ method, answers }: Route): boolean {
  return method === "GET" && answers.hasEtag;
}

function segmentParameter(name: string, { segments }: Route): Parameter | Reference {
  if (name === "document") return parameter("document");
  const schema = { type: "string", minLength: 1 };
  return { name, in: "path", required: true, description: segments[name] ?? "", schema };
}

function requestBodyOf(body: NonNullable<Route["body"]>): NonNullable<Operation["requestBody"]> {
  const description = `At most \`${body.limit}\`; not compressed.`;
  if (body.kind === "octets") return { description, required: true, content: { [body.mediaType]: {} } };
  const { fields, oneOf } = body.schema;
  const required = oneOf.length > 0 || Object.values(fields).some(({ isOptional }) => !isOptional);
  const content = { "application/json": { schema: { $ref: schemaPath(body.schema) } } };
  return { description, required, content };
}

function answersOf(route: Route): Readonly<Record<string, ResponseObject>> {
  const { answers } = route;
  const { status, mediaType, description, hasEtag } = answers;
  const own = Object.entries(answers.headers).map(([name, of]) => [name, header(of, { type: "string" })]);
  const requestId = { "X-Request-Id": headerRef("X-Request-Id") };
  const ofState = hasEtag && { ETag: headerRef("ETag") };
  const headers = { ...requestId, ...ofState, ...Object.fromEntries(own) };
  // OpenAPI's media types have no parameters but where they matter.
  const content = mediaType !== null && {
    content: { [mediaType.split(";", 1)[0] as string]: mediaTypeOf(answers) },
  };
  return {
    [status]: { description, headers, ...content },
    ...(isRead(route) && { 304: { description: "The client has it already.", headers } }),
  };
}

function mediaTypeOf({ kind, mediaType, schemas, example }: Route["answers"]): MediaType {
  const body = schemas[BODY];
  if (kind === "events") {
    const refs = Object.entries(schemas).map(([name, of]) => [name, { $ref: schemaPath(of) }]);
    return { schema: { type: "string" }, "x-events": Object.fromEntries(refs) };
  }
  if (kind === "stream" && body) return { schema: { type: "string" }, "x-line": { $ref: schemaPath(body) } };
  if (body) return { schema: { $ref: schemaPath(body) } };
  return {
    ...(mediaType?.startsWith("text/") && { schema: { type: "string" } }),
    ...(example !== "" && { example: mediaType === "application/json" ? JSON.parse(example) : example }),
  };
}

/** `/documents/{document}/json` */
function pathOf({ path }: Route): string {
  return path.replaceAll(/:(\w+)/g, "{$1}");
}

/** `getDocumentJson` of `GET /documents/:document/json`. */
function operationId({ method, path }: Route): string {
  const words = path
    .replaceAll(/(\w+)s\/:\w+/g, "$1")
    .split(/[/.-]/)
    .filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function parameter(name: keyof typeof PARAMETERS): Reference {
  return { $ref: `#/components/parameters/${name}` };
}

function headerRef(name: keyof typeof HEADERS): Reference {
  return { $ref: `#/components/headers/${name}` };
}

function header(description: string, schema: HeaderObject["schema"]): HeaderObject {
  return { description, schema };
}
