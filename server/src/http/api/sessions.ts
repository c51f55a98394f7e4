import type { SessionInfo } from "../../access/access-api.ts";
import { route } from "./route.ts";
import { MAX_USER_LENGTH } from "./sanctions.ts";
import type { Of } from "./schema.ts";
import {
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
  document: optional(documentName),
  user: optional(text(MAX_USER_LENGTH)),
  /** Only sessions with higher numbers are listed. */
  after: optional(number),
});
const SESSION = schema("Session", {
  session: number,
  document: documentName,
  user: anyText,
  rights: listOf(text(16)),
  dialect: anyText,
  address: anyText,
  connection: number,
  correlation: anyText,
  since: moment,
  expiresAt: nullable(moment),
});
const SESSIONS = schema("Sessions", {
  sessions: listOf(nested(SESSION)),
  /** What to ask for next, as `after`; `null` where these are the last. */
  next: nullable(number),
  counts: nested(schema("SessionCounts", { sessions: number, users: number, documents: number })),
});

/** Who is where. */
export const SESSION_ROUTES = [
  route({
    method: "GET",
    path: "/sessions",
    action: "manage",
    on: "document",
    request: SESSIONS_QUERY,
    status: 200,
    response: SESSIONS,
    run: ({ access }, { after = -1, ...target }: Of<typeof SESSIONS_QUERY>) => {
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
