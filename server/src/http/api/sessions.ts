import type { SessionInfo } from "../../access/access-api.ts";
import { json } from "./answers.ts";
import { route } from "./route.ts";
import { MAX_USER_LENGTH } from "./sanctions.ts";
import type { Of } from "./schema.ts";
import {
  described,
  documentName,
  listOf,
  moment,
  nested,
  nullable,
  optional,
  schema,
  text,
  wholeNumber,
} from "./schema.ts";
import { isoOf } from "./time.ts";

/** 300 KB. Who wants all asks again with `after`; the counts are of all anyway. */
const MAX_LISTED = 1000;

const number = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const anyText = text(MAX_USER_LENGTH, { minLength: 0 });

const SESSIONS_QUERY = schema("SessionsQuery", {
  document: described("Only sessions in this document.", optional(documentName), "notes/today"),
  user: described("Only sessions of this user.", optional(text(MAX_USER_LENGTH)), "ann"),
  after: described("Only sessions with higher numbers are listed.", optional(number), 1000),
});
const SESSION = schema("Session", {
  session: described("Its number.", number, 17),
  document: described("Where it is.", documentName, "notes/today"),
  user: described("Empty for nobody in particular.", anyText, "ann"),
  rights: described("What it may do.", listOf(text(16)), ["read", "write", "presence"]),
  dialect: described("Which protocol it speaks.", anyText, "joinery"),
  address: described("The client's; empty where there is none.", anyText, "192.0.2.7"),
  connection: described("Number of its connection.", number, 12),
  correlation: described(
    "Its connection's name in the log.",
    anyText,
    "0b8d2f6c-5a0e-4a58-9b61-2f3d9f1f2f7a",
  ),
  since: described("When it came.", moment, "2026-11-21T10:00:00.000Z"),
  expiresAt: described("Until when what it showed is good; `null` for no end.", nullable(moment), null),
});
const SESSIONS = schema("Sessions", {
  sessions: listOf(nested(SESSION)),
  next: described(
    "What to ask for next, as `after`; `null` where these are the last.",
    nullable(number),
    null,
  ),
  counts: nested(schema("SessionCounts", { sessions: number, users: number, documents: number })),
});

/** Who is where. */
export const SESSION_ROUTES = [
  route({
    method: "GET",
    path: "/sessions",
    group: "Access",
    summary: "Lists who is where",
    description: "At most 1,000 at once, by their numbers; the counts are of all that fit.",
    action: "manage",
    on: "document",
    query: SESSIONS_QUERY,
    answers: json(SESSIONS, { description: "The sessions." }),
    run: ({ access }, { query: { after = -1, ...target } }) => {
      const all = access.sessions(target);
      const listed = all
        .filter(({ session }) => session > after)
        .sort((a, b) => a.session - b.session)
        .slice(0, MAX_LISTED + 1);
      const page = listed.slice(0, MAX_LISTED);
      return {
        sessions: page.map(shownSession),
        next: listed.length > MAX_LISTED ? (page.at(-1)?.session ?? null) : null,
        counts: countsOf(all),
      };
    },
  }),
];

function shownSession({ rights, since, expiresAt, ...info }: SessionInfo): Of<typeof SESSION> {
  return {
    ...info,
    rights: rights.actions,
    since: isoOf(since),
    expiresAt: expiresAt === null ? null : isoOf(expiresAt),
  };
}

/** Somebody with three tabs is one user; those without a name are none. */
function countsOf(sessions: readonly SessionInfo[]): Of<typeof SESSIONS>["counts"] {
  const users = new Set(sessions.map(({ user }) => user).filter((user) => user !== ""));
  const documents = new Set(sessions.map(({ document }) => document));
  return { sessions: sessions.length, users: users.size, documents: documents.size };
}
