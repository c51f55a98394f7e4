/** Going on with a server for as long as somebody wants it, through its restarts. */

import { JoineryError } from "@joinery/shared";
import { lost } from "./failures.ts";
import { pause } from "./pause.ts";

/** Where the server does not say: what a restart takes; twice as long each time, and never longer than that. */
const FIRST_WAIT_MS = 2000;
const MAX_WAIT_MS = 30_000;
/** Whatever the server says. */
const MIN_WAIT_MS = 100;
/** Longer than this nobody waits for a server to come back: whoever does starts anew. */
const MAX_AWAY_MS = 60 * 60_000;

export interface Patience {
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** From 0 to 1: so that those whom a server lost do not come back all at once. */
  readonly random?: () => number;
  readonly wait?: typeof pause;
  /** After how many milliseconds the server wants one to come back; `null` where it does not say. */
  readonly retryMs?: () => number | null;
}

/** The server is gone, and asked again after a while. */
export interface Lost {
  readonly kind: "lost";
  readonly error: JoineryError;
  readonly waitMs: number;
}

/** That what was told is all. Else a stream that ends is one that was lost. */
export const END: unique symbol = Symbol("end");

/**
 * Tells what a server does, and starts anew when it was lost.
 *
 * @param begin Asks it, at first and then again. Once it told anything, what fails with an error that may go by is
 * tried again; it returns {@link END} where nothing is to come.
 * Throws what is not to be tried again; CONNECTION_LOST (backoff) when the server was away for an hour.
 */
export async function* comingBack<Told>(
  begin: () => AsyncGenerator<Told, typeof END | undefined>,
  { signal, random = Math.random, wait = pause, retryMs = () => null }: Patience,
): AsyncGenerator<Told | Lost> {
  let isBegun = false;
  let awayMs = 0;
  let waitMs = 0;
  for (;;) {
    let failure: JoineryError;
    const stream = begin();
    try {
      for (let next = await stream.next(); ; next = await stream.next()) {
        if (next.done && next.value === END) return;
        if (next.done) break;
        isBegun = true;
        awayMs = 0;
        waitMs = 0;
        yield next.value;
      }
      failure = lost("the server ended the stream");
    } catch (error) {
      if (!isBegun || !mayGoBy(error)) throw error;
      failure = error;
    } finally {
      // Where nobody wants more, the request ends.
      await stream.return(undefined);
    }
    if (awayMs > MAX_AWAY_MS) throw lost(`${failure.message}; it was tried for an hour`, failure);
    const first = Math.max(retryMs() ?? FIRST_WAIT_MS, MIN_WAIT_MS);
    waitMs = Math.min(waitMs === 0 ? first : waitMs * 2, MAX_WAIT_MS);
    const ms = Math.round(waitMs * (0.5 + random() / 2));
    yield { kind: "lost", error: failure, waitMs: ms };
    await wait(ms, signal);
    awayMs += ms;
  }
}

/** Whether it may go by: the server is started again, or has too much to do. */
export function mayGoBy(error: unknown): error is JoineryError {
  return error instanceof JoineryError && error.row.retry === "backoff" && error.code !== "INTERNAL";
}
