/** What a client says when it is refused: by a Joinery server, and by servers that speak something else. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, MemoryStorage } from "@joinery/server";
import { decodeClientFrame, forEachFrame, serverFrames } from "@joinery/shared/protocol";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import * as Y from "yjs";
import { yWebsocketServer } from "../../bench/src/peers/y-websocket.ts";
import { ONE_BRANCH } from "../support/branch.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { becomes, isRefused, openClient, SILENT, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

/** What a scripted server says of itself. */
const HELLO = {
  capabilities: 1,
  agent: "scripted",
  maxMessageBytes: 1024 * 1024,
  fragmentBytes: 256 * 1024,
  maxDocuments: 100,
  keepAliveMs: 30_000,
};

/** A WebSocket server that does what a test says. */
async function serve(
  connected: (socket: WebSocket, attempt: number) => void,
  options: { readonly handleProtocols?: () => false } = {},
): Promise<{ url: string; attempts: () => number }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
  let attempts = 0;
  server.on("connection", (socket) => connected(socket, ++attempts));
  onTestFinished(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
    await once(server, "close");
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, attempts: () => attempts };
}

/** Calls back with each frame that the client sends. */
function onFrames(
  socket: WebSocket,
  heard: (frame: NonNullable<ReturnType<typeof decodeClientFrame>>, channel: number) => void,
): void {
  let channel = 0;
  socket.on("message", (message: Buffer) => {
    forEachFrame(new Uint8Array(message), (raw) => {
      const frame = decodeClientFrame(raw);
      if (frame?.type === "select") channel = frame.channel;
      else if (frame) heard(frame, channel);
    });
  });
}

test("[O3] [C9] documents whose names are not allowed are refused, and the others of the connection go on", async () => {
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl });
  const good = client.open("good");
  const bad = ["", "a\u0000b", "e\u0301", "x".repeat(513)].map((name) => client.open(name));
  for (const handle of bad) {
    textOf(handle).insert(0, "only here");
    await isRefused(handle, "INVALID_NAME");
    expect(handle.status.reason).toMatch(/name/);
    await expect(handle.whenSaved()).rejects.toMatchObject({
      failure: { code: "INVALID_NAME", retry: "never" },
    });
    // What was typed is here, for the application to rescue.
    const rescued = new Y.Doc();
    Y.applyUpdate(rescued, handle.rescue().unsaved);
    expect(rescued.getText("text").toString()).toBe("only here");
  }
  textOf(good).insert(0, "saved");
  await good.whenSaved();
  await (await stage.join("good").synced()).reads("saved");
  expect(client.status.kind).toBe("online");
});

test("[U8] a document that takes no more is refused, and keeps the edit to be rescued", async () => {
  const server = createServer({
    storage: new MemoryStorage(),
    logger: SILENT,
    limits: { maxDocumentBytes: 64 * 1024 },
  });
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await server.listen({ port: 0 });
  const client = openClient({ url: url.replace("http:", "ws:") });
  const [notes, other] = [client.open("notes"), client.open("other")];
  const full = "x".repeat(100_000);
  textOf(notes).insert(0, full);
  await notes.whenSaved();
  textOf(notes).insert(0, "one edit too many, ");
  await isRefused(notes, "DOCUMENT_FULL");
  expect(notes.saved).toBe(false);
  expect(notes.unsaved.count).toBe(1);
  textOf(notes).insert(0, "and one more, ");
  expect(notes.unsaved.count).toBe(2);

  const { unsaved, document } = notes.rescue();
  const rescued = new Y.Doc();
  Y.applyUpdate(rescued, document);
  expect(rescued.getText("text").toString()).toBe(`and one more, one edit too many, ${full}`);
  expect(unsaved.length).toBeLessThan(200);
  textOf(other).insert(0, "saved");
  await other.whenSaved();
});

test("a server that answers with another version is refused, naming both", async () => {
  const { url, attempts } = await serve((socket) => {
    socket.once("message", () => socket.send(serverFrames.hello({ ...HELLO, version: 2 })));
  });
  const client = openClient({ url });
  const notes = client.open("notes");
  await isRefused(notes, "VERSION_UNSUPPORTED");
  expect(client.status).toMatchObject({ kind: "refused", code: "VERSION_UNSUPPORTED" });
  expect(client.status.reason).toMatch(/version 2.*version 1/);
  expect(attempts()).toBe(1);
});

test("[H3] a server that refuses our version is believed, with its own words", async () => {
  const message = "this server speaks version 7, the client version 1";
  const { url, attempts } = await serve((socket) => {
    socket.once("message", () => {
      socket.send(serverFrames.failed({ code: "VERSION_UNSUPPORTED", retry: "never", message }));
      socket.close(4426, message);
    });
  });
  const client = openClient({ url });
  const notes = client.open("notes");
  await isRefused(notes, "VERSION_UNSUPPORTED");
  expect(client.status.reason).toBe(message);
  expect(attempts()).toBe(1);
});

test("the y-websocket reference server is refused: it agrees to any subprotocol, and speaks its own", async () => {
  const port = await freePort();
  const { args, env } = yWebsocketServer.command({ port, dataFolder: "" });
  const child = spawn(process.execPath, [...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
    stdio: "ignore",
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const client = openClient({ url: `ws://127.0.0.1:${port}` });
  const notes = client.open("notes");
  textOf(notes).insert(0, "only here");
  await isRefused(notes, "VERSION_UNSUPPORTED");
  expect(client.status).toMatchObject({ kind: "refused", code: "VERSION_UNSUPPORTED" });
  expect(client.status.reason).toMatch(/joinery\.v1/);
  expect(notes.saved).toBe(false);
});

test("a server that agrees to no subprotocol gets nothing, and is tried again: browsers do not say why", async () => {
  let messages = 0;
  const { url } = await serve((socket) => socket.on("message", () => messages++), {
    handleProtocols: () => false,
  });
  const client = openClient({ url });
  const notes = client.open("notes");
  textOf(notes).insert(0, "only here");
  await becomes(notes, "offline", ({ status }) => status.kind === "offline");
  expect(client.status).toMatchObject({ code: "CONNECTION_LOST", retryAtMs: expect.any(Number) });
  expect(notes.saved).toBe(false);
  expect(messages).toBe(0);
});

test("a URL that is none is told of, not thrown", async () => {
  const client = openClient({ url: "http//nowhere" });
  const notes = client.open("notes");
  await isRefused(notes, "INVALID_OPTION");
  expect(client.status.reason).toContain("http//nowhere");
});

test("[O8] the token function is asked again when the server did not take the last one", async () => {
  const refusal = { code: "TOKEN_EXPIRED", retry: "after-auth", message: "the token has expired" } as const;
  const seen: string[] = [];
  const { url } = await serve((socket) => {
    onFrames(socket, (frame) => {
      if (frame.type !== "hello") return;
      seen.push(frame.token);
      if (frame.token === "token 3") socket.send(serverFrames.hello({ ...HELLO, version: 1 }));
      else {
        socket.send(serverFrames.failed(refusal));
        socket.close(4401, refusal.message);
      }
    });
  });
  let asked = 0;
  const client = openClient({ url, token: async () => `token ${++asked}` });
  client.connect();
  await until("the third token to be taken", () => client.status.kind === "online");
  expect(seen).toEqual(["token 1", "token 2", "token 3"]);
});

test("a token that is only a text is shown once, and then the client is refused until it is told to try again", async () => {
  const refusal = { code: "TOKEN_EXPIRED", retry: "after-auth", message: "the token has expired" } as const;
  const { url, attempts } = await serve((socket) => {
    socket.once("message", () => {
      socket.send(serverFrames.failed(refusal));
      socket.close(4401, refusal.message);
    });
  });
  const client = openClient({ url, token: "expired" });
  client.connect();
  await until("the client to be refused", () => client.status.kind === "refused");
  expect(client.status).toMatchObject({ code: "TOKEN_EXPIRED", reason: "the token has expired" });
  client.connect();
  await until("the client to try again", () => attempts() === 2);
});

test("a document's own token is asked for again, and the other documents of the connection go on", async () => {
  const lineage = "0123456789abcdef0123456789abcdef";
  const seen: string[] = [];
  const { url, attempts } = await serve((socket) => {
    onFrames(socket, (frame, channel) => {
      if (frame.type === "hello") socket.send(serverFrames.hello({ ...HELLO, version: 1 }));
      if (frame.type !== "open") return;
      socket.send(serverFrames.select(channel));
      if (frame.document === "secret") seen.push(frame.token);
      if (frame.document === "secret" && frame.token !== "token 2") {
        const refusal = { code: "TOKEN_EXPIRED", retry: "after-auth", message: "expired" } as const;
        socket.send(serverFrames.close(refusal, 0, null));
        return;
      }
      const opened = { lineage, seq: 0, durableSeq: 0, permission: "write", user: "ann" } as const;
      socket.send(serverFrames.opened({ ...opened, branch: ONE_BRANCH, beginning: "exchange" }));
      socket.send(serverFrames.caughtUp(0, 0));
    });
  });
  let asked = 0;
  const client = openClient({ url });
  const open = client.open("open");
  const secret = client.open("secret", { token: () => `token ${++asked}` });
  await secret.whenSynced();
  await open.whenSynced();
  expect(seen).toEqual(["token 1", "token 2"]);
  expect(secret.user).toBe("ann");
  expect(attempts()).toBe(1);
});
