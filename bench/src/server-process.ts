import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { POLL_MS, START_TIMEOUT_MS, STOP_TIMEOUT_MS } from "./config.ts";
import { EventLoopDelay } from "./event-loop/event-loop-delay.ts";
import { GarbageCollector } from "./garbage-collector.ts";
import type { Peer } from "./peers/peer.ts";
import type { Pin } from "./pinning.ts";
import { waitUntil } from "./wait.ts";

// Beside the code and not in the system's temporary folder, which is often in memory: there an fsync is free.
const DATA_ROOT = fileURLToPath(new URL("../.cache/", import.meta.url));
const MAX_OUTPUT_CHARS = 4000;

/** On a port of Node's own choice; it is opened only when it is asked for. */
const DEBUGGER = "--inspect-port=127.0.0.1:0";

type Environment = Readonly<Record<string, string>>;

/** What a scenario wants of a server before it is measured. */
interface Preparation {
  /** Beside that of this process. */
  readonly environment?: Environment;
  /** The path of a module that Node loads before the server. */
  readonly preload?: string;
  prepare?(dataFolder: string): Promise<void>;
}

/** Folders that have not been removed, with the server that writes into each, once there is one. */
const folders = new Map<string, ChildProcess | null>();
process.on("exit", () => {
  for (const child of folders.values()) child?.kill("SIGKILL");
  // A process that was killed may write for a moment more.
  for (const folder of folders.keys()) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A server under measurement: a process of its own on a free port of 127.0.0.1. */
export class ServerProcess {
  readonly peer: Peer;
  readonly port: number;
  readonly dataFolder: string;
  /** When the process was started, on the clock of `performance.now()`. */
  readonly startedMs: number;
  /** From then until it accepted a connection. */
  #acceptedAfterMs = Number.NaN;
  readonly #child: ChildProcess;
  #output = "";
  #failure: Error | null = null;

  private constructor(peer: Peer, port: number, dataFolder: string, pin: Pin, preparation: Preparation) {
    this.peer = peer;
    this.port = port;
    this.dataFolder = dataFolder;
    const { args, env } = peer.command({ port, dataFolder });
    const { environment, preload } = preparation;
    const options = preload === undefined ? DEBUGGER : `${DEBUGGER} --import=${pathToFileURL(preload).href}`;
    const [file, ...rest] = pin([process.execPath, ...args]);
    this.startedMs = performance.now();
    this.#child = spawn(file as string, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: options, ...environment, ...env },
    });
    folders.set(dataFolder, this.#child);
    this.#child.once("error", (error) => {
      this.#failure = error;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARS);
      });
    }
  }

  /**
   * Starts a server and resolves once it accepts connections.
   *
   * @throws Error with the server's own output when it ends or does not listen in time.
   */
  static async start(peer: Peer, pin: Pin, preparation: Preparation = {}): Promise<ServerProcess> {
    await mkdir(DATA_ROOT, { recursive: true });
    const dataFolder = await mkdtemp(join(DATA_ROOT, "data-"));
    folders.set(dataFolder, null);
    try {
      await preparation.prepare?.(dataFolder);
    } catch (error) {
      await remove(dataFolder);
      throw error;
    }
    const server = new ServerProcess(peer, await freePort(), dataFolder, pin, preparation);
    try {
      await server.#accepting();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw this.#problem("has no process");
    return this.#child.pid;
  }

  /** How long it took from the start of the process until it accepted a connection, in milliseconds. */
  get acceptedAfterMs(): number {
    return this.#acceptedAfterMs;
  }

  async garbageCollector(): Promise<GarbageCollector> {
    return GarbageCollector.connect(await this.#debugger());
  }

  /** Of a server that was started with the probe preloaded: see event-loop-delay.ts. */
  async eventLoopDelay(): Promise<EventLoopDelay> {
    return EventLoopDelay.connect(await this.#debugger());
  }

  /** Has Node open its debugger's port, which it does on SIGUSR1. Returns where it is. */
  async #debugger(): Promise<string> {
    this.#child.kill("SIGUSR1");
    const url = () => /Debugger listening on (ws:\S+)/.exec(this.#output)?.[1];
    await waitUntil(
      () => url() !== undefined,
      START_TIMEOUT_MS,
      () => "the server did not open its debugger's port",
    );
    return url() as string;
  }

  /** @throws Error with the server's own output when the process has ended. */
  assertAlive(): void {
    if (this.#failure !== null) throw this.#problem(`did not start: ${this.#failure.message}`);
    if (this.#ended()) throw this.#problem(`ended with ${this.#child.signalCode ?? this.#child.exitCode}`);
  }

  /** Stops the server politely, then not, and removes its data. */
  async stop(): Promise<void> {
    if (this.#failure === null && !this.#ended()) {
      const exited = once(this.#child, "exit");
      const impatience = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      this.#child.kill("SIGTERM");
      await exited;
      clearTimeout(impatience);
    }
    await remove(this.dataFolder);
  }

  #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #accepting(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await accepts(this.port))) {
      this.assertAlive();
      if (performance.now() > deadline) throw this.#problem(`does not listen after ${START_TIMEOUT_MS} ms`);
      await sleep(POLL_MS);
    }
    this.#acceptedAfterMs = performance.now() - this.startedMs;
    this.assertAlive();
  }

  #problem(what: string): Error {
    const output = this.#output.trim();
    return new Error(`the server ${what}${output === "" ? "" : `; it printed:\n${output}`}`);
  }
}

async function remove(dataFolder: string): Promise<void> {
  await rm(dataFolder, { recursive: true, force: true });
  folders.delete(dataFolder);
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection({ host: "127.0.0.1", port });
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).then((accepted) => {
    socket.destroy();
    return accepted as boolean;
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  server.close();
  await once(server, "close");
  return address.port;
}
