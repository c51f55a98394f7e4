import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Pin } from "../pinning.ts";
import { freePort } from "../server-process.ts";
import { FrameReader } from "./frame-reader.ts";
import { framedBytes } from "./frame-size.ts";
import type { Way } from "./ways.ts";

export interface FrameLoad {
  readonly sockets: number;
  readonly payloadBytes: number;
  readonly rounds: number;
  readonly warmUpRounds: number;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Writes a frame to each socket, waits until all were read, and again.
 *
 * @returns Microseconds of the writer's CPU a frame.
 * @throws Error when the writer ends before its time.
 */
export async function measureFrames(way: Way, load: FrameLoad, pin: Pin): Promise<number> {
  const { sockets, payloadBytes, rounds, warmUpRounds } = load;
  const port = await freePort();
  const size = way.takes === "frame" ? framedBytes(payloadBytes) : payloadBytes;
  const [file, ...args] = pin([...way.command, ...[port, sockets, size, rounds, warmUpRounds].map(String)]);
  const child = spawn(file as string, args, { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  const ended = once(child, "exit").then(([code, signal]): never => {
    throw new Error(`${way.title} ended with ${signal ?? code}`);
  });
  // The one who waits for the writer hears of it.
  ended.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let reader: FrameReader | null = null;
  try {
    await Promise.race([lines.next(), ended]);
    reader = await FrameReader.open(port, sockets, way.isWebSocket);
    await Promise.race([lines.next(), ended]);
    const bytes = sockets * way.framesPerWrite * framedBytes(payloadBytes);
    for (let round = 0; round < warmUpRounds + rounds; round++) {
      const complete = reader.next(bytes);
      child.stdin.write("+");
      await Promise.race([complete, ended]);
    }
    const { value: nanoseconds } = await lines.next();
    if (nanoseconds === undefined) throw new Error(`${way.title} said nothing`);
    return Number(nanoseconds) / 1000 / (rounds * sockets * way.framesPerWrite);
  } finally {
    reader?.close();
    child.kill("SIGKILL");
    running.delete(child);
  }
}
