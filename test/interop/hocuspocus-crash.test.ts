/**
 * kill -9 right after a Hocuspocus provider has no unsynced changes, and its writer is gone for good. What it was told
 * is saved has to be there for a client that never met the writer. The Hocuspocus server with an SQLite file goes
 * through the same for comparison. `CRASH_ROUNDS` asks for more rounds.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { HocuspocusPeer, PROVIDER_VERSIONS, type ProviderVersion } from "../support/hocuspocus-peer.ts";
import { until } from "../support/until.ts";
import { openStage } from "./stage.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const EDITS_PER_ROUND = 20;
const TIMEOUT_MS = 60_000 + ROUNDS * 20_000;

const HOCUSPOCUS = fileURLToPath(
  new URL("../../bench/src/peers/hocuspocus-sqlite-server.ts", import.meta.url),
);

interface Killable {
  readonly wsUrl: string;
  start(): Promise<void>;
  kill(): Promise<unknown>;
}

test(
  "nothing that a provider was told is saved is lost by kill -9; with Hocuspocus and SQLite, some is",
  async () => {
    const { server } = await openStage();
    const lost = await lostEdits(server);
    const lostByTheirs = await lostEdits(await HocuspocusOnSqlite.open());
    const of = `of ${ROUNDS * EDITS_PER_ROUND} saved edits, in ${ROUNDS} rounds`;
    process.stderr.write(`lost ${of}: Joinery ${lost}, Hocuspocus with SQLite ${lostByTheirs}\n`);
    expect(lost).toBe(0);
    // It stores two seconds after the last edit. Else the rounds would show nothing.
    expect(lostByTheirs).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

/** Rounds of: somebody writes, is told that all is saved, the server is killed, and the writer never comes back. */
async function lostEdits(server: Killable): Promise<number> {
  const written: string[] = [];
  let lost = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await server.start();
    const version = PROVIDER_VERSIONS[round % PROVIDER_VERSIONS.length] as ProviderVersion;
    const writer = new HocuspocusPeer(version, server.wsUrl, "notes", { token: "any" });
    await writer.synced();
    await writer.saved();
    for (let i = 0; i < EDITS_PER_ROUND; i++) {
      const line = `<${round} ${i}>\n`;
      writer.text.insert(writer.text.length, line);
      written.push(line);
      // Some travel alone, others together.
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await writer.saved();
    await server.kill();
    writer.leave();

    await server.start();
    const stranger = new HocuspocusPeer(4, server.wsUrl, "notes", { token: "any" });
    await stranger.synced();
    const kept = stranger.text.toString();
    for (const line of written.splice(0)) {
      const times = kept.split(line).length - 1;
      expect(times, line).toBeLessThanOrEqual(1);
      if (times === 0) lost++;
    }
    stranger.leave();
    await server.kill();
  }
  return lost;
}

class HocuspocusOnSqlite implements Killable {
  readonly wsUrl: string;
  readonly #port: number;
  readonly #file: string;
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.wsUrl = `ws://127.0.0.1:${port}`;
    this.#port = port;
    this.#file = join(folder, "documents.sqlite");
  }

  static async open(): Promise<HocuspocusOnSqlite> {
    const folder = await mkdtemp(join(tmpdir(), "joinery-hocuspocus-"));
    const server = new HocuspocusOnSqlite(await freePort(), folder);
    onTestFinished(async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [HOCUSPOCUS, String(this.#port), this.#file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    await until("Hocuspocus to listen", () => output.includes("listening"), { saw: () => output });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}
