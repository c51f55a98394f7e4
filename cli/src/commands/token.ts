/** Makes tokens for trying a server out, and the keys for them. The token alone goes to standard output. */

import { writeFile } from "node:fs/promises";
import {
  type Action,
  type Config,
  configFromEnvironment,
  type DocumentRights,
  type JwtOptions,
  KEY_KINDS,
  type KeyKind,
  loadConfig,
  mergeConfig,
  mintToken,
  newKeyPair,
  newSecret,
  type RightsSpec,
  readKeyText,
  readSigningKey,
  refusalOfToken,
  type SigningKey,
} from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command, Option } from "commander";
import { pc } from "../output/colours.ts";

interface TokenFlags {
  readonly key?: string;
  readonly user?: string;
  readonly documents?: readonly string[];
  readonly tenant?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly expires: string;
  readonly claim?: readonly string[];
  readonly json?: true;
  readonly config?: string;
  readonly newSecret?: true;
  readonly newKey?: KeyKind;
  readonly out?: string;
}

type Claims = Readonly<Record<string, unknown>>;

const collect = (one: string, others: readonly string[] | undefined) => [...(others ?? []), one];

export function tokenCommand(): Command {
  return new Command("token")
    .description("Make a token to try a server with, or the keys for tokens.")
    .allowExcessArguments(false)
    .option("--user <name>", "whose token it is")
    .addOption(
      new Option(
        "--documents <pattern=rights>",
        "what it lets them do: none, read, write, manage, or actions with commas; repeatable",
      ).argParser(collect),
    )
    .option("--tenant <name>", "whose documents it is for, where there are tenants")
    .option("--expires <time>", "how long it is good: 90s, 15m, 1h, 7d", "1h")
    .option("--issuer <issuer>", "who issued it (default: as the server wants it)")
    .option("--audience <name>", "whom it is for (default: as the server wants it)")
    .addOption(
      new Option("--claim <name=value>", "another claim, as JSON or text; repeatable").argParser(collect),
    )
    .option(
      "--key <file>",
      "what signs: a file with a secret, or a private key in PEM or as JWK (default: the server's secret, from JOINERY_JWT_SECRET, JOINERY_JWT_KEY_FILE or the config file)",
    )
    .option("--json", "print the token and its claims as JSON")
    .option("--config <file>", "config file (default: joinery.config.ts, .js or .mjs if there is one)")
    .option("--new-secret", "print a new random secret instead")
    .addOption(
      new Option("--new-key <kind>", "write a new pair of keys instead, with --out").choices(KEY_KINDS),
    )
    .option("--out <prefix>", "where a new pair goes: <prefix>.private.pem and <prefix>.public.pem")
    .addHelpText(
      "after",
      `
Nothing but the token goes to standard output. Key, issuer and audience are those
that "joinery serve" would have, from the environment or the config file.

Examples:
  joinery token --new-secret > joinery.secret
  joinery token --key joinery.secret --user ann --documents 'notes/**=write'
  joinery token --key joinery.secret --user ben --documents 'public/**=read' \\
    --documents 'notes/plan=read,presence' --expires 15m
  joinery token --new-key es256 --out keys/joinery`,
    )
    .action(token);
}

async function token(flags: TokenFlags): Promise<void> {
  if (flags.newSecret) console.log(newSecret());
  else if (flags.newKey !== undefined) await writeKeys(flags.newKey, flags.out);
  else await mint(flags);
}

async function mint(flags: TokenFlags): Promise<void> {
  const config = mergeConfig(await loadConfig(flags.config), configFromEnvironment(process.env));
  const jwt = config.access?.jwt ?? {};
  const claims = claimsOf(flags, jwt, Math.floor(Date.now() / 1000));
  const key = signingKeyOf(flags, config);
  const signed = await mintToken(claims, key);
  console.log(flags.json ? JSON.stringify({ token: signed, claims }, null, 2) : signed);
  if (process.stderr.isTTY) printToken(claims, key, jwt);
  // Tokens are made to be refused too: so it is only said.
  const reason = await refusalOfToken(signed, key, jwt);
  if (reason !== null) console.error(pc.yellow(`joinery: the server would refuse it: ${reason}`));
}

function signingKeyOf({ key }: TokenFlags, { access }: Config): SigningKey {
  if (key !== undefined) return readSigningKey(readKeyText(key, "--key"), `--key ${key}`);
  const { secret, publicKey, jwks } = access?.jwt ?? {};
  if (secret !== undefined) return readSigningKey(secret, "the secret");
  if (publicKey !== undefined || jwks !== undefined) {
    const what = publicKey === undefined ? `the keys at ${jwks}` : "a public key";
    throw invalid(
      `the server checks tokens with ${what}, which cannot sign: name the private key with --key, or get a token from who has it`,
    );
  }
  throw invalid(
    "there is no key to sign with: name a file with --key, set JOINERY_JWT_SECRET, or have access.jwt.secret in a config file",
  );
}

/** The claims by the names that the server looks for. */
function claimsOf(flags: TokenFlags, jwt: JwtOptions, nowS: number): Claims {
  const { userClaim = "sub", documentsClaim = "documents", tenantClaim } = jwt;
  const { user, tenant, issuer = firstOf(jwt.issuer), audience = firstOf(jwt.audience) } = flags;
  const more = (flags.claim ?? []).map(parseClaim);
  const given = new Set(more.map(([name]) => name));
  const documents = parseDocuments(flags.documents ?? []);
  if (user === undefined && !given.has(userClaim))
    throw invalid("whose token is it? Say it with --user <name>");
  if (documents === null && jwt.documents === undefined && !given.has(documentsClaim)) {
    throw invalid(
      "what does it let them do? Say it with --documents 'notes/*=write', or '**=write' for everything",
    );
  }
  if (tenant !== undefined && tenantClaim === undefined) {
    throw invalid(
      "there are no tenants: the config file has no access.jwt.tenantClaim; use --claim for other claims",
    );
  }
  if (tenantClaim !== undefined && tenant === undefined && !given.has(tenantClaim)) {
    throw invalid("whose documents is it for? Say it with --tenant <name>");
  }
  const entries: [string, unknown][] = [
    [userClaim, user],
    [documentsClaim, documents ?? undefined],
    ...(tenantClaim === undefined ? [] : ([[tenantClaim, tenant]] as [string, unknown][])),
    ["iss", issuer],
    ["aud", audience],
    ["iat", nowS],
    ["exp", nowS + parseDuration(flags.expires)],
    ...more,
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** @returns `null` for none. */
function parseDocuments(texts: readonly string[]): DocumentRights | null {
  if (texts.length === 0) return null;
  const entries = texts.map((text): [string, RightsSpec] => {
    const at = text.lastIndexOf("=");
    if (at < 1)
      throw invalid(`--documents is ${JSON.stringify(text)}, it must be a pattern, "=", and rights`);
    const rights = text.slice(at + 1);
    // What is no level is actions; whether they are is found out with the token.
    return [text.slice(0, at), isLevel(rights) ? rights : (rights.split(",") as Action[])];
  });
  const twice = entries.find(([pattern], i) => entries.findIndex(([other]) => other === pattern) !== i);
  if (twice) throw invalid(`--documents names ${JSON.stringify(twice[0])} twice`);
  return Object.fromEntries(entries);
}

function isLevel(text: string): text is RightsSpec & string {
  return ["none", "read", "write", "manage"].includes(text);
}

function parseClaim(text: string): [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw invalid(`--claim is ${JSON.stringify(text)}, it must be a name, "=", and a value`);
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    // Then it is the text itself.
    return [text.slice(0, at), value];
  }
}

const UNITS_S = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3_600],
  ["d", 86_400],
]);

function parseDuration(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS_S.get(unit) ?? 0);
  if (seconds > 0) return seconds;
  throw invalid(`--expires is ${JSON.stringify(text)}, it must be a number with s, m, h or d behind it: 15m`);
}

function firstOf(texts: string | readonly string[] | undefined): string | undefined {
  return typeof texts === "object" ? texts[0] : texts;
}

function printToken(claims: Claims, { algorithm }: SigningKey, jwt: JwtOptions): void {
  const { userClaim = "sub", documentsClaim = "documents", tenantClaim = "" } = jwt;
  const documents = Object.entries((claims[documentsClaim] ?? {}) as DocumentRights);
  const exp = claims.exp;
  const rows: [string, string | undefined][] = [
    ["User", textOf(claims[userClaim])],
    ["Tenant", textOf(claims[tenantClaim])],
    ...documents.map(([pattern, rights], i): [string, string] => {
      return [
        i === 0 ? "May" : "",
        `${pattern} ${pc.dim(typeof rights === "string" ? rights : rights.join(", "))}`,
      ];
    }),
    ["Until", typeof exp === "number" ? new Date(exp * 1000).toLocaleString("sv-SE") : "for ever"],
    ["Signed", `${algorithm}${claims.iss === undefined ? "" : ` by ${textOf(claims.iss)}`}`],
  ];
  console.error();
  for (const [name, value] of rows) if (value) console.error(`  ${pc.dim(name.padEnd(8))} ${value}`);
  console.error();
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value);
}

async function writeKeys(kind: KeyKind, prefix: string | undefined): Promise<void> {
  if (prefix === undefined) throw invalid("where are the keys to be written? Say it with --out <prefix>");
  const { privateKey, publicKey } = newKeyPair(kind);
  const files = { private: `${prefix}.private.pem`, public: `${prefix}.public.pem` };
  await writeNew(files.private, privateKey, 0o600);
  await writeNew(files.public, publicKey, 0o644);
  console.log(`${files.private}\n${files.public}`);
  if (!process.stderr.isTTY) return;
  console.error(`\n  ${pc.dim("Signs:")}  joinery token --key ${files.private} …`);
  console.error(`  ${pc.dim("Checks:")} joinery serve --jwt-key ${files.public}\n`);
}

/** A key that somebody may have tokens of is not overwritten. */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { mode, flag: "wx" });
  } catch (cause) {
    const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JoineryError(
      "INVALID_OPTION",
      isThere ? `${file} is there already, and is not overwritten` : `cannot write ${file}: ${reason}`,
      { cause },
    );
  }
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
