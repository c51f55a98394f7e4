/** Joinery behind a real nginx and a real Caddy, with the configurations of docs/proxy.md and the published clients. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessDenied, createServer, type Logger, type Server } from "@joinery/server";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { HocuspocusPeer } from "../support/hocuspocus-peer.ts";
import { Peer } from "../support/peer.ts";
import { PROXY_HOST } from "../support/proxy-config.ts";
import { believe } from "../support/proxy-names.ts";
import { missingProgram, type ProxyKind, type ReverseProxy, startProxy } from "../support/proxy-process.ts";
import { until, within } from "../support/until.ts";
import { openClient, reads, textOf } from "./native-client.ts";

// Each provider listens for the end of the process.
process.setMaxListeners(0);

const KINDS: readonly ProxyKind[] = ["nginx", "caddy"];
/** In the page 60 s, where the heartbeat is 15 s. Long enough for a busy machine to be late with a few pings. */
const PROXY_TIMEOUT_MS = 2_000;
const HEARTBEAT = { intervalMs: 200, timeoutMs: 10_000 };
/** A proxy that decodes the path and writes it anew makes another name of it. */
const DOCUMENT = "notes/../räume//1 %41";
/** Begins every token here; nothing that is written down has it. */
const SECRET = "secret-of-";
/** Asks who is here, as y-websocket does: the first message tells which dialect it is. */
const WHO_IS_HERE = Uint8Array.of(3);

interface Arrival {
  readonly user: string;
  readonly address: string;
}

interface LogLine {
  readonly event?: string;
  readonly address?: string;
  readonly correlation?: string;
}

interface Stage {
  readonly server: Server;
  /** Past the proxy. */
  readonly directUrl: string;
  readonly proxy: ReverseProxy;
  /** Whom the application was asked about. */
  readonly arrivals: readonly Arrival[];
  /** All that the server logged. */
  readonly log: readonly LogLine[];
  close(): Promise<void>;
}

async function openStage(kind: ProxyKind): Promise<Stage> {
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    const data = await mkdtemp(join(tmpdir(), "joinery-proxies-"));
    closers.push(() => rm(data, { recursive: true, force: true }));
    const arrivals: Arrival[] = [];
    const log: LogLine[] = [];
    const write = (fields: object) => void log.push(fields);
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    const server = createServer({
      data,
      logger,
      trustProxy: 1,
      heartbeat: HEARTBEAT,
      hooks: {
        authenticate({ token, connection }) {
          if (!token?.startsWith(SECRET)) throw new AccessDenied("log in first");
          const user = token.slice(SECRET.length).replace(/_+$/, "");
          arrivals.push({ user, address: connection.address });
          return { user };
        },
      },
    });
    closers.push(() => server.close());
    const { port } = await server.listen({ port: 0 });
    const proxy = await startProxy(kind, { serverPort: port, timeout: `${PROXY_TIMEOUT_MS / 1000}s` });
    closers.push(() => proxy.stop());
    closers.push(believe(PROXY_HOST, proxy.certificate));
    return { server, directUrl: `ws://127.0.0.1:${port}`, proxy, arrivals, log, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Call {
  readonly path?: string;
  readonly protocols?: readonly string[];
  readonly options?: ClientOptions;
}

/** A WebSocket that speaks y-websocket's protocol, as far as the first message. */
function call(wsUrl: string, { path = "/hall", protocols = [], options = {} }: Call): WebSocket {
  const socket = new WebSocket(`${wsUrl}${path}`, [...protocols], options);
  onTestFinished(() => socket.terminate());
  // How it ended is said by its close.
  socket.on("error", () => undefined);
  socket.once("open", () => socket.send(WHO_IS_HERE));
  return socket;
}

/** 0 for a client that was let in, otherwise its close code; 1006 where it became no WebSocket. */
async function answer(socket: WebSocket): Promise<number> {
  const answered = new Promise<number>((resolve) => {
    socket.once("message", () => resolve(0));
    socket.once("close", resolve);
  });
  return await within("an answer", answered);
}

function bearer(user: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${SECRET}${user}` };
}

describe.each(KINDS)("behind %s", (kind) => {
  const missing = missingProgram(kind);
  let stage: Stage;
  beforeAll(async () => {
    if (missing === undefined) stage = await openStage(kind);
  });
  afterAll(() => stage?.close());
  beforeEach(({ skip }) => skip(missing !== undefined, `there is no ${missing}`));

  test("our client, y-websocket and Hocuspocus edit one document over TLS", async () => {
    const { wsUrl } = stage.proxy;
    const ann = openClient({ url: wsUrl, token: `${SECRET}ann` }).open(DOCUMENT);
    await ann.whenSynced();
    textOf(ann).insert(0, "a");
    await ann.whenSaved();
    const path = `${encodeURIComponent(DOCUMENT)}?token=${SECRET}ben`;
    const ben = new Peer(wsUrl, DOCUMENT, { path });
    onTestFinished(() => ben.leave());
    await ben.reads("a");
    ben.text.insert(1, "b");
    const cid = new HocuspocusPeer(4, wsUrl, DOCUMENT, { token: `${SECRET}cid` });
    onTestFinished(() => cid.leave());
    await cid.reads("ab");
    cid.text.insert(2, "c");
    await cid.saved();
    await ben.reads("abc");
    await reads(ann, "abc");
  });

  test("a client has the address from which it called the proxy, whatever it says itself", async () => {
    // All of 127.0.0.0/8 is this machine; the proxy itself calls from 127.0.0.1.
    const localAddress = "127.0.0.2";
    const headers = { ...bearer("dan"), "X-Forwarded-For": "192.0.2.66" };
    expect(await answer(call(stage.proxy.wsUrl, { options: { localAddress, headers } }))).toBe(0);
    expect(stage.arrivals.filter(({ user }) => user === "dan")).toEqual([
      { user: "dan", address: localAddress },
    ]);
    const connected = stage.log.filter(({ event }) => event === "connected");
    expect(connected.map(({ address }) => address)).toContain(localAddress);
    expect(JSON.stringify(stage.log)).not.toContain("192.0.2.66");
  });

  test("a page of its own name may connect, one of another may not", async () => {
    const { wsUrl, origin } = stage.proxy;
    const headers = bearer("eve");
    expect(await answer(call(wsUrl, { options: { origin, headers } }))).toBe(0);
    for (const other of ["https://evil.example", `https://${PROXY_HOST}`, "null"]) {
      expect(await answer(call(wsUrl, { options: { origin: other, headers } })), other).toBe(4403);
    }
    // As when a proxy does not pass on which host it was asked for.
    expect(await answer(call(stage.directUrl, { options: { origin, headers } }))).toBe(4403);
    // Nobody is served under a name that is not the proxy's.
    expect(await answer(call(wsUrl, { options: { headers: { ...headers, Host: "evil.example" } } }))).toBe(
      1006,
    );
  });

  test("a request has one name in both logs, which is the proxy's and not the client's", async () => {
    const known = new Set(stage.log.map(({ correlation }) => correlation));
    const headers = { ...bearer("fay"), "X-Request-Id": "a-name-of-its-own" };
    const socket = call(stage.proxy.wsUrl, { options: { headers } });
    expect(await answer(socket)).toBe(0);
    const newcomers = stage.log.filter(({ correlation }) => !known.has(correlation));
    const [name = "none", ...others] = new Set(newcomers.map(({ correlation }) => correlation));
    expect(others).toEqual([]);
    expect(name).not.toBe("a-name-of-its-own");
    // Proxies write a WebSocket down when it has ended.
    socket.close();
    await until("the proxy to name it", async () => (await stage.proxy.logs()).includes(name), {
      saw: () => name,
    });
  });

  test("an idle connection outlives the proxy's timeout by the server's pings, and can be used then", async () => {
    const socket = call(stage.proxy.wsUrl, { options: { headers: bearer("gil") } });
    expect(await answer(socket)).toBe(0);
    let pings = 0;
    socket.on("ping", () => pings++);
    const enough = (1.5 * PROXY_TIMEOUT_MS) / HEARTBEAT.intervalMs;
    const isOver = () => pings >= enough || socket.readyState !== WebSocket.OPEN;
    await until(`${enough} pings`, isOver, { saw: () => pings });
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.send(WHO_IS_HERE);
    expect(await answer(socket)).toBe(0);
  });

  // Last: it stops the server, so that the proxy has failures to write down.
  test("no token is in a log of the proxy or of the server, wherever it was shown", async () => {
    const { proxy, server, log, arrivals } = stage;
    // As long as tokens of a few claims and a signature of RSA are.
    const long = `${SECRET}header${"_".repeat(4_000)}`;
    const ways: readonly Call[] = [
      { path: `/hall?token=${SECRET}query` },
      { path: `/hall?a=b&%74oken=${SECRET}encoded` },
      { options: { headers: { Authorization: `Bearer ${long}` } } },
      { protocols: ["some-protocol", `joinery-token.${SECRET}subprotocol`] },
    ];
    const sockets = ways.map((way) => call(proxy.wsUrl, way));
    expect(await Promise.all(sockets.map(answer))).toEqual([0, 0, 0, 0]);
    const users = arrivals.map(({ user }) => user);
    expect(users).toEqual(expect.arrayContaining(["query", "encoded", "header", "subprotocol"]));
    expect(sockets.at(-1)?.protocol).toBe("some-protocol");
    const marker = () => `/marker-${arrivals.length}-${Math.random().toString(36).slice(2)}`;
    const refused = marker();
    expect(await answer(call(proxy.wsUrl, { path: `${refused}?token=wrong-${SECRET}` }))).toBe(4403);
    const plain = { headers: { Host: PROXY_HOST } };
    await answer(
      call(`ws://127.0.0.1:${proxy.plainPort}`, { path: `/hall?token=${SECRET}`, options: plain }),
    );
    await server.close();
    const failed = marker();
    for (const way of ways) {
      expect(
        await answer(call(proxy.wsUrl, { ...way, path: (way.path ?? "/").replace("/hall", failed) })),
      ).toBe(1006);
    }
    // What was written down is there: what was refused, and what failed.
    for (const path of [refused, failed]) {
      await until(`a line about ${path}`, async () => (await proxy.logs()).includes(path));
    }
    expect(await proxy.logs()).not.toContain(SECRET);
    expect(JSON.stringify(log)).not.toContain(SECRET);
    expect(log.some(({ event }) => event === "connected")).toBe(true);
  });
});
