/** Runs `joinery` in this process, at a time and in a zone of the test's own. */

import { vi } from "vitest";
import { run } from "../../../cli/src/main.ts";
import { BORN_AT } from "../inspect/folder-stage.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param columns As a terminal of that width; without, as in a pipe. */
export async function joinery(args: readonly string[], columns?: number): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  const into =
    (parts: string[]) =>
    (chunk: unknown, ...rest: readonly unknown[]) => {
      parts.push(chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : String(chunk));
      const written = rest.at(-1);
      // reason: of the arguments of a stream's `write` only the last can be a function, which is told when it is written.
      if (typeof written === "function") queueMicrotask(written as () => void);
      return true;
    };
  const streams = [process.stdout, process.stderr];
  const listeners = streams.map((stream) => stream.listeners("error"));
  vi.stubEnv("TZ", "UTC");
  vi.stubEnv("COLUMNS", columns === undefined ? "" : String(columns));
  vi.useFakeTimers({ toFake: ["Date"], now: BORN_AT + 45 * 60_000 });
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(into(out)),
    vi.spyOn(process.stderr, "write").mockImplementation(into(err)),
    vi.spyOn(console, "error").mockImplementation((line) => void err.push(`${String(line)}\n`)),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await run(args);
    return { code: Number(process.exitCode ?? 0), stdout: out.join(""), stderr: err.join("") };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
    for (const [i, stream] of streams.entries()) {
      for (const listener of stream.listeners("error"))
        if (!listeners[i]?.includes(listener)) stream.off("error", listener as (error: Error) => void);
    }
    vi.useRealTimers();
    vi.unstubAllEnvs();
  }
}

/** Where golden output is. */
export function goldenFile(title: string): string {
  return `golden/${title.replaceAll(/[^\w]+/g, "-").replaceAll(/^-|-$/g, "")}.txt`;
}
