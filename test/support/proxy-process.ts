/**
 * A real nginx or Caddy as a child process without privileges, on free ports of 127.0.0.1 and a folder of its own, with
 * the configuration of docs/proxy.md. Knows nothing of the test runner.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import {
  CERTIFICATE,
  caddyConfig,
  KEY,
  NGINX_LOGS,
  nginxConfig,
  PROXY_HOST,
  type ProxyPlace,
} from "./proxy-config.ts";
import { until } from "./until.ts";

export type ProxyKind = "nginx" | "caddy";

/** How to start each; the folder is where it may write. */
const PROGRAMS: {
  readonly [kind in ProxyKind]: {
    readonly config: (place: ProxyPlace) => string;
    readonly args: (folder: string, file: string) => readonly string[];
  };
} = {
  nginx: {
    config: nginxConfig,
    args: (folder, file) => ["-p", folder, "-c", file, "-e", "stderr"],
  },
  caddy: {
    config: caddyConfig,
    args: (_folder, file) => ["run", "--config", file, "--adapter", "caddyfile"],
  },
};

/** Debian has nginx where only root looks. */
const FOLDERS = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

/**
 * Which program is not there, for a test that is to be skipped.
 *
 * @throws On a build server: one that lost its proxies must not turn tests off unseen.
 */
export function missingProgram(kind: ProxyKind): string | undefined {
  const missing = [kind, "openssl"].find((name) => findProgram(name) === undefined);
  if (missing !== undefined && process.env.CI === "true") throw new Error(`there is no ${missing}`);
  return missing;
}

/**
 * Starts a proxy; resolves once it listens, rejects with what it printed if it ends instead.
 *
 * @param serverPort Where the server is.
 * @param timeout After which it ends a connection in which nothing moves, as its configuration has it: `1s`.
 */
export async function startProxy(
  kind: ProxyKind,
  { serverPort, timeout }: Pick<ProxyPlace, "serverPort" | "timeout">,
): Promise<ReverseProxy> {
  const folder = await mkdtemp(join(tmpdir(), `joinery-${kind}-`));
  try {
    await makeCertificate(folder);
    // At once, so that they are not the same.
    const [port, plainPort] = await Promise.all([freePort(), freePort()]);
    const place = { folder, port, plainPort, serverPort, timeout };
    const { config, args } = PROGRAMS[kind];
    const file = join(folder, "proxy.conf");
    await writeFile(file, config(place));
    const proxy = new ReverseProxy(place, programNamed(kind), args(folder, file));
    await proxy.listening();
    return proxy;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Use {@link startProxy}. */
export class ReverseProxy {
  /** What browsers write of its pages. */
  readonly origin: string;
  readonly wsUrl: string;
  /** Without TLS. */
  readonly plainPort: number;
  /** PEM; it is its own authority. */
  readonly certificate: string;
  readonly #place: ProxyPlace;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #printed = "";

  constructor(place: ProxyPlace, program: string, args: readonly string[]) {
    const { folder, port, plainPort } = place;
    this.#place = place;
    this.origin = `https://${PROXY_HOST}:${port}`;
    this.wsUrl = `wss://${PROXY_HOST}:${port}`;
    this.plainPort = plainPort;
    this.certificate = readFileSync(join(folder, CERTIFICATE), "utf8");
    // Whatever it keeps for a user is kept here.
    const env = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, TMPDIR: folder };
    this.#child = spawn(program, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.#printed += chunk;
      });
    }
    const killWithUs = () => this.#child.kill("SIGKILL");
    process.once("exit", killWithUs);
    this.#exited = once(this.#child, "close").finally(() => process.off("exit", killWithUs));
    // Whoever waits is told; before that nobody may be there to be.
    this.#exited.catch(() => undefined);
  }

  async listening(): Promise<void> {
    const { port } = this.#place;
    try {
      await until("the proxy to listen", () => !this.#isRunning || canConnect(port), {
        saw: () => this.#printed,
      });
      if (!this.#isRunning) throw new Error(`the proxy ended instead of listening: ${this.#printed}`);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** All that it has written down: access log, error log and what it printed. */
  async logs(): Promise<string> {
    const files = NGINX_LOGS.map((name) => join(this.#place.folder, name)).filter((file) => existsSync(file));
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    return [...texts, this.#printed].join("\n");
  }

  /** Ends it, and removes its folder. */
  async stop(): Promise<void> {
    if (this.#isRunning) {
      this.#child.kill("SIGKILL");
      await this.#exited;
    }
    await rm(this.#place.folder, { recursive: true, force: true });
  }

  get #isRunning(): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    return pid !== undefined && exitCode === null && signalCode === null;
  }
}

function findProgram(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function programNamed(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`there is no ${name}`);
  return path;
}

/** For two days; nothing has to trust it but the test. */
async function makeCertificate(folder: string): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", `/CN=${PROXY_HOST}`, "-addext", `subjectAltName=DNS:${PROXY_HOST}`];
  const files = ["-keyout", join(folder, KEY), "-out", join(folder, CERTIFICATE)];
  const args = ["req", "-x509", "-days", "2", ...key, ...subject, ...files];
  await promisify(execFile)(programNamed("openssl"), args);
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
