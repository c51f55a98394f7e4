/**
 * The HTTP API. It is built from the table of routes, and every request goes the same way: whose it is, whether its path
 * and method are there, what it says, whether who shows this token may, and only then what it is about. Who somebody is
 * says the header `Authorization` alone: a browser sends cookies along whoever asks.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import {
  type DocumentName,
  JoineryError,
  type LimitName,
  type Limits,
  limitNamed,
  parseDocumentName,
  toJoineryError,
} from "@joinery/shared";
import { type Context, Hono } from "hono";
import { type AccessDoor, DeniedAtDoor } from "../../access/access-api.ts";
import type { AddressRates } from "../../address-rates.ts";
import type { Clock } from "../../engine/ports.ts";
import type { ConnectionRequest } from "../../protocols/admission.ts";
import { bearerToken } from "../handshake-token.ts";
import type { HttpEvent } from "../http-event.ts";
import type { RequestHandler } from "../page.ts";
import { hasBody } from "../request-body.ts";
import { authorize, authorizeAlso } from "./authorize.ts";
import { readBody } from "./body.ts";
import { BodyBudget } from "./body-budget.ts";
import { Conditions } from "./conditions.ts";
import type { Exchange } from "./exchange.ts";
import { API_PATH, isApiUrl, isPlainPath, rawPathOf } from "./path.ts";
import { HttpFailure, NotFound, problemOf } from "./problem.ts";
import { sendResult } from "./result.ts";
import type { Call, Input, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { sendWhole } from "./send.ts";
import type { ApiServices } from "./services.ts";
import { Streams } from "./streams.ts";

export interface ApiOptions {
  readonly access: AccessDoor;
  readonly limits: Limits;
  readonly report: (event: HttpEvent) => void;
  readonly countLimit: (limit: LimitName) => void;
  /** How fast addresses may ask. */
  readonly rates: AddressRates;
  /** Who makes a request, and from where. Its `id` is what the answer says, and the log. */
  readonly connectionOf: (request: IncomingMessage) => ConnectionRequest;
  readonly services: ApiServices;
  readonly clock: Pick<Clock, "setTimer">;
  /** Default: all. */
  readonly routes?: readonly Route[];
}

export interface Api {
  /** Whether a request is for it to answer. It bounds the bodies of those by itself. */
  readonly isOwn: (request: IncomingMessage) => boolean;
  readonly handle: RequestHandler;
  /** Ends the answers that stream: whoever follows something comes back, and finds another server. */
  readonly stop: () => void;
}

type Env = { Bindings: Exchange };

/** A path is the client's, and may have kilobytes. */
const MAX_PATH_LENGTH = 256;

/** What it has of its own. */
interface Parts {
  readonly streams: Streams;
  readonly bodies: BodyBudget;
}

export function createApi(given: ApiOptions): Api {
  const options = { ...given, streams: new Streams(given), bodies: new BodyBudget(given.limits) };
  const app = buildApp(options);
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const connection = options.connectionOf(incoming);
    const token = bearerToken(incoming.headers);
    const exchange: Exchange = { incoming, outgoing, door: { connection: { ...connection, token }, token } };
    const answer = getRequestListener(
      async (request) => {
        const early = tooFast(options, exchange) ?? refusalOf(incoming);
        return early ? failed(options, exchange, early) : await app.fetch(request, exchange);
      },
      {
        // Their classes stay theirs: an embedder has others.
        overrideGlobalObjects: false,
        // What was not read of a body ends with the connection.
        autoCleanupIncoming: false,
        hostname: "localhost",
        // It makes a URL of the request first, which is not one with every Host.
        errorHandler: () => {
          return failed(
            options,
            exchange,
            refusalOf(incoming) ?? new HttpFailure(400, "This is no request."),
          );
        },
      },
    );
    void answer(incoming, outgoing);
  };
  return { isOwn: ({ url = "" }) => isApiUrl(url), handle, stop: () => options.streams.stop() };
}

function buildApp(options: ApiOptions & Parts): Hono<Env> {
  const app = new Hono<Env>();
  const { routes = ROUTES } = options;
  for (const route of routes) {
    app.on(route.method, API_PATH + route.path, (context) => answer(options, route, context));
  }
  for (const path of new Set(routes.map((route) => route.path))) {
    const allow = methodsOf(routes, path);
    app.options(API_PATH + path, (context) => {
      sendWhole(context.env, { status: 204, headers: { Allow: allow } }, null);
      return RESPONSE_ALREADY_SENT;
    });
    app.all(API_PATH + path, () => {
      throw new HttpFailure(405, `Here are ${allow}.`, { Allow: allow });
    });
  }
  app.notFound((context) => failed(options, context.env, new NotFound()));
  app.onError((thrown, context) => failed(options, context.env, thrown));
  return app;
}

/** Before anything is done for it; those that are refused do not count. @returns `null` where it is not. */
function tooFast({ rates, limits, countLimit }: ApiOptions, { door }: Exchange): JoineryError | null {
  const { address } = door.connection;
  if (rates.has(address)) {
    rates.take(address);
    return null;
  }
  const limit = "maxAddressRequestsPerSecond";
  countLimit(limit);
  return new JoineryError("TOO_MANY_CONNECTIONS", `an address may make ${limits[limit]} requests a second`, {
    limit,
  });
}

/** Hono answers HEAD where there is GET. */
function methodsOf(routes: readonly Route[], path: string): string {
  const methods = routes.filter((route) => route.path === path).map(({ method }) => method);
  const head = methods.includes("GET") ? ["HEAD"] : [];
  return [...methods, ...head, "OPTIONS"].join(", ");
}

/** What is wrong with a request before it is known what it asks; `null` for nothing. */
function refusalOf({ url = "", method, headers }: IncomingMessage): JoineryError | HttpFailure | null {
  // A fragment is for clients alone: where its query begins, everybody between here and there reads differently.
  if (!isPlainPath(rawPathOf(url)) || url.includes("#")) return new NotFound();
  if (method !== "GET" && method !== "HEAD" && headers["sec-fetch-site"] === "cross-site") {
    return new JoineryError("PERMISSION_DENIED", "pages of other sites may not ask for this");
  }
  return null;
}

async function answer(api: ApiOptions & Parts, route: Route, context: Context<Env>): Promise<Response> {
  const { env } = context;
  let document: DocumentName | null = null;
  try {
    const counted = <Value>(read: () => Value | Promise<Value>) => countingLimits(api, read);
    document = await counted(() => documentInPath(route, context, api.limits));
    const conditions = await counted(() => conditionsOf(route, env.incoming));
    const query = await counted(() => readQuery(route, env.incoming, api.limits));
    const segment = (name: string): string => context.req.param(name) ?? "";
    const asking = { access: api.access, request: env.door, route, segment };
    // Who may not do it to the document that the path names is told before he has sent what he wants done.
    const early = document === null ? null : await authorize(asking, document);
    const body = await counted(() => readInputBody(api, route, env));
    const input = { query, body };
    document ??= documentIn(query) ?? documentIn(body);
    const principal = early ?? (await authorize(asking, document));
    await authorizeAlso(asking, document, input);
    const { access, services, limits } = api;
    const { headers } = env.incoming;
    const call = {
      access,
      services,
      limits,
      request: env.door,
      principal,
      document,
      segment,
      headers,
      conditions,
    };
    await run(api, env, route, call, input);
    return RESPONSE_ALREADY_SENT;
  } catch (thrown) {
    return failed(api, env, thrown, document);
  }
}

/** Does what was asked, and sends what came of it. */
async function run(
  api: ApiOptions & Parts,
  exchange: Exchange,
  route: Route,
  call: Omit<Call, "signal">,
  input: Input,
): Promise<void> {
  const { outgoing, door } = exchange;
  const { answers } = route;
  const controller = new AbortController();
  const close = answers.kind === "whole" ? null : api.streams.open(door.connection.address, controller);
  const gone = (): void => {
    close?.();
    controller.abort(new JoineryError("CONNECTION_LOST", "the client went before it was answered"));
  };
  if (outgoing.destroyed) gone();
  else outgoing.once("close", gone);
  const { signal } = controller;
  try {
    signal.throwIfAborted();
    const result = await route.run({ ...call, signal }, input);
    await sendResult(exchange, { answers, conditions: call.conditions }, result, {
      clock: api.clock,
      timeoutMs: api.limits.requestTimeoutMs,
      signal,
      onFailed: (thrown) => reportFailure(api, exchange, toJoineryError(thrown), call.document),
    });
  } catch (thrown) {
    // What Node's own functions make of a signal says nothing of why.
    throw signal.aborted && thrown instanceof Error && thrown.name === "AbortError" ? signal.reason : thrown;
  }
}

function documentInPath(
  { path }: Route,
  context: Context<Env>,
  { maxNameBytes }: Limits,
): DocumentName | null {
  if (!path.split("/").includes(":document")) return null;
  return parseDocumentName(context.req.param("document") ?? "", maxNameBytes);
}

/** What nobody looks at is refused where something is done: who asks may not believe that it held. */
function conditionsOf({ takesIfMatch }: Route, { method = "", headers }: IncomingMessage): Conditions {
  const conditions = new Conditions(method, headers);
  if (takesIfMatch || method === "GET" || method === "HEAD" || !conditions.areDemanding) return conditions;
  throw new JoineryError("INVALID_OPTION", "neither If-Match nor If-None-Match is looked at here");
}

function readQuery(route: Route, { url = "" }: IncomingMessage, limits: Limits): object {
  const query = new URLSearchParams(url.includes("?") ? url.slice(url.indexOf("?") + 1) : "");
  if (route.query === null && query.size > 0) {
    throw new JoineryError("INVALID_OPTION", "the request has a query, and none is read here");
  }
  return route.query?.readQuery(query, limits) ?? {};
}

async function readInputBody(
  { limits, bodies }: ApiOptions & Parts,
  route: Route,
  { incoming, outgoing }: Exchange,
): Promise<object | Uint8Array> {
  if (route.body !== null) {
    return await readBody(incoming, route.body, { limits, take: bodies.open(outgoing) });
  }
  if (hasBody(incoming)) {
    throw new JoineryError("INVALID_OPTION", "the request has a body, and none is read here");
  }
  return {};
}

/** Every schema that has a field of this name reads it as the name of a document. */
function documentIn(input: object | { readonly document?: DocumentName }): DocumentName | null {
  return "document" in input ? (input.document ?? null) : null;
}

/** What is wrong with what a request says is counted here; the door counts what it refuses by itself. */
async function countingLimits<Value>(
  { countLimit }: ApiOptions,
  read: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await read();
  } catch (thrown) {
    const limit = limitNamed(thrown instanceof JoineryError ? thrown.limit : null);
    if (limit !== null) countLimit(limit);
    throw thrown;
  }
}

function failed(
  options: ApiOptions,
  exchange: Exchange,
  thrown: unknown,
  document: DocumentName | null = null,
): Response {
  const failure = thrown instanceof HttpFailure ? thrown : toJoineryError(thrown);
  const { door } = exchange;
  if (failure instanceof JoineryError) reportFailure(options, exchange, failure, document);
  const { status, headers, body } = problemOf(failure, {
    isShown: door.token !== null,
    correlation: door.connection.id,
  });
  sendWhole(exchange, { status, headers }, JSON.stringify(body));
  return RESPONSE_ALREADY_SENT;
}

function reportFailure(
  { report }: ApiOptions,
  { incoming, door }: Exchange,
  failure: JoineryError,
  document: DocumentName | null,
): void {
  const { id: correlation, address } = door.connection;
  const { method = "" } = incoming;
  const path = rawPathOf(incoming.url ?? "").slice(0, MAX_PATH_LENGTH);
  const fields = { method, path, address, correlation };
  const { code } = failure;
  if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED") {
    const user = failure instanceof DeniedAtDoor ? { user: failure.user } : {};
    report({ type: "http-denied", ...fields, code, ...user, ...(document !== null && { document }) });
  } else if (code === "INTERNAL") {
    report({ type: "http-failed", ...fields, error: failure });
  }
}
