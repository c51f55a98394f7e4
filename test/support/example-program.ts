/** A block of a page in `docs/` that runs as a program of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { until, within } from "./until.ts";

const CACHE = fileURLToPath(new URL("../../.cache/docs", import.meta.url));

/** A folder in which programs find the packages of this workspace; removed when the test is over. */
export async function openExampleFolder(): Promise<string> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface ExampleOptions {
  readonly folder: string;
  readonly name: string;
  readonly code: string;
  /** Besides `PATH`, which is all that it has of the test's own. Default: none. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class ExampleProgram {
  output = "";
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  private constructor(file: string, { folder, environment }: ExampleOptions) {
    const env = { PATH: process.env.PATH ?? "", ...environment };
    this.#child = spawn(process.execPath, [file], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        this.output += chunk;
      });
    }
    this.exited = once(this.#child, "close").then(([code]) => code as number | null);
    onTestFinished(() => this.kill());
  }

  /** Starts it; it is killed when the test is over. */
  static async start(options: ExampleOptions): Promise<ExampleProgram> {
    const file = join(options.folder, options.name);
    await writeFile(file, options.code);
    return new ExampleProgram(file, options);
  }

  async says(words: string): Promise<void> {
    await until(`the example to say ${words}`, () => this.output.includes(words), { saw: () => this.output });
  }

  async ends(): Promise<void> {
    expect(await within("the example to end", this.exited, { saw: () => this.output }), this.output).toBe(0);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}
