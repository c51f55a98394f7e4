/** Following a document on a server, for as long as somebody wants it: through restarts, and without a hole. */

import { JoineryError } from "@joinery/shared";
import { comingBack, END, type Lost, type Patience } from "./coming-back.ts";
import type { ServerConnection } from "./connection.ts";
import { errorOfContent, lost } from "./failures.ts";
import { type LiveEvent, liveEventOf } from "./live-event.ts";
import type { EventPlace } from "./server-events.ts";

/** The server sends a sign of life more often. */
const IDLE_MS = 120_000;

export interface FollowOptions extends Omit<Patience, "retryMs"> {
  /** Finds the server, each time anew: one that was started again may be elsewhere. */
  readonly connect: () => Promise<ServerConnection>;
  readonly document: string;
  /** Whether batches come with their updates. */
  readonly hasUpdates: boolean;
}

export type FollowEvent = LiveEvent | Lost;

/**
 * Tells what happens to a document from now on. After a server was lost it goes on behind the last batch that was told.
 *
 * Ends after an `end`. Throws as `comingBack`.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<FollowEvent> {
  const place: EventPlace = { id: null, retryMs: null };
  yield* comingBack(() => eventsOf(options, place), { ...options, retryMs: () => place.retryMs });
}

async function* eventsOf(
  { connect, document, hasUpdates, signal }: FollowOptions,
  place: EventPlace,
): AsyncGenerator<LiveEvent, typeof END | undefined> {
  const connection = await connect();
  const answer = await connection.call({
    path: ["documents", document, "events"],
    query: hasUpdates ? { updates: true } : {},
    headers: { Accept: "text/event-stream", ...(place.id !== null && { "Last-Event-ID": place.id }) },
    idleMs: IDLE_MS,
    ...(signal && { signal }),
  });
  for await (const { event, data } of answer.events(place)) {
    const told = liveEventOf(event, parsed(data, connection.url));
    if (told === null) continue;
    if (told.kind === "end" && told.retry === "backoff") throw failureOf(told);
    yield told;
    if (told.kind === "end") return END;
  }
  return undefined;
}

/** One that is to be tried again, whatever the code says. */
function failureOf({ code, message }: Extract<LiveEvent, { kind: "end" }>): JoineryError {
  const error = new JoineryError(code, message);
  return error.row.retry === "backoff" ? error : lost(message);
}

function parsed(data: string, url: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw errorOfContent(url, "its events are no JSON");
  }
}
