/**
 * Reads the body of a request: bounded in bytes and in depth, and of the kind that the route takes. Where the API is behind an
 * application's own server, a body parser may have read it before, and put what it made of it into `request.body`.
 */

import type { IncomingMessage } from "node:http";
import { isJson, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { hasBody } from "../request-body.ts";
import { HttpFailure } from "./problem.ts";
import type { TakenBody } from "./route.ts";

export interface ReadOptions {
  readonly limits: Limits;
  /** Told of every piece. It throws where there is too much of all. */
  readonly take: (bytes: number) => void;
}

interface Bounds {
  readonly limit: LimitName;
  readonly maxBytes: number;
  readonly take: (bytes: number) => void;
}

/**
 * Reads a body to its end, and no further than its limit; none at all is an empty object, or no octets.
 *
 * Rejects with 415 where it is not said to be what the route takes, which pages of other sites cannot say of theirs; with
 * MESSAGE_TOO_LARGE (never), INVALID_OPTION (never), and what `take` throws; with CONNECTION_LOST when the client is gone; with 500 where
 * somebody read it before, and left nothing.
 */
export async function readBody(
  request: IncomingMessage,
  body: TakenBody,
  { limits, take }: ReadOptions,
): Promise<object | Uint8Array> {
  const bounds = { limit: body.limit, maxBytes: limits[body.limit], take };
  if (body.kind === "octets") {
    demandType(request, body.mediaType);
    return await readWithin(request, bounds);
  }
  // Somebody who has nothing to say need not say so.
  const read = hasBody(request) ? await readJson(request, body.maxDepth, bounds) : {};
  return body.schema.read(read, limits);
}

async function readJson(request: IncomingMessage, maxDepth: number, bounds: Bounds): Promise<unknown> {
  demandType(request, "application/json");
  const bytes = await readWithin(request, bounds);
  if (!isJson(bytes, maxDepth, "object")) {
    throw new JoineryError(
      "INVALID_OPTION",
      `the request's body is no JSON object of at most ${maxDepth} levels`,
    );
  }
  return JSON.parse(bytes.toString());
}

async function readWithin(request: IncomingMessage, bounds: Bounds): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > bounds.maxBytes) throw tooLarge(bounds);
  const bytes = request.readableEnded ? bytesOf(request) : await readBytes(request, bounds);
  if (bytes.length > bounds.maxBytes) throw tooLarge(bounds);
  return bytes;
}

function demandType({ headers }: IncomingMessage, mediaType: string): void {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = headers;
  if (type.split(";", 1)[0]?.trim().toLowerCase() !== mediaType) {
    throw new HttpFailure(415, `The body's Content-Type has to be ${mediaType}.`);
  }
  if (encoding.toLowerCase() !== "identity") throw new HttpFailure(415, "The body must not be compressed.");
}

/** What was read before is held to the same: it goes the same way. */
function bytesOf({ body }: IncomingMessage & { readonly body?: unknown }): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body);
  if (typeof body === "string") return Buffer.from(body);
  if (typeof body === "object" && body !== null) return Buffer.from(JSON.stringify(body));
  throw new HttpFailure(500, "The body was read before it came here, and is not in request.body.");
}

function readBytes(request: IncomingMessage, bounds: Bounds): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const add = (chunk: Buffer): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > bounds.maxBytes) throw tooLarge(bounds);
      bounds.take(chunk.length);
    };
    const take = (chunk: Buffer): void => {
      try {
        add(chunk);
      } catch (refusal) {
        stop(() => reject(refusal));
      }
    };
    const end = (): void => stop(() => resolve(Buffer.concat(chunks)));
    const lost = (): void => {
      stop(() => reject(new JoineryError("CONNECTION_LOST", "the client went while it sent the request")));
    };
    const stop = (settle: () => void): void => {
      request.pause().off("data", take).off("end", end).off("error", lost).off("close", lost);
      settle();
    };
    if (request.destroyed) lost();
    else request.on("data", take).once("end", end).once("error", lost).once("close", lost);
  });
}

function tooLarge({ limit, maxBytes }: Bounds): JoineryError {
  return new JoineryError("MESSAGE_TOO_LARGE", `the request's body is larger than ${maxBytes} bytes`, {
    limit,
  });
}
