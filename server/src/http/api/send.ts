/**
 * Sends an answer. What is there at once is written at once; a stream is read no faster than its client reads, let go
 * when the client goes, and broken off rather than ended where it fails: half of it must not look like all.
 */

import { Readable } from "node:stream";
import type { Clock } from "../../engine/ports.ts";
import { hasBody } from "../request-body.ts";
import type { Exchange } from "./exchange.ts";
import { KEEP_ALIVE } from "./server-sent-events.ts";

export interface Head {
  readonly status: number;
  /** Over those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface StreamOptions {
  readonly kind: "stream" | "events";
  readonly clock: Pick<Clock, "setTimer">;
  /** How long nothing may move. */
  readonly timeoutMs: number;
  /** Aborted when the client is gone, or the server stops. */
  readonly signal: AbortSignal;
  readonly onFailed: (thrown: unknown) => void;
}

/**
 * Emitted by a response when it begins to stream. From then on its connection is not one that has yet to say what it
 * wants: what bounds it are the limits of streams.
 */
export const STREAMING = Symbol("streaming");

/** Proxies cut what is silent for a minute, some for half of one. */
const KEEP_ALIVE_MS = 15_000;

export function sendWhole(exchange: Exchange, head: Head, content: string | Uint8Array | null): void {
  const { outgoing, incoming } = exchange;
  const hasContent = content !== null;
  const length = hasContent && { "Content-Length": String(Buffer.byteLength(content)) };
  outgoing.writeHead(head.status, { ...headersOf(exchange, head), ...length });
  if (hasContent && incoming.method !== "HEAD") outgoing.end(content);
  else outgoing.end();
}

/** Rejects, before anything is sent, with what the stream rejects with before its first piece. */
export async function sendStream(
  exchange: Exchange,
  head: Head,
  content: AsyncIterable<Uint8Array>,
  options: StreamOptions,
): Promise<void> {
  const { outgoing, incoming } = exchange;
  const isLive = options.kind === "events";
  if (incoming.method === "HEAD") {
    sendWhole(exchange, head, null);
    return;
  }
  const readable = Readable.from(isLive ? content : await begun(content), { objectMode: false });
  // It went meanwhile: nobody would say so again.
  if (outgoing.destroyed) {
    readable.destroy();
    return;
  }
  outgoing.writeHead(head.status, {
    ...headersOf(exchange, head),
    // nginx would keep events until it has some kilobytes of them.
    ...(isLive && { "X-Accel-Buffering": "no" }),
  });
  if (isLive) {
    outgoing.write(KEEP_ALIVE);
    keepAlive(exchange, options);
  }
  outgoing.emit(STREAMING);
  pipe(exchange, readable, options);
}

function pipe(
  { outgoing }: Exchange,
  readable: Readable,
  { kind, timeoutMs, signal, onFailed }: StreamOptions,
) {
  // As on the server's own port, where an application's server may wait for ever.
  outgoing.setTimeout(timeoutMs, () => outgoing.destroy());
  const stop = (): void => {
    // Whoever follows events is told why by the last one: they end by the signal themselves. Of all else a part is missing.
    if (kind === "events" && !outgoing.destroyed) return;
    readable.destroy();
    outgoing.destroy();
  };
  readable.once("error", (thrown) => {
    outgoing.destroy();
    onFailed(thrown);
  });
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  // Once all was handed over, there is nothing to stop.
  readable.once("end", () => signal.removeEventListener("abort", stop));
  readable.pipe(outgoing);
}

function keepAlive({ outgoing }: Exchange, { clock, timeoutMs }: StreamOptions): void {
  const everyMs = Math.min(KEEP_ALIVE_MS, timeoutMs / 2);
  const tick = (): void => {
    // Who does not read is not kept.
    if (!outgoing.writableNeedDrain && outgoing.writable) outgoing.write(KEEP_ALIVE);
    timer = clock.setTimer(everyMs, tick);
  };
  let timer = clock.setTimer(everyMs, tick);
  outgoing.once("close", () => timer.cancel());
}

/** The same pieces, the first of which has come. No generator: one that never began does not let go of what it has. */
async function begun(content: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = content[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | null = await iterator.next();
  const resumed: AsyncIterator<Uint8Array> = {
    next: async () => {
      const next = first ?? (await iterator.next());
      first = null;
      return next;
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
  };
  return { [Symbol.asyncIterator]: () => resumed };
}

function headersOf({ incoming, door }: Exchange, { headers }: Head): Record<string, string> {
  return {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": door.connection.id,
    ...headers,
    // What was not read cannot be told from a next request.
    ...(hasBody(incoming) && !incoming.readableEnded && { Connection: "close" }),
  };
}
