/**
 * Somebody who follows a document: a session of the engine that says nothing. What the engine tells it wakes whoever
 * reads; batches are read from the log then, as fast as they are asked for, so that they never wait in memory. Presence
 * and signals are not kept anywhere: of those a bounded part waits. Above it, presence is told anew as a whole, and signals
 * are dropped and counted.
 *
 *   joining ──> begun ──> ended
 */

import { JoineryError, toJoineryError } from "@joinery/shared";
import { localOutbox } from "../engine/local-link.ts";
import type { Outbox, Random } from "../engine/ports.ts";
import type { Session } from "../engine/session.ts";
import type { FollowRequest, LiveEvent } from "./live-api.ts";
import { Note } from "./live-dialect.ts";
import type { LiveDocument } from "./live-document.ts";
import { placeAfter } from "./live-place.ts";

/** Small events are sent together, up to so many bytes. */
const MAX_PIECE_BYTES = 64 * 1024;

export interface FollowerOptions extends Pick<FollowRequest, "hasUpdates" | "after"> {
  readonly maxWaitingBytes: number;
  readonly random: Random;
  readonly encode: (event: LiveEvent) => Uint8Array;
  /** The session is live; what is shared by all who follow the document. */
  readonly onBegun: () => LiveDocument;
  /** Called once. */
  readonly onEnded: () => void;
  /** Too much waited. */
  readonly onSlow: () => void;
}

/** When the server goes, all come back: not at once, as sockets do not. */
const COME_BACK = { afterMs: 1_000, withinMs: 4_000 };

interface Waiting {
  /** greeting: what is said once, when it begins. */
  readonly kind: "greeting" | "presence" | "signal";
  readonly event: Uint8Array;
}

export class Follower {
  readonly #options: FollowerOptions;
  readonly #begun = Promise.withResolvers<void>();
  #session: Session | null = null;
  #document: LiveDocument | null = null;
  /** The last batch that was told, and the last that is on disk. */
  #seq = 0;
  #durableSeq = 0;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Whether everybody who is here is to be told anew. */
  #owesEverybody = true;
  #missedSignals = 0;
  /** Why it ended; `null` while it goes on. */
  #reason: JoineryError | null = null;
  /** Whether nobody reads any more. */
  #isGone = false;
  /** Whether something happened since it was last looked what can be told. */
  #hasNews = true;
  #wake: (() => void) | null = null;

  constructor(options: FollowerOptions) {
    this.#options = options;
    // It may end before anybody waits for it.
    this.#begun.promise.catch(() => undefined);
  }

  /** Where the session's frames go. The engine keeps nothing for it: what waits is bounded here. */
  readonly outbox: Outbox = localOutbox({
    send: (frames) => this.#send(frames),
    close: (error) => this.#ended(error),
  });

  /** Resolves when the session is live; rejects with what ended it before. */
  async join(session: Session): Promise<void> {
    this.#session = session;
    session.follow();
    await this.#begun.promise;
  }

  /** Nobody reads any more. Idempotent. */
  leave(): void {
    this.#isGone = true;
    this.#session?.left();
    this.#ended(new JoineryError("CONNECTION_LOST", "whoever followed the document is gone"));
  }

  /** Ends it for a reason, which whoever reads is told. Idempotent. */
  end(error: JoineryError): void {
    this.#fail(error);
  }

  /** What is told, until it ended and that was told. For one reader. */
  async *events(): AsyncGenerator<Uint8Array> {
    while (this.#reason === null) {
      this.#hasNews = false;
      const events = await this.#next();
      for (const piece of inPieces(events)) {
        // Nobody who may not be here any more is told what was read meanwhile.
        if (this.#reason !== null) break;
        yield piece;
      }
      if (events.length === 0) await this.#woken();
    }
    if (this.#isGone) return;
    const { encode, random } = this.#options;
    yield encode({ type: "ended", error: this.#reason, comeBackMs: comeBackMs(random) });
  }

  /** What can be told now; empty for nothing. */
  async #next(): Promise<Uint8Array[]> {
    const events = this.#takeWaiting();
    if (this.#seq < this.#durableSeq) events.push(...(await this.#nextBatches()));
    return events;
  }

  async #nextBatches(): Promise<readonly Uint8Array[]> {
    const { hasUpdates } = this.#options;
    try {
      if (hasUpdates) this.#here.rights.demand("history");
      const { events, seq } = await this.#followed.batches(hasUpdates).after(this.#seq, this.#durableSeq);
      this.#seq = seq;
      return events;
    } catch (thrown) {
      this.#fail(thrown);
      return [];
    }
  }

  #takeWaiting(): Uint8Array[] {
    const events = this.#waiting.map(({ event }) => event);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#missedSignals > 0) {
      events.push(this.#options.encode({ type: "missed", signals: this.#missedSignals }));
      this.#missedSignals = 0;
    }
    if (this.#owesEverybody) {
      this.#owesEverybody = false;
      events.push(this.#followed.everybody());
    }
    return events;
  }

  async #woken(): Promise<void> {
    if (this.#hasNews) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  // What the engine says

  /** Called while a room flushes, which what goes wrong here must not end. */
  #send(frames: readonly Uint8Array[]): void {
    try {
      for (const frame of frames) if (frame instanceof Note) this.#take(frame);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #take(note: Note): void {
    const { said } = note;
    if (said.kind === "opened") void Promise.resolve().then(() => this.#begin());
    // What it is sent when it is let in is no news: it is told of everybody anyway.
    if (this.#document === null || said.kind === "nothing") return;
    if (said.kind === "durable") this.#durableSeq = Math.max(this.#durableSeq, said.seq);
    else if (said.kind !== "opened") {
      const event = this.#document.eventOf(note);
      if (event === null) return;
      this.#wait({ kind: said.kind, event });
    }
    this.#wakeUp();
  }

  /** In the turn in which it was let in; nothing was flushed since. */
  #begin(): void {
    if (this.#reason !== null) return;
    try {
      this.#document = this.#options.onBegun();
      const { after, hasUpdates } = this.#options;
      const { whereItIs } = this.#document;
      const { revision, reset } = placeAfter(after, whereItIs);
      this.#seq = revision.seq;
      this.#durableSeq = whereItIs.durable.seq;
      const { document, author: user, id: session } = this.#here;
      this.#say({ type: "hello", document, revision, user, session, hasUpdates });
      if (reset !== null) this.#say({ type: "reset", reason: reset, given: after ?? "" });
      this.#begun.resolve();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #say(event: LiveEvent): void {
    this.#waiting.push({ kind: "greeting", event: this.#options.encode(event) });
  }

  #wait(waiting: Waiting): void {
    const { kind, event } = waiting;
    if (kind === "presence" && this.#owesEverybody) return;
    const { maxWaitingBytes, onSlow } = this.#options;
    // What is too large by itself is told to who waits for it.
    if (this.#waitingBytes > 0 && this.#waitingBytes + event.length > maxWaitingBytes) {
      onSlow();
      if (kind === "signal") this.#missedSignals++;
      else this.#oweEverybody();
      return;
    }
    this.#waiting.push(waiting);
    this.#waitingBytes += event.length;
  }

  /** What changed is told by who is here then. */
  #oweEverybody(): void {
    this.#owesEverybody = true;
    this.#waiting = this.#waiting.filter(({ kind }) => kind !== "presence");
    this.#waitingBytes = this.#waiting.reduce((sum, { event }) => sum + event.length, 0);
  }

  #ended(error: JoineryError): void {
    if (this.#reason !== null) return;
    this.#reason = error;
    this.#begun.reject(error);
    this.#options.onEnded();
    this.#wakeUp();
  }

  #fail(thrown: unknown): void {
    const error = toJoineryError(thrown);
    if (this.#session === null) this.#ended(error);
    else this.#session.close(error);
  }

  #wakeUp(): void {
    this.#hasNews = true;
    this.#wake?.();
    this.#wake = null;
  }

  get #here(): Session {
    if (this.#session === null) throw new Error("the follower has no session");
    return this.#session;
  }

  get #followed(): LiveDocument {
    if (this.#document === null) throw new Error("the follower has not begun");
    return this.#document;
  }
}

/** One event alone goes as it is: it is the same bytes for all. */
function* inPieces(events: readonly Uint8Array[]): Generator<Uint8Array> {
  let start = 0;
  let bytes = 0;
  for (const [at, { length }] of events.entries()) {
    if (at > start && bytes + length > MAX_PIECE_BYTES) {
      yield together(events.slice(start, at), bytes);
      start = at;
      bytes = 0;
    }
    bytes += length;
  }
  if (bytes > 0) yield together(events.slice(start), bytes);
}

function together(events: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = events;
  if (only && events.length === 1) return only;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const event of events) {
    all.set(event, at);
    at += event.length;
  }
  return all;
}

function comeBackMs(random: Random): number {
  const [high = 0, low = 0] = random.bytes(2);
  return COME_BACK.afterMs + Math.floor(((high * 256 + low) / 65_536) * COME_BACK.withinMs);
}
