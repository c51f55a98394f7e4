import { resolve } from "node:path";
import {
  type AccessOptions,
  type Config,
  configFromEnvironment,
  createServer,
  type JwtOptions,
  loadConfig,
  mergeConfig,
  parseLevel,
  parsePort,
  parseProxies,
  readKeyFile,
  readSigningKey,
  type Server,
} from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command, Option } from "commander";
import { type AccessSummary, isThisMachine, summarizeAccess } from "../access-summary.ts";
import { createLogger, LOG_LEVELS, type LogLevel } from "../log.ts";
import { pc } from "../output/colours.ts";
import { findPageFolder } from "../page-folder.ts";
import { VERSION } from "../version.ts";

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  readonly page?: string;
  readonly origin?: readonly string[];
  readonly trustProxy?: string;
  readonly jwtKey?: string;
  readonly jwks?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly anonymous?: string;
  readonly publicWithoutAuthentication?: true;
  readonly config?: string;
  readonly logLevel: LogLevel;
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("Run the server, with an editor page to try it.")
    .allowExcessArguments(false)
    .option("--host <address>", "address to listen on (JOINERY_HOST; default 127.0.0.1)")
    .option("--port <number>", "port to listen on, 0 for a free one (JOINERY_PORT; default 4321)")
    .option("--data <folder>", "folder where documents are kept (JOINERY_DATA; default ./data)")
    .option("--page <folder>", "static files to serve instead of the editor page")
    .addOption(
      new Option(
        "--origin <origin>",
        "origin whose pages may connect, * for all; repeatable (JOINERY_ORIGINS; default: this machine's)",
      ).argParser((origin, others: readonly string[] | undefined) => [...(others ?? []), origin]),
    )
    .option(
      "--trust-proxy <number>",
      "reverse proxies in front, whose X-Forwarded-For is believed (JOINERY_TRUST_PROXY; default 0)",
    )
    .option(
      "--jwt-key <file>",
      "lets in who has a token signed with this: a file with a secret, or public keys as PEM, JWK or JWKS (JOINERY_JWT_KEY_FILE; a secret also as JOINERY_JWT_SECRET)",
    )
    .option("--jwks <url>", "the same, with the public keys that are published there (JOINERY_JWKS)")
    .option("--jwt-issuer <issuer>", "who has to have issued a token (JOINERY_JWT_ISSUER; default: anybody)")
    .option("--jwt-audience <name>", "whom a token has to be for (JOINERY_JWT_AUDIENCE; default: anybody)")
    .option(
      "--anonymous <level>",
      "what is allowed without a token: none, read, write or manage (JOINERY_ANONYMOUS; default none where tokens are checked)",
    )
    .option(
      "--public-without-authentication",
      "listen where others reach it though nobody is asked who they are: they may read and write everything",
    )
    .option("--config <file>", "config file (default: joinery.config.ts, .js or .mjs if there is one)")
    .addOption(
      new Option("--log-level <level>", "least level that is logged").choices(LOG_LEVELS).default("info"),
    )
    .addHelpText(
      "after",
      `
Flags win over the environment, the environment over the config file.

Examples:
  joinery serve --port 8080 --data /var/lib/joinery
  joinery token --new-secret > joinery.secret
  joinery serve --host 0.0.0.0 --jwt-key joinery.secret
  joinery serve --host 0.0.0.0 --jwt-audience joinery \\
    --jwks https://login.example/.well-known/jwks.json`,
    )
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  const config = await gatherConfig(flags);
  const { host, port, ...options } = config;
  const page = options.page ?? findPageFolder();
  const logger = options.logger ?? createLogger(flags.logLevel);
  const server = createServer({ ...options, logger, ...(page !== undefined && { page }) });
  let url: string;
  try {
    ({ url } = await server.listen({
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
    }));
  } catch (error) {
    await server.close();
    throw isRefusedAsPublic(config, error) ? refusalOfPublic(host) : error;
  }
  stopOnSignals(server);
  printStart({
    url,
    data: options.storage ? null : resolve(options.data ?? "./data"),
    hasPage: page !== undefined,
    hasTokens: config.access?.jwt !== undefined,
    access: summarizeAccess(config),
  });
}

/** The server says it by the names of options; whoever started it from here has flags. */
function isRefusedAsPublic(config: Config, error: unknown): boolean {
  const { host, allowPublicWithoutAuthentication } = config;
  const isInvalid = error instanceof JoineryError && error.code === "INVALID_OPTION";
  const isPublic = host !== undefined && !isThisMachine(host);
  return isInvalid && isPublic && summarizeAccess(config).isOpen && !allowPublicWithoutAuthentication;
}

function refusalOfPublic(host = ""): JoineryError {
  return new JoineryError(
    "INVALID_OPTION",
    `will not listen on ${host}: nobody is asked who they are, so that
whoever reaches it could read and write every document. Do one of these:
  check tokens               --jwt-key <file>, or --jwks <url>
                             ("joinery token --new-secret" makes a secret)
  ask a function of yours    the hook "authenticate", in a config file
  stay on this machine       --host 127.0.0.1
  let everybody write        --public-without-authentication`,
  );
}

/** Flags over environment over file; the server fills in the defaults and checks the whole. */
async function gatherConfig(flags: ServeFlags): Promise<Config> {
  const file = await loadConfig(flags.config);
  return mergeConfig(mergeConfig(file, configFromEnvironment(process.env)), configFromFlags(flags));
}

function configFromFlags(flags: ServeFlags): Config {
  const { host, port, data, page, origin, trustProxy } = flags;
  const access = accessFromFlags(flags);
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: parsePort(port, "--port") }),
    ...(data !== undefined && { data }),
    ...(page !== undefined && { page }),
    ...(origin !== undefined && { origins: origin }),
    ...(trustProxy !== undefined && { trustProxy: parseProxies(trustProxy, "--trust-proxy") }),
    ...(Object.keys(access).length > 0 && { access }),
    ...(flags.publicWithoutAuthentication && { allowPublicWithoutAuthentication: true }),
  };
}

function accessFromFlags({ jwtKey, jwks, jwtIssuer, jwtAudience, anonymous }: ServeFlags): AccessOptions {
  const jwt: JwtOptions = {
    ...(jwtKey !== undefined && readKeys(jwtKey)),
    ...(jwks !== undefined && { jwks }),
    ...(jwtIssuer !== undefined && { issuer: jwtIssuer }),
    ...(jwtAudience !== undefined && { audience: jwtAudience }),
  };
  return {
    ...(Object.keys(jwt).length > 0 && { jwt }),
    ...(anonymous !== undefined && { anonymous: parseLevel(anonymous, "--anonymous") }),
  };
}

function readKeys(file: string): Pick<JwtOptions, "secret" | "publicKey"> {
  const keys = readKeyFile(file, "--jwt-key");
  // The server checks it too, but by the name of an option that nobody gave here.
  if (keys.secret !== undefined) readSigningKey(keys.secret, `--jwt-key ${file}`);
  return keys;
}

interface Started {
  readonly url: string;
  readonly data: string | null;
  readonly hasPage: boolean;
  /** Whether tokens are checked, which the page then needs in its address. */
  readonly hasTokens: boolean;
  readonly access: AccessSummary;
}

type Row = readonly [name: string, value: string];

function printStart({ url, data, hasPage, hasTokens, access }: Started): void {
  const colour = access.isOpen ? pc.yellow : pc.green;
  const [first = "", ...others] = access.lines;
  // Nobody can open a page at "all addresses of this machine".
  const editor = `${url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, "//localhost")}/`;
  const rows: Row[] = [
    ...(hasPage ? [["Editor", pc.cyan(editor) + (hasTokens ? pc.dim("#token=<token>") : "")] as const] : []),
    ["Clients", `${url.replace("http", "ws")}/${pc.dim("<document>")}`],
    ["Data", data ?? "kept by the storage in the config file"],
    ...wrap(first).map((line, i): Row => [i === 0 ? "Access" : "", colour(line)]),
    ...others.flatMap(wrap).map((line): Row => ["", line]),
  ];
  console.log(`\n  ${pc.bold("Joinery")} ${VERSION} ${pc.dim("is listening at")} ${url}\n`);
  for (const [name, value] of rows) console.log(`  ${pc.dim(name.padEnd(8))} ${value}`);
  console.log(`\n  ${pc.dim("Ctrl+C stops it, after everything is stored.")}\n`);
}

const NAME_COLUMNS = 11;

/** The lines of a text beside the names of rows, where there is a terminal: what reads a pipe wants it whole. */
function wrap(text: string): string[] {
  const { isTTY, columns } = process.stdout;
  // Some report no width, or 0.
  const width = isTTY ? (columns || 80) - NAME_COLUMNS - 1 : Number.POSITIVE_INFINITY;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** The first SIGINT, SIGTERM or SIGHUP drains; a second one does not wait. */
function stopOnSignals(server: Server): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(signal === "SIGINT" ? 130 : signal === "SIGTERM" ? 143 : 129);
    isStopping = true;
    console.log(`  ${signal}: storing what is open and sending clients away to come back …`);
    server.close().then(reportStop, (error: unknown) => {
      console.error(
        `joinery: could not stop cleanly: ${error instanceof Error ? error.message : String(error)}`,
      );
      process.exit(1);
    });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
}

function reportStop({ unsaved }: { readonly unsaved: readonly string[] }): void {
  if (unsaved.length === 0) {
    console.log("  Stopped; everything is stored.");
    process.exit(0);
  }
  const names = unsaved.map((name) => JSON.stringify(name)).join(", ");
  console.error(`joinery: could not store the last edits of ${unsaved.length} document(s): ${names}`);
  process.exit(1);
}
