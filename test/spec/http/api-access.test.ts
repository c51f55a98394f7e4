import { DEFAULT_LIMITS } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import { BODY } from "../../../server/src/http/api/answers.ts";
import { ROUTES } from "../../../server/src/http/api/routes.ts";
import { type ApiStage, type Asking, kick, openApi } from "./api-stage.ts";
import { NOTHING_LIVE } from "./live-services.ts";
import { NOTHING_READ } from "./reading-services.ts";
import { NOTHING_WRITTEN } from "./writing-services.ts";

/** What somebody shows, in the order of the columns below; `null` for nothing. */
const ROLES = [null, "nonsense", "reader", "writer", "manager-of-b", "manager-of-a", "manager"] as const;

/** A request, and what each role is answered. */
interface Row {
  readonly what: string;
  readonly asking: Omit<Asking, "token" | "method">;
  /** A ban that is there before, whose id stands for `ID` in the path. */
  readonly ban?: { readonly user: string; readonly document?: string };
  readonly statuses: readonly [number, number, number, number, number, number, number];
}

const ABOUT_A = [401, 401, 403, 403, 403, 200, 200] as const;
const ABOUT_ALL = [401, 401, 403, 403, 403, 403, 200] as const;
const READING_A = [401, 401, 200, 200, 403, 200, 200] as const;
const HISTORY_A = [401, 401, 403, 200, 403, 200, 200] as const;
const WRITING_A = [401, 401, 403, 200, 403, 200, 200] as const;
const reason = "spam";

/** Written by hand, from what each route is for. A route without a row fails. */
const MATRIX: Readonly<Record<string, readonly Row[]>> = {
  "POST /tickets": [
    {
      what: "for a document that it may read",
      asking: { path: "/tickets", body: { document: "a" } },
      statuses: [401, 401, 201, 201, 403, 201, 201],
    },
    {
      what: "for any",
      asking: { path: "/tickets", body: {} },
      statuses: [401, 401, 201, 201, 201, 201, 201],
    },
  ],
  "POST /access/revoke": [
    {
      what: "in a",
      asking: { path: "/access/revoke", body: { user: "u", document: "a" } },
      statuses: ABOUT_A,
    },
    {
      what: "all of a",
      asking: { path: "/access/revoke", body: { document: "a", reason } },
      statuses: ABOUT_A,
    },
    { what: "everywhere", asking: { path: "/access/revoke", body: { user: "u" } }, statuses: ABOUT_ALL },
    { what: "one token", asking: { path: "/access/revoke", body: { token: "t" } }, statuses: ABOUT_ALL },
  ],
  "POST /access/recheck": [
    { what: "in a", asking: { path: "/access/recheck", body: { document: "a" } }, statuses: ABOUT_A },
    { what: "everywhere", asking: { path: "/access/recheck", body: {} }, statuses: ABOUT_ALL },
    { what: "one session", asking: { path: "/access/recheck", body: { session: 7 } }, statuses: ABOUT_ALL },
  ],
  "POST /access/kick": [
    {
      what: "out of a",
      asking: { path: "/access/kick", body: { user: "u", document: "a", reason } },
      statuses: ABOUT_A,
    },
    {
      what: "everywhere",
      asking: { path: "/access/kick", body: { user: "u", reason } },
      statuses: ABOUT_ALL,
    },
    {
      what: "an address",
      asking: { path: "/access/kick", body: { address: "192.0.2.9", reason } },
      statuses: ABOUT_ALL,
    },
    {
      what: "a session",
      asking: { path: "/access/kick", body: { session: 7, reason } },
      statuses: ABOUT_ALL,
    },
  ],
  "POST /access/bans": [
    {
      what: "from a",
      asking: { path: "/access/bans", body: { user: "u", document: "a", reason, durationSeconds: 60 } },
      statuses: [401, 401, 403, 403, 403, 201, 201],
    },
    {
      what: "from everything",
      asking: { path: "/access/bans", body: { address: "192.0.2.9", reason } },
      statuses: [401, 401, 403, 403, 403, 403, 201],
    },
  ],
  "GET /access/bans": [
    { what: "of a", asking: { path: "/access/bans?document=a" }, statuses: ABOUT_A },
    { what: "all", asking: { path: "/access/bans" }, statuses: ABOUT_ALL },
  ],
  "DELETE /access/bans/:id": [
    {
      what: "of a",
      asking: { path: "/access/bans/ID" },
      ban: { user: "u", document: "a" },
      statuses: [401, 401, 403, 403, 403, 204, 204],
    },
    {
      what: "of everything",
      asking: { path: "/access/bans/ID" },
      ban: { user: "u" },
      statuses: [401, 401, 403, 403, 403, 403, 204],
    },
    {
      what: "that is not there",
      asking: { path: "/access/bans/none" },
      statuses: [401, 401, 403, 403, 403, 403, 404],
    },
  ],
  "GET /sessions": [
    { what: "of a", asking: { path: "/sessions?document=a" }, statuses: ABOUT_A },
    { what: "of a user in a", asking: { path: "/sessions?document=a&user=u" }, statuses: ABOUT_A },
    { what: "of a user", asking: { path: "/sessions?user=u" }, statuses: ABOUT_ALL },
    { what: "all", asking: { path: "/sessions" }, statuses: ABOUT_ALL },
  ],
  "GET /documents": [
    { what: "all", asking: { path: "/documents?prefix=a" }, statuses: ABOUT_ALL },
    { what: "that were deleted", asking: { path: "/documents?deleted=true" }, statuses: ABOUT_ALL },
  ],
  "GET /documents/:document": [{ what: "a", asking: { path: "/documents/a" }, statuses: READING_A }],
  ...ofContent("json"),
  ...ofContent("text"),
  ...ofContent("xml"),
  ...ofContent("markdown"),
  ...ofContent("delta"),
  ...ofContent("update"),
  ...ofContent("state-vector"),
  "GET /documents/:document/log": [
    { what: "of a", asking: { path: "/documents/a/log" }, statuses: HISTORY_A },
    {
      what: "of a, with what was written",
      asking: { path: "/documents/a/log?updates=true" },
      statuses: HISTORY_A,
    },
  ],
  "GET /documents/:document/stored": [
    { what: "of a", asking: { path: "/documents/a/stored" }, statuses: HISTORY_A },
  ],
  "GET /documents/:document/verification": [
    { what: "of a", asking: { path: "/documents/a/verification" }, statuses: ABOUT_A },
  ],
  "GET /documents/:document/events": [
    { what: "of a", asking: { path: "/documents/a/events" }, statuses: READING_A },
    {
      what: "of a, with what was written",
      asking: { path: "/documents/a/events?updates=true" },
      statuses: [401, 401, 403, 200, 403, 200, 200],
    },
  ],
  "GET /documents/:document/presence": [
    { what: "of a", asking: { path: "/documents/a/presence" }, statuses: READING_A },
  ],
  "POST /documents/:document/signals": [
    {
      what: "in a",
      asking: { path: "/documents/a/signals", body: { name: "saved", payload: null } },
      statuses: ABOUT_A,
    },
  ],
  "GET /rooms": [{ what: "all", asking: { path: "/rooms" }, statuses: ABOUT_ALL }],
  "GET /stats": [{ what: "all", asking: { path: "/stats" }, statuses: ABOUT_ALL }],
  "POST /documents": [
    {
      what: "an empty one",
      asking: { path: "/documents", body: { document: "a" } },
      statuses: [401, 401, 403, 201, 403, 201, 201],
    },
    {
      what: "a copy of another",
      asking: { path: "/documents", body: { document: "a", copyOf: "b" } },
      statuses: [401, 401, 403, 201, 403, 403, 201],
    },
    {
      what: "a copy of another as it was",
      asking: { path: "/documents", body: { document: "b", copyOf: "a", at: "1" } },
      statuses: [401, 401, 403, 201, 403, 403, 201],
    },
  ],
  "POST /documents/:document/update": [
    {
      what: "of a",
      asking: { path: "/documents/a/update", body: Uint8Array.of(0, 0) },
      statuses: WRITING_A,
    },
    {
      what: "of a, in the second format",
      asking: { path: "/documents/a/update?version=2", body: Uint8Array.of(0, 0) },
      statuses: WRITING_A,
    },
  ],
  "POST /documents/:document/edit": [
    {
      what: "of a",
      asking: { path: "/documents/a/edit", body: { edits: [{ op: "set", path: ["m", "k"], value: 1 }] } },
      statuses: WRITING_A,
    },
  ],
  "DELETE /documents/:document": [{ what: "a", asking: { path: "/documents/a" }, statuses: ABOUT_A }],
  "POST /documents/:document/restore": [
    { what: "a", asking: { path: "/documents/a/restore", body: { deletion: 1 } }, statuses: ABOUT_A },
    { what: "a, the last one", asking: { path: "/documents/a/restore" }, statuses: ABOUT_A },
  ],
  "POST /documents/:document/compact": [
    { what: "a", asking: { path: "/documents/a/compact" }, statuses: ABOUT_A },
  ],
  "GET /openapi.json": [
    {
      what: "the description",
      asking: { path: "/openapi.json" },
      statuses: [200, 200, 200, 200, 200, 200, 200],
    },
  ],
};

/** What a document has now, and what it had. */
function ofContent(path: string): Readonly<Record<string, readonly Row[]>> {
  return {
    [`GET /documents/:document/${path}`]: [
      { what: "of a", asking: { path: `/documents/a/${path}` }, statuses: READING_A },
      { what: "of a, as it was", asking: { path: `/documents/a/${path}?at=1` }, statuses: HISTORY_A },
    ],
  };
}

const CASES = Object.entries(MATRIX).flatMap(([route, rows]) =>
  rows.map((row) => ({ route, ...row, name: `${route}: ${row.what}` })),
);

test("every route is in the matrix of who may, and the matrix has no other", () => {
  expect(Object.keys(MATRIX).sort()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).sort());
});

test("shapes have one name each, so that they can be spoken of", () => {
  const ofRoutes = ROUTES.flatMap(({ query, body, answers }) => [
    ...(query === null ? [] : [query]),
    ...(body?.kind === "json" ? [body.schema] : []),
    ...Object.values(answers.schemas),
  ]);
  const names = [...new Set(ofRoutes)].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(CASES)("$name", ({ route, asking, ban, statuses }) => {
  test.each(ROLES.map((role, at) => [role ?? "nobody", role, statuses[at] as number] as const))(
    "is answered to %s as the matrix says",
    async (_, token, expected) => {
      const stage = await openApi({ services: { ...NOTHING_LIVE, ...NOTHING_READ, ...NOTHING_WRITTEN } });
      const { method, answers } = ROUTES.find((it) => `${it.method} ${it.path}` === route) ?? {};
      const banned = ban && (await stage.access.ban(ban, { reason }));
      const path = asking.path.replace("ID", banned?.id ?? "none");
      const answered = await stage.ask({ ...asking, path, token, method: method as string });
      expect(answered.status, answered.text).toBe(expected);
      expect(stage.events.map(({ type }) => type)).toEqual(
        expected === 401 || expected === 403 ? ["http-denied"] : [],
      );
      // Lines and events are held to their schemas with the description.
      if (expected < 300 && answers?.kind === "whole")
        answers.schemas[BODY]?.read(answered.body, DEFAULT_LIMITS);
      if (expected >= 300 && ban) expect(stage.access.bans()).toHaveLength(1);
    },
  );
});

test("a ticket stands for the token that it was made for, once", async () => {
  const stage = await openApi();
  const made = await stage.ask({ method: "POST", path: "/tickets", token: "manager", body: {} });
  const { ticket, expiresAt } = made.body as { ticket: string; expiresAt: string };
  expect(Date.parse(expiresAt)).toBeGreaterThan(Date.UTC(2000, 1));
  expect((await stage.ask({ path: "/sessions", token: ticket })).status).toBe(200);
  expect((await stage.ask({ path: "/sessions", token: ticket })).status).toBe(401);
});

test("a ban is listed with what it was made of until it is lifted, to those whom it concerns", async () => {
  const stage = await openApi();
  const ban = { user: "u", address: "2001:db8::1", document: "a", reason: "Spam, again." };
  const made = await stage.ask({
    method: "POST",
    path: "/access/bans",
    token: "manager-of-a",
    body: { ...ban, durationSeconds: 60 },
  });
  await stage.access.ban({ user: "everywhere" }, { reason });
  const { id, since, until } = made.body as { id: string; since: string; until: string };
  expect(made.body).toEqual({ ...ban, id, since, until });
  expect(Date.parse(until) - Date.parse(since)).toBe(60_000);
  const list = (path: string, token: string) => stage.ask({ path, token }).then(({ body }) => body?.bans);
  expect(await list("/access/bans?document=a", "manager-of-a")).toEqual([made.body]);
  expect(await list("/access/bans?document=b", "manager-of-b")).toEqual([]);
  expect(await list("/access/bans", "manager")).toMatchObject([{ id }, { user: "everywhere", until: null }]);
  const lift = () => stage.ask({ method: "DELETE", path: `/access/bans/${id}`, token: "manager" });
  expect([(await lift()).status, (await lift()).status]).toEqual([204, 404]);
});

test("who is there is listed a thousand at a time, and counted in one piece", async () => {
  const stage = await openApi({ instead: { sessions: () => SESSIONS } });
  const first = await stage.ask({ path: "/sessions", token: "manager" });
  const counts = { sessions: 2_500, users: 1_249, documents: 3 };
  expect(first.body).toMatchObject({ counts, next: 1000 });
  const { sessions } = first.body as { sessions: { session: number }[] };
  expect(sessions.map(({ session }) => session)).toEqual(Array.from({ length: 1000 }, (_, at) => at + 1));
  expect(sessions[1]).toEqual({
    session: 2,
    document: "d2",
    user: "u1",
    rights: ["read", "presence", "signal"],
    dialect: "joinery",
    address: "192.0.2.1",
    connection: 2,
    correlation: "c2",
    since: "2001-09-09T01:46:40.000Z",
    expiresAt: null,
  });
  const last = await stage.ask({ path: "/sessions?after=2000", token: "manager" });
  expect(last.body).toMatchObject({ counts, next: null, sessions: { length: 500 } });
});

const SESSIONS = Array.from({ length: 2_500 }, (_, at) => sessionInfo(2_500 - at));

/** Two tabs a user, and nobody in particular at both ends. */
function sessionInfo(session: number): ReturnType<ApiStage["access"]["sessions"]>[number] {
  const isNobody = session === 1 || session > 2_498;
  return {
    session,
    document: `d${session % 3}` as never,
    user: isNobody ? "" : `u${Math.floor(session / 2)}`,
    rights: Rights.READER,
    dialect: "joinery",
    address: "192.0.2.1",
    connection: session,
    correlation: `c${session}`,
    since: 1_000_000_000_000,
    expiresAt: null,
  };
}

test("N6 who asks too fast is told to wait before his token is looked at", async () => {
  const authorize = () => Promise.reject(new Error("it was looked at"));
  const stage = await openApi({
    limits: { maxAddressRequestsPerSecond: 1, maxBurstMs: 2_000 },
    instead: { authorize },
  });
  for (let i = 0; i < 2; i++) expect((await stage.ask(kick())).status).toBe(500);
  const answered = await stage.ask(kick());
  expect(answered.body).toMatchObject({
    status: 429,
    code: "TOO_MANY_CONNECTIONS",
    retry: "backoff",
    limit: "maxAddressRequestsPerSecond",
  });
  expect(answered.headers).toMatchObject({ "retry-after": "2", connection: "close" });
  expect((await stage.ask({ path: "/nothing" })).status).toBe(429);
  expect(stage.hits.counts().maxAddressRequestsPerSecond).toBe(2);
});
