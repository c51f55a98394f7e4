import { createServer } from "node:net";
import { JoineryError } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { ServerConnection } from "../../../cli/src/remote/connection.ts";
import { HttpSource } from "../../../cli/src/remote/http-source.ts";
import { within } from "../../support/until.ts";
import { answering, sendJson, sendProblem } from "./remote-stage.ts";

/** What a call came to: its code and message. */
async function failureOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof JoineryError)) throw error;
  return { code: error.code, message: error.message };
}

const STATS = { path: ["stats"] };

describe("an address", () => {
  test.each([
    ["example.org", "it must be a URL"],
    ["ftp://example.org", "it must begin with http:// or https://"],
    ["file:///etc/passwd", "it must begin with http:// or https://"],
    ["http://example.org/?a=1", "it must end with its path"],
    ["http://example.org/#a", "it must end with its path"],
  ])("%s is refused", (url, why) => {
    expect(() => new ServerConnection({ url, token: null })).toThrow(why);
  });

  test("with a password in it is refused, and not shown", () => {
    const url = "http://ann:secret@example.org";
    expect(() => new ServerConnection({ url, token: null })).toThrow(
      /^(?!.*secret).*with a user or password/,
    );
  });

  test("keeps its path, and a name is one segment", async () => {
    const server = await answering(({ url }, response) => sendJson(response, { url }));
    const connection = new ServerConnection({ url: `${server.url}/behind/a proxy/`, token: null });
    const path = ["documents", "a/b c%2F🌍?#", "log"];
    await expect(connection.json({ path, query: { after: 3, limit: undefined } })).resolves.toEqual({
      url: "/behind/a%20proxy/api/v1/documents/a%2Fb%20c%252F%F0%9F%8C%8D%3F%23/log?after=3",
    });
  });
});

describe("a token", () => {
  test("is shown in the header alone", async () => {
    const server = await answering((_, response) => sendJson(response, {}));
    await server.connection("the-token").json(STATS);
    expect(server.requests[0]?.headers.authorization).toBe("Bearer the-token");
    expect(server.requests[0]?.url).toBe("/api/v1/stats");
  });

  test("with a line break in it is refused, and not shown", () => {
    const make = () => new ServerConnection({ url: "http://127.0.0.1", token: "a\nsecret" });
    expect(make).toThrow(/^(?!.*secret).*the token has characters/);
  });

  test("does not go where a redirect leads", async () => {
    const other = await answering((_, response) => sendJson(response, {}));
    const server = await answering((_, response) => {
      response.writeHead(307, { Location: `${other.url}/api/v1/stats?q=1` }).end();
    });
    expect(await failureOf(server.connection("the-token").json(STATS))).toEqual({
      code: "INVALID_OPTION",
      message: expect.stringContaining(
        `answered 307 and sends to ${other.url}/api/v1/stats: redirects are not followed`,
      ),
    });
    expect(other.requests).toEqual([]);
  });
});

describe("a problem document", () => {
  test("becomes the error that it names", async () => {
    const problem = {
      code: "REVISION_CHANGED",
      detail: "it is at seq 12",
      retry: "never",
      correlation: "c-1",
    };
    const server = await answering((_, response) => sendProblem(response, 412, problem));
    expect(await failureOf(server.connection().json(STATS))).toEqual({
      code: "REVISION_CHANGED",
      message: "it is at seq 12",
    });
  });

  test("of a mistake of the server says where its log has it", async () => {
    const problem = { code: "INTERNAL", detail: "The server made a mistake.", correlation: "c-17" };
    const server = await answering((_, response) => sendProblem(response, 500, problem));
    expect(await failureOf(server.connection().json(STATS))).toEqual({
      code: "INTERNAL",
      message: "The server made a mistake. (the log of the server has it under c-17)",
    });
  });

  test("that refuses a token says so, and without one how to give one", async () => {
    const problem = { code: "UNAUTHENTICATED", detail: "no token was shown", retry: "after-auth" };
    const server = await answering((_, response) => sendProblem(response, 401, problem));
    const { message } = await failureOf(server.connection().json(STATS));
    expect(message).toBe(
      `no token was shown; the server ${server.url} wants a token: give one in JOINERY_TOKEN or with --token-file`,
    );
    const refused = await failureOf(server.connection("old").json(STATS));
    expect(refused.message).toContain(`the server ${server.url} does not take this token`);
  });

  test.each([
    [404, {}, "VERSION_UNSUPPORTED", "It may be older than this command."],
    [418, { code: "OF_TOMORROW", detail: "tea" }, "INVALID_OPTION", "answered 418: OF_TOMORROW: tea"],
    [500, { code: "OF_TOMORROW", retry: "backoff" }, "CONNECTION_LOST", "answered 500: OF_TOMORROW"],
    [403, { code: "toString" }, "PERMISSION_DENIED", "answered 403: toString"],
    [400, { detail: "x".repeat(5000) }, "INVALID_OPTION", "x".repeat(2000)],
  ])("%i with %o is an error all the same", async (status, problem, code, message) => {
    const server = await answering((_, response) => sendProblem(response, status, problem));
    const failure = await failureOf(server.connection().json(STATS));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(message);
    expect(failure.message.length).toBeLessThan(2200);
  });
});

describe("something else than the API", () => {
  test.each([
    [200, "text/html", "<h1>Hello</h1>", "INVALID_OPTION", "it answered with text/html"],
    [200, "application/json", "{", "INVALID_OPTION", "its answer is no JSON"],
    [404, "text/html", "<h1>no</h1>", "INVALID_OPTION", "answered 404 with text/html, which is no answer"],
    [401, "text/html", "<h1>log in</h1>", "UNAUTHENTICATED", "answered 401 with text/html"],
    [
      502,
      "text/html",
      "<h1>Bad Gateway</h1>",
      "CONNECTION_LOST",
      "answered 502 with text/html: the server may be down",
    ],
    [500, "application/problem+json", "{", "CONNECTION_LOST", "answered 500"],
  ])("that answers %i with %s is told", async (status, type, body, code, message) => {
    const server = await answering((_, response) => {
      response.writeHead(status, { "Content-Type": type }).end(body);
    });
    const failure = await failureOf(server.connection().json(STATS));
    expect(failure).toEqual({ code, message: expect.stringContaining(message) });
    expect(failure.message).not.toContain("<h1>");
  });

  test("that is JSON, but of something else, is told by the field", async () => {
    const server = await answering((_, response) => sendJson(response, { document: "a", lineage: 7 }));
    expect(await failureOf(new HttpSource(server.connection()).listing("a" as never))).toEqual({
      code: "INVALID_OPTION",
      message: expect.stringContaining('something else than the listing of a document: "lineage"'),
    });
  });
});

describe("a server that is not there", () => {
  test("is told: nobody listens, no such host", async () => {
    const server = await answering((_, response) => sendJson(response, {}));
    await server.close();
    expect(await failureOf(server.connection().json(STATS))).toEqual({
      code: "CONNECTION_LOST",
      message: `cannot reach the server ${server.url}: nobody listens there`,
    });
    const nowhere = new ServerConnection({ url: "http://nowhere.invalid", token: null });
    expect((await failureOf(nowhere.json(STATS))).code).toBe("CONNECTION_LOST");
  });

  test("that does not speak HTTP is told", async () => {
    const server = createServer((socket) => void socket.end("SSH-2.0-OpenSSH\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const connection = new ServerConnection({ url: `http://127.0.0.1:${port}`, token: null });
    expect((await failureOf(connection.json(STATS))).message).toContain("it does not speak HTTP");
  });

  test("that never answers is given up", async () => {
    const server = await answering(() => undefined);
    const failure = await failureOf(server.connection().json({ ...STATS, firstByteMs: 50 }));
    expect(failure).toEqual({
      code: "CONNECTION_LOST",
      message: `the server ${server.url} did not answer within 0.05 seconds`,
    });
  });

  test("that stops in the middle of an answer is given up", async () => {
    const server = await answering((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" }).write('{"a":');
    });
    const failure = await failureOf(server.connection().json({ ...STATS, idleMs: 50 }));
    expect(failure).toEqual({
      code: "CONNECTION_LOST",
      message: `the server ${server.url} sent nothing for 0.05 seconds`,
    });
  });

  test("that breaks off in the middle of an answer is told", async () => {
    const server = await answering((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" }).write('{"a":');
      setImmediate(() => response.destroy());
    });
    expect(await failureOf(server.connection().json(STATS))).toEqual({
      code: "CONNECTION_LOST",
      message: expect.stringContaining("broke off"),
    });
  });
});

describe("a server that has too much to do", () => {
  const busy = {
    code: "TOO_MANY_CONNECTIONS",
    detail: "an address may make 20 requests a second",
    retry: "backoff",
  };

  test("is asked again when it says", async () => {
    const server = await answering((_, response) => {
      if (server.requests.length < 3) sendProblem(response, 429, busy, { "Retry-After": "2" });
      else sendJson(response, { isFine: true });
    });
    expect(await server.connection().json(STATS)).toEqual({ isFine: true });
    expect(server.waits).toEqual([2000, 2000]);
  });

  test("is given up after a minute, or where it does not say when", async () => {
    const always = await answering((_, response) => sendProblem(response, 429, busy, { "Retry-After": "9" }));
    expect((await failureOf(always.connection().json(STATS))).code).toBe("TOO_MANY_CONNECTIONS");
    expect(always.waits).toEqual([9000, 9000, 9000, 9000, 9000, 9000]);
    for (const headers of [{}, { "Retry-After": "0" }, { "Retry-After": "3600" }] as Record<
      string,
      string
    >[]) {
      const never = await answering((_, response) => sendProblem(response, 429, busy, headers));
      expect((await failureOf(never.connection().json(STATS))).code).toBe("TOO_MANY_CONNECTIONS");
      expect(never.requests).toHaveLength(1);
    }
  });

  test("is never asked again to write", async () => {
    const server = await answering((_, response) => sendProblem(response, 429, busy, { "Retry-After": "1" }));
    const call = { method: "POST", path: ["documents"], body: { json: {} } } as const;
    expect((await failureOf(server.connection().json(call))).code).toBe("TOO_MANY_CONNECTIONS");
    expect(server.requests).toHaveLength(1);
  });
});

describe("what is stored of a document", () => {
  const BYTES = Uint8Array.from({ length: 300 }, (_, i) => i);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const LINES = [
    {
      head: {
        document: "a",
        lineage: "0".repeat(32),
        bornAt: 5,
        branches: [{ seq: 1, id: "f" }],
        damage: null,
      },
    },
    { snapshot: { seq: 2, time: 6, bytes: 300 } },
    { data: base64(BYTES.subarray(0, 200)) },
    { data: base64(BYTES.subarray(200)) },
    {
      entry: {
        seq: 3,
        time: 7.5,
        parts: [
          { author: "ann", bytes: 2, update: base64(BYTES.subarray(0, 2)) },
          { author: "bob", bytes: 300 },
        ],
      },
    },
    { data: base64(BYTES) },
    { end: { entries: 1 } },
  ];

  async function load(lines: readonly object[], ending = "\n") {
    const server = await answering((_, response) => {
      response.writeHead(200, { "Content-Type": "application/x-ndjson" });
      // In pieces that end anywhere.
      const bytes = Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n") + ending);
      for (let i = 0; i < bytes.length; i += 97) response.write(bytes.subarray(i, i + 97));
      response.end();
    });
    return new HttpSource(server.connection()).load("a" as never);
  }

  test("comes in lines, and large updates in several", async () => {
    expect(await load(LINES)).toEqual({
      lineage: "0".repeat(32),
      bornAt: 5,
      branches: [{ seq: 1, id: "f" }],
      damage: null,
      snapshot: { seq: 2, time: 6, update: BYTES },
      tail: [
        {
          seq: 3,
          time: 7.5,
          parts: [
            { author: "ann", update: BYTES.subarray(0, 2) },
            { author: "bob", update: BYTES },
          ],
        },
      ],
    });
  });

  test.each([
    ["no end", LINES.slice(0, -1)],
    ["no head", LINES.slice(1)],
    ["bytes that are missing", LINES.filter((_, i) => i !== 3)],
    ["bytes that nobody said", [LINES[0], { data: "AAAA" }, ...LINES.slice(1)]],
    ["too many bytes", [...LINES.slice(0, 3), { data: base64(BYTES) }, ...LINES.slice(4)]],
    ["an entry that is missing", [...LINES.slice(0, 4), { end: { entries: 1 } }]],
    ["nothing", []],
  ])("with %s is no document", async (_, lines) => {
    expect((await failureOf(load(lines as object[]))).code).toBe("CONNECTION_LOST");
  });

  test("is not waited for to its end where it is wrong: the request ends", async () => {
    const ended = Promise.withResolvers<void>();
    const server = await answering((_, response) => {
      response.on("close", () => ended.resolve());
      response.writeHead(200, { "Content-Type": "application/x-ndjson" }).write('{"data":"AAAA"}\n');
    });
    const loading = new HttpSource(server.connection()).load("a" as never);
    expect((await failureOf(loading)).code).toBe("CONNECTION_LOST");
    await within("the request to end", ended.promise);
  });

  test("that is cut off in its last line is no document", async () => {
    expect((await failureOf(load(LINES, ""))).message).toContain("its last line has no end");
  });
});

describe("a list", () => {
  const listing = (document: string) => ({
    ...{ document, lineage: "0".repeat(32), branch: "0".repeat(16), seq: 1, bytes: 3, snapshotSeq: 0 },
    ...{
      snapshotBytes: 0,
      logEntries: 1,
      logBytes: 3,
      keptBytes: 0,
      changedAt: null,
      bornAt: null,
      damage: null,
    },
  });

  test("is read page by page; what is missing as a whole is told after all others", async () => {
    const server = await answering(({ url = "" }, response) => {
      const after = new URL(url, "http://a").searchParams.get("after");
      if (after === null)
        sendJson(response, { documents: [listing("a")], next: "a/ü", damage: "some are missing" });
      else if (after === "a/ü") sendJson(response, { documents: [], next: "b", damage: "others too" });
      else sendJson(response, { documents: [listing("c")], next: null, damage: null });
    });
    const found: string[] = [];
    const all = async () => {
      for await (const { document } of new HttpSource(server.connection()).list("")) found.push(document);
    };
    expect(await failureOf(all())).toEqual({ code: "DOCUMENT_DAMAGED", message: "some are missing" });
    expect(found).toEqual(["a", "c"]);
  });

  test("that goes round in circles is not followed", async () => {
    const server = await answering((_, response) =>
      sendJson(response, { documents: [], next: "a", damage: null }),
    );
    const all = async () => {
      for await (const _ of new HttpSource(server.connection()).list(""));
    };
    expect((await failureOf(all())).message).toContain("does not go on");
    expect(server.requests).toHaveLength(2);
  });
});
