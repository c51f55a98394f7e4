import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server, type ServerOptions } from "@joinery/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Peer } from "../../support/peer.ts";
import { type ReceivedEvents, receive } from "../../support/server-sent-events.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { within } from "../../support/until.ts";

let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "joinery-live-server-"));
});

afterAll(async () => {
  await rm(data, { recursive: true, force: true });
});

async function serve(options: ServerOptions = {}): Promise<{ server: Server; url: string }> {
  const server = createServer({ data, logger: SILENT, ...options });
  onTestFinished(async () => void (await server.close()));
  const { url } = await server.listen({ port: 0 });
  return { server, url };
}

interface Followed {
  readonly events: ReceivedEvents;
  readonly response: IncomingMessage;
}

async function follow(
  url: string,
  document: string,
  headers: Record<string, string> = {},
): Promise<Followed> {
  const request = httpRequest(`${url}/api/v1/documents/${encodeURIComponent(document)}/events`, {
    agent: false,
    headers,
  });
  onTestFinished(() => void request.destroy());
  request.end();
  const [response] = (await within("the answer", once(request, "response"))) as [IncomingMessage];
  response.on("error", () => undefined);
  return { events: receive(response), response };
}

test("what an editor does is told, and goes on after a restart where it was", async () => {
  const first = await serve();
  const { events, response } = await follow(first.url, "doc");
  await events.got("presence");
  const peer = new Peer(first.url.replace("http", "ws"), "doc");
  onTestFinished(() => peer.provider.destroy());
  await peer.synced();
  peer.awareness.setLocalStateField("user", { name: "Ann" });
  peer.text.insert(0, "hello");
  expect((await events.got("batch")).parts).toMatchObject([{ clients: [peer.doc.clientID], inserted: 5 }]);
  const { joined } = await events.got("presence", 2);
  expect(joined[0].clientId).toBe(peer.doc.clientID);
  peer.provider.disconnect();
  await first.server.close();
  await events.ended();
  expect(events.of("closed")[0]).toMatchObject({ code: "SERVER_DRAINING", retry: "backoff" });
  expect(response.complete).toBe(true);

  const second = await serve();
  const ws = second.url.replace("http", "ws");
  const other = new Peer(ws, "doc");
  onTestFinished(() => other.provider.destroy());
  await other.reads("hello");
  other.text.insert(5, "!");
  const { events: more } = await follow(second.url, "doc", { "Last-Event-ID": events.lastId });
  await more.got("batch");
  expect(more.of("reset")).toEqual([]);
  expect(more.seqs[0]).toBe((events.seqs.at(-1) ?? 0) + 1);
});

test("who follows a document that is deleted is told so", async () => {
  const { server, url } = await serve();
  await server.edit("gone", (doc) => doc.getText("text").insert(0, "x"));
  const { events } = await follow(url, "gone");
  await events.got("presence");
  const { key } = JSON.parse(await readFile(join(data, "server.json"), "utf8"));
  const headers = { Authorization: `Bearer ${key}` };
  const deleted = await fetch(`${url}/api/v1/documents/gone`, { method: "DELETE", headers });
  expect(deleted.status).toBe(200);
  await events.ended();
  expect(events.kinds.at(-1)).toBe("deleted");
  expect(events.of("deleted")[0]).toMatchObject({ code: "DOCUMENT_DELETED", retry: "never" });
});

test("nobody is cut who waits for something to happen longer than a request may take", async () => {
  const { url } = await serve({ limits: { requestTimeoutMs: 200 } });
  const { events, response } = await follow(url, "quiet");
  await events.got("presence");
  await within(
    "the quiet to be kept alive",
    (async () => {
      while (events.comments < 8) await once(response, "data");
    })(),
  );
  expect(events.isOver).toBe(false);
});
