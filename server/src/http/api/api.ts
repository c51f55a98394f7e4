/**
 * The HTTP API. It is built from the table of routes, and every request goes the same way: whose it is, whether its path
 * and method are there, what it says, whether who shows this token may, and only then what it is about. Who somebody is
 * says the header `Authorization` alone: a browser sends cookies along whoever asks.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import {
  type DocumentName,
  JoineryError,
  type LimitName,
  type Limits,
  limitNamed,
  toJoineryError,
} from "@joinery/shared";
import { type Context, Hono } from "hono";
import { type AccessDoor, DeniedAtDoor, type DoorRequest } from "../../access/access-api.ts";
import type { AddressRates } from "../../address-rates.ts";
import type { ConnectionRequest } from "../../protocols/admission.ts";
import { bearerToken } from "../handshake-token.ts";
import type { HttpEvent } from "../http-event.ts";
import type { RequestHandler } from "../page.ts";
import { hasBody } from "../request-body.ts";
import { readJson } from "./body.ts";
import { API_PATH, isApiUrl, isPlainPath, rawPathOf } from "./path.ts";
import { type Answer, HttpFailure, NotFound, problemOf } from "./problem.ts";
import type { Call, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

export interface ApiOptions {
  readonly access: AccessDoor;
  readonly limits: Limits;
  readonly report: (event: HttpEvent) => void;
  readonly countLimit: (limit: LimitName) => void;
  /** How fast addresses may ask. */
  readonly rates: AddressRates;
  /** Who makes a request, and from where. Its `id` is what the answer says, and the log. */
  readonly connectionOf: (request: IncomingMessage) => ConnectionRequest;
}

export interface Api {
  /** Whether a request is for it to answer. It bounds the bodies of those by itself. */
  readonly isOwn: (request: IncomingMessage) => boolean;
  readonly handle: RequestHandler;
}

/** One request on its way. */
interface Exchange {
  readonly incoming: IncomingMessage;
  readonly door: DoorRequest;
}

type Env = { Bindings: Exchange };

/** A path is the client's, and may have kilobytes. */
const MAX_PATH_LENGTH = 256;

export function createApi(options: ApiOptions): Api {
  const app = buildApp(options);
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const connection = options.connectionOf(incoming);
    const token = bearerToken(incoming.headers);
    const exchange: Exchange = { incoming, door: { connection: { ...connection, token }, token } };
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
  return { isOwn: ({ url = "" }) => isApiUrl(url), handle };
}

function buildApp(options: ApiOptions): Hono<Env> {
  const app = new Hono<Env>();
  for (const route of ROUTES) {
    app.on(route.method, API_PATH + route.path, (context) => answer(options, route, context));
  }
  for (const path of new Set(ROUTES.map((route) => route.path))) {
    const allow = methodsOf(path);
    app.options(API_PATH + path, (context) => {
      return respond(context.env, { status: 204, headers: { Allow: allow }, body: null });
    });
    app.all(API_PATH + path, () => {
      throw new HttpFailure(405, `Here are ${allow}.`, { Allow: allow });
    });
  }
  app.notFound((context) => failed(options, context.env, new NotFound()));
  app.onError((thrown, context) => {
    // Of reading the request; the door counts what it refuses by itself.
    const limit = limitNamed(thrown instanceof JoineryError ? thrown.limit : null);
    if (limit !== null) options.countLimit(limit);
    return failed(options, context.env, thrown);
  });
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
function methodsOf(path: string): string {
  const methods = ROUTES.filter((route) => route.path === path).map(({ method }) => method);
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

async function answer(options: ApiOptions, route: Route, context: Context<Env>): Promise<Response> {
  const { env } = context;
  const { access, limits } = options;
  const input = await readInput(route, env.incoming, limits);
  const document = documentIn(input);
  const call: Call = {
    access,
    request: env.door,
    document,
    segment: (name) => context.req.param(name) ?? "",
  };
  try {
    await authorize(route, call);
    const body = await route.run(call, input);
    return respond(env, { status: route.status, headers: {}, body });
  } catch (thrown) {
    return failed(options, env, thrown, document);
  }
}

async function readInput(route: Route, incoming: IncomingMessage, limits: Limits): Promise<object> {
  const { url = "" } = incoming;
  const query = new URLSearchParams(url.includes("?") ? url.slice(url.indexOf("?") + 1) : "");
  if (route.method !== "GET" && query.size > 0) {
    throw new JoineryError("INVALID_OPTION", "the request has a query, and none is read here");
  }
  if (route.method === "POST") {
    const body = await readJson(incoming, limits.maxApiBodyBytes);
    return route.request?.read(body, limits) ?? {};
  }
  if (hasBody(incoming)) {
    throw new JoineryError("INVALID_OPTION", "the request has a body, and none is read here");
  }
  return route.request?.readQuery(query, limits) ?? {};
}

/** Rejects as the door does. Of a subject that is not there nobody learns but who may do it to any. */
async function authorize(route: Route, { access, request, document, segment }: Call): Promise<void> {
  if (route.on === "token") return;
  const subject = route.on === "ban" ? documentOfBan(access, segment("id")) : document;
  await access.authorize(request, subject, route.action);
}

function documentOfBan(access: AccessDoor, id: string): DocumentName | null {
  const ban = access.bans().find((ban) => ban.id === id);
  // It was read as a name when it was banned from.
  return (ban?.document ?? null) as DocumentName | null;
}

/** Every schema that has a field of this name reads it as the name of a document. */
function documentIn(input: { readonly document?: DocumentName }): DocumentName | null {
  return input.document ?? null;
}

function failed(
  { report }: ApiOptions,
  exchange: Exchange,
  thrown: unknown,
  document: DocumentName | null = null,
): Response {
  const failure = thrown instanceof HttpFailure ? thrown : toJoineryError(thrown);
  const { incoming, door } = exchange;
  const { id: correlation, address } = door.connection;
  if (failure instanceof JoineryError) {
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
  return respond(exchange, problemOf(failure, { isShown: door.token !== null, correlation }));
}

function respond({ incoming, door }: Exchange, { status, headers, body }: Answer): Response {
  const all = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": door.connection.id,
    ...(body && { "Content-Type": "application/json" }),
    ...headers,
    // What was not read cannot be told from a next request.
    ...(hasBody(incoming) && !incoming.readableEnded && { Connection: "close" }),
  };
  return new Response(body && JSON.stringify(body), { status, headers: all });
}
