/**
 * Writes docs/http.md from the OpenAPI document of the HTTP API.
 *
 *   node scripts/http-page.ts            writes the page
 *   node scripts/http-page.ts --print    prints it instead
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeApi } from "../server/src/http/api/openapi.ts";
import { ROUTES } from "../server/src/http/api/routes.ts";
import { ERROR_DETAILS } from "../shared/src/error-details.ts";
import { ERRORS, type ErrorCode } from "../shared/src/errors.ts";
import { OpenApiMarkdown } from "./openapi-markdown.ts";

const PAGE = fileURLToPath(new URL("../docs/http.md", import.meta.url));
const DOCUMENT = describeApi(ROUTES);
const MARKDOWN = new OpenApiMarkdown(DOCUMENT);

function page(): string {
  return `${introduction()}\n${MARKDOWN.groups()}`;
}

function introduction(): string {
  return `# The HTTP API

<!-- Made of the OpenAPI document by "npm run docs:http": the words are in scripts/http-page.ts and with the routes. -->

Everything below \`/api/v1\` of a server, also one that is embedded (\`server.handle\`). \`GET /api/v1/openapi.json\` is this page
for programs, as OpenAPI 3.1. What HTTP reads is what is **durable**: an edit is seen here once it is on disk.

[In a minute](#in-a-minute) · [who you are](#who-you-are) · [names](#names) · [revisions](#revisions) · [moments](#moments) ·
[errors](#errors) · [limits](#limits) · [what is long](#what-is-long) · routes:
${MARKDOWN.contents}

## In a minute

\`\`\`sh
npx joinery serve &
api=http://localhost:4321/api/v1

curl "$api/documents?prefix=notes/"                           # which documents there are
curl "$api/documents/notes%2Ftoday/text"                      # one of them, as text
curl "$api/documents/notes%2Ftoday/text?at=2026-11-21T10:00Z" # as it was then
curl -N "$api/documents/notes%2Ftoday/events"                 # what happens to it

curl -X POST "$api/documents/notes%2Ftoday/edit" -H 'Content-Type: application/json' \\
  -d '{"edits":[{"op":"text","path":["title"],"value":"A new title"}]}'
\`\`\`

The examples below use this \`$api\`, and leave out who asks; \`joinery ls\`, \`show\` and the
[other commands](cli.md) do the same for people.

## Who you are

\`Authorization: Bearer <token>\` says it, and nothing else: no cookie, no query. Tokens, and what they let somebody do, are those
of [access](access.md); a ticket will do too, once. Where the server asks nobody, none is needed.

\`\`\`sh
curl -H "Authorization: Bearer $TOKEN" http://localhost:4321/api/v1/documents
\`\`\`

Each route says which actions it needs. Who may not do it to one document is told 403 whether that is there or not. A route that
names no document needs the action of all documents. Whoever may read the data folder of a running server finds in its
\`server.json\` a key that may do everything.

Pages of other origins are not let in: there is no CORS, and what comes from another site is refused unless it only
reads. Ask from your back end, or serve your page from the server's own origin.

## Names

A document's name is one segment of the path, percent-encoded whole: \`notes/today\` is \`notes%2Ftoday\`, \`ünïcode 1\` is
\`%C3%BCn%C3%AFcode%201\`. In JavaScript that is \`encodeURIComponent(name)\`. A proxy that decodes \`%2F\` on its way breaks it:
[proxy.md](proxy.md).

In JSON and in queries names are as they are, but for what queries need encoded.

## Revisions

How far a document is has a name: \`<lineage>.<branch>.<seq>\`, its revision. It is the \`ETag\` of what is read of a document, and
changes with every batch that is written.

- \`If-None-Match: "<revision>"\` with GET: 304, without content, while the document is still there.
- \`If-Match: "<revision>"\` with what writes: 412 \`REVISION_CHANGED\`, and nothing was done, when somebody else wrote
  meanwhile. Without it, what is written is merged with what others wrote, as with any client. A route that does something
  and does not look at what is demanded refuses it.
- \`Last-Event-ID: <revision>\` with what follows: it goes on behind that. A browser's \`EventSource\` does so by itself, but
  cannot set \`Authorization\`; \`fetch\` can.

## Moments

\`at\` names a moment: a \`seq\`, digits alone, for the document as it was after that batch; or a time by ISO 8601. What is
deleted now may have been there then, so it needs the action \`history\`. How far back one can go is how far back the log is kept.

## Errors

Whatever was not done is answered with a problem document (RFC 9457), \`application/problem+json\`:

\`\`\`json
${JSON.stringify(MARKDOWN.schemas.example({ $ref: "#/components/schemas/Problem" }), null, 2)}
\`\`\`

Programs go by \`code\`, which stays the same across versions, and by \`retry\`: \`never\`; \`backoff\`, come back after a pause, which
\`Retry-After\` says; \`after-auth\`, come back with a new token. \`correlation\` is the request's name in the server's log, and the
header \`X-Request-Id\` of every answer. Where HTTP alone has a word for it (404 for an address, 405, 415) there is no \`code\`.

| status | code | retry | meaning |
| --- | --- | --- | --- |
${errorRows()}
Of these, every request may be answered ${codesText(MARKDOWN.commonCodes)}; the routes name the others. What does not even come to the API, because it is
no HTTP, too large (431) or while the server stops (503), is answered with a line of text.

## Limits

A request has its time, its size and its rate: \`maxAddressRequestsPerSecond\`, \`requestTimeoutMs\`, \`maxHeaderBytes\`, and for
bodies the limit that the route names; all bodies together \`maxApiPendingBytes\`. All are in [limits.md](limits.md). Bodies are
never decompressed. A connection has one request at a time: one that does not wait for the answer before it cuts it. Lists come
in pages: ask again with what \`next\` said.

## What is long

What may be large streams, as fast as you read it. It is broken off where it fails in the middle, so an answer that ended as HTTP
says is whole. \`application/x-ndjson\` is one JSON object a line; \`text/event-stream\` goes on until you leave, or the
server stops, and has a comment every 15 seconds. At most \`maxApiStreams\` are open at once, \`maxAddressApiStreams\` of an address.
`;
}

function errorRows(): string {
  const codes = [...MARKDOWN.codes] as ErrorCode[];
  const statusOf = (code: ErrorCode): number => ERROR_DETAILS[code].httpStatus;
  return codes
    .sort((a, b) => statusOf(a) - statusOf(b) || (a < b ? -1 : 1))
    .map((code) => {
      const { httpStatus, meaning } = ERROR_DETAILS[code];
      return `| ${httpStatus} | \`${code}\` | ${ERRORS[code].retry} | ${meaning} |\n`;
    })
    .join("");
}

function codesText(codes: ReadonlySet<string>): string {
  return [...codes]
    .sort()
    .map((code) => `\`${code}\``)
    .join(", ");
}

if (process.argv.includes("--print")) process.stdout.write(page());
else writeFileSync(PAGE, page());
