import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const PROGRAM = fileURLToPath(new URL("./level-appender.ts", import.meta.url));

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
  const child = spawn(process.execPath, [PROGRAM, folder], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  const ended = new Promise<string[]>((resolve) => child.on("close", () => resolve(lines)));
  return { lines, ended, kill: () => void child.kill("SIGKILL") };
}
