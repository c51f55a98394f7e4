/** Access while connected: a real server on a real folder, and the published clients of all protocols. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Logger, type Server, type ServerOptions } from "@joinery/server";
import { SignJWT } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { type Person, PROTOCOLS, type Protocol, visit } from "./access-person.ts";
import { becomes, openClient, reads, SILENT, textOf } from "./native-client.ts";

// Each provider listens for the end of the process.
process.setMaxListeners(0);

const SECRET = "a secret of a test that is long enough for HS256";

interface Claims {
  readonly documents?: Record<string, unknown>;
  readonly lifeS?: number;
  readonly jti?: string;
}

function mint(
  user: string,
  { documents = { "**": "write" }, lifeS = 300, jti }: Claims = {},
): Promise<string> {
  const token = new SignJWT({ documents })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(`${lifeS} s`);
  if (jti !== undefined) token.setJti(jti);
  return token.sign(new TextEncoder().encode(SECRET));
}

interface Stage {
  readonly server: Server;
  readonly url: string;
  readonly folder: string;
  /** What somebody may do as the application sees it, besides the token. */
  readonly roles: Map<string, "read" | "write" | null>;
  /** The log, a line each. */
  readonly lines: Record<string, unknown>[];
}

async function openStage(options: ServerOptions = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-access-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const roles: Stage["roles"] = new Map();
  const lines: Stage["lines"] = [];
  const note = (fields: object) => void lines.push(fields as Record<string, unknown>);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const server = createServer({
    data: folder,
    logger,
    access: { jwt: { secret: SECRET, clockToleranceS: 0 } },
    hooks: { authorize: ({ user }) => (roles.has(user) ? (roles.get(user) ?? null) : "manage") },
    ...options,
  });
  onTestFinished(async () => void (await server.close()));
  const { port } = await server.listen({ port: 0 });
  return { server, url: `ws://127.0.0.1:${port}`, folder, roles, lines };
}

/** Everything in a folder, one file after the other. */
async function bytesIn(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), "latin1"));
  return (await Promise.all(texts)).join("\n");
}

function post(url: string, path: string, token: string, body: object = {}): Promise<Response> {
  return fetch(`${url.replace("ws", "http")}/api/v1${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

describe.each(PROTOCOLS)("somebody who comes by %s", (protocol: Protocol) => {
  test("F90 may only read from one moment on: what he writes is nowhere, until he may write again", async () => {
    const { server, url, folder, roles } = await openStage();
    const ann = openClient({ url, token: () => mint("ann") }).open("notes");
    const ben = await visit(protocol, { url, document: "notes", token: () => mint("ben") });
    await ben.synced();
    ben.text.insert(0, "before ");
    await reads(ann, "before ");
    const [{ session } = {}] = server.sessions({ user: "ben" });
    roles.set("ben", "read");
    expect(await server.recheck({ user: "ben" })).toBe(1);
    await ben.isTold("read");
    ben.text.insert(0, "SMUGGLED");
    textOf(ann).insert(0, "seen ");
    await ann.whenSaved();
    await until("the reader to read on", () => ben.text.toString().includes("seen "));
    expect(textOf(ann).toString()).toBe("seen before ");
    expect(await bytesIn(folder)).not.toContain("SMUGGLED");
    const cid = openClient({ url, token: () => mint("cid") }).open("notes");
    await reads(cid, "seen before ");

    roles.set("ben", "write");
    await server.recheck({ user: "ben" });
    await ben.isTold("write");
    ben.text.insert(ben.text.length, "after");
    await until("the next edit", () => textOf(ann).toString().endsWith("after"));
    if (protocol === "native") expect(server.sessions({ user: "ben" })).toMatchObject([{ session }]);
  });

  test("F89 is sent away when what he showed is revoked, and comes again with what was issued later", async () => {
    const { server, url } = await openStage();
    const tokens: string[] = [];
    const token = async () => {
      const minted = await mint("ben");
      tokens.push(minted);
      return minted;
    };
    const ben = await visit(protocol, { url, document: "notes", token });
    await ben.synced();
    expect(await server.revoke({ user: "ben" }, "you were dismissed")).toBe(1);
    expect(server.sessions({ user: "ben" })).toEqual([]);
    await ben.isSentAway("you were dismissed");
    const [old = ""] = tokens;
    const late = await visit(protocol, { url, document: "notes", token: () => old });
    await late.isSentAway("revoked");
    late.leave();
    ben.leave();
    const again = await visit("native", { url, document: "notes", token });
    await again.synced();
  });

  test("is kicked and banned with a reason", async () => {
    const { server, url } = await openStage();
    const join = () => visit(protocol, { url, document: "notes", token: () => mint("eve") });
    const eve = await join();
    await eve.synced();
    expect(server.kick({ user: "eve", document: "notes" }, "mind your words")).toBe(1);
    await eve.isSentAway("mind your words");
    eve.leave();
    const again = await join();
    await again.synced();
    const ban = await server.ban({ user: "eve" }, { reason: "we told you", durationMs: 3_600_000 });
    await again.isSentAway("we told you");
    again.leave();
    const banned = await join();
    await banned.isSentAway(`until ${new Date(ban.until ?? 0).toISOString()}`);
    banned.leave();
    expect(await server.unban(ban.id)).toBe(true);
    await (await join()).synced();
  });
});

describe("a token that runs out", () => {
  test.each(["native", "Hocuspocus 3", "Hocuspocus 4"] as const)(
    "is replaced in place by %s: the session goes on",
    async (protocol) => {
      const { server, url } = await openStage();
      const ben = await visit(protocol, { url, document: "notes", token: () => mint("ben", { lifeS: 3 }) });
      await ben.synced();
      const [first] = server.sessions({ user: "ben" });
      const next = () => server.sessions({ user: "ben" })[0];
      await until("another token", () => (next()?.expiresAt ?? 0) > (first?.expiresAt ?? 0));
      expect(next()?.session).toBe(first?.session);
    },
  );

  test("ends the session where there is no other, with a word that means: get a new one", async () => {
    const { server, url, lines } = await openStage();
    const token = await mint("ben", { lifeS: 1 });
    const peer = new Peer(url, "notes", { protocols: ["y-websocket", `joinery-token.${token}`] });
    onTestFinished(() => peer.leave());
    const ben = openClient({ url, token }).open("notes");
    await becomes(
      ben,
      "over",
      ({ status }) => status.kind === "refused" && status.code === "UNAUTHENTICATED",
    );
    await until("the end", () => peer.closeCodes.includes(4401), { saw: () => peer.closeCodes });
    expect(server.sessions()).toEqual([]);
    expect(lines.filter(({ event }) => event === "access-ended")).toMatchObject(
      Array(2).fill({ document: "notes", user: "ben", cause: "expired" }),
    );
  });
});

describe("F88 a token", () => {
  test("of another secret, without a signature, or of tomorrow opens nothing", async () => {
    const { server, url } = await openStage();
    const other = new TextEncoder().encode(SECRET.replace("a", "b"));
    const bare = Buffer.from('{"alg":"none"}').toString("base64url");
    const [, claims] = (await mint("ben")).split(".");
    const forged = [
      await new SignJWT({ documents: { "**": "write" } })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject("ben")
        .setExpirationTime("1h")
        .sign(other),
      `${bare}.${claims}.`,
      await new SignJWT({ documents: { "**": "write" } })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject("ben")
        .setNotBefore("1h")
        .setExpirationTime("2h")
        .sign(new TextEncoder().encode(SECRET)),
      "nonsense",
    ];
    for (const token of forged) {
      for (const protocol of ["native", "y-websocket", "Hocuspocus 4"] as const) {
        const eve = await visit(protocol, { url, document: "notes", token: () => token });
        await eve.isSentAway("token");
        eve.leave();
      }
      expect((await post(url, "/tickets", token)).status).toBe(401);
    }
    expect(server.counts().rooms).toBe(0);
  });
});

describe("what is shown", () => {
  test("in a URL may be a ticket, which is good once; and nothing of it is ever in the log", async () => {
    const { url, lines, folder } = await openStage();
    const token = await mint("ben");
    const response = await post(url, "/tickets", token, { document: "notes" });
    expect(response.status).toBe(201);
    const { ticket } = (await response.json()) as { ticket: string };
    const first = new Peer(url, "notes", { params: { token: ticket } });
    onTestFinished(() => first.leave());
    await first.synced();
    const second = new Peer(url, "notes", { params: { token: ticket } });
    onTestFinished(() => second.leave());
    await until("the second one to be refused", () => second.closeCodes.includes(4401));
    second.leave();
    const plain = new Peer(url, "notes", { params: { token } });
    onTestFinished(() => plain.leave());
    await plain.synced();
    await until("the log", () => lines.some(({ event }) => event === "access-refused"));
    const said = JSON.stringify(lines) + (await bytesIn(folder));
    const [, , signature = ""] = token.split(".");
    for (const secret of [ticket, ticket.slice(-20), signature]) expect(said).not.toContain(secret);
    const refusal = lines.find(({ event }) => event === "access-refused");
    expect(refusal).toMatchObject({
      document: "notes",
      dialect: "y-websocket",
      address: "127.0.0.1",
      connection: expect.any(Number),
      correlation: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });
});

describe("who somebody is", () => {
  test("is told with presence as it was verified, whatever clients say of themselves", async () => {
    const { url, lines } = await openStage();
    const join = (protocol: Protocol, user: string) =>
      visit(protocol, { url, document: "notes", token: () => mint(user) });
    const people = await Promise.all([
      join("native", "ann"),
      join("y-websocket", "ben"),
      join("Hocuspocus 4", "cid"),
    ]);
    const [ann, ben, cid] = people as [Person, Person, Person];
    await Promise.all(people.map((person) => person.synced()));
    ben.announce({ name: "Ann", verifiedUser: "ann" });
    cid.announce({ name: "Cid" });
    ann.announce({ name: "Ann" });
    const sees = (who: Person, other: Person, verifiedUser: string) =>
      until(`${verifiedUser} to be seen`, () => who.stateOf(other.clientId)?.verifiedUser === verifiedUser, {
        saw: () => JSON.stringify(who.stateOf(other.clientId)),
      });
    await sees(cid, ben, "ben");
    await sees(ben, cid, "cid");
    await sees(ben, ann, "ann");
    await sees(cid, ann, "ann");
    expect(lines.filter(({ event }) => event === "id-spoofed")).toEqual([]);
  });

  test("finds him in all his tabs, in all documents", async () => {
    const { server, url } = await openStage();
    const heard: string[] = [];
    const listen = async (user: string, document: string) => {
      const handle = openClient({ url, token: () => mint(user) }).open(document);
      handle.on("signal", ({ name, payload }) =>
        heard.push(`${user} in ${document}: ${name} ${String(payload)}`),
      );
      await handle.whenSynced();
    };
    await Promise.all([listen("ann", "a"), listen("ann", "a"), listen("ann", "b"), listen("ben", "a")]);
    expect(server.tell({ user: "ann" }, "lunch", "at noon")).toBe(3);
    expect(server.tell({ document: "a" }, "tea", "at five")).toBe(3);
    await until("six to be heard", () => heard.length === 6);
    expect(heard.sort()).toEqual([
      "ann in a: lunch at noon",
      "ann in a: lunch at noon",
      "ann in a: tea at five",
      "ann in a: tea at five",
      "ann in b: lunch at noon",
      "ben in a: tea at five",
    ]);
    expect(server.counts()).toMatchObject({ users: 2, sessions: 4 });
  });
});

test("whoever manages does so over HTTP, and what was said holds after a restart", async () => {
  const { server, url, folder } = await openStage();
  const boss = await mint("boss", { documents: { "**": "manage" } });
  const join = (token: string) => visit("native", { url, document: "notes", token: () => token });
  const token = await mint("eve", { jti: "eve's first" });
  const eve = await join(token);
  await eve.synced();
  expect((await post(url, "/access/revoke", token, { user: "boss" })).status).toBe(403);
  const revoked = await post(url, "/access/revoke", boss, { token: "eve's first", reason: "lost" });
  expect([revoked.status, await revoked.json()]).toEqual([200, { sessions: 1 }]);
  await eve.isSentAway("lost");
  const banned = await post(url, "/access/bans", boss, {
    user: "mallory",
    reason: "spam",
    durationSeconds: 3600,
  });
  expect(banned.status).toBe(201);
  await server.close();

  const second = createServer({ data: folder, access: { jwt: { secret: SECRET } }, logger: SILENT });
  onTestFinished(async () => void (await second.close()));
  const { port } = await second.listen({ port: 0 });
  const later = { url: `ws://127.0.0.1:${port}`, document: "notes" };
  await (await visit("native", { ...later, token: () => token })).isSentAway("revoked");
  await (await visit("native", { ...later, token: () => mint("mallory") })).isSentAway("spam");
  await (await visit("native", { ...later, token: () => mint("eve") })).synced();
});
