/** The published Hocuspocus extensions, unmodified, in the real server, with the published clients. */

import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "@hocuspocus/extension-database";
import { Logger } from "@hocuspocus/extension-logger";
import { SQLite, selectQuery } from "@hocuspocus/extension-sqlite";
import { Throttle } from "@hocuspocus/extension-throttle";
import { Events, Webhook } from "@hocuspocus/extension-webhook";
import type { Extension, onRequestPayload, onStatelessPayload } from "@hocuspocus/server";
import { createServer, MemoryStorage, type ServerOptions } from "@joinery/server";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { HocuspocusPeer, type HocuspocusPeerOptions } from "../support/hocuspocus-peer.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";

interface Running {
  readonly url: string;
  readonly wsUrl: string;
  /** Opens a document by the newest provider. */
  join(document: string, options?: HocuspocusPeerOptions): HocuspocusPeer;
  close(): Promise<void>;
}

async function open(options: ServerOptions): Promise<Running> {
  const server = createServer({
    ...(!options.data && { storage: new MemoryStorage() }),
    idleRoomMs: 50,
    ...options,
  });
  const { url } = await server.listen({ port: 0 });
  const wsUrl = url.replace("http", "ws");
  const peers: HocuspocusPeer[] = [];
  let closed: Promise<unknown> | null = null;
  const close = async () => {
    for (const peer of peers.splice(0)) peer.leave();
    closed ??= server.close();
    await closed;
  };
  onTestFinished(close);
  return {
    url,
    wsUrl,
    close,
    join(document, peerOptions) {
      const peer = new HocuspocusPeer(4, wsUrl, document, { token: "any", ...peerOptions });
      peers.push(peer);
      return peer;
    },
  };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "joinery-extensions-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function textIn(update: Uint8Array): string {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

describe("extension-sqlite", () => {
  const file = async () => join(await folder(), "copy.sqlite");

  test("has a copy of what people write, by whatever client", async () => {
    const sqlite = new SQLite({ database: await file() });
    const server = await open({ extensions: [sqlite] });
    const ann = await server.join("notes").synced();
    const ben = new Peer(server.wsUrl, "notes");
    await ben.synced();
    ann.text.insert(0, "ann ");
    await until("ben to have it", () => ben.text.toString() === "ann ");
    ben.text.insert(4, "ben");
    await ann.reads("ann ben");
    ben.leave();
    ann.leave();
    await until("the copy", () => {
      const row = sqlite.db?.prepare(selectQuery).get({ name: "notes" }) as { data: Buffer } | undefined;
      return row !== undefined && textIn(row.data) === "ann ben";
    });
  });

  test("fills a server that has nothing, once, and whatever happens after that", async () => {
    const database = await file();
    const first = await open({ extensions: [new SQLite({ database })] });
    const ann = await first.join("notes").synced();
    ann.text.insert(0, "kept");
    await ann.saved();
    await first.close();

    const data = await folder();
    for (let round = 0; round < 3; round++) {
      const next = await open({ data, extensions: [new SQLite({ database })] });
      const ben = await next.join("notes").synced();
      expect(ben.text.toString()).toBe("kept");
      await next.close();
    }
  });
});

test("extension-database is asked for what there is, and stores what is new until it succeeds", async () => {
  const kept = new Map<string, Uint8Array>();
  const before = new Y.Doc();
  before.getText("text").insert(0, "before ");
  kept.set("notes", Y.encodeStateAsUpdate(before));
  let failures = 1;
  const database = new Database({
    fetch: async ({ documentName }) => kept.get(documentName) ?? null,
    store: async ({ documentName, state }) => {
      if (failures-- > 0) throw new Error("database down");
      kept.set(documentName, state);
    },
  });
  const server = await open({ extensions: [database], hocuspocus: { debounce: 50 } });
  const ann = await server.join("notes").synced();
  expect(ann.text.toString()).toBe("before ");
  ann.text.insert(7, "after");
  await until("the second try", () => textIn(kept.get("notes") as Uint8Array) === "before after");
  expect(failures).toBe(-1);
});

test("extension-logger tells of all that happens", async () => {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line.replace(/^\[.*?\] /, ""));
  const server = await open({
    extensions: [new Logger({ log })],
    hocuspocus: { name: "test", debounce: 10 },
  });
  const ann = await server.join("notes").synced();
  ann.text.insert(0, "a");
  await until("the store", () => lines.includes('Store "notes".'));
  ann.leave();
  await until("the end", () => lines.includes('Connection to "notes" closed.'));
  await fetch(`${server.url}/missing`);
  await server.close();
  expect(lines).toEqual([
    "Upgrading connection …",
    'New connection to "notes".',
    'Loaded document "notes".',
    'Document "notes" changed.',
    'Store "notes".',
    'Connection to "notes" closed.',
    "Incoming HTTP Request to /missing",
    "Shut down.",
  ]);
});

test("extension-throttle refuses an address that connects too often", async () => {
  const server = await open({ extensions: [new Throttle({ throttle: 2 })] });
  for (let i = 0; i < 2; i++) await server.join(`notes-${i}`).synced();
  const third = server.join("notes-2");
  await until("the third one to be refused", () => third.denials.length > 0);
  expect(third.denials).toEqual(["Forbidden"]);
  expect(third.provider.synced).toBe(false);
});

/** Answers webhooks as the test says, and remembers them. */
class Receiver {
  readonly events: { event: string; payload: Record<string, unknown> }[] = [];
  readonly signatures: boolean[] = [];

  static async open(secret: string, answers: Record<string, unknown>): Promise<Receiver & { url: string }> {
    const receiver = new Receiver();
    const http = createHttpServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const signature = createHmac("sha256", secret).update(body).digest("hex");
        receiver.signatures.push(request.headers["x-hocuspocus-signature-256"] === `sha256=${signature}`);
        const event = JSON.parse(body) as (typeof receiver.events)[number];
        receiver.events.push(event);
        const answer = answers[event.event];
        response.writeHead(answer === null ? 403 : 200, { "Content-Type": "application/json" });
        response.end(JSON.stringify(answer ?? ""));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void http.close());
    const { port } = http.address() as AddressInfo;
    return Object.assign(receiver, { url: `http://127.0.0.1:${port}/` });
  }

  of(name: string): Record<string, unknown>[] {
    return this.events.filter(({ event }) => event === name).map(({ payload }) => payload);
  }
}

describe("extension-webhook", () => {
  const secret = "s3cret";
  const events = [Events.onConnect, Events.onCreate, Events.onChange, Events.onDisconnect];
  const paragraph = { type: "paragraph", content: [{ type: "text", text: "from the application" }] };

  test("tells an application over HTTP, which knows who it is and fills the document", async () => {
    const receiver = await Receiver.open(secret, {
      connect: { user: { name: "Ann" } },
      create: { default: { type: "doc", content: [paragraph] } },
    });
    const webhook = new Webhook({ url: receiver.url, secret, events, debounce: 20 });
    const server = await open({ extensions: [webhook] });
    const ann = await server.join("notes").synced();
    expect(ann.doc.getXmlFragment("default").toString()).toBe("<paragraph>from the application</paragraph>");
    ann.doc.getXmlFragment("default").insert(1, [new Y.XmlElement("paragraph")]);
    await until("the change", () => receiver.of("change").length > 0);
    ann.leave();
    await until("the end", () => receiver.of("disconnect").length > 0);
    expect(receiver.of("change")[0]).toMatchObject({
      documentName: "notes",
      document: { default: { type: "doc", content: [paragraph, { type: "paragraph" }] } },
      context: { user: { name: "Ann" } },
    });
    expect(receiver.of("disconnect")[0]).toMatchObject({ context: { user: { name: "Ann" } } });
    expect(new Set(receiver.signatures)).toEqual(new Set([true]));
  });

  test("does not fill a document twice", async () => {
    const receiver = await Receiver.open(secret, {
      create: { default: { type: "doc", content: [paragraph] } },
    });
    const data = await folder();
    for (let round = 0; round < 3; round++) {
      const webhook = new Webhook({ url: receiver.url, secret, events: [Events.onCreate] });
      const server = await open({ data, extensions: [webhook] });
      const ann = await server.join("notes").synced();
      expect(ann.doc.getXmlFragment("default").length).toBe(1);
      await server.close();
    }
    expect(receiver.of("create")).toHaveLength(3);
  });

  test("refuses whom the application refuses", async () => {
    const receiver = await Receiver.open(secret, { connect: null });
    const server = await open({
      extensions: [new Webhook({ url: receiver.url, secret, events: [Events.onConnect] })],
    });
    const ann = server.join("notes");
    await until("the refusal", () => ann.denials.length > 0);
    expect(ann.denials).toEqual(["Forbidden"]);
  });
});

describe("an extension of one's own", () => {
  test("decides who may write, talks to clients, and writes by HTTP", async () => {
    const extension: Extension = {
      async onAuthenticate({ token, connectionConfig }) {
        if (token === "nobody") throw new Error("who are you?");
        connectionConfig.readOnly = token === "reader";
        return { token };
      },
      async onStateless({ connection, document, payload }: onStatelessPayload) {
        document.broadcastStateless(
          `${connection.context.token}: ${payload}`,
          (other) => other !== connection,
        );
      },
      async onRequest({ request, response, instance }: onRequestPayload) {
        if (request.url !== "/append") return;
        const direct = await instance.openDirectConnection("notes");
        await direct.transact((document) => document.getText("text").insert(0, "by HTTP "));
        await direct.disconnect();
        response.end("done");
        throw null;
      },
    };
    const server = await open({ extensions: [extension] });
    const writer = await server.join("notes", { token: "writer" }).synced();
    const reader = await server.join("notes", { token: "reader" }).synced();
    const nobody = server.join("notes", { token: "nobody" });
    await until("the refusal", () => nobody.denials.length > 0);
    expect([writer.provider.authorizedScope, reader.provider.authorizedScope]).toEqual([
      "read-write",
      "readonly",
    ]);
    writer.text.insert(0, "text");
    await reader.reads("text");
    writer.provider.sendStateless("hello");
    await until("the message", () => reader.stateless.length > 0);
    expect([reader.stateless, writer.stateless]).toEqual([["writer: hello"], []]);
    expect(await (await fetch(`${server.url}/append`)).text()).toBe("done");
    await Promise.all([writer.reads("by HTTP text"), reader.reads("by HTTP text")]);
  });

  test("closes connections, and their clients come back", async () => {
    let resets = 0;
    const extension: Extension = {
      async onStateless({ documentName, connection }) {
        resets++;
        const { instance } = host;
        if (resets === 1) instance?.closeConnections(documentName);
        else connection.sendStateless("still here");
      },
      async onConfigure({ instance }) {
        host.instance = instance;
      },
    };
    const host: { instance: { closeConnections(name?: string): void } | null } = { instance: null };
    const server = await open({ extensions: [extension] });
    const ann = await server.join("notes").synced();
    ann.provider.sendStateless("reset");
    await until("the reset", () => resets === 1);
    ann.text.insert(0, "meanwhile");
    const ben = await server.join("notes").synced();
    await ben.reads("meanwhile");
    ann.provider.sendStateless("again");
    await until("an answer", () => ann.stateless.includes("still here"));
  });
});
