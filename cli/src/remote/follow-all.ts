/** Following all documents that are open on a server: it is asked every second which have something new. */

import { type ErrorCode, JoineryError } from "@joinery/shared";
import { comingBack, type END, type Lost, type Patience } from "./coming-back.ts";
import type { ServerConnection } from "./connection.ts";
import { Fields } from "./fields.ts";
import type { LiveEvent } from "./live-event.ts";
import { batchesSince } from "./logged-batches.ts";
import { pause } from "./pause.ts";
import { listRooms, type RoomSample } from "./rooms.ts";

const INTERVAL_MS = 1000;

export interface FollowAllOptions extends Omit<Patience, "retryMs"> {
  /** Finds the server, each time anew. */
  readonly connect: () => Promise<ServerConnection>;
  readonly hasUpdates: boolean;
}

/** What happened in one of them. */
export interface OpenedOrClosed {
  readonly kind: "opened" | "closed";
}

export interface DocumentEvent {
  readonly kind: "document";
  readonly document: string;
  readonly event: LiveEvent | OpenedOrClosed;
}

export type AllEvent =
  | DocumentEvent
  /** The server was asked: so many documents are open. */
  | { readonly kind: "here"; readonly documents: number }
  | Lost;

/** Of a document that is gone, or damaged: others go on. */
const OF_ONE_DOCUMENT: readonly ErrorCode[] = ["DOCUMENT_NOT_FOUND", "DOCUMENT_DELETED", "DOCUMENT_DAMAGED"];

/** Tells what happens to all documents that are open, or opened, from now on. Throws as `comingBack`. */
export async function* followAll(options: FollowAllOptions): AsyncGenerator<AllEvent> {
  const seen: Seen = { seqs: new Map(), isFirst: true };
  yield* comingBack(() => asking(options, seen), options);
}

/** Of each document that is open, the last batch that was told. */
interface Seen {
  readonly seqs: Map<string, number>;
  isFirst: boolean;
}

type Told = Exclude<AllEvent, Lost>;

async function* asking(
  { connect, hasUpdates, signal, wait = pause }: FollowAllOptions,
  seen: Seen,
): AsyncGenerator<Told, typeof END | undefined> {
  const connection = await connect();
  for (;;) {
    const rooms = (await listRooms(connection)).filter(({ state }) => state !== "loading");
    yield { kind: "here", documents: rooms.length };
    for (const room of rooms) yield* newsOf(connection, room, { seen, hasUpdates });
    yield* closedOf(connection, rooms, { seen, hasUpdates });
    seen.isFirst = false;
    await wait(INTERVAL_MS, signal);
  }
}

interface Reading {
  readonly seen: Seen;
  readonly hasUpdates: boolean;
}

async function* newsOf(
  connection: ServerConnection,
  { document, seq, durableSeq, batches }: RoomSample,
  { seen, hasUpdates }: Reading,
): AsyncGenerator<DocumentEvent> {
  const { seqs, isFirst } = seen;
  let last = seqs.get(document);
  if (last === undefined) {
    // Of one that was opened meanwhile, what came since is news too.
    last = isFirst ? durableSeq : Math.max(0, seq - batches);
    if (!isFirst) yield { kind: "document", document, event: { kind: "opened" } };
  }
  // It was deleted, and made anew.
  if (durableSeq < last) last = 0;
  seqs.set(document, last);
  yield* batchesOf(connection, { document, after: last, last: durableSeq, hasUpdates }, seqs);
}

/** What was written just before they were closed is told too. */
async function* closedOf(
  connection: ServerConnection,
  rooms: readonly RoomSample[],
  { seen: { seqs }, hasUpdates }: Reading,
): AsyncGenerator<DocumentEvent> {
  const open = new Set(rooms.map(({ document }) => document));
  for (const [document, after] of seqs) {
    if (open.has(document)) continue;
    const last = await lastSeqOf(connection, document);
    if (last > after) yield* batchesOf(connection, { document, after, last, hasUpdates }, seqs);
    seqs.delete(document);
    yield { kind: "document", document, event: { kind: "closed" } };
  }
}

async function* batchesOf(
  connection: ServerConnection,
  part: Parameters<typeof batchesSince>[1],
  seqs: Map<string, number>,
): AsyncGenerator<DocumentEvent> {
  const { document, last } = part;
  try {
    for await (const event of batchesSince(connection, part)) {
      yield { kind: "document", document, event };
      // If the server is lost in the middle, it goes on here.
      if (event.kind === "batch") seqs.set(document, event.seq);
    }
  } catch (error) {
    if (!(error instanceof JoineryError) || !OF_ONE_DOCUMENT.includes(error.code)) throw error;
  }
  seqs.set(document, last);
}

/** 0 for one that is gone. */
async function lastSeqOf(connection: ServerConnection, document: string): Promise<number> {
  try {
    const listing = await connection.json({ path: ["documents", document] });
    return new Fields(listing, "the listing of a document").whole("seq");
  } catch (error) {
    if (!(error instanceof JoineryError) || !OF_ONE_DOCUMENT.includes(error.code)) throw error;
    return 0;
  }
}
