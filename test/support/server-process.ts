/**
 * A real server as a child process, on a folder of its own: started, stopped, killed and started again. Knows
 * nothing of the test runner, so that benchmarks can use it too.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until, within } from "./until.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));
const START_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 20_000;

export interface ServerOptions {
  /** A temporary folder unless told; only that is removed by `dispose`. */
  readonly dataFolder?: string;
  /** A free one unless told. */
  readonly port?: number;
  /** Further arguments of `joinery serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `joinery` with these arguments. Resolves with how it ended, also when it failed. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit> {
  const command = new Command(args, env);
  try {
    return await within(`joinery ${args.join(" ")} to end`, command.exited, { saw: () => command.output });
  } finally {
    command.kill("SIGKILL");
  }
}

/** Starts `joinery` with these arguments; it is killed with this process at the latest. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Pick<Command, "exited" | "kill" | "stdout"> {
  return new Command(args, env);
}

/** Starts a server on 127.0.0.1; resolves once it listens, rejects with its output if it ends instead. */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const isTemporary = options.dataFolder === undefined;
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "joinery-")));
  const server = new ServerProcess(dataFolder, isTemporary, options);
  try {
    await server.start();
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
}

export class ServerProcess {
  readonly dataFolder: string;
  readonly #isTemporary: boolean;
  readonly #options: ServerOptions;
  #command: Command | null = null;
  #port: number;

  /** Use {@link startServer}. */
  constructor(dataFolder: string, isTemporary: boolean, options: ServerOptions) {
    this.dataFolder = dataFolder;
    this.#isTemporary = isTemporary;
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  /** Where pages are served, without a trailing slash. Stays the same when the server is started again. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#running().pid;
  }

  get isRunning(): boolean {
    return this.#command?.isRunning ?? false;
  }

  /** What the process that was started last has printed. */
  get stdout(): string {
    return this.#command?.stdout ?? "";
  }

  get stderr(): string {
    return this.#command?.stderr ?? "";
  }

  /** Starts the server again, on the same folder and port, after it has ended. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error("the server is running already");
    const { args = [], env = {} } = this.#options;
    const command = new Command(
      ["serve", "--host", "127.0.0.1", "--port", String(this.#port), "--data", this.dataFolder, ...args],
      env,
    );
    this.#command = command;
    const address = () => /http:\/\/127\.0\.0\.1:(\d+)/.exec(command.stdout)?.[1];
    await until("the server to listen", () => address() !== undefined || !command.isRunning, {
      withinMs: START_WITHIN_MS,
      saw: () => command.output,
    });
    const port = address();
    if (port === undefined) throw new Error(`the server ended instead of listening: ${command.output}`);
    this.#port = Number(port);
  }

  /** Sends the signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    const command = this.#running();
    command.kill(signal);
    return await within(`the server to end on ${signal}`, command.exited, {
      withinMs: STOP_WITHIN_MS,
      saw: () => command.output,
    });
  }

  /** Asks the server to finish and waits until it has. */
  async stop(): Promise<Exit> {
    return await this.end("SIGTERM");
  }

  /** Ends the server as a crash would: at once, with nothing finished. */
  async kill(): Promise<Exit> {
    return await this.end("SIGKILL");
  }

  /** Ends whatever runs and removes the temporary folder. */
  async dispose(): Promise<void> {
    if (this.isRunning) await this.kill();
    if (this.#isTemporary) await rm(this.dataFolder, { recursive: true, force: true });
  }

  #running(): Command {
    if (this.#command === null || !this.#command.isRunning)
      throw new Error(`the server has ended: ${this.stderr}`);
    return this.#command;
  }
}

/** A run of the `joinery` command. */
class Command {
  readonly exited: Promise<Exit>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    // Nothing of the test runner's environment, and no option of the server from whoever runs the tests.
    const { PATH = "", HOME = "", TMPDIR = tmpdir(), NODE_COMPILE_CACHE } = process.env;
    const child = spawn(process.execPath, [COMMAND, ...args], {
      env: { PATH, HOME, TMPDIR, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      this.stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
    });
    const killWithUs = () => this.kill("SIGKILL");
    process.once("exit", killWithUs);
    this.exited = once(child, "close").then(([code, signal]: unknown[]) => {
      process.off("exit", killWithUs);
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: this.stdout,
        stderr: this.stderr,
      };
    });
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the process did not start");
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get output(): string {
    return `stdout: ${this.stdout}\nstderr: ${this.stderr}`;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }
}
