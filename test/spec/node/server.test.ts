import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import { type DocumentName, JoineryError, LIMITS, parseDocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import * as Y from "yjs";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { until, within } from "../../support/until.ts";
import { get, Socket } from "./socket.ts";

const STEP_1 = Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc()));
/** Says which dialect it is, and asks for nothing that is there. */
const QUERY_PRESENCE = Uint8Array.of(3);

/** What a test started, last first. */
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function newServer(options: ServerOptions = {}): Server {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT, ...options });
  endings.push(() => server.close());
  return server;
}

async function listening(
  options: ServerOptions = {},
): Promise<{ server: Server; url: string; port: number }> {
  const server = newServer(options);
  const { url, port } = await server.listen({ port: 0 });
  return { server, url: url.replace("http:", "ws:"), port };
}

/** Somebody else's HTTP server, which answers every request. */
async function applicationServer(): Promise<{ httpServer: HttpServer; http: string; ws: string }> {
  const httpServer = createHttpServer((_request, response) => response.end("the application"));
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  endings.push(() => new Promise((resolve) => httpServer.close(resolve)));
  const { port } = httpServer.address() as AddressInfo;
  return { httpServer, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}` };
}

async function join(url: string): Promise<Socket> {
  const socket = await Socket.open(url);
  endings.push(() => socket.close());
  return socket;
}

/** Joins, and waits until the server has asked what it misses: then the document is loaded. */
async function joined(url: string): Promise<Socket> {
  const socket = await join(url);
  socket.send(QUERY_PRESENCE);
  expect(await socket.next()).toEqual(STEP_1);
  return socket;
}

function edit(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

describe("a server that listens", () => {
  test("on port 0 takes a free one and says which", async () => {
    const { server, url, port } = await listening();
    expect(port).toBeGreaterThan(0);
    expect(url).toBe(`ws://127.0.0.1:${port}`);
    await joined(`${url}/notes`);
    expect(server.counts()).toMatchObject({ connections: 1, sessions: 1, rooms: 1 });
  });

  test("says so over HTTP", async () => {
    const { port } = await listening();
    expect(await get(`http://127.0.0.1:${port}/`)).toMatchObject({
      status: 200,
      text: expect.stringContaining("Joinery is running"),
    });
  });

  test("reads the document's name from the path, without the query", async () => {
    const storage = new MemoryStorage();
    const { server, url } = await listening({ storage });
    const ann = await joined(`${url}/team/a%20b?token=secret`);
    ann.send(Y_WEBSOCKET.update(edit("hello")));
    await until("the edit to be stored", async () => (await storage.load(name("team/a b"))) !== null);
    const ben = await join(`${url}/team%2Fa%20b?`);
    ben.send(QUERY_PRESENCE);
    await ben.next();
    expect(server.counts()).toMatchObject({ connections: 2, sessions: 2, rooms: 1 });
  });

  test("closes who asks for a bad name with 4400 and the reason", async () => {
    const { server, url } = await listening();
    for (const path of ["", "/", "/a%00", "/%ff", `/${"x".repeat(513)}`]) {
      const socket = await join(`${url}${path}`);
      socket.send(QUERY_PRESENCE);
      const { code, reason } = await within("the close", socket.closed);
      expect(code, path).toBe(4400);
      expect(reason, path).toMatch(/^document name (is|has) /);
    }
    await until("all to be gone", () => server.counts().connections === 0);
    expect(server.counts()).toMatchObject({ rooms: 0 });
  });

  test("closes who sends what does not decode with 4422, and nobody else", async () => {
    const { url } = await listening();
    const ann = await joined(`${url}/notes`);
    const eve = await joined(`${url}/notes`);
    const eva = await joined(`${url}/notes`);
    eve.send(Uint8Array.of(9));
    eva.send("text");
    expect(await eve.closed).toEqual({ code: 4422, reason: "frame: frame of kind 9 is unknown at byte 1" });
    expect(await eva.closed).toMatchObject({ code: 4422 });
    ann.send(STEP_1);
    expect((await ann.next())[1]).toBe(1);
  });

  test("closes who sends more than a message may have with 1009", async () => {
    const { url } = await listening({ limits: { maxMessageBytes: 1_024 } });
    const ann = await joined(`${url}/notes`);
    ann.send(new Uint8Array(1_025));
    expect(await ann.closed).toMatchObject({ code: 1009 });
  });

  test("closes one connection more than allowed with 1013", async () => {
    const { server, url } = await listening({ limits: { maxConnections: 1 } });
    await joined(`${url}/notes`);
    const second = await join(`${url}/notes`);
    expect(await second.closed).toMatchObject({ code: 1013, reason: expect.stringContaining("limit") });
    expect(server.counts()).toMatchObject({ connections: 1, sessions: 1 });
  });

  test.each([
    "0.0.0.0",
    "::",
    "192.168.1.1",
    "example.org",
    "localhost.example.org",
    "127.0.0.1.example.org",
    "",
  ])("does so on no address that others reach: not on %j", async (host) => {
    const server = newServer();
    await expect(server.listen({ host, port: 0 })).rejects.toThrow(JoineryError);
    await expect(server.listen({ host, port: 0 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("loopback"),
    });
  });

  test("on a port in use is refused with ADDRESS_UNAVAILABLE, by the port's name", async () => {
    const { port } = await listening();
    await expect(newServer().listen({ port })).rejects.toMatchObject({
      code: "ADDRESS_UNAVAILABLE",
      message: `cannot listen on 127.0.0.1:${port}: the port is in use`,
    });
  });

  test("on a port that is none is refused with INVALID_OPTION", async () => {
    await expect(newServer().listen({ port: 65_536 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});

describe("a server that is attached to another's HTTP server", () => {
  test("serves what is below its path and leaves requests alone", async () => {
    const { httpServer, http, ws } = await applicationServer();
    const storage = new MemoryStorage();
    const server = newServer({ storage });
    server.attach(httpServer, { path: "/sync" });
    await server.ready();
    const ann = await joined(`${ws}/sync/team/notes`);
    ann.send(Y_WEBSOCKET.update(edit("hello")));
    await until("the edit to be stored", async () => (await storage.load(name("team/notes"))) !== null);
    expect(await get(`${http}/sync/team/notes`)).toEqual({ status: 200, text: "the application" });
  });

  test.each(["sync", "/sync", "/sync/", "//sync//"])("may be given its path as %j", async (path) => {
    const { httpServer, ws } = await applicationServer();
    newServer().attach(httpServer, { path });
    await joined(`${ws}/sync/notes`);
    await expect(Socket.open(`${ws}/synchronous/notes`)).rejects.toThrow("HTTP 404");
  });

  test("needs no slash behind its path where that names no document", async () => {
    const { httpServer, ws } = await applicationServer();
    newServer().attach(httpServer, { path: "/sync" });
    const socket = await Socket.open(`${ws}/sync`, { subprotocols: ["joinery.v1"] });
    expect(socket.subprotocol).toBe("joinery.v1");
  });

  test("serves all paths when it was given none", async () => {
    const { httpServer, ws } = await applicationServer();
    const server = newServer();
    server.attach(httpServer);
    await joined(`${ws}/a/b`);
    expect(server.counts().rooms).toBe(1);
  });

  test("answers 404 outside its path when nobody else listens", async () => {
    const { httpServer, ws } = await applicationServer();
    const server = newServer();
    server.attach(httpServer, { path: "/sync" });
    for (const path of ["", "/", "/synchronous", "/other/notes", "/%73ync/notes"]) {
      await expect(Socket.open(`${ws}${path}`), path).rejects.toThrow("HTTP 404");
    }
    expect(server.counts().connections).toBe(0);
  });

  test("cannot be attached twice to what is the same place", async () => {
    const { httpServer, ws } = await applicationServer();
    const server = newServer();
    server.attach(httpServer, { path: "/sync" });
    for (const path of ["sync/", "/", "/sync/deeper"]) {
      expect(() => server.attach(httpServer, { path }), path).toThrow("/sync/ already");
    }
    server.attach(httpServer, { path: "/other" });
    await joined(`${ws}/sync/notes`);
    await joined(`${ws}/other/notes`);
    expect(server.counts().rooms).toBe(1);
  });

  test("survives clients that reset a connection which nobody serves", async () => {
    const { httpServer, ws } = await applicationServer();
    newServer().attach(httpServer, { path: "/sync" });
    const { port } = httpServer.address() as AddressInfo;
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, "127.0.0.1");
      const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
      socket.write(
        `GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`,
      );
      await new Promise<void>((resolve) => httpServer.once("upgrade", () => resolve()));
      socket.resetAndDestroy();
    }
    await joined(`${ws}/sync/notes`);
  });

  test("leaves what is outside its path to another who listens", async () => {
    const { httpServer, ws } = await applicationServer();
    const echo = new WebSocketServer({ noServer: true });
    httpServer.on("upgrade", (request, socket, head) => {
      if (request.url !== "/echo") return;
      echo.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("message", (data) => webSocket.send(data));
      });
    });
    newServer().attach(httpServer, { path: "/sync" });
    const other = await join(`${ws}/echo`);
    other.send(Uint8Array.of(1, 2, 3));
    expect(await other.next()).toEqual(Uint8Array.of(1, 2, 3));
    await joined(`${ws}/sync/notes`);
  });

  test("may stand beside a second one, each with its documents", async () => {
    const { httpServer, ws } = await applicationServer();
    const [first, second] = [newServer(), newServer()];
    first.attach(httpServer, { path: "/first" });
    second.attach(httpServer, { path: "/second" });
    await joined(`${ws}/first/notes`);
    await joined(`${ws}/second/notes`);
    await joined(`${ws}/second/other`);
    expect([first.counts().rooms, second.counts().rooms]).toEqual([1, 2]);
  });

  test("leaves it open when it closes, and answers there no more", async () => {
    const { httpServer, http, ws } = await applicationServer();
    const server = newServer();
    server.attach(httpServer, { path: "/sync" });
    const ann = await joined(`${ws}/sync/notes`);
    await server.close();
    expect(await ann.closed).toMatchObject({ code: 1012 });
    expect(httpServer.listening).toBe(true);
    expect(httpServer.listenerCount("upgrade")).toBe(0);
    expect(await get(`${http}/`)).toEqual({ status: 200, text: "the application" });
    await expect(Socket.open(`${ws}/sync/notes`)).rejects.toThrow("HTTP 200");
  });
});

describe("the counts", () => {
  test("follow who comes and goes", async () => {
    const { server, url } = await listening({ idleRoomMs: 0 });
    expect(server.counts()).toEqual({
      connections: 0,
      sessions: 0,
      users: 0,
      tickets: 0,
      rooms: 0,
      replicaJobs: 0,
      heldBytes: 0,
      uncommittedBytes: 0,
      foreignPresence: 0,
      droppedSignals: 0,
      hostedDocuments: 0,
      hostedBytes: 0,
      pendingStores: 0,
      failingStores: 0,
      limitHits: Object.fromEntries(Object.keys(LIMITS).map((limit) => [limit, 0])),
    });
    const ann = await joined(`${url}/one`);
    const ben = await joined(`${url}/two`);
    await joined(`${url}/two`);
    expect(server.counts()).toMatchObject({ connections: 3, sessions: 3, rooms: 2 });
    await ann.close();
    await ben.close();
    await until("the empty room to go", () => server.counts().rooms === 1);
    expect(server.counts()).toMatchObject({ connections: 1, sessions: 1, rooms: 1 });
  });
});

describe("listening", () => {
  test("may be tried again on another port when one is in use", async () => {
    const { port } = await listening();
    const server = newServer();
    await expect(server.listen({ port })).rejects.toMatchObject({ code: "ADDRESS_UNAVAILABLE" });
    const { url } = await server.listen({ port: 0 });
    await joined(`${url.replace("http:", "ws:")}/notes`);
  });

  test("is done once, and not after closing", async () => {
    const { server } = await listening();
    await expect(server.listen({ port: 0 })).rejects.toThrow("listening already");
    await server.close();
    await expect(server.listen({ port: 0 })).rejects.toThrow("closed");
    expect(() => server.attach(createHttpServer())).toThrow("closed");
  });

  test.each([
    ["http://evil.example", undefined],
    ["http://localhost.evil.example", undefined],
    ["null", undefined],
    ["http://evil.example:80", "evil.example"],
    [undefined, "evil.example"],
  ])("refuses pages of other sites: Origin %j, Host %j", async (origin, host) => {
    const { url, port } = await listening();
    const headers = { ...(origin && { Origin: origin }), ...(host && { Host: host }) };
    const socket = await Socket.open(`${url}/notes`, { headers });
    expect(await socket.closed).toMatchObject({ code: 4403 });
    if (host) expect((await get(`http://127.0.0.1:${port}/`, { headers })).status).toBe(403);
  });

  test.each(["http://localhost:5173", "http://127.0.0.1:4321", "http://[::1]:8080"])(
    "serves pages of this machine: Origin %j",
    async (origin) => {
      const { url } = await listening();
      const socket = await Socket.open(`${url}/notes`, { headers: { Origin: origin } });
      socket.send(QUERY_PRESENCE);
      expect(await socket.next()).toEqual(STEP_1);
      await socket.close();
    },
  );

  test("tells clients nothing of the machine when the storage fails", async () => {
    const storage = new KeptStorage();
    storage.load = () =>
      Promise.reject(new JoineryError("STORAGE_UNAVAILABLE", "IO error: /srv/secret/000003.log"));
    const { url } = await listening({ storage });
    const socket = await Socket.open(`${url}/notes`);
    socket.send(QUERY_PRESENCE);
    const { code, reason } = await socket.closed;
    expect(code).toBe(4503);
    expect(reason).not.toContain("/srv");
    expect(reason).not.toBe("");
  });
});

describe("closing", () => {
  test("makes durable what was accepted, tells clients to come back, and says that nothing is unsaved", async () => {
    const storage = new KeptStorage();
    const { server, url, port } = await listening({ storage, flush: { kind: "fixed", windowMs: 10_000 } });
    const ann = await joined(`${url}/notes`);
    // The first edit after a quiet spell is flushed at once; the second one waits for its window.
    for (const text of ["hello", "again"]) ann.send(Y_WEBSOCKET.update(edit(text)));
    ann.send(STEP_1);
    await ann.next();
    expect(await server.close()).toEqual({ unsaved: [] });
    expect(await ann.closed).toMatchObject({ code: 1012 });
    expect(storage.appended).toEqual(expect.arrayContaining(["notes"]));
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow("ECONNREFUSED");
    expect(server.counts()).toMatchObject({ connections: 0, sessions: 0, rooms: 0, uncommittedBytes: 0 });
  });

  test("is idempotent, also at the same time, and closes the storage once", async () => {
    const storage = new KeptStorage();
    const { server } = await listening({ storage });
    const results = await Promise.all([server.close(), server.close()]);
    expect(await server.close()).toBe(results[0]);
    expect(results[1]).toBe(results[0]);
    expect(storage.closes).toBe(1);
  });

  test("names the documents whose edits could not be stored", async () => {
    const storage = new KeptStorage();
    const { server, url } = await listening({ storage });
    const ann = await joined(`${url}/notes`);
    const fail = storage.holdAppends();
    ann.send(Y_WEBSOCKET.update(edit("hello")));
    await until("the edit to be on its way", () => server.counts().uncommittedBytes > 0);
    const closed = server.close();
    fail(new JoineryError("STORAGE_UNAVAILABLE", "the disk is full"));
    expect(await closed).toEqual({ unsaved: ["notes"] });
    expect((await ann.closed).code).toBe(4503);
  });

  test("gives up on a storage that does not answer, and names what it did not confirm", async () => {
    const storage = new KeptStorage();
    const { server, url } = await listening({ storage, drainTimeoutMs: 20 });
    const ann = await joined(`${url}/notes`);
    storage.holdAppends();
    ann.send(Y_WEBSOCKET.update(edit("hello")));
    await until("the edit to be on its way", () => server.counts().uncommittedBytes > 0);
    expect(await server.close()).toEqual({ unsaved: ["notes"] });
    expect((await ann.closed).code).toBe(1012);
  });

  test("does not wait for ever for a storage that does not close", async () => {
    const storage = new KeptStorage();
    storage.close = () => new Promise(() => undefined);
    const { server } = await listening({ storage });
    expect(await within("the server to close", server.close())).toEqual({ unsaved: [] });
  });

  test("needs no start", async () => {
    const storage = new KeptStorage();
    expect(await newServer({ storage }).close()).toEqual({ unsaved: [] });
    expect(storage.closes).toBe(0);
  });
});

describe("making a server", () => {
  test("refuses an option that is not allowed", () => {
    expect(() => createServer({ limits: { maxRooms: 0 } })).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTION",
        message: expect.stringContaining("limits.maxRooms"),
      }),
    );
  });
});

/** Storage in memory that remembers how it was used. */
class KeptStorage extends MemoryStorage {
  readonly appended: DocumentName[] = [];
  closes = 0;
  #held: Promise<void> = Promise.resolve();

  /** Makes appends wait. Returns what makes them fail. */
  holdAppends(): (error: Error) => void {
    const { promise, reject } = Promise.withResolvers<void>();
    this.#held = promise;
    return reject;
  }

  override async append(append: Parameters<MemoryStorage["append"]>[0]): Promise<void> {
    await this.#held;
    await super.append(append);
    this.appended.push(append.document);
  }

  override async close(): Promise<void> {
    this.closes++;
    await super.close();
  }
}

function name(text: string): DocumentName {
  return parseDocumentName(text);
}
