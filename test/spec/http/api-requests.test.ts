import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JoineryError } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../support/until.ts";
import { type Asking, KICK, kick, openApi, openRaw } from "./api-stage.ts";

const PLATFORM = [globalThis.Request, globalThis.Response];

describe("F91 a path", () => {
  test.each([
    ["with a fragment, which no client sends", "//api/v1/sessions#?document=a"],
    ["with dots", "//api/v1/../v1/sessions"],
    ["with dots that lead to a route", "//api/v1/x/../sessions"],
    ["with a dot", "//api/v1/./sessions"],
    ["with encoded dots", "//api/v1/x/%2e%2E/sessions"],
    ["with half encoded dots", "//api/v1/x/.%2e/sessions"],
    ["with dots behind encoded slashes", "//api/v1/x%2f..%2fsessions"],
    ["with an encoded slash", "//api/v1%2fsessions"],
    ["with an encoded slash within", "//api/v1/access%2Fbans"],
    ["with an empty segment", "//api/v1//sessions"],
    ["with an empty segment before it", "///api/v1/sessions"],
    ["with a slash behind it", "//api/v1/sessions/"],
    ["with a backslash", "//api/v1\\sessions"],
    ["with a backslash within", "//api/v1/access\\bans"],
    ["with an encoded backslash", "//api/v1/access%5cbans"],
    ["that is encoded twice", "//api/v1/%2573essions"],
    ["with dots that are encoded twice", "//api/v1/x/%252e%252e/sessions"],
    ["with an encoded NUL", "//api/v1/sessions%00"],
    ["with an encoded line break", "//api/v1/sessions%0d%0aX-Evil:1"],
    ["that is no UTF-8", "//api/v1/sessions%ff"],
    ["with a broken escape", "//api/v1/sessions%2"],
    ["with an overlong slash", "//api/v1/access%c0%afbans"],
    ["in capitals", "//API/v1/sessions"],
    ["with parameters of its own", "//api/v1/sessions;a=b"],
    ["with nothing behind it", "//api/v1"],
    ["of another name", "//api/v1/constructor"],
    ["of another version", "//api/v2/sessions"],
  ])("%s reaches no route and no file: %s", async (_, path) => {
    const folder = await mkdtemp(join(tmpdir(), "joinery-page-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "index.html"), "the page");
    await writeFile(join(folder, "sessions"), "a file");
    const stage = await openApi({ folder });
    const answered = await stage.ask({ path, token: "manager" });
    expect(answered.status, answered.text).toBe(404);
    expect(answered.text).not.toContain("a file");
  });

  test("in an absolute target reaches no route", async () => {
    const stage = await openApi();
    const raw = await openRaw(stage);
    raw.write(
      "GET http://127.0.0.1/api/v1/sessions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer manager\r\n\r\n",
    );
    expect(await raw.head()).not.toContain("json");
  });

  test("may have a segment with anything in it, which is decoded once and is a name and no path", async () => {
    const asked: string[] = [];
    const stage = await openApi({ instead: { unban: async (id) => asked.push(id) > 0 } });
    for (const id of ["a%2F..%2Fb", "%2541", "%C3%A9", "__proto__", "a+b", "a;b"]) {
      const answered = await stage.ask({ method: "DELETE", path: `/access/bans/${id}`, token: "manager" });
      expect(answered.status).toBe(204);
    }
    expect(asked).toEqual(["a/../b", "%41", "é", "__proto__", "a+b", "a;b"]);
  });

  test("may have no segment that means nothing, or something else to somebody", async () => {
    const stage = await openApi();
    for (const id of ["%ff", "%2", "%", "a%00", "%5C", "..", "%2E", "%0A", ""]) {
      const answered = await stage.ask({ method: "DELETE", path: `/access/bans/${id}`, token: "reader" });
      // A route would ask whether the reader may.
      expect(answered.status, id).toBe(404);
    }
  });

  test("with an encoded letter is the same path", async () => {
    const stage = await openApi();
    expect((await stage.ask({ path: "/%73essions", token: "manager" })).status).toBe(200);
  });
});

describe("a method", () => {
  test.each([
    ["GET", "/tickets", "POST, OPTIONS"],
    ["HEAD", "/access/kick", "POST, OPTIONS"],
    ["PUT", "/access/bans", "POST, GET, HEAD, OPTIONS"],
    ["GET", "/access/bans/x", "DELETE, OPTIONS"],
    ["PATCH", "/sessions", "GET, HEAD, OPTIONS"],
    ["TRACE", "/sessions", "GET, HEAD, OPTIONS"],
    ["PROPFIND", "/sessions", "GET, HEAD, OPTIONS"],
  ])("that is not there is refused with those that are: %s %s", async (method, path, allow) => {
    const stage = await openApi();
    const { status, headers } = await stage.ask({ method, path, token: "manager" });
    expect([status, headers.allow]).toEqual([405, allow]);
  });

  test("OPTIONS says which there are, to anybody, and opens nothing to pages of others", async () => {
    const stage = await openApi();
    const { status, headers, text } = await stage.ask({
      method: "OPTIONS",
      path: "/access/bans",
      headers: { Origin: "https://a.example", "Access-Control-Request-Method": "POST" },
    });
    expect([status, headers.allow, text]).toEqual([204, "POST, GET, HEAD, OPTIONS", ""]);
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("HEAD is answered as GET, without what it would say", async () => {
    const stage = await openApi();
    const may = await stage.ask({ method: "HEAD", path: "/sessions", token: "manager" });
    const mayNot = await stage.ask({ method: "HEAD", path: "/sessions", token: "reader" });
    expect([may.status, may.text, mayNot.status, mayNot.text]).toEqual([200, "", 403, ""]);
  });
});

describe("N15 a page of another site", () => {
  test("is refused whatever it shows, unless it only asks what is there", async () => {
    const stage = await openApi();
    const headers = { "Sec-Fetch-Site": "cross-site" };
    expect((await stage.ask(kick({ headers }))).status).toBe(403);
    const made = await stage.ask({ method: "OPTIONS", path: "/access/kick", headers });
    expect(made.status).toBe(403);
    expect((await stage.ask({ path: "/sessions", token: "manager", headers })).status).toBe(200);
    for (const site of ["same-origin", "same-site", "none"]) {
      expect((await stage.ask(kick({ headers: { "Sec-Fetch-Site": site } }))).status).toBe(200);
    }
    expect(stage.events).toHaveLength(2);
  });

  test.each([
    ["a cookie", { Cookie: "token=manager; Authorization=Bearer manager" }, ""],
    ["the URL", {}, "?token=manager"],
    ["a subprotocol", { "Sec-WebSocket-Protocol": "joinery-token.manager" }, ""],
    ["another scheme", { Authorization: "Basic manager" }, ""],
    ["another header", { "X-Authorization": "Bearer manager" }, ""],
  ])(
    "gains nothing by %s: only a header that it cannot set says who somebody is",
    async (_, headers, query) => {
      const stage = await openApi();
      const answered = await stage.ask({ path: `/sessions${query}`, headers });
      expect(answered.status).toBe(query === "" ? 401 : 400);
      expect(answered.text).not.toContain("manager");
    },
  );

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
    "application/jsonx",
  ])("cannot send a body that a form could: %j", async (type) => {
    const stage = await openApi();
    const { status, headers } = await stage.ask(kick({ headers: { "Content-Type": type } }));
    expect([status, headers.connection]).toEqual([415, "close"]);
  });

  test("nor one without a type, nor one that is compressed", async () => {
    const stage = await openApi();
    expect((await stage.ask(kick({ headers: { "Content-Type": "" } }))).status).toBe(415);
    // Nothing at all is an object without fields, which names nobody.
    expect((await stage.ask(kick({ body: undefined }))).status).toBe(400);
    expect((await stage.ask(kick({ headers: { "Content-Encoding": "gzip" } }))).status).toBe(415);
    expect(
      (await stage.ask(kick({ headers: { "Content-Type": "Application/JSON; charset=utf-8" } }))).status,
    ).toBe(200);
  });
});

describe("what is answered", () => {
  test("is a problem document with a code, what to do, and the name of the request", async () => {
    const stage = await openApi();
    const { headers, body } = await stage.ask({
      path: "/sessions",
      token: "reader",
      headers: { "X-Request-Id": "r-1" },
    });
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(body).toEqual({
      type: "urn:joinery:error:PERMISSION_DENIED",
      title: "The session may not do this.",
      status: 403,
      detail: "you may not manage this server as a whole",
      code: "PERMISSION_DENIED",
      retry: "never",
      correlation: "r-1",
    });
    expect(stage.events).toEqual([
      {
        type: "http-denied",
        method: "GET",
        path: "/api/v1/sessions",
        code: "PERMISSION_DENIED",
        user: "reader",
        address: "192.0.2.1",
        correlation: "r-1",
      },
    ]);
  });

  test("to what HTTP alone has a word for is a problem without a code", async () => {
    const stage = await openApi();
    const { body } = await stage.ask({ path: "/nothing", headers: { "X-Request-Id": "r-2" } });
    expect(body).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "There is nothing at this address.",
      retry: "never",
      correlation: "r-2",
    });
    expect(stage.events).toEqual([]);
  });

  test("tells who shows nothing that a token is needed, and who shows a bad one that it is bad", async () => {
    const stage = await openApi();
    const nothing = await stage.ask({ path: "/sessions?document=a" });
    const bad = await stage.ask({ path: "/sessions?document=a", token: "secret-and-wrong" });
    expect(nothing.headers["www-authenticate"]).toBe("Bearer");
    expect(bad.headers["www-authenticate"]).toBe('Bearer error="invalid_token"');
    expect(bad.body).toMatchObject({ code: "UNAUTHENTICATED", retry: "after-auth" });
    expect(stage.events).toMatchObject([{ document: "a" }, { document: "a", code: "UNAUTHENTICATED" }]);
    expect(JSON.stringify([stage.events, bad])).not.toContain("secret-and-wrong");
  });

  test("says when to come back, and nothing of the machine, when who decides cannot be asked", async () => {
    const stage = await openApi();
    const { headers, body, text } = await stage.ask({ path: "/sessions", token: "hanging" });
    expect([headers["retry-after"], body?.code, body?.retry]).toEqual(["2", "HOOK_FAILED", "backoff"]);
    expect(text).not.toContain("10.0.0.7");
    expect(stage.events).toEqual([]);
  });

  test("names the limit that was reached, which who reached it has counted", async () => {
    const full = new JoineryError("SERVER_FULL", "too many tickets", { limit: "maxTickets" });
    const stage = await openApi({ instead: { createTicket: () => Promise.reject(full) } });
    const { headers, body } = await stage.ask(kick({ path: "/tickets", body: {} }));
    expect(headers["retry-after"]).toBe("2");
    expect(body).toMatchObject({ status: 503, code: "SERVER_FULL", limit: "maxTickets", retry: "backoff" });
    expect(stage.hits.counts().maxTickets).toBe(0);
  });

  test("to a mistake of the server says nothing of it, and the mistake is reported", async () => {
    const stage = await openApi();
    const { status, body, text } = await stage.ask({ path: "/sessions", token: "breaking" });
    expect([status, body?.code, body?.detail]).toEqual([500, "INTERNAL", body?.title]);
    expect(text).not.toMatch(/srv|hooks|function/);
    expect(stage.events).toMatchObject([
      {
        type: "http-failed",
        path: "/api/v1/sessions",
        error: { message: expect.stringContaining("/srv/joinery") },
      },
    ]);
  });

  test.each<[string, Asking]>([
    ["what was done", kick()],
    ["a ticket", kick({ path: "/tickets", body: {} })],
    ["a list", { path: "/sessions", token: "manager" }],
    ["nothing", { method: "OPTIONS", path: "/sessions" }],
    ["a refusal", { path: "/sessions" }],
    ["nothing there", { path: "/nothing" }],
    ["another method", { method: "PUT", path: "/sessions" }],
    ["a path that is none", { path: "/a//b" }],
    ["a mistake", { path: "/sessions", token: "breaking" }],
    ["a host that is none", { path: "/sessions", headers: { Host: "a b" } }],
  ])("is kept by nobody, is what it says it is, and names the request: %s", async (_, asking) => {
    const stage = await openApi();
    const { headers } = await stage.ask(asking);
    expect(headers["cache-control"]).toBe("no-store");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers).not.toHaveProperty("access-control-allow-origin");
    expect(headers).not.toHaveProperty("set-cookie");
  });

  test("leaves the connection for the next request", async () => {
    const stage = await openApi();
    const raw = await openRaw(stage);
    for (let i = 0; i < 3; i++) {
      const body = JSON.stringify(KICK);
      raw.write("POST /api/v1/access/kick HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer manager\r\n");
      raw.write(`Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      expect(await raw.head()).toContain("200 OK");
      await until("the answer", () => raw.takes('{"sessions":0}'));
    }
  });

  test("leaves what the platform calls a request and a response to whoever embeds the server", async () => {
    const stage = await openApi();
    await stage.ask({ path: "/sessions" });
    expect([globalThis.Request, globalThis.Response]).toEqual(PLATFORM);
  });
});
