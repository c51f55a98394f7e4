import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { DEFAULT_LIMITS, type Limits, parseDocumentName } from "@joinery/shared";
import { onTestFinished } from "vitest";
import type { Access } from "../../../server/src/access/access.ts";
import { Live } from "../../../server/src/documents/live.ts";
import { Meter } from "../../../server/src/engine/meter.ts";
import { Rooms } from "../../../server/src/engine/rooms.ts";
import { encodeLiveEvent } from "../../../server/src/http/api/events.ts";
import { API_PATH } from "../../../server/src/http/api/path.ts";
import { summarizeUpdate } from "../../../server/src/inspect/log-entries.ts";
import { storageSource } from "../../../server/src/inspect/storage-source.ts";
import { ServerStats } from "../../../server/src/metrics/server-stats.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { LevelStorage } from "../../../server/src/storage/level.ts";
import { type ReceivedEvents, receive } from "../../support/server-sent-events.ts";
import { within } from "../../support/until.ts";
import { Client, type ClientOptions } from "../../support/world.ts";
import { type ApiStage, openApi } from "./api-stage.ts";

export interface LiveStageOptions {
  /** Has documents, maybe; nobody else has it open. */
  readonly folder: string;
  readonly limits?: Partial<Limits>;
  /** Whether logs are folded by themselves. Default: yes. */
  readonly compacts?: boolean;
}

export interface FollowOptions {
  readonly token?: string;
  readonly lastEventId?: string;
  readonly hasUpdates?: boolean;
  /** Whether it reads by itself. Default: yes. */
  readonly reads?: boolean;
}

/** Somebody who follows a document over HTTP. */
export interface Followed {
  readonly response: IncomingMessage;
  readonly events: ReceivedEvents;
  /** The connection is gone. */
  cut(): void;
}

/** The API on a server of its own, over the engine and a folder. */
export class LiveStage {
  readonly api: ApiStage;
  readonly rooms: Rooms;
  readonly storage: LevelStorage;
  /** Bytes of all events that were encoded. */
  readonly encoded: { bytes: number };
  #isStopped = false;

  static async open({ folder, limits: some, compacts = true }: LiveStageOptions): Promise<LiveStage> {
    const limits = { ...DEFAULT_LIMITS, ...some };
    const storage = new LevelStorage({ folder });
    await storage.open();
    const meter = new Meter();
    const clock = SYSTEM_CLOCK;
    const rooms = new Rooms({
      storage,
      clock,
      random: SYSTEM_RANDOM,
      log: { report: () => undefined },
      limits,
      meter,
      ...(!compacts && { compaction: { minTailBytes: Infinity, maxTailEntries: Infinity } }),
    });
    const encoded = { bytes: 0 };
    // Whoever decides is made with the API; nobody asks before.
    const access = (): Access => api.access as Access;
    const live = new Live({
      rooms,
      admissions: { needsToken: true, isAuthenticating: true, admit: (request) => access().admit(request) },
      log: storageSource(storage, limits),
      worker: { summarize: async (_, updates) => updates.map(summarizeUpdate) },
      limits,
      random: SYSTEM_RANDOM,
      sessions: (document) => access().sessions({ document }),
      encode: (event) => {
        const bytes = encodeLiveEvent(event);
        encoded.bytes += bytes.length;
        return bytes;
      },
      onLimit: (limit) => api.hits.count(limit),
    });
    const stats = new ServerStats({
      version: "1.2.3",
      clock,
      meter,
      connections: () => ({ websocket: 3, loopback: 0 }),
      counts: () => ({ ...NOTHING_COUNTED, ...rooms.counts(), limitHits: api.hits.counts() }),
    });
    stats.start();
    onTestFinished(() => stats.stop());
    const api: ApiStage = await openApi({
      ...(some && { limits: some }),
      services: { live, stats: () => stats.read() },
    });
    const stage = new LiveStage({ api, rooms, storage, encoded });
    onTestFinished(() => stage.stop());
    return stage;
  }

  private constructor(of: Pick<LiveStage, "api" | "rooms" | "storage" | "encoded">) {
    this.api = of.api;
    this.rooms = of.rooms;
    this.storage = of.storage;
    this.encoded = of.encoded;
  }

  /** Somebody who has the document open, on a socket as it were. */
  client(document: string, options: ClientOptions = {}): Client {
    return new Client(this.rooms, parseDocumentName(document), options);
  }

  async follow(document: string, options: FollowOptions = {}): Promise<Followed> {
    const { token = "writer", lastEventId, hasUpdates = false, reads = true } = options;
    const request = httpRequest({
      agent: false,
      host: "127.0.0.1",
      port: this.api.port,
      path: `${API_PATH}/documents/${encodeURIComponent(document)}/events${hasUpdates ? "?updates=true" : ""}`,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(lastEventId !== undefined && { "Last-Event-ID": lastEventId }),
      },
    });
    request.end();
    const [response] = (await within("the answer", once(request, "response"))) as [IncomingMessage];
    // Who is cut off may be told so by an error.
    response.on("error", () => undefined);
    const events = receive(reads ? response : NOBODY);
    return { response, events, cut: () => request.destroy() };
  }

  /** As a server that is told to stop. Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.rooms.drain(5000);
    await this.storage.close();
  }
}

const NOBODY: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

const NOTHING_COUNTED = {
  users: 0,
  tickets: 0,
  hostedDocuments: 0,
  hostedBytes: 0,
  pendingStores: 0,
  failingStores: 0,
};
