/** How a document came to be what it is. */

import { type Answers, json, reply } from "./answers.ts";
import {
  ABOUT_HEADERS,
  anyText,
  count,
  damage,
  headersOf,
  lineage,
  MAX_UPDATE_BYTES,
} from "./documents-fields.ts";
import { encodeLog, type LogAnswer } from "./documents-log-json.ts";
import { route } from "./route.ts";
import {
  base64,
  described,
  documentName,
  flag,
  listOf,
  moment,
  nested,
  nullable,
  number,
  optional,
  schema,
  wholeNumber,
} from "./schema.ts";

const MAX_ENTRIES = 1000;
const DEFAULT_ENTRIES = 100;
const MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_BYTES = 1024 * 1024;

const LOG_QUERY = schema("LogQuery", {
  after: described("Only batches after this `seq`.", optional(count), 16),
  limit: described(
    `At most so many; ${DEFAULT_ENTRIES} where it is not said.`,
    optional(wholeNumber(1, MAX_ENTRIES)),
  ),
  bytes: described(
    `A page ends before its updates have more than this, but has at least one batch; ${DEFAULT_BYTES} where it is not said.`,
    optional(wholeNumber(0, MAX_BYTES)),
  ),
  updates: described("Whether what was written comes with it.", optional(flag)),
});
const PART = schema("LogPart", {
  author: described("Empty for nobody in particular.", anyText, "ann"),
  bytes: described("Of this author's update.", count),
  clients: described("Client ids whose edits it has.", listOf(count)),
  structs: described("Yjs structs in it.", count),
  inserted: described("Characters and values that it inserted.", count),
  deleted: described("Characters and values that it deleted.", count),
  problem: described("Why it does not decode; the numbers are 0 then.", nullable(anyText)),
  update: described("With `updates=true`: a Yjs v1 update.", optional(base64(MAX_UPDATE_BYTES))),
});
const ENTRY = schema("LogEntry", {
  seq: described("Its position in the log, from 1 on.", count),
  time: described("When it was written.", nullable(moment)),
  timeMs: described("The same, in milliseconds since 1970.", number),
  bytes: described("Of its updates.", count),
  inSnapshot: described("Whether the newest snapshot stands for it.", flag),
  parts: described("What each author wrote.", listOf(nested(PART))),
});
const LOG = schema(
  "DocumentLog",
  {
    document: documentName,
    lineage,
    seq: described("Of the last batch of the log.", count),
    snapshotSeq: described("The last batch that the newest snapshot stands for; 0 without one.", count),
    entries: described(
      "Ascending. Where the first is not the next, those before it are gone.",
      listOf(nested(ENTRY)),
    ),
    next: described("What to ask for next, as `after`; `null` where nothing follows.", nullable(count)),
    damage: described(
      "Why the log cannot be read on: the next batch is damaged or missing. Then there are no entries.",
      nullable(damage),
    ),
  },
  { description: "A part of a document's log." },
);

const ANSWERS: Answers<LogAnswer> = {
  ...json(LOG, { description: "A page of the log.", headers: ABOUT_HEADERS }),
  encode: encodeLog,
};

export const LOG_ROUTES = [
  route({
    method: "GET",
    path: "/documents/:document/log",
    group: "History",
    summary: "Reads the log of a document",
    description: `Batches with their authors and what they added, oldest first. What a snapshot stands for is listed as long as it
is kept.`,
    action: "history",
    on: "document",
    query: LOG_QUERY,
    answers: ANSWERS,
    errors: ["DOCUMENT_NOT_FOUND", "DOCUMENT_DAMAGED", "REPLICA_FAILED", "SERVER_FULL"],
    run: async ({ services, document, signal }, { query }) => {
      const { after = 0, limit = DEFAULT_ENTRIES, bytes = DEFAULT_BYTES, updates = false } = query;
      const part = { after, limit, maxBytes: bytes };
      const log = await services.reading.log(document, part, signal);
      const { revision, damage, end } = log;
      return reply(
        { document, log, hasUpdates: updates },
        { headers: headersOf(revision, { damage }), onClose: end },
      );
    },
  }),
];
