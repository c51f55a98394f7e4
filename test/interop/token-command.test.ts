import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { tokenCommand } from "../../cli/src/commands/token.ts";
import { type Exit, runCommand } from "../support/server-process.ts";
import { until, within } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

let folder = "";
let secretFile = "";

const joinery = (args: readonly string[], env: Record<string, string> = {}) =>
  runCommand(["token", ...args], env);

const ANN = ["--user", "ann", "--documents", "notes/*=write"];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "joinery-token-"));
  secretFile = join(folder, "secret.txt");
  const { stdout } = await joinery(["--new-secret"]);
  expect(stdout).toMatch(/^[\w-]{43}\n$/);
  await writeFile(secretFile, stdout);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const tokenOf = ({ code, stdout, stderr }: Exit): string => {
  expect(stderr).toBe("");
  expect(code).toBe(0);
  // Nothing else, so that `$(joinery token …)` is the token.
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return stdout.trim();
};

test("a token that was made comes in as it says, with a secret on both sides", async () => {
  const stage = await openStage({
    args: ["--jwt-key", secretFile, "--jwt-issuer", "me", "--anonymous", "none"],
  });
  await until("all of the start", () => stage.server.stdout.includes("Ctrl+C"));
  expect(stage.server.stdout).toContain("JSON Web Tokens, checked with the secret");
  expect(stage.server.stdout).toContain("issued by me");
  expect(stage.server.stdout).toContain("without a token: nothing");
  const env = { JOINERY_JWT_KEY_FILE: secretFile, JOINERY_JWT_ISSUER: "me" };
  const token = tokenOf(await joinery([...ANN, "--expires", "15m"], env));
  const claims = decodeJwt(token);
  expect(claims).toMatchObject({ sub: "ann", documents: { "notes/*": "write" }, iss: "me" });
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
  expect(await closeCode(stage, "notes/a", token)).toBeNull();
  expect(await closeCode(stage, "other", token)).toBe(4403);
  expect(await closeCode(stage, "notes/a", null)).toBe(4401);
  const others = tokenOf(await joinery(ANN, { JOINERY_JWT_KEY_FILE: secretFile }));
  expect(await closeCode(stage, "notes/a", others)).toBe(4401);
});

test("a pair of keys is made, one for tokens and one for the server; what is there stays", async () => {
  const prefix = join(folder, "pair");
  const made = await joinery(["--new-key", "es256", "--out", prefix]);
  const [signs = "", checks = ""] = made.stdout.trim().split("\n");
  expect([signs, checks]).toEqual([`${prefix}.private.pem`, `${prefix}.public.pem`]);
  expect((await stat(signs)).mode & 0o777).toBe(0o600);
  expect(await readFile(checks, "utf8")).toContain("-----BEGIN PUBLIC KEY-----");
  const before = await readFile(signs, "utf8");
  await expect(refusal(["--new-key", "es256", "--out", prefix])).rejects.toThrow("not overwritten");
  expect(await readFile(signs, "utf8")).toBe(before);
  const token = tokenOf(await joinery([...ANN, "--key", signs], { JOINERY_JWT_KEY_FILE: checks }));
  expect(decodeProtectedHeader(token)).toEqual({ alg: "ES256", typ: "JWT" });
  vi.stubEnv("JOINERY_JWT_KEY_FILE", checks);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(refusal(ANN)).rejects.toThrow(
    /with a public key, which cannot sign: name the private key with --key/,
  );
});

test("claims, issuer, audience and secret are those of the config file, and the token what its server takes", async () => {
  const config = join(folder, "joinery.config.mjs");
  const jwt = {
    secret: (await readFile(secretFile, "utf8")).trim(),
    issuer: ["me", "others"],
    audience: "joinery",
    userClaim: "https://x.example/id",
    documentsClaim: "d",
    tenantClaim: "org",
  };
  await writeFile(config, `export default { access: { jwt: ${JSON.stringify(jwt)} } };\n`);
  const args = [
    "--config",
    config,
    ...ANN,
    "--tenant",
    "acme",
    "--claim",
    "admin=true",
    "--claim",
    "jti=a=b",
  ];
  const { stdout, stderr } = await joinery([...args, "--json"]);
  expect(stderr).toBe("");
  const { token, claims } = JSON.parse(stdout);
  expect(claims).toMatchObject({
    "https://x.example/id": "ann",
    d: { "notes/*": "write" },
    org: "acme",
    iss: "me",
    aud: "joinery",
    admin: true,
    jti: "a=b",
  });
  expect(decodeJwt(token)).toEqual(claims);
});

describe("it is said", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["whose token it is", [], /whose token is it\? .*--user/],
    ["what it lets them do", ["--user", "ann"], /--documents 'notes\/\*=write'/],
    ["what rights are", [...ANN, "--documents", "notes"], /--documents is "notes"/],
    ["that a pattern was named twice", [...ANN, "--documents", "notes/*=read"], /"notes\/\*" twice/],
    ["that there are no tenants", [...ANN, "--tenant", "a"], /no access\.jwt\.tenantClaim/],
    ["what a time is", [...ANN, "--expires", "soon"], /--expires is "soon"/],
    ["where keys go", ["--new-key", "eddsa"], /--out <prefix>/],
  ])("%s", async (_, args, message) => {
    await expect(refusal(args)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(message),
    });
  });

  test("what signs, in one line, and no token is printed", async () => {
    const exit = await joinery(ANN);
    expect(exit).toMatchObject({ code: 1, stdout: "" });
    expect(exit.stderr).toMatch(/^joinery: .*no key to sign with.*--key.*JOINERY_JWT_SECRET.*\n$/);
  });

  test("that the server would refuse a token, which is made all the same", async () => {
    const exit = await joinery(["--user", "ann", "--documents", "a**=write", "--key", secretFile]);
    expect(exit).toMatchObject({ code: 0, stdout: expect.stringContaining(".") });
    expect(exit.stderr).toMatch(/the server would refuse it: the token's claim "documents" has a pattern/);
  });

  test("by serve that a secret is too short, and nothing of it", async () => {
    const { code, stderr } = await runCommand(["serve", "--port", "0"], { JOINERY_JWT_SECRET: "hidden" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/secret" has 6 bytes/);
    expect(stderr).not.toContain("hidden");
  });

  test("by serve which file has no secret that is good, and nothing of it", async () => {
    const file = join(folder, "short.txt");
    await writeFile(file, "hidden\n");
    const { code, stderr } = await runCommand(["serve", "--port", "0", "--jwt-key", file]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `joinery: --jwt-key ${file} has 6 bytes: a secret must have at least 32\n`,
    });
  });

  test("by serve what to do where others would reach a server that asks nobody", async () => {
    const data = join(folder, "data");
    const { code, stderr } = await runCommand(["serve", "--host", "0.0.0.0", "--port", "0", "--data", data]);
    expect(code).toBe(1);
    const ways = [
      "--jwt-key",
      "--jwks",
      "authenticate",
      "--host 127.0.0.1",
      "--public-without-authentication",
    ];
    for (const way of ways) expect(stderr).toContain(way);
    expect(Math.max(...stderr.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

/** Runs the command in this process, for what it refuses before it prints. */
async function refusal(args: readonly string[]): Promise<unknown> {
  return await tokenCommand().parseAsync([...args], { from: "user" });
}

/** With what code the server sends away who opens a document, or `null` if it is served. */
async function closeCode({ server }: Stage, document: string, token: string | null): Promise<number | null> {
  const query = token === null ? "" : `?token=${token}`;
  const socket = new WebSocket(`${server.wsUrl}/${document}${query}`);
  onTestFinished(() => socket.terminate());
  // It asks who is here, as y-websocket does: the first message tells which dialect it is.
  socket.once("open", () => socket.send(Uint8Array.of(3)));
  const served = once(socket, "message").then(() => null);
  const closed = once(socket, "close").then(([code]) => Number(code));
  return await within("an answer", Promise.race([served, closed]));
}
