/**
 * What a route answers when it does what it was asked. Its kind is data, for who describes the API and who sends it; the
 * answer itself is the route's value, or a {@link Reply} where there is more to say than that.
 */

import type { Schema } from "./schema.ts";

/** What goes over the wire. Of a stream nothing is asked before it is sent, and it is ended early when the client goes. */
export type Content = string | Uint8Array | AsyncIterable<Uint8Array> | null;

/** One kind of answer. */
export interface Answers<Body = unknown> {
  readonly status: 200 | 201 | 204;
  /** `null` for no content. */
  readonly mediaType: string | null;
  /** whole: at once. stream: piece by piece. events: as a stream that has no end, and is kept alive. */
  readonly kind: "whole" | "stream" | "events";
  /** Of the JSON, or of each line of it; by name of events. Empty for what is no JSON, or any. */
  readonly schemas: Readonly<Record<string, Schema>>;
  /** For people: what it is. */
  readonly description: string;
  /** Whether answers have an `ETag`, and are not sent again to who has them. */
  readonly hasEtag: boolean;
  /** Headers that it may have besides, and for people what each says. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of what has no schema: how it may look; empty for nothing. */
  readonly example: string;
  encode(body: Body): Content;
}

interface Described {
  /** Default: "It was done." */
  readonly description?: string;
  /** Default: no. */
  readonly hasEtag?: boolean;
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly example?: string;
}

/** The name of the one schema of an answer that has one. */
export const BODY = "body";

/** One JSON object. */
export function json<Value extends object>(
  schema: Schema<Value>,
  { status = 200, ...described }: Described & { readonly status?: 200 | 201 } = {},
): Answers<Value> {
  return {
    ...whole("application/json", described),
    status,
    schemas: { [BODY]: schema },
    encode: (body) => JSON.stringify(body),
  };
}

/** Bytes, or text that somebody encoded already. */
export function octets(mediaType: string, described: Described = {}): Answers<Uint8Array> {
  return { ...whole(mediaType, described), encode: (body) => body };
}

/** Text of a media type; JSON that somebody wrote already is one. */
export function text(mediaType: string, described: Described = {}): Answers<string> {
  const type = mediaType.startsWith("text/") ? `${mediaType}; charset=utf-8` : mediaType;
  return { ...whole(type, described), encode: (body) => body };
}

/** Bytes piece by piece: for what is large. The first is awaited before the answer begins, so it may still be a refusal. */
export function stream(mediaType: string, described: Described = {}): Answers<AsyncIterable<Uint8Array>> {
  return { ...whole(mediaType, described), kind: "stream", encode: (body) => body };
}

/** JSON objects, one a line. */
export function lines<Value extends object>(
  schema: Schema<Value>,
  described: Described = {},
): Answers<AsyncIterable<Value>> {
  const whole = stream("application/x-ndjson", described);
  return { ...whole, schemas: { [BODY]: schema }, encode: encodeLines };
}

/**
 * Server-sent events, for as long as the client stays: encoded by `encodeEvent`. The answer begins before there is one,
 * and what keeps the connection alive is not the route's business.
 *
 * @param schemas What each kind of event has as its data.
 */
export function events(
  schemas: Readonly<Record<string, Schema>>,
  described: Described = {},
): Answers<AsyncIterable<Uint8Array>> {
  return { ...stream("text/event-stream", described), kind: "events", schemas };
}

/** It was done, and there is nothing to say about it. */
export const NOTHING: Answers<null> = {
  ...whole(null, { description: "It was done." }),
  status: 204,
  encode: () => null,
};

/** What an answer may say besides its content. */
export interface ReplyOptions {
  /** What is in the quotes of its strong `ETag`. */
  readonly etag?: string;
  /** Others: `Content-Disposition`, `Location`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once when the answer is over, however that came, and also where nothing of its content was asked for. */
  readonly onClose?: () => void;
}

/** An answer that says more than its content. */
export class Reply<Body> {
  /** `null` where the client has it already. */
  readonly body: Body | null;
  readonly options: ReplyOptions;

  constructor(body: Body | null, options: ReplyOptions) {
    this.body = body;
    this.options = options;
  }
}

export function reply<Body>(body: Body, options: ReplyOptions): Reply<Body> {
  return new Reply(body, options);
}

/** For who has it already: 304. A route that has made its answer need not ask; one that makes it at a cost may before. */
export function notModified(options: ReplyOptions & { readonly etag: string }): Reply<never> {
  return new Reply<never>(null, options);
}

function whole(
  mediaType: string | null,
  { description = "It was done.", hasEtag = false, headers = {}, example = "" }: Described,
): Omit<Answers<never>, "encode"> {
  return { status: 200, mediaType, kind: "whole", schemas: {}, description, hasEtag, headers, example };
}

export function isStream(content: Content): content is AsyncIterable<Uint8Array> {
  return typeof content === "object" && content !== null && Symbol.asyncIterator in content;
}

async function* encodeLines(values: AsyncIterable<object>): AsyncGenerator<Uint8Array> {
  for await (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`);
}
