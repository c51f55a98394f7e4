/**
 * The code in docs/access.md, and what docs/client.md has about tokens: it is taken from there, pointed at ports of the
 * test's own, and run.
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer as createJoinery, type Server } from "@joinery/server";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, onTestFinished, test } from "vitest";
import { countDocsBlocks, EXAMPLES, readDocsExamples, withServer } from "../support/docs-examples.ts";
import { ExampleProgram, openExampleFolder } from "../support/example-program.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { becomes, isRefused, openClient, reads, SILENT, textOf } from "./native-client.ts";

const SECRET = "a secret of a test that is long enough for HS256";
const examples = readDocsExamples("access.md");

/** Runs a block as it is in the page, but for the port. */
async function run(
  name: string,
  environment: Record<string, string>,
): Promise<{ url: string; wsUrl: string }> {
  const port = await freePort();
  const shown = examples.get(name) ?? "";
  const code = shown.replace(/port: 4321|listen\(4321/, (text) => text.replace("4321", String(port)));
  expect(code).not.toBe(shown);
  const program = await ExampleProgram.start({ folder: await openExampleFolder(), name, code, environment });
  const url = `http://127.0.0.1:${port}`;
  const answers = async () => (await fetch(url).catch(() => null)) !== null;
  await until("the example to answer", answers, { saw: () => program.output });
  return { url, wsUrl: url.replace("http", "ws") };
}

function tokenOf(claims: Record<string, unknown>, life = "5m"): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setIssuedAt()
    .setExpirationTime(life)
    .sign(new TextEncoder().encode(SECRET));
}

/** A server whose tokens live for two seconds, and a back end that gives Ann a new one whenever she asks. */
async function openShortLived(): Promise<{ server: Server; wsUrl: string; tokensUrl: string }> {
  const backend = createServer((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    void tokenOf({ sub: "ann", documents: { "notes/*": "write" } }, "2s").then((token) =>
      response.end(token),
    );
  });
  const folder = await openExampleFolder();
  const server = createJoinery({
    data: join(folder, "data"),
    access: { jwt: { secret: SECRET, clockToleranceS: 0 } },
    logger: SILENT,
  });
  onTestFinished(async () => {
    backend.closeAllConnections();
    backend.close();
    await server.close();
  });
  const { port } = await server.listen({ port: 0 });
  const tokensUrl = await listen(backend);
  return { server, wsUrl: `ws://127.0.0.1:${port}`, tokensUrl: `${tokensUrl}/api/joinery-token` };
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("docs/access.md shows code that is compiled: its blocks are files of examples/embed", () => {
  expect([...examples.keys()]).toEqual([
    "y-websocket-tokens.ts",
    "access-backend.ts",
    "access-jwks.ts",
    "access-tenants.ts",
  ]);
  expect(countDocsBlocks("access.md")).toBe(examples.size);
  for (const [name, code] of examples) expect(code, name).toBe(readFileSync(join(EXAMPLES, name), "utf8"));
});

describe.each([
  { name: "tokens.ts", page: "client.md", how: "in place", keeps: true },
  { name: "y-websocket-tokens.ts", page: "access.md", how: "by coming back", keeps: false },
  { name: "y-websocket-tokens.ts", page: "access.md", how: "by coming back", keeps: false, version: "-2" },
])("$name$version", ({ name, page, how, keeps, version = "" }) => {
  test(`shows a new token when one runs out, ${how}`, async () => {
    const { server, wsUrl, tokensUrl } = await openShortLived();
    const shown = readDocsExamples(page).get(name) ?? "";
    // A page asks its own host.
    const code = withServer(shown, wsUrl)
      .replace('"/api/joinery-token"', JSON.stringify(tokensUrl))
      .replace('from "y-websocket"', `from "y-websocket${version}"`);
    expect(code).toContain(tokensUrl);
    const program = await ExampleProgram.start({ folder: await openExampleFolder(), name, code });
    const ann = () => server.sessions({ user: "ann", document: "notes/today" })[0];
    const saw = () => program.output;
    await until("Ann to be there", () => ann() !== undefined, { saw });
    const { session: first, expiresAt } = ann() ?? {};
    await until("a later token", () => (ann()?.expiresAt ?? 0) > (expiresAt ?? 0), { saw });
    expect(ann()?.session === first).toBe(keeps);
  });
});

describe("access-backend.ts", () => {
  test("gives tokens to those who are logged in, and takes them back", async () => {
    const { url, wsUrl } = await run("access-backend.ts", { JOINERY_JWT_SECRET: SECRET });
    const tokenFor = async (person: string) => {
      const headers = { "X-Session": `${person}'s session` };
      const response = await fetch(`${url}/api/joinery-token`, { method: "POST", headers });
      return await response.text();
    };
    const clientOf = (person: string) =>
      openClient({ url: `${wsUrl}/collaboration`, token: () => tokenFor(person) });
    const ann = clientOf("ann").open("notes/today");
    await ann.whenSynced();
    textOf(ann).insert(0, "Ann was here.");
    await ann.whenSaved();
    expect(ann.getSnapshot().user).toBe("ann");
    const ben = clientOf("ben");
    const reader = ben.open("notes/today");
    await reads(reader, "Ann was here.");
    expect(reader.getSnapshot().permission).toBe("read");
    await isRefused(ben.open("handbook"), "PERMISSION_DENIED");
    const own = ben.open("notes/ben/ideas");
    await becomes(own, "writable", ({ permission }) => permission === "write");

    expect((await fetch(`${url}/api/joinery-token`, { method: "POST" })).status).toBe(401);
    await isRefused(openClient({ url: `${wsUrl}/collaboration` }).open("notes/today"), "UNAUTHENTICATED");

    const kept = await tokenFor("ben");
    const headers = { "X-Session": "ann's session" };
    const response = await fetch(`${url}/api/dismiss/ben`, { method: "POST", headers });
    expect(await response.json()).toEqual({ sessions: 2 });
    const late = openClient({ url: `${wsUrl}/collaboration`, token: kept }).open("notes/today");
    await isRefused(late, "UNAUTHENTICATED");
  });
});

describe("access-jwks.ts", () => {
  test("takes the tokens of an identity provider, by the keys that it publishes", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256");
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "first", alg: "RS256", use: "sig" }] };
    const provider = createServer((request, response) => {
      const isKeys = request.url === "/.well-known/jwks.json";
      response.writeHead(isKeys ? 200 : 404, { "Content-Type": "application/json" });
      response.end(JSON.stringify(keys));
    });
    const issuer = `${await listen(provider)}/`;
    onTestFinished(() => {
      provider.closeAllConnections();
      provider.close();
    });
    const { wsUrl } = await run("access-jwks.ts", { ISSUER: issuer });
    const audience = "https://joinery.example.com";
    const sign = (claims: Record<string, unknown>, aud: string) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "RS256", kid: "first" })
        .setSubject("auth0|ann")
        .setIssuer(issuer)
        .setAudience(aud)
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey);

    const documents = { [`${audience}/documents`]: { "notes/*": "write" } };
    const ann = openClient({ url: wsUrl, token: await sign(documents, audience) }).open("notes/today");
    await ann.whenSynced();
    expect(ann.getSnapshot()).toMatchObject({ user: "auth0|ann", permission: "write" });
    const plain = openClient({ url: wsUrl, token: await sign({}, audience) });
    await becomes(plain.open("welcome"), "read only", ({ permission }) => permission === "read");
    await isRefused(plain.open("notes/today"), "PERMISSION_DENIED");
    const wrong = openClient({ url: wsUrl, token: await sign(documents, "somebody else") });
    await isRefused(wrong.open("notes/today"), "UNAUTHENTICATED");
    const anybody = openClient({ url: wsUrl });
    await becomes(anybody.open("public/a/b"), "read only", ({ permission }) => permission === "read");
    await isRefused(anybody.open("notes/today"), "UNAUTHENTICATED");
  });
});

describe("access-tenants.ts", () => {
  test("keeps tenants apart, whatever a token's patterns say", async () => {
    const { wsUrl } = await run("access-tenants.ts", { JOINERY_JWT_SECRET: SECRET });
    const clientOf = async (claims: Record<string, unknown>) =>
      openClient({ url: wsUrl, token: await tokenOf({ sub: "ann", ...claims }) });
    const acme = await clientOf({ org: "acme" });
    const plan = acme.open("acme/plan");
    await plan.whenSynced();
    textOf(plan).insert(0, "ours");
    await plan.whenSaved();
    const isReadOnly = (name: string) =>
      becomes(acme.open(name), "read only", ({ permission }) => permission === "read");
    await isReadOnly("acme/board/minutes");
    await isReadOnly("acme/archive");
    await isRefused(acme.open("globex/plan"), "PERMISSION_DENIED");

    const greedy = await clientOf({ org: "globex", documents: { "**": "manage", "acme/**": "manage" } });
    await isRefused(greedy.open("acme/plan"), "PERMISSION_DENIED");
    await greedy.open("globex/plan").whenSynced();
    for (const org of [undefined, "", "acme/plan", "*", "**"]) {
      await isRefused((await clientOf({ org })).open("acme/plan"), "UNAUTHENTICATED");
    }
  });
});
