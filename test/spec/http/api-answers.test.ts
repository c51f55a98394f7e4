/** What a route may take and answer, on routes that are there for these tests alone. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { json, NOTHING, notModified, octets, reply, text } from "../../../server/src/http/api/answers.ts";
import { HttpFailure } from "../../../server/src/http/api/problem.ts";
import { jsonBody, octetsBody, type Route, route } from "../../../server/src/http/api/route.ts";
import {
  anyJson,
  choice,
  described,
  documentName,
  flag,
  mapOf,
  number,
  numberChoice,
  optional,
  schema,
  text as textField,
} from "../../../server/src/http/api/schema.ts";
import { until } from "../../support/until.ts";
import { type ApiStageOptions, openApi, openRaw } from "./api-stage.ts";

const COMMON = { group: "Server", summary: "Tries something", action: "read", on: "document" } as const;
const SEEN = schema("Seen", {
  document: described("It.", optional(documentName)),
  author: optional(textField(64)),
  query: mapOf(anyJson),
  body: anyJson,
});
const QUERY = schema("TriedQuery", {
  version: described("Which.", optional(numberChoice([1, 2]))),
  isWhole: described("Whether.", optional(flag)),
  as: described("How.", optional(choice(["tree", "text"]))),
});
const STATE = schema("State", { seq: number });

/** Answers with what it was asked. */
const seen = (of: Pick<Route, "method"> & { readonly path: string }): Route =>
  route({
    ...COMMON,
    ...of,
    query: QUERY,
    body: jsonBody(schema(`Tried${of.method}`, { value: optional(anyJson) }), { maxDepth: 3 }),
    answers: json(SEEN, { status: of.method === "PUT" ? 201 : 200 }),
    run: ({ document, principal }, { query, body }) => ({
      ...(document !== null && { document }),
      ...(principal !== null && { author: principal.author }),
      query: { ...query },
      body,
    }),
  });

const open = (routes: readonly Route[], options: ApiStageOptions = {}) => openApi({ routes, ...options });

describe("a route is given", () => {
  test("its query and its body, whatever its method", async () => {
    const routes = (["PUT", "POST", "DELETE"] as const).map((method) => seen({ method, path: "/things" }));
    const stage = await open(routes);
    for (const method of ["PUT", "POST", "DELETE"]) {
      const answered = await stage.ask({
        method,
        path: "/things?version=2&isWhole=false&as=tree",
        token: "manager",
        body: { value: [null] },
      });
      expect([answered.status, answered.body]).toEqual([
        method === "PUT" ? 201 : 200,
        {
          author: "manager",
          query: { version: 2, isWhole: false, as: "tree" },
          body: { value: [null] },
        },
      ]);
    }
  });

  test.each([
    "version=3",
    "version=",
    "version=1.0",
    "isWhole=1",
    "isWhole=TRUE",
    "as=Tree",
    "as=",
    "other=1",
  ])("no query that is not as it says: %s", async (query) => {
    const stage = await open([seen({ method: "POST", path: "/things" })]);
    const { status } = await stage.ask({ method: "POST", path: `/things?${query}`, token: "manager" });
    expect(status).toBe(400);
  });

  test("a body no deeper than it says", async () => {
    const stage = await open([seen({ method: "POST", path: "/things" })]);
    const ask = (value: unknown) => {
      return stage.ask({ method: "POST", path: "/things", token: "manager", body: { value } });
    };
    expect([(await ask([[1]])).status, (await ask([[[1]]])).status]).toEqual([200, 400]);
  });
});

describe("a path that names a document", () => {
  const PATH = "/documents/:document/seen";
  const ask = async (segment: string) => {
    const stage = await open([seen({ method: "POST", path: PATH })]);
    return stage.ask({ method: "POST", path: `/documents/${segment}/seen`, token: "manager" });
  };

  test.each([
    ["a", "a"],
    ["notes%2Ftoday", "notes/today"],
    ["%2F", "/"],
    ["a%20b+c", "a b+c"],
    ["%C3%BC%F0%9F%8C%8D", "ü🌍"],
    ["a%5Cb", "a\\b"],
    ["%5C", "\\"],
    ["%2541", "%41"],
    ["a%2F..%2Fb", "a/../b"],
    ["a?b", undefined],
    ["__proto__", "__proto__"],
    ["a%3Fb%23c", "a?b#c"],
  ])("says it percent-encoded, as one segment: %s", async (segment, document) => {
    const { status, body } = await ask(segment);
    expect([status, body?.document]).toEqual(document === undefined ? [404, undefined] : [200, document]);
  });

  test.each(["e%CC%81", "%E2%80%AEa", "x".repeat(513)])(
    "says one that can be a name: %s",
    async (segment) => {
      expect((await ask(segment)).body).toMatchObject({ status: 400, code: "INVALID_NAME" });
    },
  );

  test.each(["a\\b", "%2E%2E", "a%00", "%ff", "a%5Cb%0A"])(
    "says one that everybody reads alike: %s",
    async (segment) => {
      expect((await ask(segment)).status).toBe(404);
    },
  );

  test("is what the action is asked of, and what a refusal is reported with", async () => {
    const stage = await open([seen({ method: "POST", path: PATH })]);
    const ask = (token: string) => stage.ask({ method: "POST", path: "/documents/a/seen", token });
    expect([(await ask("manager-of-a")).status, (await ask("manager-of-b")).status]).toEqual([200, 403]);
    expect(stage.events).toMatchObject([{ type: "http-denied", document: "a" }]);
  });

  test("is asked about before a body comes", async () => {
    const stage = await open([seen({ method: "POST", path: PATH })]);
    const raw = await openRaw(stage);
    raw.write(`POST /api/v1/documents/a/seen HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer manager-of-b\r\n`);
    raw.write("Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n");
    const head = await raw.head();
    expect([head.split(" ")[1], head.includes("Connection: close")]).toEqual(["403", true]);
  });
});

describe("what is needed besides", () => {
  const routes = [
    route({
      ...COMMON,
      method: "GET",
      path: "/documents/:document/state",
      query: schema("AtQuery", {
        at: described("When.", optional(textField(64))),
        copyOf: described("Of what.", optional(documentName)),
      }),
      also: [
        { action: "history", when: "with `at`", isNeeded: ({ query }) => query.at !== undefined },
        { action: "manage", when: "of `copyOf`", isNeeded: ({ query }) => query.copyOf ?? false },
      ],
      answers: json(STATE),
      run: () => ({ seq: 1 }),
    }),
  ];

  test.each([
    ["reader", "", 200],
    ["reader", "?at=1", 403],
    ["writer", "?at=1", 200],
    ["writer", "?copyOf=a", 403],
    ["manager-of-a", "?copyOf=a&at=1", 200],
    ["manager-of-a", "?copyOf=b", 403],
    ["manager", "?copyOf=b", 200],
  ])("is asked of who wants it: %s of %j is answered %i", async (token, query, status) => {
    const stage = await open(routes);
    expect((await stage.ask({ path: `/documents/a/state${query}`, token })).status).toBe(status);
  });
});

describe("octets", () => {
  const routes = [
    route({
      ...COMMON,
      method: "POST",
      path: "/documents/:document/update",
      body: octetsBody(),
      answers: octets("application/octet-stream"),
      run: (_, { body }) => body,
    }),
  ];
  const update = { method: "POST", path: "/documents/a/update", token: "writer" };
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

  test("are taken and given as they are, none of them too", async () => {
    const stage = await open(routes);
    const answered = await stage.ask({ ...update, body: all });
    expect(answered.bytes.equals(all)).toBe(true);
    expect(answered.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "256",
      "cache-control": "no-store",
    });
    const headers = { "Content-Type": "application/octet-stream" };
    expect((await stage.ask({ ...update, headers })).bytes).toHaveLength(0);
  });

  test("have to be said to be octets, and be no larger than a message", async () => {
    const stage = await open(routes, { limits: { maxMessageBytes: 1024 } });
    expect((await stage.ask({ ...update, body: "{}" })).status).toBe(415);
    const encoded = { ...update, body: all, headers: { "Content-Encoding": "gzip" } };
    expect((await stage.ask(encoded)).status).toBe(415);
    expect((await stage.ask({ ...update, body: Buffer.alloc(1024) })).status).toBe(200);
    const tooLarge = await stage.ask({ ...update, body: Buffer.alloc(1025) });
    expect(tooLarge.body).toMatchObject({ code: "MESSAGE_TOO_LARGE", limit: "maxMessageBytes" });
    expect(stage.hits.counts().maxMessageBytes).toBe(1);
  });

  test("of all requests together are bounded, until they are answered", async () => {
    const stage = await open(routes, { limits: { maxApiPendingBytes: 2048 } });
    const raw = await openRaw(stage);
    raw.write("POST /api/v1/documents/a/update HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer writer\r\n");
    raw.write("Content-Type: application/octet-stream\r\nContent-Length: 1025\r\n\r\n");
    raw.write(Buffer.alloc(1024));
    const full = { ...update, body: Buffer.alloc(1025) };
    await until("the other one's to count", async () => (await stage.ask(full)).status === 503);
    expect((await stage.ask(full)).body).toMatchObject({ code: "SERVER_FULL", limit: "maxApiPendingBytes" });
    expect((await stage.ask({ ...update, body: Buffer.alloc(1024) })).status).toBe(200);
    raw.write(Buffer.alloc(1));
    expect(await raw.head()).toContain("200 OK");
    expect((await stage.ask(full)).status).toBe(200);
  });
});

describe("an answer may say", () => {
  const ETAG = "l.b.7";
  let run = 0;
  const path = "/documents/:document/state";
  const routes = [
    route({
      ...COMMON,
      method: "GET",
      path,
      query: schema("StateQuery", { early: described("Whether.", optional(flag)) }),
      answers: text("text/markdown", { hasEtag: true }),
      run: ({ conditions }, { query }) => {
        const options = { etag: ETAG, onClose: () => run++ };
        if (query.early && conditions.isUnchanged(ETAG)) return notModified(options);
        return reply("# Ü", { ...options, headers: { "Content-Disposition": "inline" } });
      },
    }),
    route({
      ...COMMON,
      method: "DELETE",
      path,
      takesIfMatch: true,
      answers: NOTHING,
      run: ({ conditions }) => {
        conditions.demand(ETAG);
        return null;
      },
    }),
    route({
      ...COMMON,
      method: "PUT",
      path,
      answers: NOTHING,
      errors: ["DOCUMENT_EXISTS"],
      failures: { 402: "It is not paid for." },
      run: ({ headers }) => {
        if (headers["x-paid"] === undefined) throw new HttpFailure(402, "It is not paid for.");
        throw new JoineryError("DOCUMENT_EXISTS", "it is there already");
      },
    }),
  ];
  const state = { path: "/documents/a/state", token: "reader" };

  test("which state it is of, and whoever has that is not sent it again", async () => {
    const stage = await open(routes);
    const first = await stage.ask(state);
    expect([first.status, first.text]).toEqual([200, "# Ü"]);
    expect(first.headers).toMatchObject({
      etag: '"l.b.7"',
      "cache-control": "private, no-cache",
      vary: "Authorization",
      "content-type": "text/markdown; charset=utf-8",
      "content-length": "4",
      "content-disposition": "inline",
    });
    for (const query of ["", "?early=true"]) {
      run = 0;
      const headers = { "If-None-Match": '"x", W/"l.b.7"' };
      const again = await stage.ask({ ...state, path: state.path + query, headers });
      expect([again.status, again.text, again.headers.etag]).toEqual([304, "", '"l.b.7"']);
      expect(again.headers).not.toHaveProperty("content-type");
      await until("it to be over", () => run === 1);
    }
    expect((await stage.ask({ ...state, headers: { "If-None-Match": '"l.b.6"' } })).status).toBe(200);
  });

  test("the same to HEAD, without its content", async () => {
    const stage = await open(routes);
    const { status, headers, text } = await stage.ask({ ...state, method: "HEAD" });
    expect([status, text, headers["content-length"], headers.etag]).toEqual([200, "", "4", '"l.b.7"']);
    const headers304 = { "If-None-Match": '"l.b.7"' };
    expect((await stage.ask({ ...state, method: "HEAD", headers: headers304 })).status).toBe(304);
  });

  test("nothing", async () => {
    const stage = await open(routes);
    const { status, text, headers } = await stage.ask({ ...state, method: "DELETE" });
    expect([status, text, headers["content-type"]]).toEqual([204, "", undefined]);
  });

  test("that the state is another one than the request builds upon", async () => {
    const stage = await open(routes);
    const remove = (tag: string) => stage.ask({ ...state, method: "DELETE", headers: { "If-Match": tag } });
    expect((await remove('"l.b.7"')).status).toBe(204);
    expect((await remove("*")).status).toBe(204);
    expect((await remove('W/"l.b.7"')).body).toMatchObject({ status: 412, code: "REVISION_CHANGED" });
    expect((await remove("l.b.7")).body).toMatchObject({ status: 400, code: "INVALID_OPTION" });
  });

  test("why it was not done, in the words of the table or of HTTP", async () => {
    const stage = await open(routes);
    const own = await stage.ask({ ...state, method: "PUT" });
    expect([own.status, own.body?.detail, own.body?.code]).toEqual([402, "It is not paid for.", undefined]);
    const listed = await stage.ask({ ...state, method: "PUT", headers: { "X-Paid": "1" } });
    expect([listed.status, listed.body?.code]).toEqual([409, "DOCUMENT_EXISTS"]);
  });
});
