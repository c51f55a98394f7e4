/** Clients that open one document at the same time, and what they had to wait for and were sent. */

import { inflateRawSync } from "node:zlib";
import { ARRIVAL_TIMEOUT_MS, REST_MS, SAMPLED_JOINERS } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { readCpuSeconds } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { waitUntil } from "../wait.ts";
import { fingerprintOfUpdates } from "./opened-documents.ts";
import { type Script, Skimmer, scriptOf } from "./skimmer.ts";

export interface Arrivals {
  /** Of each client, from the connecting until all of the document was here. */
  readonly latenciesMs: readonly number[];
  /** Of all clients, on the TCP connections. */
  readonly bytes: { readonly down: number; readonly up: number };
  /** Until the last of them had it, and from then until the server had nothing left to do. */
  readonly arrivalSeconds: number;
  readonly restlessSeconds: number;
  /** The server's in both. */
  readonly serverCpuSeconds: number;
  /** The generator's, until the last client had it. */
  readonly ownCpuSeconds: number;
}

/** Clients that come together: what each says, made before anything is measured. */
export class Party {
  readonly #server: ServerProcess;
  readonly #scripts: readonly Script[];
  #clients: readonly Skimmer[] = [];

  constructor(server: ServerProcess, wires: readonly Wire[]) {
    this.#server = server;
    this.#scripts = wires.map((wire) => scriptOf(wire, server.port));
  }

  /** All connect at once. Resolves when each has the document, and the server rests. */
  async arrive(): Promise<Arrivals> {
    const server = this.#server;
    const cpuBefore = readCpuSeconds(server.pid);
    const ownBefore = process.cpuUsage();
    const startMs = performance.now();
    // Spread over all.
    const stride = Math.max(1, Math.floor(this.#scripts.length / SAMPLED_JOINERS));
    this.#clients = this.#scripts.map(
      (script, i) => new Skimmer(server.port, script, i % stride === stride - 1),
    );
    await waitUntil(
      () => this.#clients.every((client) => this.#hasJoined(client)),
      ARRIVAL_TIMEOUT_MS,
      () => `${this.#missing} of ${this.#clients.length} clients have not got the document`,
    );
    const endMs = performance.now();
    const own = process.cpuUsage(ownBefore);
    const restedMs = await rested(server);
    this.#assertSame();
    return {
      latenciesMs: this.#clients.map(({ startMs: fromMs, joinedAtMs }) => (joinedAtMs as number) - fromMs),
      bytes: this.#bytes,
      arrivalSeconds: (endMs - startMs) / 1000,
      restlessSeconds: Math.max(0, restedMs - endMs) / 1000,
      serverCpuSeconds: readCpuSeconds(server.pid) - cpuBefore,
      ownCpuSeconds: (own.user + own.system) / 1e6,
    };
  }

  /**
   * Has Yjs look at what the sampled clients were sent, beside what they had.
   *
   * @throws Error when that is not the document.
   */
  verify(had: readonly Uint8Array[], fingerprint: string): void {
    this.#scripts.forEach(({ wire }, i) => {
      const { messages = [] } = this.#clients[i] ?? {};
      if (messages.length === 0) return;
      if (fingerprintOfUpdates([...had, ...updatesIn(messages, wire)]) !== fingerprint) {
        throw new Error("what a client was sent is not the document");
      }
    });
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  get #missing(): number {
    return this.#clients.filter(({ joinedAtMs }) => joinedAtMs === null).length;
  }

  get #bytes(): Arrivals["bytes"] {
    const total = { down: 0, up: 0 };
    for (const { bytes } of this.#clients) {
      total.down += bytes.down;
      total.up += bytes.up;
    }
    return total;
  }

  #hasJoined(client: Skimmer): boolean {
    client.assertWell();
    return client.joinedAtMs !== null;
  }

  /** TCP loses nothing in between: who got as many bytes as the sampled ones got the same. */
  #assertSame(): void {
    const sizes = new Set(this.#clients.map(({ documentBytes }) => documentBytes));
    if (sizes.size > 1) throw new Error(`clients were sent documents of ${[...sizes].join(", ")} bytes`);
  }
}

/** The updates in a client's messages, inflated. */
function updatesIn(messages: readonly Uint8Array[], wire: Wire): Uint8Array[] {
  return messages
    .flatMap((message) => wire.read(message))
    .flatMap((incoming) => {
      if (incoming.kind === "update") return [incoming.update];
      if (incoming.kind !== "catch-up") return [];
      return [incoming.isDeflated ? inflateRawSync(incoming.update) : incoming.update];
    });
}

/** Resolves when a server has had nothing to do for a while, with the time since when. */
export async function rested(server: ServerProcess): Promise<number> {
  let cpuSeconds = readCpuSeconds(server.pid);
  let sinceMs = performance.now();
  await waitUntil(
    () => {
      server.assertAlive();
      const nowSeconds = readCpuSeconds(server.pid);
      if (nowSeconds !== cpuSeconds) sinceMs = performance.now();
      cpuSeconds = nowSeconds;
      return performance.now() - sinceMs > REST_MS;
    },
    ARRIVAL_TIMEOUT_MS,
    () => "the server does not come to rest",
  );
  return sinceMs;
}
