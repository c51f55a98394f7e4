import { describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { KICK, kick, openApi, openRaw } from "./api-stage.ts";

describe("F93 a body", () => {
  const deep = (levels: number) => `${'{"user":'.repeat(levels)}1${"}".repeat(levels)}`;

  test.each([
    ["that is deep", deep(9)],
    ["that is very deep", deep(1_500)],
    ["of many lists", `{"user":${"[".repeat(2_000)}${"]".repeat(2_000)}}`],
    ["that is no object", '["u"]'],
    ["that is null", "null"],
    ["that is a text", '"u"'],
    ["that is empty", " "],
    ["that ends early", '{"user":"u"'],
    ["with something behind it", '{"user":"u"} {}'],
    ["with a comma too many", '{"user":"u",}'],
    ["with a comment", '{/**/"user":"u"}'],
    ["with no number", '{"session":NaN}'],
  ])("%s is refused", async (_, body) => {
    const stage = await openApi();
    const answered = await stage.ask(kick({ body }));
    expect([answered.status, answered.body?.code]).toEqual([400, "INVALID_OPTION"]);
    expect(answered.body?.detail).toContain("no JSON object");
  });

  test("that is no UTF-8 is refused", async () => {
    const stage = await openApi();
    const raw = await openRaw(stage);
    const body = Buffer.concat([
      Buffer.from('{"user":"'),
      Buffer.of(0xc0, 0x80),
      Buffer.from('","reason":"x"}'),
    ]);
    raw.write(
      `POST /api/v1/access/kick HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    raw.write(body);
    expect(await raw.head()).toContain("400 Bad Request");
  });

  test("over its size is refused before it comes, and the connection ends with it", async () => {
    const stage = await openApi({ limits: { maxApiBodyBytes: 1024 } });
    const answered = await stage.ask(kick({ body: { ...KICK, reason: "x".repeat(1024) } }));
    expect(answered.body).toMatchObject({ status: 413, code: "MESSAGE_TOO_LARGE", limit: "maxApiBodyBytes" });
    expect(answered.headers.connection).toBe("close");
    expect(stage.hits.counts().maxApiBodyBytes).toBe(1);
  });

  test("over its size is refused in the middle where its length is not said", async () => {
    const stage = await openApi({ limits: { maxApiBodyBytes: 1024 } });
    const raw = await openRaw(stage);
    raw.write("POST /api/v1/access/kick HTTP/1.1\r\nHost: a\r\n");
    raw.write("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (let i = 0; i < 3; i++) raw.write(`200\r\n${" ".repeat(0x200)}\r\n`);
    expect(await raw.head()).toContain("413 Payload Too Large");
    await raw.closed();
    expect(stage.hits.counts().maxApiBodyBytes).toBe(1);
  });

  test("of the largest size is read", async () => {
    const stage = await openApi({ limits: { maxApiBodyBytes: 1024 } });
    const body = JSON.stringify(KICK).padEnd(1024);
    expect((await stage.ask(kick({ body }))).status).toBe(200);
    expect((await stage.ask(kick({ body: `${body} ` }))).status).toBe(413);
  });

  test("is refused where none is read, and anywhere but at the API", async () => {
    const stage = await openApi();
    const body = "{}";
    const answers = [
      await stage.ask({ path: "/sessions", token: "manager", body }),
      await stage.ask({ method: "DELETE", path: "/access/bans/x", token: "manager", body }),
      await stage.ask({ method: "POST", path: "/nothing", token: "manager", body }),
      await stage.ask({ method: "POST", path: "//", body }),
      await stage.ask({ method: "POST", path: "//api/v1x", body }),
      await stage.ask({ method: "POST", path: "//api/v2/tickets", body }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 404, 413, 413, 413]);
    for (const { headers } of answers) expect(headers.connection).toBe("close");
  });

  test("has the time of its request; then the connection is cut, and nobody is told of a mistake", async () => {
    const stage = await openApi({ limits: { requestTimeoutMs: 100 } });
    const raw = await openRaw(stage);
    raw.write("POST /api/v1/access/kick HTTP/1.1\r\nHost: a\r\n");
    raw.write('Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user":');
    expect(await raw.rest()).toBe("");
    expect(stage.hits.counts().requestTimeoutMs).toBe(1);
    expect(stage.events).toEqual([]);
    expect((await stage.ask(kick())).status).toBe(200);
  });

  test("that is broken off is nobody's mistake either", async () => {
    const asked: string[] = [];
    const stage = await openApi({ instead: { kick: (_, reason) => asked.push(reason) } });
    const raw = await openRaw(stage);
    raw.write("POST /api/v1/access/kick HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer manager\r\n");
    raw.write(`Content-Type: application/json\r\nContent-Length: 100\r\n\r\n${JSON.stringify(KICK)}`);
    await raw.flushed();
    raw.destroy();
    await raw.closed();
    await until(
      "the server to be asked by others only",
      async () => (await stage.ask(kick())).status === 200,
    );
    expect([asked, stage.events]).toEqual([["spam"], []]);
  });
});

describe("N11 what a request says", () => {
  test.each([
    ["__proto__", '{"user":"u","reason":"x","__proto__":{"document":"a"}}'],
    ["constructor", '{"user":"u","reason":"x","constructor":1}'],
    ["toString", '{"user":"u","reason":"x","toString":null}'],
    ["durationSeconds", '{"user":"u","reason":"x","durationSeconds":1}'],
    ["User", '{"User":"u","reason":"x"}'],
  ])("may have no field that is not known: %s", async (name, body) => {
    const stage = await openApi();
    const answered = await stage.ask(kick({ body }));
    expect(answered.status).toBe(400);
    expect(answered.body?.detail).toBe(`the request has an unknown field "${name}"`);
  });

  test.each([
    ["user", { user: 1 }],
    ["user", { user: "" }],
    ["user", { user: null }],
    ["user", { user: "\ud800" }],
    ["user", { user: ["u"] }],
    ["user", { user: "u".repeat(1025) }],
    ["session", { session: "7" }],
    ["session", { session: 1.5 }],
    ["session", { session: -1 }],
    ["session", { session: 2 ** 53 }],
    ["document", { document: 7 }],
    ["address", { address: "example.com" }],
    ["address", { address: "192.0.2.1/24" }],
    ["reason", { reason: undefined }],
    ["reason", { reason: "" }],
    ["reason", { reason: "a\u001b[2Jb" }],
    ["reason", { reason: "a\u202eb" }],
    ["reason", { reason: "x".repeat(501) }],
  ])("has to be of its type: %s in %j", async (name, change) => {
    const stage = await openApi();
    const answered = await stage.ask(kick({ body: { ...KICK, ...change } }));
    expect([answered.status, answered.body?.code]).toEqual([400, "INVALID_OPTION"]);
    expect(answered.body?.detail).toContain(`"${name}"`);
  });

  test.each([[0], [-1], [1.5], ["60"], [1e300]])("cannot ban for %j seconds", async (durationSeconds) => {
    const stage = await openApi();
    const answered = await stage.ask(kick({ path: "/access/bans", body: { ...KICK, durationSeconds } }));
    expect(answered.body?.detail).toContain("durationSeconds");
    expect(stage.access.bans()).toEqual([]);
  });

  test.each([
    ["/access/kick", { reason: "x" }],
    ["/access/revoke", { reason: "x" }],
    ["/access/bans", { document: "a", reason: "x" }],
  ])("has to name somebody: %s", async (path, body) => {
    const stage = await openApi();
    const answered = await stage.ask(kick({ path, body }));
    expect(answered.body).toMatchObject({ status: 400, detail: expect.stringContaining("at least one of") });
  });

  test.each(["", "..", "a\n", "\u202ea", "x".repeat(513), "e\u0301"])(
    "names a document that can be one: %j",
    async (document) => {
      const stage = await openApi();
      const inBody = await stage.ask(kick({ body: { ...KICK, document } }));
      const inQuery = await stage.ask({
        path: `/sessions?document=${encodeURIComponent(document)}`,
        token: "manager",
      });
      expect([inBody.body?.code, inQuery.body?.code]).toEqual(["INVALID_NAME", "INVALID_NAME"]);
    },
  );

  test.each([
    ["?document=a&document=b", "twice"],
    ["?documents=a", '"documents"'],
    ["?__proto__=a", '"__proto__"'],
    ["?after=x", '"after"'],
    ["?after=1e3", '"after"'],
    ["?after=", '"after"'],
  ])("in its query is held to the same: %s", async (query, detail) => {
    const stage = await openApi();
    const answered = await stage.ask({ path: `/sessions${query}`, token: "manager-of-a" });
    expect(answered.body).toMatchObject({ status: 400, detail: expect.stringContaining(detail) });
  });

  test("has no query where there is a body, and is not repeated at length", async () => {
    const stage = await openApi();
    expect((await stage.ask(kick({ path: "/access/kick?document=a" }))).status).toBe(400);
    const long = await stage.ask(kick({ body: { ["x".repeat(10_000)]: 1 } }));
    expect(long.text.length).toBeLessThan(600);
  });
});
