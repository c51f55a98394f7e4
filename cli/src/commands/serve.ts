import { resolve } from "node:path";
import {
  type Config,
  configFromEnvironment,
  createServer,
  loadConfig,
  parsePort,
  parseProxies,
  type Server,
} from "@joinery/server";
import { Command, Option } from "commander";
import pc from "picocolors";
import { surviveBrokenPipes } from "../broken-pipes.ts";
import { createLogger, LOG_LEVELS, type LogLevel } from "../log.ts";
import { findPageFolder } from "../page-folder.ts";
import { VERSION } from "../version.ts";

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  readonly page?: string;
  readonly origin?: readonly string[];
  readonly trustProxy?: string;
  readonly config?: string;
  readonly logLevel: LogLevel;
}

export function serveCommand(): Command {
  return new Command("serve")
    .description("Run the server, with an editor page to try it.")
    .allowExcessArguments(false)
    .option("--host <address>", "loopback address to listen on (JOINERY_HOST; default 127.0.0.1)")
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
    .option("--config <file>", "config file (default: joinery.config.ts, .js or .mjs if there is one)")
    .addOption(
      new Option("--log-level <level>", "least level that is logged").choices(LOG_LEVELS).default("info"),
    )
    .addHelpText(
      "after",
      "\nFlags win over the environment, the environment over the config file.\n\nExample:\n  joinery serve --port 8080 --data /var/lib/joinery",
    )
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  const { host, port, ...options } = await gatherConfig(flags);
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
    throw error;
  }
  stopOnSignals(server);
  surviveBrokenPipes();
  printStart({
    url,
    data: options.storage ? null : resolve(options.data ?? "./data"),
    hasPage: page !== undefined,
    origins: options.origins ?? [],
  });
}

/** Flags over environment over file; the server fills in the defaults and checks the whole. */
async function gatherConfig(flags: ServeFlags): Promise<Config> {
  const { host, port, data, page, origin, trustProxy } = flags;
  return {
    ...(await loadConfig(flags.config)),
    ...configFromEnvironment(process.env),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: parsePort(port, "--port") }),
    ...(data !== undefined && { data }),
    ...(page !== undefined && { page }),
    ...(origin !== undefined && { origins: origin }),
    ...(trustProxy !== undefined && { trustProxy: parseProxies(trustProxy, "--trust-proxy") }),
  };
}

interface Started {
  readonly url: string;
  readonly data: string | null;
  readonly hasPage: boolean;
  /** Whose pages may connect besides its own; `"*"` for all. */
  readonly origins: NonNullable<Config["origins"]>;
}

function printStart({ url, data, hasPage, origins }: Started): void {
  const others = origins === "*" ? "all sites" : origins.join(", ");
  const pages = others === "" ? "" : `, and pages of ${others}`;
  const access = `no authentication, therefore for programs and pages of this machine only${pages}`;
  const rows: [string, string][] = [
    ...(hasPage ? ([["Editor", pc.cyan(`${url}/`)]] as [string, string][]) : []),
    ["Clients", `${url.replace("http", "ws")}/${pc.dim("<document>")}`],
    ["Data", data ?? "kept by the storage in the config file"],
    ["Access", pc.yellow(access)],
  ];
  console.log(`\n  ${pc.bold("Joinery")} ${VERSION} ${pc.dim("is listening at")} ${url}\n`);
  for (const [name, value] of rows) console.log(`  ${pc.dim(name.padEnd(8))} ${value}`);
  console.log(`\n  ${pc.dim("Ctrl+C stops it, after everything is stored.")}\n`);
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
