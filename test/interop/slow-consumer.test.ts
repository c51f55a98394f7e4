import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as decoding from "lib0/decoding";
import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import * as Y from "yjs";
import { GarbageCollector } from "../../bench/src/garbage-collector.ts";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { until, within } from "../support/until.ts";

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const VALUE_BYTES = 16 * 1024;
/** Until then the server compiles, and fills caches of its own. */
const WARM_UP_BYTES = 100 * MIB;
const TRAFFIC_BYTES = 200 * MIB;
const MAX_GROWTH_BYTES = 16 * MIB;
const MAX_EDITS_IN_FLIGHT = 128;
const EDITS_PER_COLLECTION = 2000;
const WITHIN = { withinMs: 100_000 };

/** Who sends the edits, in the order of their turns. */
const WRITERS = [101, 102, 103, 104];
const READERS = [201, 202];
const SLOW = 301;

test("a reader that stops costs the server next to nothing, nobody waits for it, and it catches up by one diff", {
  timeout: 300_000,
}, async () => {
  const server = await startPatient();
  const collector = await collectorOf(server);
  const live = await Promise.all([...WRITERS, ...READERS].map((id) => Client.join(server, id)));
  const slow = await Client.join(server, SLOW);
  const crowd = new Crowd(live, collector);

  await crowd.play(WARM_UP_BYTES);
  await until("the reader to have everything", () => crowd.isComplete(slow), WITHIN);
  const before = await heldBytes(server, collector);

  slow.pause();
  const known = slow.frames.length;
  // Resolves when all others have everything.
  await crowd.play(TRAFFIC_BYTES);
  expect(slow.frames).toHaveLength(known);
  const growth = (await heldBytes(server, collector)) - before;

  slow.resume();
  await until("the reader to have everything", () => crowd.isComplete(slow), WITHIN);
  const late = await Client.join(server, 302);
  for (const client of [slow, late, ...live]) {
    expect(client.values).toEqual((live[0] as Client).values);
    expect(client.isOpen).toBe(true);
  }
  expect(Object.keys(late.values)).toHaveLength(WRITERS.length);

  // What the kernel and the server had taken for it before it lagged, and then all the rest at once: one diff, as a
  // snapshot and what came after that.
  const missed = slow.frames.slice(known);
  const start = missed.findIndex(({ edits }) => edits > (TRAFFIC_BYTES / VALUE_BYTES) * 0.5);
  expect(start).toBeGreaterThanOrEqual(0);
  const diff = missed.slice(start);
  expect(diff.length).toBeLessThanOrEqual(4);
  expect(diff.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(MIB);
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
});

/** Starts a server that does not send the reader away, however long a busy machine takes for the rest. */
async function startPatient(): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-slow-consumer-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = join(folder, "joinery.config.mjs");
  const limits = { stalledTimeoutMs: HOUR_MS, maxBytesPerSecond: 1024 * MIB };
  const heartbeat = { intervalMs: HOUR_MS, timeoutMs: HOUR_MS };
  await writeFile(config, `export default ${JSON.stringify({ limits, heartbeat })};`);
  const server = await startServer({
    args: ["--config", config],
    env: {
      NODE_OPTIONS: "--inspect-port=127.0.0.1:0",
      // So that glibc gives back what was freed, and memory is what the server holds.
      MALLOC_ARENA_MAX: "1",
      MALLOC_MMAP_THRESHOLD_: "8192",
      MALLOC_TRIM_THRESHOLD_: "65536",
    },
  });
  onTestFinished(() => server.dispose());
  onTestFailed(() => {
    process.stderr.write(`The server printed:\n${server.stdout}${server.stderr}\n`);
  });
  return server;
}

async function collectorOf(server: ServerProcess): Promise<GarbageCollector> {
  process.kill(server.pid, "SIGUSR1");
  const url = () => /Debugger listening on (ws:\S+)/.exec(server.stderr)?.[1];
  await until("the debugger's port to be open", () => url() !== undefined);
  const collector = await GarbageCollector.connect(url() as string);
  onTestFinished(() => collector.close());
  return collector;
}

/**
 * The memory that the server has when it rests, without garbage, and without pages of files: LevelDB maps its
 * tables, and the kernel takes such pages back whenever it wants them.
 */
async function heldBytes(server: ServerProcess, collector: GarbageCollector): Promise<number> {
  await collector.run();
  // What LevelDB does behind the scenes comes to rest.
  await delay(2000);
  await collector.run();
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Writers that go as fast as all who read, and those who do. */
class Crowd {
  readonly #live: readonly Client[];
  readonly #writers: readonly Client[];
  readonly #collector: GarbageCollector;
  #played = 0;

  constructor(live: readonly Client[], collector: GarbageCollector) {
    this.#live = live;
    this.#writers = live.slice(0, WRITERS.length);
    this.#collector = collector;
  }

  /** Sends edits of so many bytes in all; resolves when every live client has them. */
  async play(bytes: number): Promise<void> {
    const goal = this.#played + bytes / VALUE_BYTES;
    while (this.#played < goal) {
      await until("the others to read", () => this.#inFlight < MAX_EDITS_IN_FLIGHT, WITHIN);
      while (this.#played < goal && this.#inFlight < MAX_EDITS_IN_FLIGHT) {
        (this.#writers[this.#played % this.#writers.length] as Client).overwrite(this.#played++);
        if (this.#played % EDITS_PER_COLLECTION === 0) await this.#collector.run();
      }
    }
    await until("everybody to have everything", () => this.#inFlight === 0, WITHIN);
  }

  isComplete(client: Client): boolean {
    return client.edits === this.#played;
  }

  /** Edits that the slowest has not got. */
  get #inFlight(): number {
    return this.#played - Math.min(...this.#live.map(({ edits }) => edits));
  }
}

/** A frame that brought edits. */
interface Arrival {
  readonly bytes: number;
  readonly edits: number;
}

/** A Y.Doc on a raw connection, which counts what arrives. */
class Client {
  readonly frames: Arrival[] = [];
  readonly #doc = new Y.Doc();
  readonly #webSocket: WebSocket;

  private constructor(webSocket: WebSocket, id: number) {
    this.#webSocket = webSocket;
    this.#doc.clientID = id;
    this.#doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== this) webSocket.send(Y_WEBSOCKET.update(update));
    });
    webSocket.on("message", (frame: Buffer) => this.#receive(frame));
    webSocket.send(Y_WEBSOCKET.ask(Y.encodeStateVector(this.#doc)));
  }

  /** Resolves when it has the document. */
  static async join(server: ServerProcess, id: number): Promise<Client> {
    const webSocket = new WebSocket(`${server.wsUrl}/traffic`, { maxPayload: 0 });
    onTestFinished(() => webSocket.terminate());
    await within("the client to connect", once(webSocket, "open"));
    const client = new Client(webSocket, id);
    await until("the document", () => client.frames.length > 0);
    return client;
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === WebSocket.OPEN;
  }

  /** Edits of all that it has: each takes one tick of its writer. */
  get edits(): number {
    let edits = 0;
    for (const writer of WRITERS) edits += Y.getState(this.#doc.store, writer);
    return edits;
  }

  get values(): Record<string, unknown> {
    return this.#doc.getMap("values").toJSON();
  }

  overwrite(number: number): void {
    const key = String(this.#doc.clientID);
    this.#doc.getMap("values").set(key, String(number).padEnd(VALUE_BYTES, "abcdefghijklmnop"));
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  #receive(frame: Buffer): void {
    const decoder = decoding.createDecoder(frame);
    if (decoding.readVarUint(decoder) !== 0) return;
    const step = decoding.readVarUint(decoder);
    const payload = decoding.readVarUint8Array(decoder);
    if (step === 0) {
      this.#webSocket.send(Y_WEBSOCKET.catchUp(Y.encodeStateAsUpdate(this.#doc, payload), true));
      return;
    }
    const { edits } = this;
    Y.applyUpdate(this.#doc, payload, this);
    this.frames.push({ bytes: frame.length, edits: this.edits - edits });
  }
}
