/** What happens in documents now: see `live-api.ts`. */

import { type DocumentName, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { admissionAtDoor, type SessionInfo } from "../access/access-api.ts";
import type { Random } from "../engine/ports.ts";
import type { Room } from "../engine/room.ts";
import type { Rooms } from "../engine/rooms.ts";
import type { DocumentSource } from "../inspect/source.ts";
import type { Admissions } from "../protocols/admission.ts";
import { openSession } from "../protocols/driver.ts";
import type {
  DocumentsLive,
  Following,
  FollowRequest,
  LiveEvent,
  PresentClient,
  RoomInfo,
  RoomsQuery,
} from "./live-api.ts";
import { LIVE_DIALECT } from "./live-dialect.ts";
import { LiveDocument } from "./live-document.ts";
import { Follower } from "./live-follower.ts";
import { presentIn } from "./live-presence.ts";
import type { ReadWorker } from "./reading.ts";

export interface LiveOptions {
  readonly rooms: Rooms;
  readonly admissions: Admissions;
  /** Where the log is read. */
  readonly log: Pick<DocumentSource, "log">;
  /** Where large batches are looked at. */
  readonly worker: Pick<ReadWorker, "summarize">;
  readonly limits: Limits;
  readonly random: Random;
  /** Those who are in a document, as who let them in knows them. */
  readonly sessions: (document: DocumentName) => readonly SessionInfo[];
  /** How an event goes over the wire; must not throw. */
  readonly encode: (event: LiveEvent) => Uint8Array;
  readonly onLimit: (limit: LimitName) => void;
}

/** Those who follow one document. */
interface Audience {
  followers: number;
  /** `null` until one of them has begun. */
  live: { readonly room: Room; readonly document: LiveDocument } | null;
}

export class Live implements DocumentsLive {
  readonly #options: LiveOptions;
  readonly #audiences = new Map<DocumentName, Audience>();

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  async follow(request: FollowRequest): Promise<Following> {
    const { who, document, hasUpdates, after, signal } = request;
    const admission = await this.#options.admissions.admit(admissionAtDoor(who, document, LIVE_DIALECT.name));
    if (hasUpdates) admission.rights.demand("history");
    if (signal.aborted) throw signal.reason;
    const { rooms, admissions, limits, random, encode, onLimit } = this.#options;
    const audience = this.#enter(document);
    const follower = new Follower({
      hasUpdates,
      after,
      maxWaitingBytes: limits.maxFollowerBytes,
      random,
      encode,
      onBegun: () => this.#documentOf(audience, document),
      onEnded: () => this.#leave(audience, document),
      onSlow: () => onLimit("maxFollowerBytes"),
    });
    const leave = () => follower.leave();
    const onAbort = () => {
      const { reason } = signal;
      const isEnded = reason instanceof JoineryError && reason.code !== "CONNECTION_LOST";
      if (isEnded) follower.end(reason);
      else leave();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const { outbox } = follower;
      const context = { rooms, admissions, outbox, request: who.connection, path: "" };
      await follower.join(openSession(context, { document, dialect: LIVE_DIALECT, outbox }, admission));
    } catch (thrown) {
      leave();
      throw thrown;
    }
    return { events: follower.events(), leave };
  }

  /** @throws JoineryError TOO_MANY_CONNECTIONS (backoff). */
  #enter(document: DocumentName): Audience {
    const audience = this.#audiences.get(document) ?? { followers: 0, live: null };
    const limit = "maxDocumentFollowers";
    const max = this.#options.limits[limit];
    if (audience.followers >= max) {
      this.#options.onLimit(limit);
      throw new JoineryError("TOO_MANY_CONNECTIONS", `${max} follow this document, the limit`, { limit });
    }
    audience.followers++;
    this.#audiences.set(document, audience);
    return audience;
  }

  #leave(audience: Audience, document: DocumentName): void {
    audience.followers--;
    if (audience.followers === 0) this.#audiences.delete(document);
  }

  #documentOf(audience: Audience, document: DocumentName): LiveDocument {
    const room = this.#options.rooms.room(document);
    if (room === null) throw new Error("a session is live in no room");
    if (audience.live?.room !== room) {
      audience.live = { room, document: new LiveDocument(room, this.#options) };
    }
    return audience.live.document;
  }

  presence(document: DocumentName): readonly PresentClient[] {
    const { rooms, limits, sessions } = this.#options;
    const room = rooms.room(document);
    if (room === null) return [];
    const since = new Map(sessions(document).map((info) => [info.session, info.since]));
    return presentIn(room.encodePresence({ withDeparted: false }), limits).map((present) => {
      const session = room.presentUnder(present.clientId)?.id ?? null;
      return { ...present, session, since: session === null ? null : (since.get(session) ?? null) };
    });
  }

  signal(
    to: { readonly document: DocumentName; readonly user?: string },
    name: string,
    payload: unknown,
  ): number {
    return this.#options.rooms.signal(to, name, payload);
  }

  rooms({ prefix, after, limit }: RoomsQuery): ReturnType<DocumentsLive["rooms"]> {
    const rooms: RoomInfo[] = [];
    for (const room of this.#options.rooms.all()) {
      if (room.epoch <= after || !room.document.startsWith(prefix)) continue;
      if (rooms.length === limit) return { rooms, next: rooms.at(-1)?.room ?? null };
      const info = infoOf(room);
      if (info !== null) rooms.push(info);
    }
    return { rooms, next: null };
  }
}

/** @returns `null` for one that has ended. */
function infoOf(room: Room): RoomInfo | null {
  const { epoch, document, state, sessions, bytes, uncommittedBytes, heldBytes, arrival, seq } = room;
  if (state === "evicted" || state === "failed") return null;
  return {
    room: epoch,
    document,
    state,
    sessions: sessions.size,
    seq,
    durableSeq: room.isAlive ? room.durableSeq : 0,
    bytes,
    uncommittedBytes,
    heldBytes,
    loadedAt: arrival?.time ?? null,
    batches: arrival === null ? 0 : seq - arrival.seq,
  };
}
