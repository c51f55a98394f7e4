import { DEFAULT_LIMITS, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { Live } from "../../../server/src/documents/live.ts";
import type { Following, FollowRequest } from "../../../server/src/documents/live-api.ts";
import { Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import { encodeLiveEvent } from "../../../server/src/http/api/events.ts";
import { summarizeUpdate } from "../../../server/src/inspect/log-entries.ts";
import { type Admissions, admitAs, NO_REQUEST } from "../../../server/src/protocols/admission.ts";
import { type ReceivedEvents, receive } from "../../support/server-sent-events.ts";
import { World, type WorldOptions } from "../../support/world.ts";

/** Logs are folded by nobody. */
export const NEVER = { minTailBytes: Number.POSITIVE_INFINITY, maxTailEntries: Number.POSITIVE_INFINITY };

interface Options extends WorldOptions {
  readonly rights?: RightsSpec;
  /** Who decides. Default: everybody is ann. */
  readonly admissions?: (world: World) => Admissions;
}

/** Documents that can be followed, and what was asked of the log. */
export class LiveWorld extends World {
  readonly live: Live;
  readonly hits: LimitName[] = [];
  /** Places after which the log was read. */
  readonly reads: number[] = [];
  /** Bytes of updates that were looked at elsewhere; while it is broken, they cannot be. */
  readonly summarized: number[] = [];
  isWorkerBroken = false;
  /** How many events were encoded. */
  encoded = 0;

  constructor({ rights = "write", admissions, ...options }: Options = {}) {
    super(options);
    const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.live = new Live({
      rooms: this.rooms,
      admissions: admissions?.(this) ?? admitAs({ author: "ann", rights: Rights.from(rights) }),
      log: {
        log: (document, after, maxBytes) => {
          this.reads.push(after);
          return this.storage.read(document, after, maxBytes);
        },
      },
      worker: {
        summarize: async (_, updates) => {
          this.summarized.push(updates.reduce((sum, { length }) => sum + length, 0));
          if (this.isWorkerBroken) throw new JoineryError("REPLICA_FAILED", "the worker is gone");
          return updates.map(summarizeUpdate);
        },
      },
      limits,
      random: { bytes: (length) => new Uint8Array(length) },
      sessions: () => [],
      encode: (event) => {
        this.encoded++;
        return encodeLiveEvent(event);
      },
      onLimit: (limit) => this.hits.push(limit),
    });
  }

  async following(document: string, request: Partial<FollowRequest> = {}): Promise<Following> {
    return await this.live.follow({
      who: { connection: NO_REQUEST, token: null },
      document: this.name(document),
      hasUpdates: false,
      after: null,
      signal: new AbortController().signal,
      ...request,
    });
  }

  async follow(document: string, request: Partial<FollowRequest> = {}): Promise<ReceivedEvents> {
    const received = receive((await this.following(document, request)).events);
    await this.settle();
    return received;
  }

  get sessions(): number {
    return this.rooms.counts().sessions;
  }
}

/** Reads one piece after the other, when it is told to. */
export class Reader {
  readonly #events: AsyncIterator<Uint8Array>;

  constructor({ events }: Following) {
    this.#events = events[Symbol.asyncIterator]();
  }

  async next(): Promise<string> {
    const { value, done } = await this.#events.next();
    return done ? "over" : new TextDecoder().decode(value);
  }
}

export interface Place {
  readonly lineage: string;
  readonly branch: string;
  readonly seq: number;
}

export async function revisionOf(world: World, document: string): Promise<Place> {
  const room = world.rooms.room(world.name(document));
  if (room === null) throw new Error("it is not in memory");
  const { lineage, durableSeq: seq } = room;
  return { lineage, branch: room.branchAt(seq), seq };
}

/** So many batches. */
export async function type(
  world: World,
  client: { type(text: string): void },
  batches: number,
): Promise<void> {
  for (let i = 0; i < batches; i++) {
    client.type("x");
    await world.advance(1000);
  }
}
