/**
 * A server's HTTP API, over `fetch`. Whatever is not the answer that was asked for becomes a {@link JoineryError} of the
 * one table: the server's own where it says one, else CONNECTION_LOST for what may be tried again, and INVALID_OPTION
 * where somebody else answers. Redirects are not followed: the token goes to the address that was named, and nowhere else.
 */

import { type ErrorCode, JoineryError } from "@joinery/shared";
import { VERSION } from "../version.ts";
import { Answer } from "./answer.ts";
import { errorOfNoAnswer, errorOfRedirect, errorOfRefusal, lost } from "./failures.ts";
import { pause } from "./pause.ts";
import { type Query, ServerAddress } from "./server-address.ts";

/** Until the first byte of an answer. */
const FIRST_BYTE_MS = 30_000;
/** Between two pieces of an answer. */
const IDLE_MS = 60_000;

/** A server that has too much to do at the moment says when to come again, in so many seconds at most. */
const MAX_WAIT_SECONDS = 10;
/** And as long as this it is waited for, in all. */
const MAX_WAITS_MS = 60_000;
const BUSY: readonly ErrorCode[] = ["SERVER_FULL", "TOO_MANY_CONNECTIONS"];

export interface ConnectionOptions {
  /** As people name it; a path in it is kept. */
  readonly url: string;
  /** `null` for none. */
  readonly token: string | null;
  /** Name of the flag or variable that the URL was given by, for messages. Default `--server`. */
  readonly where?: string;
  readonly wait?: typeof pause;
}

/** One request. */
export interface ApiCall {
  /** Default GET. */
  readonly method?: "GET" | "POST" | "DELETE";
  /** Below `/api/v1`, segment by segment, as they are: a document's name is one segment, and is encoded here. */
  readonly path: readonly string[];
  readonly query?: Query;
  readonly body?: { readonly json: unknown } | { readonly octets: Uint8Array };
  /** `If-Match`, `Last-Event-ID` and the like. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the first byte; at most 290,000. Default 30,000. */
  readonly firstByteMs?: number;
  /** Milliseconds between two pieces of the answer; at most 290,000. Default 60,000. */
  readonly idleMs?: number;
  /** Gives up: what waits rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export class ServerConnection {
  readonly #address: ServerAddress;
  readonly #token: string | null;
  readonly #wait: typeof pause;

  /** @throws JoineryError INVALID_OPTION (never retry) for what is no URL of a server, or no token. */
  constructor({ url, token, where = "--server", wait = pause }: ConnectionOptions) {
    this.#wait = wait;
    this.#address = ServerAddress.parse(url, where);
    // It would be refused as a header, and shown with the message.
    if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
      throw new JoineryError("INVALID_OPTION", "the token has characters in it that no token has");
    }
    this.#token = token;
  }

  /** The server's address, for people and without a slash at its end. */
  get url(): string {
    return this.#address.url;
  }

  /**
   * Asks the server. Where it has too much to do, what only reads is asked again when it says, for a minute at most.
   *
   * @returns Its answer when the first byte of it is there: read it with one of its methods, or `discard` it.
   * Rejects with the server's error; CONNECTION_LOST (backoff) when it cannot be reached or does not answer in time;
   * INVALID_OPTION (never) when something else answers.
   */
  async call(call: ApiCall): Promise<Answer> {
    for (let waitedMs = 0; ; ) {
      const { response, stop } = await this.#fetch(call);
      if (response.ok) {
        const { idleMs = IDLE_MS } = call;
        return new Answer(response, { url: this.url, idleMs, stop });
      }
      const failure = await this.#refused(response, { stop });
      const { method = "GET", signal } = call;
      const waitMs = method === "GET" && BUSY.includes(failure.code) ? waitMsOf(response) : null;
      if (waitMs === null || waitedMs + waitMs > MAX_WAITS_MS) throw failure;
      await this.#wait(waitMs, signal);
      waitedMs += waitMs;
    }
  }

  /** A `call` whose answer is JSON. */
  async json(call: ApiCall): Promise<unknown> {
    return (await this.call(call)).json();
  }

  async #fetch(call: ApiCall): Promise<{ readonly response: Response; readonly stop: AbortController }> {
    const { method = "GET", path, query, signal, firstByteMs = FIRST_BYTE_MS } = call;
    const stop = new AbortController();
    const giveUp = () => stop.abort(signal?.reason);
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp, { once: true, signal: stop.signal });
    const timer = setTimeout(() => {
      stop.abort(lost(`the server ${this.url} did not answer within ${firstByteMs / 1000} seconds`));
    }, firstByteMs);
    try {
      const response = await fetch(this.#address.api(path, query), {
        method,
        headers: this.#headersOf(call),
        body: bodyOf(call),
        redirect: "manual",
        cache: "no-store",
        signal: stop.signal,
      });
      return { response, stop };
    } catch (error) {
      // Why it was given up is what was handed to it.
      const reason = stop.signal.aborted ? stop.signal.reason : errorOfNoAnswer(this.url, error);
      stop.abort();
      throw reason;
    } finally {
      clearTimeout(timer);
    }
  }

  #headersOf({ body, headers = {} }: ApiCall): Record<string, string> {
    const type = body && ("json" in body ? "application/json" : "application/octet-stream");
    return {
      "User-Agent": `joinery/${VERSION}`,
      ...(type && { "Content-Type": type }),
      ...headers,
      ...(this.#token !== null && { Authorization: `Bearer ${this.#token}` }),
    };
  }

  async #refused(response: Response, { stop }: { readonly stop: AbortController }): Promise<JoineryError> {
    const { status, headers } = response;
    const answer = new Answer(response, { url: this.url, idleMs: IDLE_MS, stop });
    if (status >= 300 && status < 400) {
      await answer.discard();
      return errorOfRedirect(this.url, status, headers.get("location"));
    }
    const text = await answer.beginning();
    const contentType = headers.get("content-type") ?? "";
    return errorOfRefusal({ url: this.url, status, contentType, text, hadToken: this.#token !== null });
  }
}

function bodyOf({ body }: ApiCall): string | Uint8Array<ArrayBuffer> | null {
  if (body === undefined) return null;
  // reason: `fetch` takes no shared memory, and nothing here has any.
  return "json" in body ? JSON.stringify(body.json) : (body.octets as Uint8Array<ArrayBuffer>);
}

/** How long to wait until it is asked again; `null` for not at all. */
function waitMsOf({ headers }: Response): number | null {
  const seconds = Number(headers.get("retry-after") ?? Number.NaN);
  // Never none at all, which would be asked without end.
  return seconds >= 1 && seconds <= MAX_WAIT_SECONDS ? seconds * 1000 : null;
}
