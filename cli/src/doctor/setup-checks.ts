/** How a server would be set up here: config file over defaults, environment over file, flags over both. */

import { existsSync, statSync } from "node:fs";
import {
  CONFIG_FILES,
  type Config,
  configFromEnvironment,
  fetchKeySet,
  loadConfig,
  mergeConfig,
  type ResolvedOptions,
  resolveOptions,
  SYSTEM_CLOCK,
} from "@joinery/server";
import { isThisMachine, summarizeAccess } from "../access-summary.ts";
import { type Finding, failure, ok, reasonOf, skipped, warning } from "./finding.ts";

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 4321;

export interface SetupFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly data?: string;
}

/** What a server would be started with. */
export interface Setup {
  /** The config file; `null` without one. */
  readonly file: string | null;
  /** Variables of the environment that say something. */
  readonly variables: readonly string[];
  readonly config: Config;
  readonly host: string;
  readonly port: number;
  /** Everything checked, with defaults; `null` when something is not as it has to be. */
  readonly options: ResolvedOptions | null;
  readonly finding: Finding;
}

/** Reads and checks all of it. What is wrong is a finding; the rest is as good as it could be read. */
export async function readSetup(flags: SetupFlags, environment: NodeJS.ProcessEnv): Promise<Setup> {
  const file = flags.config ?? CONFIG_FILES.find((name) => existsSync(name)) ?? null;
  const variables = Object.keys(environment).filter((name) => VARIABLES.includes(name) && environment[name]);
  const problems: string[] = [];
  const note = (error: unknown): Config => {
    problems.push(reasonOf(error));
    return {};
  };
  const fromFile = await loadConfig(flags.config).catch(note);
  const merged = mergeConfig(
    fromFile,
    attempt(() => configFromEnvironment(environment), note),
  );
  const { host, port, data } = flags;
  const config = mergeConfig(merged, {
    ...(host && { host }),
    ...(port !== undefined && { port }),
    ...(data && { data }),
  });
  const options = attempt(
    () => {
      const { host: _host, port: _port, ...others } = config;
      return resolveOptions(others);
    },
    (error) => {
      note(error);
      return null;
    },
  );
  const setup = {
    file,
    variables,
    config,
    host: config.host ?? DEFAULT_HOST,
    port: config.port ?? DEFAULT_PORT,
    options: problems.length === 0 ? options : null,
  };
  return { ...setup, finding: describe(setup, problems) };
}

/** Those that `configFromEnvironment` reads. */
const VARIABLES: readonly string[] = [
  "JOINERY_HOST",
  "JOINERY_PORT",
  "JOINERY_DATA",
  "JOINERY_ORIGINS",
  "JOINERY_TRUST_PROXY",
  "JOINERY_JWT_SECRET",
  "JOINERY_JWT_KEY_FILE",
  "JOINERY_JWKS",
  "JOINERY_JWT_ISSUER",
  "JOINERY_JWT_AUDIENCE",
  "JOINERY_ANONYMOUS",
];

function attempt<T>(work: () => T, failed: (error: unknown) => T): T {
  try {
    return work();
  } catch (error) {
    return failed(error);
  }
}

function describe(
  { file, variables, config, host, port }: Omit<Setup, "finding">,
  problems: string[],
): Finding {
  if (problems.length > 0) {
    return failure("configuration", problems.join("; "), "the server does not start with this: put it right");
  }
  const from = [file ?? "no config file", ...variables].join(", ");
  const where = config.storage ? "a storage of its own" : (config.data ?? "./data");
  const set = Object.keys(config).filter((name) => !TOLD.includes(name));
  const more = set.length > 0 ? `; and ${set.join(", ")}` : "";
  return ok("configuration", `${from}: listens on ${host}:${port}, documents in ${where}${more}`);
}

const TOLD: readonly string[] = ["host", "port", "data", "storage"];

/** Who may come in. */
export function checkAccess({ config, host, options }: Setup): Finding {
  if (options === null) return skipped("access", "the configuration is not valid");
  const { lines, isOpen } = summarizeAccess({ ...config, host });
  const found = lines.join("; ");
  if (!isOpen) return ok("access", found);
  if (isThisMachine(host)) {
    if (!options.origins.includes("*")) return ok("access", found);
    return warning(
      "access",
      `${found}, and pages of all sites`,
      "any page that is open in a browser of this machine could read and write every document: name the sites (origins), or ask for tokens (access.jwt)",
    );
  }
  if (options.allowPublicWithoutAuthentication) {
    return warning(
      "access",
      `${host} is reached by others, and nobody is asked who they are`,
      "anybody who reaches it reads and writes every document; ask for tokens (--jwt-key, --jwks) or with a hook",
    );
  }
  return failure(
    "access",
    `${host} is reached by others, and nobody would be asked who they are: the server does not start`,
    "check tokens (--jwt-key, --jwks), ask a hook, or stay on this machine (--host 127.0.0.1)",
  );
}

/** Whether tokens can be checked. */
export async function checkKeys(
  { options, config }: Setup,
  environment: NodeJS.ProcessEnv,
): Promise<Finding> {
  const jwt = options?.access.jwt;
  if (!jwt) return skipped("keys", options ? "no tokens are checked" : "the configuration is not valid");
  const own = jwt.keys.length;
  const found = own > 0 ? [`${own} key${own > 1 ? "s" : ""} for tokens can be read`] : [];
  if (jwt.jwks !== null) {
    // Without the query, where some have a key of their own.
    const place = jwt.jwks.origin + jwt.jwks.pathname;
    try {
      const { ring } = await fetchKeySet(jwt.jwks, SYSTEM_CLOCK);
      found.push(`${place} has ${ring.keys.length}`);
    } catch (error) {
      return failure(
        "keys",
        `${place} cannot be read: ${reasonOf(error)}`,
        "who comes with a token is not let in until it can: see that this machine reaches it",
      );
    }
  }
  const file = environment.JOINERY_JWT_KEY_FILE;
  if (file && config.access?.jwt?.secret !== undefined && isReadByOthers(file)) {
    return warning(
      "keys",
      `${found.join("; ")}; but the file of the secret, ${file}, can be read by others`,
      `whoever has the secret makes tokens for everything: chmod 600 ${file}`,
    );
  }
  return ok("keys", found.join("; "));
}

/** Where the system has no such thing, nobody else can. */
function isReadByOthers(file: string): boolean {
  return process.platform !== "win32" && (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) % 0o10 >= 0o4;
}

/** What is between the server and its clients. */
export function checkEncryption({ host, options, config }: Setup): Finding {
  if (options === null) return skipped("encryption", "the configuration is not valid");
  const proxies = options.trustProxy;
  const isOpen = summarizeAccess({ ...config, host }).isOpen;
  if (isThisMachine(host)) {
    if (proxies > 0)
      return ok(
        "encryption",
        `${proxies === 1 ? "a proxy" : `${proxies} proxies`} in front, which have the TLS`,
      );
    const hint = isOpen ? "" : "; for others put a proxy with TLS in front, with trustProxy (docs/proxy.md)";
    return ok("encryption", `this machine only, without TLS${hint}`);
  }
  if (proxies > 0) {
    return warning(
      "encryption",
      `${host} is reached past the proxy too, and X-Forwarded-For is believed`,
      "whoever gets past the proxy says what address they have: listen on --host 127.0.0.1, or keep others out with a firewall",
    );
  }
  return warning(
    "encryption",
    `${host} is reached by others without TLS`,
    "tokens and documents can be read on their way: put a proxy with TLS in front, and listen on 127.0.0.1 with --trust-proxy 1 (docs/proxy.md)",
  );
}
