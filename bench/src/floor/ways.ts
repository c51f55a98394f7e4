import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../../.cache/", import.meta.url));
const SOURCE = fileURLToPath(new URL("../../native/frame-writer.c", import.meta.url));
const SCRIPT = fileURLToPath(new URL("frame-writer.ts", import.meta.url));

/** A way of writing a frame to a socket. */
export interface Way {
  readonly title: string;
  /** File and arguments, before those that all take. */
  readonly command: readonly string[];
  readonly framesPerWrite: number;
  readonly isWebSocket: boolean;
  /** Whether it is told the size of the frame, or of what is in it. */
  readonly takes: "frame" | "payload";
}

export const NODE_WAYS: readonly Way[] = [
  nodeWay("net.Socket.write", "socket", { framesPerWrite: 1, isWebSocket: false }),
  nodeWay("ws.send", "ws", { framesPerWrite: 1, isWebSocket: true }),
  nodeWay("ws.send, two corked", "ws-corked", { framesPerWrite: 2, isWebSocket: true }),
];

/**
 * Compiles the writer in C.
 *
 * @returns Why that is not possible, where there is no compiler.
 * @throws Error when the compiler refuses it.
 */
export function compileNative(): Way | string {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
  } catch {
    return "there is no C compiler (cc)";
  }
  mkdirSync(CACHE, { recursive: true });
  const program = join(CACHE, "frame-writer");
  execFileSync("cc", ["-O2", "-o", program, SOURCE], { stdio: ["ignore", "ignore", "inherit"] });
  return { title: "send(2) in C", command: [program], framesPerWrite: 1, isWebSocket: false, takes: "frame" };
}

function nodeWay(title: string, name: string, rest: Pick<Way, "framesPerWrite" | "isWebSocket">): Way {
  return { title, command: [process.execPath, SCRIPT, name], takes: "payload", ...rest };
}
