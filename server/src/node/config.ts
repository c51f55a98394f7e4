import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { JoineryError } from "@joinery/shared";
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
 * Reads `JOINERY_HOST`, `JOINERY_PORT`, `JOINERY_DATA`, `JOINERY_ORIGINS` (with commas or spaces between them) and
 * `JOINERY_TRUST_PROXY`; an empty variable counts as none.
 */
export function configFromEnvironment(environment: Readonly<Record<string, string | undefined>>): Config {
  const { JOINERY_HOST: host, JOINERY_PORT: port, JOINERY_DATA: data } = environment;
  const { JOINERY_ORIGINS: origins = "", JOINERY_TRUST_PROXY: trustProxy } = environment;
  return {
    ...(host && { host }),
    ...(port && { port: parsePort(port, "JOINERY_PORT") }),
    ...(data && { data }),
    ...(origins.trim() !== "" && { origins: origins.trim().split(/[\s,]+/) }),
    ...(trustProxy && { trustProxy: parseProxies(trustProxy, "JOINERY_TRUST_PROXY") }),
  };
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
