/** Following a document: what happens there, as server-sent events. */

import { ERRORS, publicMessageOf } from "@joinery/shared";
import type { LiveEvent, Present } from "../../documents/live-api.ts";
import type { UpdateSummary } from "../../inspect/log-entries.ts";
import { events, reply } from "./answers.ts";
import { anyText, base64Of, count, MAX_UPDATE_BYTES, revision, timeOrNull } from "./documents-fields.ts";
import { revisionText } from "./revision.ts";
import { route } from "./route.ts";
import { MAX_USER_LENGTH } from "./sanctions.ts";
import type { Of } from "./schema.ts";
import {
  anyJson,
  base64,
  choice,
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
  text,
} from "./schema.ts";
import { encodeEvent } from "./server-sent-events.ts";

/** How long a client waits before it comes back, in milliseconds, unless it is told otherwise. */
const RETRY_MS = 2_000;
export const user = described(
  "Empty for nobody in particular.",
  text(MAX_USER_LENGTH, { minLength: 0 }),
  "ann",
);

const HELLO = schema(
  "LiveHello",
  {
    document: documentName,
    revision: described(
      "What follows comes after this: where `Last-Event-ID` was, or where the document is now.",
      revision,
    ),
    user: described("Whom the server takes the client for; empty for nobody in particular.", user),
    session: described("The number under which it is listed, and can be ended.", count, 17),
    updates: described("Whether batches come with what was written.", flag),
  },
  { description: "The first event." },
);
const RESET = schema(
  "LiveReset",
  {
    reason: described(
      "unreadable: it is no revision. lineage: of another life of the name. branch: another batch is there. ahead: there is no such batch yet.",
      choice(["unreadable", "lineage", "branch", "ahead"]),
    ),
    given: anyText,
  },
  { description: "What `Last-Event-ID` named does not fit: it goes on from now." },
);
const PART = schema("LiveBatchPart", {
  author: user,
  bytes: count,
  clients: described("Client ids whose edits it has.", listOf(count)),
  structs: count,
  inserted: described("Characters and values that it inserted and are there still.", count),
  deleted: described("Characters and values that it deleted.", count),
  problem: described("Why what it added is not known; the numbers are 0 then.", nullable(anyText)),
  update: described("With `updates=true`: a Yjs v1 update.", optional(base64(MAX_UPDATE_BYTES))),
});
const BATCH = schema(
  "LiveBatch",
  {
    seq: count,
    time: nullable(moment),
    timeMs: described("The same, in milliseconds since 1970.", number),
    bytes: described("Of its updates.", count),
    parts: described("What each author wrote.", listOf(nested(PART))),
  },
  { description: "What was written and is on disk." },
);
const GAP = schema(
  "LiveGap",
  { from: count, to: count },
  { description: "These batches, both ends included, are folded into a snapshot and not told one by one." },
);
const PRESENT = schema("LivePresent", {
  clientId: count,
  user,
  state: described("As the client announced it.", anyJson),
});
const PRESENCE = schema(
  "LivePresence",
  {
    all: described("Whether `joined` is everybody: whoever is not in it has gone.", flag),
    joined: listOf(nested(PRESENT)),
    changed: listOf(nested(PRESENT)),
    left: described("Client ids.", listOf(count)),
  },
  { description: "Who came, changed and went. The first one says who is here." },
);
const SIGNAL = schema("LiveSignal", {
  name: anyText,
  user,
  session: described("Number of the sender's session; 0 for the server.", count),
  payload: anyJson,
});
const MISSED = schema(
  "LiveMissed",
  { signals: count },
  { description: "So many signals were dropped, because the client did not read." },
);
const ENDED_FIELDS = {
  code: described("Of the table of errors.", text(64), "SERVER_DRAINING"),
  retry: described(
    "never: it would be told the same. after-auth: with another token. backoff: after `retry:`.",
    choice(["never", "after-auth", "backoff"]),
  ),
  message: anyText,
};
const DELETED = schema("LiveDeleted", ENDED_FIELDS, { description: "The last event: the document is gone." });
const CLOSED = schema("LiveClosed", ENDED_FIELDS, { description: "The last event: why there are no more." });

const EVENTS_QUERY = schema("EventsQuery", {
  updates: described("Whether batches come with what was written.", optional(flag), false),
});

export const EVENT_ROUTES = [
  route({
    method: "GET",
    path: "/documents/:document/events",
    group: "Live",
    summary: "Follows a document",
    description: [
      "What happens in the document, as it happens. Batches are told once they are on disk, each with the revision",
      "`<lineage>.<branch>.<seq>` as its `id`: who comes back with that as `Last-Event-ID` goes on behind it, and nothing",
      "is left out or told twice. One that ends with `.0` stands for the beginning. A document that is not there yet can be",
      "followed, too.",
    ].join("\n"),
    action: "read",
    on: "document",
    also: [{ action: "history", when: "with `updates`", isNeeded: ({ query }) => query.updates === true }],
    query: EVENTS_QUERY,
    answers: events(
      {
        hello: HELLO,
        reset: RESET,
        batch: BATCH,
        gap: GAP,
        presence: PRESENCE,
        signal: SIGNAL,
        missed: MISSED,
        deleted: DELETED,
        closed: CLOSED,
      },
      { description: "Events, until there is a reason to end." },
    ),
    // It is loaded before it is followed.
    errors: ["DOCUMENT_DAMAGED", "REPLICA_FAILED"],
    run: async ({ services, request, document, headers, signal }, { query }) => {
      const after = headers["last-event-id"];
      const following = await services.live.follow({
        who: request,
        document,
        hasUpdates: query.updates ?? false,
        after: typeof after === "string" && after !== "" ? after : null,
        signal,
      });
      return reply(following.events, { onClose: () => following.leave() });
    },
  }),
];

/** An event as it goes to everybody who is told it. Cost: of a batch, a pass over its updates. */
export function encodeLiveEvent(event: LiveEvent): Uint8Array {
  const id = "revision" in event ? { id: revisionText(event.revision) } : {};
  const bytes = encodeEvent({ ...id, event: nameOf(event), data: dataOf(event) });
  const retryMs = retryMsOf(event);
  return retryMs === null ? bytes : Buffer.concat([Buffer.from(`retry: ${retryMs}\n`), bytes]);
}

function nameOf(event: LiveEvent): string {
  if (event.type !== "ended") return event.type;
  return event.error.code === "DOCUMENT_DELETED" ? "deleted" : "closed";
}

function retryMsOf(event: LiveEvent): number | null {
  if (event.type === "hello") return RETRY_MS;
  return event.type === "ended" && event.error.row.retry === "backoff" ? event.comeBackMs : null;
}

function dataOf(event: LiveEvent): object {
  switch (event.type) {
    case "hello": {
      const { document, revision, user, session, hasUpdates } = event;
      return { document, revision: revisionText(revision), user, session, updates: hasUpdates };
    }
    case "batch":
      return batchData(event);
    case "presence": {
      const { isAll, joined, changed, left } = event;
      return { all: isAll, joined: joined.map(presentData), changed: changed.map(presentData), left };
    }
    case "signal": {
      const { name, user, session, payload } = event.signal;
      return { name, user, session, payload: JSON.parse(Buffer.from(payload).toString()) };
    }
    case "ended": {
      const { code } = event.error;
      return { code, retry: ERRORS[code].retry, message: publicMessageOf(event.error) };
    }
    case "reset":
      return { reason: event.reason, given: event.given };
    case "gap":
      return { from: event.from, to: event.to };
    case "missed":
      return { signals: event.signals };
  }
}

function batchData({
  entry,
  summaries,
  hasUpdates,
}: Extract<LiveEvent, { readonly type: "batch" }>): Of<typeof BATCH> {
  const { seq, time, parts } = entry;
  return {
    seq,
    time: timeOrNull(time),
    timeMs: time,
    bytes: parts.reduce((sum, { update }) => sum + update.length, 0),
    parts: parts.map(({ author, update }, at) => ({
      author,
      bytes: update.length,
      // There is one of each part.
      ...(summaries[at] as UpdateSummary),
      ...(hasUpdates && { update: base64Of(update) }),
    })),
  };
}

function presentData({ clientId, user, state }: Present): object {
  return { clientId, user, state };
}
