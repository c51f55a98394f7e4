/**
 * `GET /healthz` and `GET /readyz`, for whoever starts and stops the process. Anybody may ask, under any name of the
 * server: they say whether it works, and nothing of the machine, the documents or the people.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { rawPathOf } from "./api/path.ts";
import { type RequestHandler, respondText } from "./page.ts";
import { hasBody } from "./request-body.ts";

export interface HealthOptions {
  /** Names what keeps the server from being ready; empty for nothing. Never rejects. */
  readonly failedChecks: () => Promise<readonly string[]>;
}

/** Whether a request is for this path, with or without a query. */
export function isFor({ url = "" }: IncomingMessage, path: string): boolean {
  return rawPathOf(url) === path;
}

/** Whether a request only reads; if not, it is refused. */
export function isReading(request: IncomingMessage, response: ServerResponse): boolean {
  // What is not read cannot be told from a next request.
  if (hasBody(request)) response.setHeader("Connection", "close");
  if (request.method === "GET" || request.method === "HEAD") return true;
  response.setHeader("Allow", "GET, HEAD");
  respondText(response, 405, "Only GET and HEAD are answered here.\n");
  return false;
}

/** For requests to one of the two. */
export function healthHandler({ failedChecks }: HealthOptions): RequestHandler {
  return (request, response) => {
    response.setHeader("Cache-Control", "no-store");
    if (!isReading(request, response)) return;
    if (isFor(request, "/readyz")) void failedChecks().then((failed) => respondReady(response, failed));
    else respondText(response, 200, "ok\n");
  };
}

function respondReady(response: ServerResponse, failed: readonly string[]): void {
  const isReady = failed.length === 0;
  response.writeHead(isReady ? 200 : 503, {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(`${JSON.stringify({ status: isReady ? "ready" : "not ready", failed })}\n`);
}
