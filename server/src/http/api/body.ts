/**
 * Reads the body of a request: bounded in bytes and in depth, and JSON or nothing. Where the API is behind an
 * application's own server, a body parser may have read it before, and put what it made of it into `request.body`.
 */

import type { IncomingMessage } from "node:http";
import { isJson, JoineryError } from "@joinery/shared";
import { hasBody } from "../request-body.ts";
import { HttpFailure } from "./problem.ts";

/** Nothing that is asked goes deeper than a list of objects. */
const MAX_DEPTH = 8;

/**
 * Reads a body to its end, and no further than `maxBytes`; none at all is an empty object.
 *
 * Rejects with 415 where it is not said to be JSON, which pages of other sites cannot say of theirs; with
 * MESSAGE_TOO_LARGE (never), INVALID_OPTION (never); with CONNECTION_LOST when the client is gone; with 500 where
 * somebody read it before, and left nothing.
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  // Somebody who has nothing to say need not say so.
  if (!hasBody(request)) return {};
  demandJson(request);
  const bytes = request.readableEnded ? bytesOf(request) : await readBytes(request, maxBytes);
  if (bytes.length > maxBytes) throw tooLarge(maxBytes);
  if (!isJson(bytes, MAX_DEPTH, "object")) {
    throw new JoineryError(
      "INVALID_OPTION",
      `the request's body is no JSON object of at most ${MAX_DEPTH} levels`,
    );
  }
  return JSON.parse(bytes.toString());
}

function demandJson({ headers }: IncomingMessage): void {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = headers;
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpFailure(415, "The body has to be JSON, and its Content-Type application/json.");
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

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer): void => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxBytes) stop(() => reject(tooLarge(maxBytes)));
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

function tooLarge(maxBytes: number): JoineryError {
  return new JoineryError("MESSAGE_TOO_LARGE", `the request's body is larger than ${maxBytes} bytes`, {
    limit: "maxApiBodyBytes",
  });
}
