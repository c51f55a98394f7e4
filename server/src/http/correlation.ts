import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** It is written into every log line about the request, and into an answer's header. */
const ID = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * The name under which a request is spoken of in the log, so that its lines and a proxy's can be brought together.
 *
 * @param trustedProxies As for `clientAddress`: 0 leaves what the request says of itself aside, since anybody could
 * take another one's name. A proxy that is trusted has to set the header, or drop it: what it passes on is believed.
 * @returns `X-Request-Id` where it has 1 to 64 letters, digits, `.`, `_` and `-`; else a random UUID.
 */
export function correlationOf({ headers }: IncomingMessage, trustedProxies: number): string {
  const named = headers["x-request-id"];
  return trustedProxies > 0 && typeof named === "string" && ID.test(named) ? named : randomUUID();
}
