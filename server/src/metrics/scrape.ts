/**
 * `GET /metrics`. What is in it tells nothing of documents or people, but much of how busy they are: it is for who may
 * manage the whole server, for a scraper with a token of its own, and, where nobody is asked who he is, for this machine.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { JoineryError, toJoineryError } from "@joinery/shared";
import type { AccessDoor } from "../access/access-api.ts";
import { problemOf } from "../http/api/problem.ts";
import { bearerToken } from "../http/handshake-token.ts";
import { isReading } from "../http/health.ts";
import type { HttpEvent } from "../http/http-event.ts";
import { isLoopbackHost } from "../http/local.ts";
import type { RequestRule } from "../http/origin.ts";
import type { RequestHandler } from "../http/page.ts";
import type { ConnectionRequest } from "../protocols/admission.ts";

export interface ScrapeOptions {
  readonly access: AccessDoor;
  /** The scraper's own; `null` for none. */
  readonly token: string | null;
  /** Whether a request was made to this machine under its own name, and not by a page of elsewhere. */
  readonly isLocal: RequestRule;
  readonly connectionOf: (request: IncomingMessage) => ConnectionRequest;
  readonly report: (event: HttpEvent) => void;
  readonly metrics: { read(): Promise<string>; readonly contentType: string };
}

export const METRICS_PATH = "/metrics";

export function metricsHandler(options: ScrapeOptions): RequestHandler {
  return (request, response) => {
    if (isReading(request, response)) void answer(options, request, response);
  };
}

async function answer(
  options: ScrapeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const connection = options.connectionOf(request);
  const token = bearerToken(request.headers);
  const common = { "Cache-Control": "no-store", "X-Request-Id": connection.id };
  try {
    await authorize(options, request, connection, token);
    const text = await options.metrics.read();
    response.writeHead(200, { ...common, "Content-Type": options.metrics.contentType });
    response.end(text);
  } catch (thrown) {
    const error = toJoineryError(thrown);
    tell(options, request, connection, error);
    const { status, headers, body } = problemOf(error, {
      isShown: token !== null,
      correlation: connection.id,
    });
    response.writeHead(status, { ...common, ...headers });
    response.end(JSON.stringify(body));
  }
}

async function authorize(
  { access, token: ours, isLocal }: ScrapeOptions,
  request: IncomingMessage,
  connection: ConnectionRequest,
  token: string | null,
): Promise<void> {
  if (ours !== null && token !== null && isSame(ours, token)) return;
  if (access.isAuthenticating) {
    await access.authorize({ connection: { ...connection, token }, token }, null, "manage");
    return;
  }
  if (isLoopbackHost(connection.address) && isLocal(request)) return;
  throw new JoineryError(
    "PERMISSION_DENIED",
    'metrics are for this machine, or for the option "metrics.token"',
  );
}

/** Compares digests: how long that takes says nothing of how much was right. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(a as Buffer, b as Buffer);
}

function tell(
  { report }: ScrapeOptions,
  { method = "" }: IncomingMessage,
  { address, id: correlation }: ConnectionRequest,
  error: JoineryError,
): void {
  const { code } = error;
  const fields = { method, path: METRICS_PATH, address, correlation };
  if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED")
    report({ type: "http-denied", ...fields, code });
  else if (code === "INTERNAL") report({ type: "http-failed", ...fields, error });
}
