import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { PassThrough } from "node:stream";
import { createServer, type HocuspocusExtension, MemoryStorage } from "@joinery/server";
import { DEFAULT_LIMITS } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import type { Rooms } from "../../../server/src/engine/rooms.ts";
import type { Plugin, PluginEvent } from "../../../server/src/extensions/plugin.ts";
import { PluginHost } from "../../../server/src/node/plugin-host.ts";
import type { AdmissionRequest } from "../../../server/src/protocols/admission.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { Peer } from "../../support/peer.ts";
import { until } from "../../support/until.ts";
import { RawSocket, upgradeRequest } from "./raw-socket.ts";
import { get, Socket } from "./socket.ts";

interface RequestPayload {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** They look at nothing of these. */
const ROOMS = {} as Rooms;
const REQUEST = {} as AdmissionRequest;
const MESSAGE = {} as IncomingMessage;

function hosting(parts: Partial<Plugin>) {
  const reported: PluginEvent[] = [];
  const plugin = { admissions: null, observer: null, start: () => Promise.resolve(), ...parts };
  const host = new PluginHost([plugin], {
    clock: new FakeClock(),
    limits: DEFAULT_LIMITS,
    report: (event) => reported.push(event),
    countLimit: () => undefined,
  });
  const troubles = () => reported.map(({ type, hook, error }) => `${type} ${hook} ${error?.message}`);
  return { host, troubles };
}

/** What is answered to a request, as far as that is looked at. */
class Answer extends EventEmitter {
  status = 0;
  headersSent = false;
  isDestroyed = false;

  writeHead(status: number): this {
    this.status = status;
    return this;
  }

  setHeader(): this {
    return this;
  }

  set statusCode(status: number) {
    this.status = status;
  }

  end(): this {
    this.emit("answered");
    return this;
  }

  destroy(): this {
    this.isDestroyed = true;
    this.emit("answered");
    return this;
  }
}

describe("clients", () => {
  test("are let in when the plugins have begun, and refused when they could not", async () => {
    const gate = Promise.withResolvers<void>();
    const { host } = hosting({ start: () => gate.promise });
    const admitted = Promise.resolve(host.admissions.admit(REQUEST));
    let isIn = false;
    void admitted.then(() => {
      isIn = true;
    });
    const begun = host.begin(ROOMS);
    await Promise.resolve();
    expect(isIn).toBe(false);
    gate.resolve();
    await begun;
    expect(await admitted).toMatchObject({ author: "", rights: Rights.WRITER });
    // From now on nobody waits.
    expect(host.admissions.admit(REQUEST)).toMatchObject({ author: "" });

    const failing = hosting({ start: () => Promise.reject(new Error("no license")) });
    await expect(failing.host.begin(ROOMS)).rejects.toThrow("no license");
    await expect(Promise.resolve(failing.host.admissions.admit(REQUEST))).rejects.toThrow("no license");
  });

  test("are let in at once where there are no plugins", () => {
    const host = new PluginHost([], {
      clock: new FakeClock(),
      limits: DEFAULT_LIMITS,
      report: () => undefined,
      countLimit: () => undefined,
    });
    expect(host.admissions.admit(REQUEST)).toMatchObject({ rights: Rights.WRITER });
    expect([host.observer, host.draining(1000)]).toEqual([null, null]);
    const others = () => undefined;
    expect(host.handle(others)).toBe(others);
  });
});

describe("a request", () => {
  async function answered(request: NonNullable<Plugin["request"]>, headersSent = false) {
    const { host, troubles } = hosting({ request });
    const answer = new Answer();
    answer.headersSent = headersSent;
    const handle = host.handle((_request, response) => void response.writeHead(404).end());
    const done = new Promise<void>((resolve) => answer.once("answered", resolve));
    handle(MESSAGE, answer as unknown as ServerResponse);
    await done;
    return { answer, troubles: troubles() };
  }

  test("that a plugin answers is nobody else's, and others are", async () => {
    const own = await answered(async (_request, response) => {
      response.writeHead(200).end();
      return true;
    });
    expect(own.answer.status).toBe(200);
    expect((await answered(async () => false)).answer.status).toBe(404);
  });

  test("at which a plugin fails is answered with that, or cut where an answer has begun", async () => {
    const failing = () => Promise.reject(new Error("a bug"));
    expect(await answered(failing)).toMatchObject({
      answer: { status: 500 },
      troubles: ["hook-failed request a bug"],
    });
    expect((await answered(failing, true)).answer.isDestroyed).toBe(true);
  });
});

describe("a WebSocket", () => {
  async function upgraded(upgrade: NonNullable<Plugin["upgrade"]>, isGone = false) {
    const { host, troubles } = hosting({ upgrade });
    const socket = Object.assign(new PassThrough(), {
      destroySoon: () => socket.end(),
      setTimeout: () => undefined,
    });
    let isAccepted = false;
    host.upgrade(MESSAGE, socket, Buffer.alloc(0), () => {
      isAccepted = true;
    });
    if (isGone) socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    return { isAccepted, said: socket.read()?.toString() ?? "", troubles: troubles() };
  }

  test("is accepted if the plugin lets it, and is there still", async () => {
    expect((await upgraded(async () => true)).isAccepted).toBe(true);
    expect((await upgraded(async () => true, true)).isAccepted).toBe(false);
    expect((await upgraded(async () => false)).isAccepted).toBe(false);
  });

  test("at which the plugin fails is refused", async () => {
    const { isAccepted, said, troubles } = await upgraded(() => Promise.reject(new Error("a bug")));
    expect([isAccepted, troubles]).toEqual([false, ["hook-failed upgrade a bug"]]);
    expect(said).toMatch(/^HTTP\/1\.1 500 /);
  });
});

describe("at the end", () => {
  test("the plugins are waited for, no longer than they may, and what fails is told", async () => {
    const { host, troubles } = hosting({
      draining: () => Promise.reject(new Error("no database")),
      close: () => Promise.reject(new Error("no file")),
    });
    // Who has not begun has nothing to store.
    expect(host.draining(1000)).toBeNull();
    await host.begin(ROOMS);
    await host.draining(1000);
    await host.close();
    expect(troubles()).toEqual(["hook-failed draining no database", "hook-failed close no file"]);
    const hanging = hosting({ draining: () => new Promise(() => undefined) });
    await hanging.host.begin(ROOMS);
    await hanging.host.draining(1);
  });
});

test("a server begins with its plugins before its storage, asks them in its life, and ends with them last", async () => {
  const order: string[] = [];
  class WatchedStorage extends MemoryStorage {
    override async open(): Promise<void> {
      order.push("storage opens");
      await super.open();
    }

    override async close(): Promise<void> {
      order.push("storage closes");
      await super.close();
    }
  }
  const extension: HocuspocusExtension = {
    onConfigure: async () => order.push("configure"),
    onListen: async () => order.push("listen"),
    onUpgrade: async () => order.push("upgrade"),
    onRequest: async ({ request }: { readonly request: IncomingMessage }) =>
      order.push(`request ${request.url}`),
    onDestroy: async () => order.push("destroy"),
  };
  const server = createServer({ storage: new WatchedStorage(), extensions: [extension] });
  onTestFinished(async () => void (await server.close()));
  const { url } = await server.listen({ port: 0 });
  await get(`${url}/somewhere`);
  const socket = await Socket.open(`${url.replace("http", "ws")}/notes`);
  await until("the connection to be there", () => server.counts().connections === 1);
  await socket.close();
  await server.close();
  expect(order).toEqual([
    "configure",
    "storage opens",
    "listen",
    "request /somewhere",
    "upgrade",
    "destroy",
    "storage closes",
  ]);
});

describe("a request with a body", () => {
  const listening = async (onRequest: NonNullable<HocuspocusExtension["onRequest"]>) => {
    const limits = { requestTimeoutMs: 300 };
    const storage = new MemoryStorage();
    const server = createServer({ storage, limits, extensions: [{ onRequest }], logger: SILENT });
    onTestFinished(async () => void (await server.close()));
    return { server, ...(await server.listen({ port: 0 })) };
  };

  const readsBodies = async ({ request, response }: RequestPayload) => {
    if (request.url !== "/hook") return;
    let text = "";
    for await (const chunk of request) text += String(chunk);
    response.end(`read ${text}`);
    throw undefined;
  };

  test("is read by the extension that answers it, and refused where none does", async () => {
    const { url } = await listening(readsBodies);
    const answered = await fetch(`${url}/hook`, { method: "POST", body: "a body" });
    expect([answered.status, await answered.text()]).toEqual([200, "read a body"]);
    const refused = await fetch(`${url}/page`, { method: "POST", body: "a body" });
    expect(refused.status).toBe(413);
  });

  test("that does not end is cut when the request's time is over", async () => {
    const { server, port } = await listening(readsBodies);
    const raw = await RawSocket.open(port);
    onTestFinished(() => raw.destroy());
    raw.write("POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\na bit");
    await raw.closed();
    expect(server.counts().limitHits.requestTimeoutMs).toBe(1);
  });
});

test("a WebSocket that an extension refuses is closed, though the client keeps its side open", async () => {
  const onUpgrade = () => Promise.reject(new Error("not you"));
  const server = createServer({ storage: new MemoryStorage(), extensions: [{ onUpgrade }], logger: SILENT });
  onTestFinished(async () => void (await server.close()));
  const { port } = await server.listen({ port: 0 });
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let said = "";
  let isCut = false;
  socket.on("data", (bytes: Buffer) => {
    said += bytes.toString();
  });
  // What is written to a socket that is closed, and not only ended, is answered with a reset.
  socket.on("error", () => {
    isCut = true;
  });
  socket.write(upgradeRequest("/notes"));
  await until("the refusal", () => said.includes("403 Forbidden"));
  await until("the socket to be cut", () => {
    if (!isCut) socket.write("x");
    return isCut;
  });
});

test("a server counts the documents that extensions see, and what is not stored", async () => {
  let isBroken = true;
  const server = createServer({
    storage: new MemoryStorage(),
    logger: SILENT,
    hooks: { store: () => undefined },
    storeDelayMs: 3_600_000,
    maxStoreDelayMs: 3_600_000,
    extensions: [{ onStoreDocument: () => (isBroken ? Promise.reject(new Error("down")) : undefined) }],
    hocuspocus: { debounce: 1 },
  });
  onTestFinished(async () => void (await server.close()));
  const none = { hostedDocuments: 0, hostedBytes: 0, pendingStores: 0, failingStores: 0 };
  expect(server.counts()).toMatchObject(none);
  const { url } = await server.listen({ port: 0 });
  const ann = new Peer(url.replace("http", "ws"), "notes");
  onTestFinished(() => ann.leave());
  await ann.synced();
  ann.text.insert(0, "a");
  await until("the store to fail", () => server.counts().failingStores === 1);
  expect(server.counts()).toMatchObject({ hostedDocuments: 1, pendingStores: 2 });
  expect(server.counts().hostedBytes).toBeGreaterThan(0);
  isBroken = false;
  await until("the store to succeed", () => server.counts().failingStores === 0);
  expect(server.counts().pendingStores).toBe(1);
});

test("hooks that cannot begin keep the server from listening", async () => {
  const extension: HocuspocusExtension = {
    onConfigure: async () => {
      throw new Error("no license");
    },
  };
  const server = createServer({ storage: new MemoryStorage(), extensions: [extension], logger: SILENT });
  onTestFinished(async () => void (await server.close()));
  await expect(server.listen({ port: 0 })).rejects.toThrow("no license");
});

const ignore = () => undefined;
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };
