import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const APPENDER = fileURLToPath(new URL("./level-appender.ts", import.meta.url));
const DELETER = fileURLToPath(new URL("./level-deleter.ts", import.meta.url));

export interface Appender {
  /** What it has printed so far. */
  readonly lines: string[];
  /** All that it printed, once it has ended. */
  readonly ended: Promise<string[]>;
  /** Ends it at once, as a crash would. */
  kill(): void;
}

/** Starts `level-appender.ts` on a data folder; it is killed with the test at the latest. */
export function startAppender(folder: string): Appender {
  return start(APPENDER, [folder]);
}

/** Starts `level-deleter.ts` on a document of a data folder; it is killed with the test at the latest. */
export function startDeleter(folder: string, document: string): Appender {
  return start(DELETER, [folder, document]);
}

function start(program: string, args: readonly string[]): Appender {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  const ended = new Promise<string[]>((resolve) => child.on("close", () => resolve(lines)));
  return { lines, ended, kill: () => void child.kill("SIGKILL") };
}
