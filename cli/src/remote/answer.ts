/** What a server answered, read in pieces or as a whole, and never more than was bargained for. */

import { ReadBytes } from "@joinery/server";
import { byteLines, joined, textOf } from "./byte-lines.ts";
import { errorOfBrokenAnswer, errorOfContent, lost } from "./failures.ts";
import { type EventPlace, readEvents, type ServerEvent } from "./server-events.ts";

/** Of one document of JSON: V8's strings end a little above. What is large comes in several. */
const MAX_JSON_BYTES = 500 * 1024 * 1024;
/** Of an answer that is an error. */
const MAX_ERROR_BYTES = 64 * 1024;

const NO_BYTES = new Uint8Array();

interface AnswerOptions {
  /** Of the server, for messages. */
  readonly url: string;
  readonly idleMs: number;
  /** Ends the request. */
  readonly stop: AbortController;
}

/** The answer to one request. It is read once, by one of its methods. */
export class Answer {
  readonly status: number;
  /** `null` where it has none. */
  readonly etag: string | null;
  readonly headers: Headers;
  readonly #response: Response;
  readonly #options: AnswerOptions;

  constructor(response: Response, options: AnswerOptions) {
    this.status = response.status;
    this.etag = response.headers.get("etag");
    this.headers = response.headers;
    this.#response = response;
    this.#options = options;
  }

  /** Rejects with CONNECTION_LOST (backoff) where it breaks off, INVALID_OPTION (never) where it is no JSON. */
  async json(): Promise<unknown> {
    this.#requireType("application/json");
    const bytes = await this.#whole(MAX_JSON_BYTES);
    return this.#parse(bytes);
  }

  /**
   * @param maxBytes The longest that is taken.
   * Rejects as {@link json}.
   */
  async octets(maxBytes: number): Promise<Uint8Array> {
    this.#requireType("application/octet-stream");
    return this.#whole(maxBytes);
  }

  /** Documents of JSON, one a line, as they come. Throws as {@link json} rejects. Cost: memory for the longest line. */
  async *lines(): AsyncGenerator<unknown> {
    this.#requireType("application/x-ndjson");
    const lines = this.#byteLines();
    try {
      for (let next = await lines.next(); ; next = await lines.next()) {
        const { done, value } = next;
        if (done && value.length === 0) return;
        // Each line has its end: without it, it is not whole.
        if (done) throw errorOfBrokenAnswer(this.#options.url, new Error("its last line has no end"));
        if (value.length > 0) yield this.#parse(value);
      }
    } finally {
      // Where nobody reads on, the request ends.
      await lines.return(NO_BYTES);
    }
  }

  /**
   * Server-sent events, as they come; ends where the server ends them.
   *
   * @param place See {@link readEvents}.
   * Throws as {@link json} rejects.
   */
  async *events(place: EventPlace): AsyncGenerator<ServerEvent> {
    this.#requireType("text/event-stream");
    yield* readEvents(this.#byteLines(), place);
  }

  /** Its bytes as they come. The request ends when nobody reads on. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { body } = this.#response;
    if (body === null) return;
    const { url, idleMs, stop } = this.#options;
    const reader = body.getReader();
    const read = new ReadBytes();
    try {
      for (;;) {
        // While whoever reads is busy, the server is not waited for.
        const timer = setTimeout(() => {
          stop.abort(lost(`the server ${url} sent nothing for ${idleMs / 1000} seconds`));
        }, idleMs);
        const { done, value } = await reader.read().finally(() => clearTimeout(timer));
        if (done) return;
        yield value;
        // V8 is in no hurry to let go of them, and large documents would be in memory several times.
        read.add(value);
      }
    } catch (error) {
      throw stop.signal.aborted ? stop.signal.reason : errorOfBrokenAnswer(url, error);
    } finally {
      stop.abort();
    }
  }

  /** What there is of it to show with an error; what cannot be read is not of interest. */
  async beginning(): Promise<string> {
    const parts: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of this.chunks()) {
        parts.push(chunk);
        length += chunk.length;
        if (length >= MAX_ERROR_BYTES) break;
      }
    } catch {
      // Its status says enough.
    }
    return textOf(joined(parts).subarray(0, MAX_ERROR_BYTES));
  }

  /** Ends it unread. */
  async discard(): Promise<void> {
    await this.#response.body?.cancel().catch(() => undefined);
    this.#options.stop.abort();
  }

  #byteLines(): AsyncGenerator<Uint8Array, Uint8Array> {
    const tooLong = () => this.#tooLarge(MAX_JSON_BYTES);
    return byteLines(this.chunks(), { maxBytes: MAX_JSON_BYTES, tooLong });
  }

  #requireType(type: string): void {
    const { headers } = this;
    const found = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "nothing";
    if (found === type) return;
    this.#options.stop.abort();
    throw errorOfContent(this.#options.url, `it answered with ${found}`);
  }

  async #whole(maxBytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.chunks()) {
      length += chunk.length;
      if (length > maxBytes) throw this.#tooLarge(maxBytes);
      parts.push(chunk);
    }
    return joined(parts);
  }

  #tooLarge(maxBytes: number): Error {
    return errorOfContent(this.#options.url, `its answer has more than ${maxBytes} bytes`);
  }

  #parse(bytes: Uint8Array): unknown {
    try {
      return JSON.parse(textOf(bytes));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw errorOfContent(this.#options.url, "its answer is no JSON");
    }
  }
}
