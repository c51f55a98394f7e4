import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { JoineryError } from "@joinery/shared";
import type { AccessOptions } from "../access/access-options.ts";
import type { JwtOptions } from "../access/jwt/jwt-options.ts";
import { keyOptionsOf } from "../access/jwt/mint.ts";
import type { Level } from "../engine/rights.ts";
import { refuseUnknown, SERVER_OPTION_NAMES, type ServerOptions } from "./options.ts";
import type { ListenOptions } from "./server-api.ts";

/** What a config file exports as its default, and what the environment and flags override. */
export type Config<Context = unknown> = ServerOptions<Context> & ListenOptions;

/** Gives a config file its types: `export default defineConfig({ port: 8080 })`. */
export function defineConfig<Context = unknown>(config: Config<Context>): Config<Context> {
  return config;
}

/** Looked for in the working folder when no file is named, in this order. */
export const CONFIG_FILES: readonly string[] = [
  "joinery.config.ts",
  "joinery.config.js",
  "joinery.config.mjs",
];

/**
 * Imports a config file.
 *
 * @param file Path, relative to the working folder; without one, the first of {@link CONFIG_FILES} that is there.
 * @returns The file's default export, whose values are not checked yet; empty when no file was named and none is there.
 * @throws JoineryError INVALID_OPTION (never retry) when a file cannot be read, exports no object, or has an option
 * that there is not.
 */
export async function loadConfig(file?: string): Promise<Config> {
  const path = file ?? CONFIG_FILES.find((name) => existsSync(name));
  if (path === undefined) return {};
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JoineryError("INVALID_OPTION", `cannot load config file ${path}: ${reason}`, { cause });
  }
  if (typeof module.default !== "object" || module.default === null) {
    throw new JoineryError("INVALID_OPTION", `config file ${path} must have an object as its default export`);
  }
  refuseUnknown(module.default, ["host", "port", ...SERVER_OPTION_NAMES], "");
  return module.default;
}

/**
 * Reads `JOINERY_HOST`, `JOINERY_PORT`, `JOINERY_DATA`, `JOINERY_ORIGINS` (with commas or spaces between them),
 * `JOINERY_TRUST_PROXY`, and what is about access: `JOINERY_JWT_SECRET`, `JOINERY_JWT_KEY_FILE`, `JOINERY_JWKS`,
 * `JOINERY_JWT_ISSUER`, `JOINERY_JWT_AUDIENCE`, `JOINERY_ANONYMOUS`. An empty variable counts as none.
 *
 * @throws JoineryError INVALID_OPTION (never retry), naming the variable; never with a secret in it.
 */
export function configFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Config {
  const { JOINERY_HOST: host, JOINERY_PORT: port, JOINERY_DATA: data } = environment;
  const { JOINERY_ORIGINS: origins = "", JOINERY_TRUST_PROXY: trustProxy } = environment;
  const access = accessFromEnvironment(environment);
  return {
    ...(host && { host }),
    ...(port && { port: parsePort(port, "JOINERY_PORT") }),
    ...(data && { data }),
    ...(origins.trim() !== "" && { origins: origins.trim().split(/[\s,]+/) }),
    ...(trustProxy && { trustProxy: parseProxies(trustProxy, "JOINERY_TRUST_PROXY") }),
    ...(Object.keys(access).length > 0 && { access }),
  };
}

function accessFromEnvironment(environment: Readonly<Record<string, string | undefined>>): AccessOptions {
  const { JOINERY_JWT_SECRET: secret, JOINERY_JWT_KEY_FILE: file, JOINERY_JWKS: jwks } = environment;
  const { JOINERY_JWT_ISSUER: issuer, JOINERY_JWT_AUDIENCE: audience } = environment;
  const { JOINERY_ANONYMOUS: anonymous } = environment;
  const fromFile = file ? readKeyFile(file, "JOINERY_JWT_KEY_FILE") : {};
  if (secret && fromFile.secret !== undefined) {
    throw new JoineryError(
      "INVALID_OPTION",
      "JOINERY_JWT_SECRET is one secret and JOINERY_JWT_KEY_FILE has another: give one of them",
    );
  }
  const jwt: JwtOptions = {
    ...fromFile,
    ...(secret && { secret }),
    ...(jwks && { jwks }),
    ...(issuer && { issuer }),
    ...(audience && { audience }),
  };
  return {
    ...(Object.keys(jwt).length > 0 && { jwt }),
    ...(anonymous && { anonymous: parseLevel(anonymous, "JOINERY_ANONYMOUS") }),
  };
}

/**
 * What `over` says, and where it says nothing, what `base` does. Of `access` that holds for each part; but keys of tokens
 * are those of `over` alone if it has any: a key that nobody named any more must not be good.
 */
export function mergeConfig(base: Config, over: Config): Config {
  const merged = { ...base, ...over };
  const access = mergeAccess(base.access, over.access);
  return access === undefined ? merged : { ...merged, access };
}

function mergeAccess(
  base: AccessOptions | undefined,
  over: AccessOptions | undefined,
): AccessOptions | undefined {
  if (base === undefined || over === undefined) return over ?? base;
  const jwt = mergeJwt(base.jwt, over.jwt);
  return { ...base, ...over, ...(jwt && { jwt }) };
}

function mergeJwt(base: JwtOptions | undefined, over: JwtOptions | undefined): JwtOptions | undefined {
  if (base === undefined || over === undefined) return over ?? base;
  const { secret: _secret, publicKey: _publicKey, jwks: _jwks, ...others } = base;
  const hasKeys = over.secret !== undefined || over.publicKey !== undefined || over.jwks !== undefined;
  return { ...(hasKeys ? others : base), ...over };
}

/**
 * Reads a file with a secret, public keys in PEM, a JWK or a JWK Set.
 *
 * @param where Name of the flag or variable, for the message.
 * @throws JoineryError INVALID_OPTION (never retry) when it cannot be read. What is in it is checked with the options.
 */
export function readKeyFile(file: string, where: string): Pick<JwtOptions, "secret" | "publicKey"> {
  return keyOptionsOf(readKeyText(file, where));
}

/** As {@link readKeyFile}, but the text as it is there. */
export function readKeyText(file: string, where: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JoineryError("INVALID_OPTION", `${where}: cannot read the key: ${reason}`, { cause });
  }
}

/**
 * @param where Name of the flag or variable, for the message.
 * @throws JoineryError INVALID_OPTION (never retry) unless it is one.
 */
export function parseLevel(text: string, where: string): Level {
  if (text === "none" || text === "read" || text === "write" || text === "manage") return text;
  throw new JoineryError(
    "INVALID_OPTION",
    `${where} is ${JSON.stringify(text)}, it must be "none", "read", "write" or "manage"`,
  );
}

/**
 * @param where Name of the flag or variable, for the message.
 * @throws JoineryError INVALID_OPTION (never retry) unless it is an integer from 0 to 65535.
 */
export function parsePort(text: string, where: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new JoineryError("INVALID_OPTION", `${where} is "${text}", it must be a port from 0 to 65535`);
}

/**
 * @param where Name of the flag or variable, for the message.
 * @throws JoineryError INVALID_OPTION (never retry) unless it is a number of proxies.
 */
export function parseProxies(text: string, where: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new JoineryError("INVALID_OPTION", `${where} is "${text}", it must be a number of proxies`);
}
