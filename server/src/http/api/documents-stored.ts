/** What is stored of a document, byte by byte, and whether that is as it was written. */

import type { DocumentName } from "@joinery/shared";
import type { ReadStored } from "../../documents/reading-api.ts";
import type { LogEntry } from "../../engine/ports.ts";
import { json, lines, reply } from "./answers.ts";
import {
  ABOUT_HEADERS,
  anyText,
  base64Of,
  branch,
  count,
  damage,
  headersOf,
  lineage,
  revision,
} from "./documents-fields.ts";
import { revisionText } from "./revision.ts";
import { route } from "./route.ts";
import type { Of } from "./schema.ts";
import {
  base64,
  choice,
  described,
  documentName,
  flag,
  listOf,
  nested,
  nullable,
  number,
  optional,
  schema,
  wholeNumber,
} from "./schema.ts";

/** 256 KiB of base64: no line is much longer, however large a document is. */
const PIECE_BYTES = 192 * 1024;

const STORED_QUERY = schema("StoredQuery", {
  until: described(
    "As it was after the batch with this `seq`.",
    optional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  ),
});
const time = described("In milliseconds since 1970; 0 where damage has taken that.", number);
const bytes = described("Of the update.", count);
const update = described(
  `A Yjs v1 update; absent where it has more than ${PIECE_BYTES} bytes: then they follow as \`data\`.`,
  optional(base64(PIECE_BYTES)),
);
const HEAD = schema("StoredHead", {
  document: documentName,
  lineage,
  bornAt: time,
  revision,
  branches: described(
    "The parts of the log that one life of the server wrote each, by their first batches.",
    listOf(nested(schema("StoredBranch", { seq: count, id: branch }))),
  ),
  damage: nullable(damage),
});
const SNAPSHOT = schema("StoredSnapshot", {
  seq: described("It stands for the log up to this batch.", count),
  time,
  bytes,
  update,
});
const ENTRY = schema("StoredEntry", {
  seq: count,
  time,
  parts: listOf(nested(schema("StoredPart", { author: anyText, bytes, update }))),
});
const LINE = schema(
  "StoredLine",
  {
    head: described("The first line.", optional(nested(HEAD))),
    snapshot: described("The newest snapshot, where there is one.", optional(nested(SNAPSHOT))),
    entry: described("A batch of the log after it, ascending.", optional(nested(ENTRY))),
    data: described(
      "Bytes of an update of the line before; of several, one after the other.",
      optional(base64(PIECE_BYTES)),
    ),
    end: described(
      "The last line: without it something is missing.",
      optional(nested(schema("StoredEnd", { entries: count }))),
    ),
  },
  { oneOf: ["head", "snapshot", "entry", "data", "end"] },
);
type Line = Of<typeof LINE>;

const VERIFICATION = schema("Verification", {
  document: documentName,
  isSound: described("Whether nothing is wrong with it.", flag),
  records: described("That were checked.", count),
  bytes: described("Of their updates.", count),
  comparedSnapshots: described("Snapshots that were compared with what the log before them builds.", count),
  problems: listOf(
    nested(
      schema("VerificationProblem", {
        record: described(
          "`document` where it is not in one record alone.",
          choice(["birth", "snapshot", "log", "branches", "document"]),
        ),
        seq: described("Of the record; 0 where it has none.", count),
        reason: anyText,
      }),
    ),
  ),
});

export const STORED_ROUTES = [
  route({
    method: "GET",
    path: "/documents/:document/stored",
    group: "History",
    summary: "Reads what is stored of a document",
    description: `Line by line: \`head\`, then \`snapshot\` if there is one, then each \`entry\` of the log after it, then \`end\`. An update
of more than ${PIECE_BYTES} bytes follows its line as \`data\`, in so many lines as it takes. Of a damaged document what is sound
is read, and its \`head\` says what is wrong.`,
    action: "history",
    on: "document",
    query: STORED_QUERY,
    answers: lines(LINE, { description: "What is stored.", headers: ABOUT_HEADERS }),
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "SERVER_FULL"],
    run: async ({ services, document, signal }, { query }) => {
      const read = await services.reading.stored(document, query.until ?? null, signal);
      const headers = headersOf(read.revision, read.stored);
      return reply(linesOf(document, read), { headers, onClose: read.end });
    },
  }),
  route({
    method: "GET",
    path: "/documents/:document/verification",
    group: "History",
    summary: "Looks at every record of a document",
    description: `Each record's checksum, that none is missing, that each update decodes and builds upon nothing that is not there,
and that each snapshot shows what the log before it builds. One document at a time: others wait.`,
    action: "manage",
    on: "document",
    answers: json(VERIFICATION, { description: "What came of it." }),
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "REPLICA_FAILED", "SERVER_FULL"],
    run: async ({ services, document, signal }): Promise<Of<typeof VERIFICATION>> => {
      const { problems, ...verification } = await services.reading.verification(document, signal);
      return { ...verification, isSound: problems.length === 0, problems };
    },
  }),
];

async function* linesOf(document: DocumentName, { stored, revision }: ReadStored): AsyncGenerator<Line> {
  const { lineage, bornAt, branches, damage, snapshot, tail } = stored;
  const head = { document, lineage, bornAt, branches, damage: damage?.message ?? null };
  yield { head: { ...head, revision: revisionText(revision) } };
  if (snapshot !== null) {
    const { seq, time, update } = snapshot;
    yield { snapshot: { seq, time, ...shown(update) } };
    yield* piecesOf(update);
  }
  for (const entry of tail) yield* linesOfEntry(entry);
  yield { end: { entries: tail.length } };
}

function* linesOfEntry({ seq, time, parts }: LogEntry): Generator<Line> {
  yield { entry: { seq, time, parts: parts.map(({ author, update }) => ({ author, ...shown(update) })) } };
  for (const { update } of parts) yield* piecesOf(update);
}

function shown(update: Uint8Array): { readonly bytes: number; readonly update?: string } {
  const isSmall = update.length <= PIECE_BYTES;
  return { bytes: update.length, ...(isSmall && { update: base64Of(update) }) };
}

/** What is not in the line itself. */
function* piecesOf(update: Uint8Array): Generator<Line> {
  if (update.length <= PIECE_BYTES) return;
  for (let at = 0; at < update.length; at += PIECE_BYTES)
    yield { data: base64Of(update.subarray(at, at + PIECE_BYTES)) };
}
