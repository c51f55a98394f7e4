/** An application's hooks on a real server, with the published y-websocket and our own client. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AccessDenied,
  createServer,
  type DocumentChange,
  type Hooks,
  type Logger,
  type Server,
  type ServerOptions,
  TokenRejected,
} from "@joinery/server";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { standardEnvironment } from "../../client/src/environment.ts";
import { Peer, TEXT } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { becomes, isRefused, openClient, reads, SILENT, textOf } from "./native-client.ts";

// Each provider listens for the end of the process.
process.setMaxListeners(0);

interface Served {
  readonly server: Server;
  readonly url: string;
  /** What the server warned of. */
  readonly warnings: { readonly event?: string; readonly hook?: string; readonly document?: string }[];
}

async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-hooks-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function serve<Context>(hooks: Hooks<Context>, options: ServerOptions<Context> = {}): Promise<Served> {
  const warnings: Served["warnings"] = [];
  const logger: Logger = { ...SILENT, warn: (fields) => void warnings.push(fields) };
  const data = options.data ?? (await dataFolder());
  const server = createServer({ logger, storeDelayMs: 20, ...options, data, hooks });
  onTestFinished(async () => void (await server.close()));
  const { port } = await server.listen({ port: 0 });
  return { server, url: `ws://127.0.0.1:${port}`, warnings };
}

function visit(url: string, document: string, token?: string): Peer {
  const path = `${encodeURIComponent(document)}${token === undefined ? "" : `?token=${token}`}`;
  const peer = new Peer(url, document, { path });
  onTestFinished(() => peer.leave());
  return peer;
}

function updateOf(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText(TEXT).insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

function textIn(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText(TEXT).toString();
}

describe("who may come", () => {
  const hooks: Hooks<{ readonly name: string }> = {
    authenticate: ({ token }) => {
      if (token === null || token === "") throw new AccessDenied("show a token");
      if (token === "broken") throw new Error("no database");
      return { user: token, context: { name: token.toUpperCase() } };
    },
    authorize: ({ user, document, context }) => {
      if (context?.name !== user.toUpperCase()) throw new Error("this is somebody else's context");
      if (document === "secret") return null;
      return user === "reader" ? "read" : "write";
    },
  };

  test("is refused with the reason, by our client for good", async () => {
    const { url, warnings } = await serve(hooks);
    const stranger = openClient({ url }).open("notes");
    await isRefused(stranger, "PERMISSION_DENIED");
    expect(stranger.status.reason).toContain("show a token");
    const unlucky = openClient({ url, token: "broken" }).open("notes");
    await isRefused(unlucky, "PERMISSION_DENIED");
    expect(unlucky.status.reason).toContain("permission denied");
    expect(warnings).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ event: "hook-failed", hook: "authenticate" })]),
    );
    const ann = openClient({ url, token: "ann" });
    const [notes, secret] = [ann.open("notes"), ann.open("secret")];
    await isRefused(secret, "PERMISSION_DENIED");
    await notes.whenSynced();
    expect(notes.user).toBe("ann");
  });

  test("is refused with a close code, where the client is y-websocket's", async () => {
    const { url } = await serve(hooks);
    const stranger = visit(url, "notes");
    await until("it to be refused", () => stranger.closeCodes.includes(4403));
    expect(stranger.provider.synced).toBe(false);
    const ann = await visit(url, "notes", "ann").synced();
    ann.text.insert(0, "let in");
    await (await visit(url, "notes", "ben").synced()).reads("let in");
  });

  test("may read and not write, whichever client it has", async () => {
    const { url } = await serve(hooks);
    const ann = await visit(url, "notes", "ann").synced();
    const reader = await visit(url, "notes", "reader").synced();
    const native = openClient({ url, token: "reader" }).open("notes");
    await becomes(native, "read only", ({ synced, permission }) => synced && permission === "read");
    reader.text.insert(0, "not ");
    ann.text.insert(0, "written");
    await reads(native, "written");
    await (await visit(url, "notes", "ben").synced()).reads("written");
  });

  test("with a new token may do something else", async () => {
    const { url } = await serve({
      authenticate: ({ token }) => ({ user: "ann", permission: token === "first" ? "read" : "write" }),
    });
    let token = "first";
    const notes = openClient({ url, token: () => token }).open("notes");
    await becomes(notes, "read only", ({ synced, permission }) => synced && permission === "read");
    token = "second";
    await notes.refreshToken();
    await becomes(notes, "writable", ({ permission }) => permission === "write");
    textOf(notes).insert(0, "now");
    await notes.whenSaved();
  });
});

describe("who somebody is", () => {
  test("is asked once a connection and token, however many documents are opened", async () => {
    const shown: unknown[] = [];
    const { url } = await serve({
      authenticate: ({ token, dialect, connection }) => {
        shown.push([token, dialect, connection.url]);
        return { user: token ?? "" };
      },
    });
    const ann = openClient({ url, token: "ann" });
    await Promise.all(["a", "b", "c"].map((name) => ann.open(name).whenSynced()));
    expect(shown).toMatchObject([["ann", "joinery.v1", expect.any(String)]]);
    await visit(url, "notes", "ben").synced();
    expect(shown[1]).toEqual(["ben", "y-websocket", "/notes?token=***"]);
  });

  test("F88 comes back with a new token where the one that it showed is not good", async () => {
    const { url } = await serve({
      authenticate: ({ token }) => {
        if (token === "old") throw new TokenRejected("that one is of yesterday");
        return { user: "ann", expiresAt: new Date(Date.now() + 3_600_000) };
      },
    });
    let token = "old";
    const notes = openClient({
      url,
      token: () => {
        const shown = token;
        token = "new";
        return shown;
      },
    }).open("notes");
    await notes.whenSynced();
    expect(notes.user).toBe("ann");
  });
});

describe("load", () => {
  test("fills a new document once, whoever comes at once, and after a restart too", async () => {
    const data = await dataFolder();
    let loads = 0;
    const hooks: Hooks = {
      load: () => {
        loads++;
        return updateOf(`version ${loads}`);
      },
    };
    const first = await serve(hooks, { data });
    const [ann, ben] = [visit(first.url, "notes"), visit(first.url, "notes")];
    const cid = openClient({ url: first.url }).open("notes");
    await ann.reads("version 1");
    await ben.reads("version 1");
    await reads(cid, "version 1");
    ann.leave();
    ben.leave();
    await first.server.close();
    const second = await serve(hooks, { data });
    await visit(second.url, "notes").reads("version 1");
    expect(loads).toBe(1);
  });

  test("that fails, or hangs, hurts its own document only, and is tried again", async () => {
    let isDown = true;
    const { url, warnings } = await serve(
      {
        load: ({ document }) => {
          if (document === "failing" && isDown) throw new Error("no such host");
          if (document === "hanging" && isDown) return new Promise(() => undefined);
          return updateOf(document);
        },
      },
      { hookTimeoutMs: 100 },
    );
    const failing = visit(url, "failing");
    const hanging = openClient({ url }).open("hanging");
    await visit(url, "fine").reads("fine");
    await until("it to be sent away", () => failing.closeCodes.includes(4511));
    await until("it to be given up", () => warnings.some(({ event }) => event === "hook-timed-out"));
    isDown = false;
    await failing.reads("failing");
    await reads(hanging, "hanging");
  });
});

describe("change", () => {
  test("tells everything in order, of all clients, with who did it", async () => {
    const changes: DocumentChange[] = [];
    const { server, url } = await serve({
      authenticate: ({ token }) => ({ user: token ?? "" }),
      change: async (change) => {
        // The next one waits for this one, however many there are.
        await new Promise((resolve) => setImmediate(resolve));
        changes.push(change);
      },
    });
    const ann = await visit(url, "notes", "ann").synced();
    const ben = openClient({ url, token: "ben" }).open("notes");
    await ben.whenSynced();
    for (let i = 0; i < 100; i++) {
      ann.text.insert(0, "a");
      textOf(ben).insert(0, "b");
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await ben.whenSaved();
    await ann.has(await visit(url, "notes", "cid").synced());
    await until("both to have all", () => textOf(ben).length === 200 && ann.text.length === 200);
    await server.close();
    expect(textIn(...changes.map(({ update }) => update))).toBe(ann.text.toString());
    let last = 0;
    for (const { firstSeq, seq } of changes) {
      expect(firstSeq).toBe(last + 1);
      last = seq;
    }
    expect(new Set(changes.flatMap(({ authors }) => authors))).toEqual(new Set(["ann", "ben"]));
  });
});

describe("store", () => {
  test("has what was written, a while after, and all of it when the server closes", async () => {
    const stored = new Map<string, string>();
    const { server, url } = await serve(
      { store: ({ document, state }) => void stored.set(document, textIn(state)) },
      { storeDelayMs: 100 },
    );
    const ann = await visit(url, "notes").synced();
    ann.text.insert(0, "first");
    await until("it to be stored", () => stored.get("notes") === "first");
    const ben = openClient({ url }).open("notes");
    await ben.whenSynced();
    textOf(ben).insert(5, ", last");
    await ben.whenSaved();
    await server.close();
    expect(stored.get("notes")).toBe("first, last");
  });

  test("that throws is tried again, and one that hangs or is slow holds up nobody", async () => {
    const stored = new Map<string, number>();
    let failures = 0;
    const { server, url, warnings } = await serve(
      {
        store: async ({ document, seq }) => {
          if (document === "failing" && failures++ < 1) throw new Error("no database");
          if (document === "hanging") await new Promise(() => undefined);
          stored.set(document, seq);
        },
      },
      { hookTimeoutMs: 5000, drainTimeoutMs: 500 },
    );
    const names = ["hanging", "failing", "fine"];
    const people = await Promise.all(names.map((name) => visit(url, name).synced()));
    for (const { text } of people) text.insert(0, "x");
    await until("the others to be stored", () => stored.has("failing") && stored.has("fine"));
    for (const [i, name] of names.entries()) {
      people[i]?.text.insert(1, "y");
      await (await visit(url, name).synced()).reads("xy");
    }
    expect(warnings).toMatchObject([{ event: "hook-failed", hook: "store", document: "failing" }]);
    // The hook that hangs does not keep the server.
    expect((await server.close()).unsaved).toEqual([]);
  });
});

test("presence, signals, who comes and who goes are told as they are", async () => {
  const told: string[] = [];
  const { server, url } = await serve<number>({
    authenticate: ({ token }) => ({ user: token ?? "", context: token?.length ?? 0 }),
    connect: ({ user, context }) => void told.push(`${user} came, ${context}`),
    disconnect: ({ user }) => void told.push(`${user} went`),
    presence: ({ user, state }) =>
      void told.push(`${user} is ${state ? JSON.stringify(state.mood) : "gone"}`),
    signal: ({ name, payload }) => {
      told.push(`${name} ${JSON.stringify(payload)}`);
      return name !== "rude";
    },
  });
  const ann = await visit(url, "notes", "ann").synced();
  ann.awareness.setLocalState({ mood: "glad" });
  await until("that", () => told.includes('ann is "glad"'));
  const ben = openClient({ url, token: "ben" });
  const notes = ben.open("notes");
  const heard: string[] = [];
  const cid = openClient({ url, token: "cid" }).open("notes");
  cid.on("signal", ({ name }) => heard.push(name));
  await Promise.all([notes.whenSynced(), cid.whenSynced()]);
  notes.signal("rude", 1);
  notes.signal("polite", { please: true });
  await until("it to be heard", () => heard.length > 0);
  expect(heard).toEqual(["polite"]);
  expect(told).toEqual(expect.arrayContaining(["ben came, 3", "rude 1", 'polite {"please":true}']));
  await ben.close();
  await until("ben to have gone", () => told.includes("ben went"));
  await server.close();
  for (const name of ["ann", "cid"]) {
    expect(told.filter((line) => [`${name} is gone`, `${name} went`].includes(line))).toEqual([
      `${name} is gone`,
      `${name} went`,
    ]);
  }
});

test("hooks and Hocuspocus extensions go together: both must let a client in, and both see the document", async () => {
  const seen: string[] = [];
  const changes: number[] = [];
  const { server, url } = await serve(
    {
      authenticate: ({ token }) => ({ user: token ?? "", permission: token === "reader" ? "read" : "write" }),
      load: () => updateOf("loaded"),
      change: ({ seq }) => changes.push(seq),
      connect: ({ user }) => seen.push(`${user} came`),
    },
    {
      extensions: [
        {
          async onAuthenticate({ token }: { readonly token: string }) {
            if (token === "denied") throw new Error("not for you");
          },
          async afterLoadDocument({ document }: { readonly document: Y.Doc }) {
            seen.push(`extension: ${document.getText(TEXT).toString()}`);
          },
          async onChange({ document }: { readonly document: Y.Doc }) {
            seen.push(`extension: ${document.getText(TEXT).toString()}`);
          },
        },
      ],
    },
  );
  const denied = openClient({ url, token: "denied" }).open("notes");
  await isRefused(denied, "PERMISSION_DENIED");
  const reader = openClient({ url, token: "reader" }).open("notes");
  await becomes(reader, "read only", ({ synced, permission }) => synced && permission === "read");
  expect(textOf(reader).toString()).toBe("loaded");
  const ann = await visit(url, "notes", "ann").synced();
  ann.text.insert(6, "!");
  await reads(reader, "loaded!");
  await until("the extension to be told", () => seen.includes("extension: loaded!"));
  expect(seen[0]).toBe("extension: loaded");
  expect(seen).toEqual(expect.arrayContaining(["reader came", "ann came"]));
  await server.close();
  expect(changes).toEqual([1, 2]);
});

test("hooks reach clients in the same process too", async () => {
  const { server } = await serve({
    authenticate: ({ token, connection }) => {
      if (token !== "inside") throw new AccessDenied("only for those inside");
      return { user: connection.id };
    },
  });
  const environment = { ...standardEnvironment(), connect: server.connect };
  const open = (token: string) => openClient({ url: "ws://inside", token, environment });
  const stranger = open("").open("notes");
  await isRefused(stranger, "PERMISSION_DENIED");
  const notes = open("inside").open("notes");
  await notes.whenSynced();
  expect(notes.user).toBe("local");
});
