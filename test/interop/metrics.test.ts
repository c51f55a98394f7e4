import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { LevelStorage } from "../../server/src/storage/level.ts";
import { FaultyDatabases } from "../contract/faulty-database.ts";
import { HocuspocusPeer } from "../support/hocuspocus-peer.ts";
import { Peer, type PeerOptions } from "../support/peer.ts";
import { labelValues, parseMetrics, type Samples } from "../support/prometheus.ts";
import { until } from "../support/until.ts";
import { openClient, reads, SILENT, textOf } from "./native-client.ts";

const SCRAPER = "a-token-for-the-scraper";

interface Stage {
  readonly server: Server;
  readonly url: string;
  readonly wsUrl: string;
  join(document: string, options?: PeerOptions): Peer;
  scrape(): Promise<Samples>;
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-metrics-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openStage(options: ServerOptions = {}): Promise<Stage> {
  const data = options.storage ? {} : { data: await temporaryFolder() };
  const server = createServer({ logger: SILENT, metrics: { token: SCRAPER }, ...data, ...options });
  onTestFinished(async () => void (await server.close()));
  const { url } = await server.listen({ port: 0 });
  const wsUrl = url.replace("http", "ws");
  return {
    server,
    url,
    wsUrl,
    join: (document, how) => {
      const peer = new Peer(wsUrl, document, how);
      onTestFinished(() => peer.leave());
      return peer;
    },
    scrape: async () => {
      const answer = await ask(url, "/metrics", { authorization: `Bearer ${SCRAPER}` });
      expect(answer.status, answer.text).toBe(200);
      return parseMetrics(answer.text);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type: string;
}

/** A new connection for each, as probes make them; any Host can be said. */
function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(new URL(path, url), { agent: false, headers, method }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text, type: response.headers["content-type"] ?? "" });
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}

const COUNTED_WITHIN_MS = 20_000;

/** Scrapes until this is so. */
async function counts(stage: Stage, what: Readonly<Record<string, number>>): Promise<void> {
  const names = Object.keys(what);
  const endMs = performance.now() + COUNTED_WITHIN_MS;
  const read = async () => {
    const samples = await stage.scrape();
    return Object.fromEntries(names.map((name) => [name, samples.get(name)]));
  };
  let counted = await read();
  while (names.some((name) => counted[name] !== what[name]) && performance.now() < endMs)
    counted = await read();
  expect(counted).toEqual(what);
}

test("three edits that two others read are counted in, out, and on disk", async () => {
  const stage = await openStage();
  const writer = await stage.join("doc").synced();
  const readers = [await stage.join("doc").synced(), await stage.join("doc").synced()];
  for (const [i, letter] of ["a", "b", "c"].entries()) {
    writer.text.insert(i, letter);
    for (const reader of readers) await reader.reads("abc".slice(0, i + 1));
  }

  await counts(stage, {
    'joinery_received_updates_total{dialect="y-websocket"}': 3,
    // A batch does not go back to who alone wrote it.
    'joinery_sent_updates_total{dialect="y-websocket"}': 6,
    'joinery_catch_ups_total{dialect="y-websocket"}': 3,
    'joinery_connections_opened_total{dialect="y-websocket"}': 3,
    'joinery_connections{transport="websocket"}': 3,
    'joinery_connections{transport="loopback"}': 0,
    'joinery_sessions{dialect="y-websocket"}': 3,
    'joinery_sessions_opened_total{dialect="y-websocket"}': 3,
    'joinery_lagging_sessions{dialect="y-websocket"}': 0,
    joinery_rooms: 1,
    joinery_users: 0,
    joinery_batch_updates_count: 3,
    joinery_batch_updates_sum: 3,
    'joinery_batch_updates_bucket{le="1"}': 3,
    joinery_batch_bytes_count: 3,
    joinery_delivery_seconds_count: 3,
    joinery_durable_seconds_count: 3,
    'joinery_durable_seconds_bucket{le="+Inf"}': 3,
    joinery_document_load_seconds_count: 1,
    joinery_uncommitted_bytes: 0,
    'joinery_admissions_total{outcome="admitted",code="none"}': 3,
    'joinery_events_total{event="connected"}': 3,
    joinery_ready: 1,
  });
  const samples = await stage.scrape();
  const sum = (name: string) => samples.get(name) ?? Number.NaN;
  expect(sum('joinery_received_bytes_total{dialect="y-websocket",kind="update"}')).toBe(
    sum("joinery_batch_bytes_sum"),
  );
  // Those that come soon after one another share one.
  expect(sum("joinery_storage_commit_seconds_count")).toBeGreaterThanOrEqual(1);
  expect(sum("joinery_storage_commit_seconds_count")).toBeLessThanOrEqual(3);
  expect(sum("joinery_storage_commit_bytes_total")).toBeGreaterThan(sum("joinery_batch_bytes_sum"));
  expect(sum('joinery_sent_bytes_total{dialect="y-websocket",kind="update"}')).toBeGreaterThan(
    2 * sum("joinery_batch_bytes_sum"),
  );
  expect(sum("joinery_delivery_seconds_sum")).toBeLessThanOrEqual(sum("joinery_durable_seconds_sum"));
  expect(sum('joinery_memory_bytes{kind="rss"}')).toBeGreaterThan(1e7);
  expect(sum('joinery_event_loop_delay_seconds{quantile="1"}')).toBeGreaterThanOrEqual(0);

  for (const peer of [writer, ...readers]) peer.leave();
  await counts(stage, {
    'joinery_sessions{dialect="y-websocket"}': 0,
    'joinery_connections{transport="websocket"}': 0,
  });
});

test("each dialect is counted by itself, and a client that comes back as one", async () => {
  const stage = await openStage();
  const y = await stage.join("doc").synced();
  const hocuspocus = await new HocuspocusPeer(4, stage.wsUrl, "doc").synced();
  onTestFinished(() => hocuspocus.leave());
  const client = openClient({ url: stage.wsUrl });
  const handle = client.open("doc");
  await handle.whenSynced();
  textOf(handle).insert(0, "x");
  await y.reads("x");
  await handle.whenSaved();
  await counts(stage, {
    'joinery_sessions{dialect="y-websocket"}': 1,
    'joinery_sessions{dialect="hocuspocus"}': 1,
    'joinery_sessions{dialect="joinery.v1"}': 1,
    'joinery_connections_opened_total{dialect="hocuspocus"}': 1,
    'joinery_connections_opened_total{dialect="joinery.v1"}': 1,
    'joinery_received_updates_total{dialect="joinery.v1"}': 1,
    'joinery_sessions_resumed_total{dialect="joinery.v1"}': 0,
  });

  client.disconnect();
  y.text.insert(1, "y");
  client.connect();
  await reads(handle, "xy");
  await counts(stage, {
    'joinery_sessions_opened_total{dialect="joinery.v1"}': 2,
    'joinery_sessions_resumed_total{dialect="joinery.v1"}': 1,
  });
});

test("what is refused is counted by its cause", async () => {
  const stage = await openStage();
  const text = new WebSocket(`${stage.wsUrl}/doc`);
  text.on("open", () => text.send("no frame"));
  const broken = new WebSocket(`${stage.wsUrl}/doc`);
  broken.on("open", () => broken.send(Uint8Array.of(0, 2, 3, 255, 255, 255)));
  await counts(stage, {
    'joinery_connections_refused_total{code="MALFORMED_FRAME"}': 1,
    'joinery_inputs_refused_total{code="MALFORMED_UPDATE"}': 1,
    'joinery_connections_closed_total{close_code="4422"}': 2,
    'joinery_limit_hits_total{limit="maxHeaders"}': 0,
  });
  const headers = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, "1"]));
  expect((await ask(stage.url, "/", headers)).status).toBe(431);
  await counts(stage, { 'joinery_limit_hits_total{limit="maxHeaders"}': 1 });
});

test("labels have few values, whatever clients are called and ask for", async () => {
  const stage = await openStage({ trustProxy: 1 });
  const ADMIRAL = "the-admirals-secret-plan";
  await stage.join(ADMIRAL).synced();
  for (let i = 0; i < 20; i++)
    await ask(stage.url, `/api/v1/${ADMIRAL}-${i}`, { "x-forwarded-for": `192.0.2.${i}` });
  await ask(stage.url, `/api/v1/access/bans/${ADMIRAL}`, {}, "DELETE");
  const closing = new WebSocket(`${stage.wsUrl}/doc`);
  closing.on("open", () => {
    closing.send(Uint8Array.of(3));
    closing.close(3987);
  });
  await counts(stage, {
    'joinery_http_requests_total{route="other",status="404"}': 20,
    'joinery_connections_closed_total{close_code="other"}': 1,
  });
  const text = await stage.server.metrics();
  expect(text).not.toContain(ADMIRAL);
  expect(text).not.toContain("192.0.2");
  expect([...labelValues(text)].filter((value) => value.includes(":id"))).toHaveLength(1);
  expect(labelValues(text).size).toBeLessThan(250);
});

test("calls of hooks are counted, and those that fail", async () => {
  const stage = await openStage({
    hooks: {
      connect: () => {
        throw new Error("no");
      },
      authenticate: () => ({ permission: "write" }),
    },
  });
  await stage.join("doc").synced();
  await counts(stage, {
    'joinery_hook_calls_total{hook="authenticate"}': 1,
    'joinery_hook_calls_total{hook="connect"}': 1,
    'joinery_hook_failures_total{hook="connect",cause="failed"}': 1,
  });
});

test("where clients show who they are, only who may manage all reads the metrics, or the scraper", async () => {
  const rights = { manager: "manage", writer: "write" } as const;
  const stage = await openStage({
    hooks: {
      authenticate: ({ token }) => {
        if (token !== "manager" && token !== "writer") throw new Error("nobody");
        return { user: token, permission: rights[token] };
      },
    },
  });
  const scrape = (token?: string) => {
    return ask(stage.url, "/metrics", token === undefined ? {} : { authorization: `Bearer ${token}` });
  };
  expect((await scrape("manager")).text).toContain("joinery_rooms 0");
  expect((await scrape(SCRAPER)).type).toMatch(/^text\/plain; version=0\.0\.4/);
  for (const token of [undefined, "writer", SCRAPER.slice(1), `${SCRAPER}x`]) {
    const { status, type, text } = await scrape(token);
    expect([401, 403], token).toContain(status);
    expect(type).toBe("application/problem+json");
    expect(text).not.toContain("joinery_");
  }
  expect((await ask(stage.url, "/api/v1/sessions", { authorization: `Bearer ${SCRAPER}` })).status).not.toBe(
    200,
  );
  for (const path of ["/metrics", "/healthz", "/readyz"]) {
    expect((await ask(stage.url, path, { "content-length": "1" }, "POST")).status, path).toBe(405);
  }
});

test("where nobody is asked, metrics are for this machine, and health for everybody", async () => {
  const stage = await openStage({ metrics: {} });
  expect((await ask(stage.url, "/metrics")).status).toBe(200);
  const foreign = [{ host: "joinery.example.com" }, { origin: "https://evil.example" }];
  for (const headers of foreign) {
    expect((await ask(stage.url, "/metrics", headers)).status).toBe(403);
    expect(await ask(stage.url, "/healthz", headers)).toMatchObject({ status: 200, text: "ok\n" });
    const ready = await ask(stage.url, "/readyz?verbose", headers);
    expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { status: "ready", failed: [] }]);
  }
  // A proxy that is trusted says that somebody else asks.
  const proxied = await openStage({ metrics: {}, trustProxy: 1 });
  expect((await ask(proxied.url, "/metrics", { "x-forwarded-for": "192.0.2.1" })).status).toBe(403);
  expect((await ask(proxied.url, "/metrics", { "x-forwarded-for": "127.0.0.1" })).status).toBe(200);
});

test("there need be no metrics to scrape; who embeds the server reads them all the same", async () => {
  const stage = await openStage({ metrics: false });
  expect((await ask(stage.url, "/metrics")).text).not.toContain("joinery_");
  expect(parseMetrics(await stage.server.metrics()).get("joinery_rooms")).toBe(0);
});

test("a storage that fails is told by /readyz until it writes again; the process is alive all the while", async () => {
  const databases = new FaultyDatabases();
  const storage = new LevelStorage({ folder: await temporaryFolder(), openDatabase: databases.open });
  const stage = await openStage({ storage });
  const ready = async () => {
    const { status, text } = await ask(stage.url, "/readyz");
    return [status, (JSON.parse(text) as { failed: string[] }).failed];
  };
  expect(await ready()).toEqual([200, []]);

  const peer = await stage.join("doc").synced();
  databases.openFault = () => {
    throw new Error("the disk is gone");
  };
  databases.failWrites(1);
  peer.text.insert(0, "a");
  await until("the write to fail", () => databases.batchFault !== null && peer.closeCodes.length > 0);
  expect(await ready()).toEqual([503, ["storage"]]);
  expect((await ask(stage.url, "/healthz")).status).toBe(200);
  await counts(stage, { 'joinery_storage_failures_total{operation="append"}': 1, joinery_ready: 0 });

  databases.openFault = null;
  let last: unknown[] = [];
  while (last[0] !== 200) last = await ready();
  expect(last).toEqual([200, []]);
  await counts(stage, { joinery_ready: 1, joinery_durable_seconds_count: 1 });
});

test("a disk that is nearly full is told by /readyz before anybody writes, and after that", async () => {
  const minFreeBytes = Number.MAX_SAFE_INTEGER;
  const stage = await openStage({
    storage: new LevelStorage({ folder: await temporaryFolder(), minFreeBytes }),
  });
  const failed = async () =>
    (JSON.parse((await ask(stage.url, "/readyz")).text) as { failed: string[] }).failed;
  expect(await failed()).toEqual(["disk"]);
  const peer = await stage.join("doc").synced();
  peer.text.insert(0, "a");
  await until("it to be sent away", () => peer.closeCodes.length > 0);
  expect(await failed()).toEqual(["disk"]);
});

test("while it drains, the server answers who watches it, and nobody else", async () => {
  const storage = new HeldStorage();
  const stage = await openStage({ storage });
  const peer = await stage.join("doc").synced();
  peer.text.insert(0, "a");
  await until("the batch to be written", () => storage.held !== null);
  const closed = stage.server.close();

  const ready = await ask(stage.url, "/readyz");
  expect([ready.status, JSON.parse(ready.text)]).toEqual([
    503,
    { status: "not ready", failed: ["draining"] },
  ]);
  expect((await ask(stage.url, "/healthz")).status).toBe(200);
  expect((await stage.scrape()).get("joinery_uncommitted_bytes")).toBeGreaterThan(0);
  expect((await ask(stage.url, "/")).status).toBe(503);
  expect((await ask(stage.url, "/api/v1/sessions")).status).toBe(503);
  const late = new WebSocket(`${stage.wsUrl}/doc`);
  const refused = await new Promise<Error>((resolve) => late.once("error", resolve));
  expect(refused.message).toContain("503");

  storage.held?.();
  expect(await closed).toEqual({ unsaved: [] });
  await expect(ask(stage.url, "/healthz")).rejects.toThrow("ECONNREFUSED");
});

/** Keeps batches waiting. */
class HeldStorage extends MemoryStorage {
  held: (() => void) | null = null;

  override async append(...args: Parameters<MemoryStorage["append"]>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.held = resolve;
    });
    await super.append(...args);
  }
}
