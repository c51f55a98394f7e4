/** The API behind an application's own server, which may have read the request before. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ask, KICK, kick, openApi } from "./api-stage.ts";

/** As body parsers do it: they put what they made of the body into `body`. */
type Parsed = IncomingMessage & { body?: unknown };

async function behind(parse: ((text: string) => unknown) | null) {
  const { api } = await openApi({ limits: { maxApiBodyBytes: 1024 } });
  const listener: RequestListener = async (request: Parsed, response) => {
    let text = "";
    request.setEncoding("utf8");
    for await (const chunk of request) text += chunk;
    if (parse !== null) request.body = parse(text);
    api.handle(request, response);
  };
  const server = createServer((request, response) => void listener(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test.each<[string, (text: string) => unknown]>([
  ["an object", JSON.parse],
  ["a text", String],
  ["bytes", Buffer.from],
])("a body that was read before is taken as %s", async (_, parse) => {
  const port = await behind(parse);
  expect((await ask(port, kick())).body).toEqual({ sessions: 0 });
});

test.each<[string, object, number]>([
  ["shape", { user: 7, reason: "spam" }, 400],
  ["size", { ...KICK, reason: "x".repeat(1024) }, 413],
  ["depth", { user: [[[[[[[[[1]]]]]]]]] }, 400],
])("it is held to the same %s", async (_, body, status) => {
  const port = await behind(JSON.parse);
  expect((await ask(port, kick({ body }))).status).toBe(status);
});

test("a body that was read and not left there is not waited for: who runs the server is told", async () => {
  const port = await behind(null);
  const answered = await ask(port, kick());
  expect(answered.body).toMatchObject({
    status: 500,
    detail: expect.stringContaining("was read before it came here"),
  });
});
