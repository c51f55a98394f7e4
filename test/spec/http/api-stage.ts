import { once } from "node:events";
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { DEFAULT_LIMITS, JoineryError, type Limits } from "@joinery/shared";
import { onTestFinished } from "vitest";
import { Access } from "../../../server/src/access/access.ts";
import type { AccessDoor } from "../../../server/src/access/access-api.ts";
import { AddressRates } from "../../../server/src/address-rates.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { type Api, createApi } from "../../../server/src/http/api/api.ts";
import { describeApi } from "../../../server/src/http/api/openapi.ts";
import { API_PATH } from "../../../server/src/http/api/path.ts";
import type { Route } from "../../../server/src/http/api/route.ts";
import { ROUTES } from "../../../server/src/http/api/routes.ts";
import type { ApiServices } from "../../../server/src/http/api/services.ts";
import { correlationOf } from "../../../server/src/http/correlation.ts";
import type { HttpEvent } from "../../../server/src/http/http-event.ts";
import { pageHandler } from "../../../server/src/http/page.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { apiFirst, createLimitedHttpServer, withoutBody } from "../../../server/src/node/http-server.ts";
import type { Admissions } from "../../../server/src/protocols/admission.ts";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { OpenApiAnswers } from "../../support/openapi-answers.ts";
import { within } from "../../support/until.ts";
import { RawSocket } from "../node/raw-socket.ts";

/** What each token is good for, by the document's name; the server as a whole has none. */
const TOKENS: Readonly<Record<string, (document: string) => Rights>> = {
  reader: (document) => (document === "" ? Rights.NONE : Rights.READER),
  writer: (document) => (document === "" ? Rights.NONE : Rights.WRITER),
  "writer-of-a": (document) => {
    if (document === "") return Rights.NONE;
    return document === "a" ? Rights.WRITER : Rights.READER;
  },
  "manager-of-a": (document) => (document === "a" ? Rights.MANAGER : Rights.NONE),
  "manager-of-b": (document) => (document === "b" ? Rights.MANAGER : Rights.NONE),
  manager: () => Rights.MANAGER,
};

const ADMISSIONS: Admissions = {
  needsToken: true,
  isAuthenticating: true,
  admit({ token, document }) {
    if (token === "hanging") throw new JoineryError("HOOK_FAILED", "http://10.0.0.7/keys did not answer");
    if (token === "breaking") throw new TypeError("/srv/joinery/hooks.js:12: x is not a function");
    const rights = token !== null && Object.hasOwn(TOKENS, token) ? TOKENS[token] : undefined;
    if (rights === undefined) throw new JoineryError("UNAUTHENTICATED", "this token is not good");
    return { author: token as string, rights: rights(document) };
  },
};

export interface Asking {
  readonly method?: string;
  /** As it goes over the wire; below the API's path unless it is absolute with a leading `//`. */
  readonly path: string;
  readonly token?: string | null;
  /** Sent as JSON, unless it is text; bytes as such. */
  readonly body?: unknown;
  readonly headers?: OutgoingHttpHeaders;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** `null` for nothing. */
  readonly body: Record<string, unknown> | null;
  readonly text: string;
  readonly bytes: Buffer;
}

export interface ApiStage {
  readonly api: Api;
  readonly access: AccessDoor;
  readonly port: number;
  readonly events: readonly HttpEvent[];
  readonly hits: LimitHits;
  /** By which what is followed is kept alive. */
  readonly clock: FakeClock;
  /** What it answers is held to the description of the API. */
  ask(asking: Asking): Promise<Answered>;
}

export interface ApiStageOptions {
  readonly limits?: Partial<Limits>;
  readonly folder?: string | null;
  /** What to do otherwise than who really decides. */
  readonly instead?: Partial<AccessDoor>;
  /** Default: all. */
  readonly routes?: readonly Route[];
  /** Those that the test's routes need. Default: none. */
  readonly services?: Partial<ApiServices>;
}

/** The API on a server of its own, with the limits of HTTP, a page behind it, and who really decides about access. */
export async function openApi({
  limits: some,
  folder = null,
  instead,
  routes = ROUTES,
  services = {},
}: ApiStageOptions = {}): Promise<ApiStage> {
  const clock = new FakeClock();
  const limits = { ...DEFAULT_LIMITS, ...some };
  const hits = new LimitHits();
  const events: HttpEvent[] = [];
  const decider = new Access({
    admissions: ADMISSIONS,
    clock: new FakeClock(),
    random: SYSTEM_RANDOM,
    limits,
    recheckMs: 0,
    operatorKey: null,
    revocationMs: 86_400_000,
    store: null,
    report: () => undefined,
    onLimit: (limit) => hits.count(limit),
  });
  await decider.load();
  onTestFinished(() => decider.close());
  const access = instead ? standIn(decider, instead) : decider;
  const rates = new AddressRates({
    clock: new FakeClock(),
    perSecond: limits.maxAddressRequestsPerSecond,
    burstMs: limits.maxBurstMs,
    maxAddresses: limits.maxAddresses,
    onForgotten: () => hits.count("maxAddresses"),
  });
  const api = createApi({
    access,
    services: services as ApiServices,
    clock,
    routes,
    limits,
    report: (event) => events.push(event),
    countLimit: (limit) => hits.count(limit),
    rates,
    connectionOf: (incoming) => ({
      id: correlationOf(incoming, 1),
      number: 0,
      address: "192.0.2.1",
      url: incoming.url ?? "",
      headers: incoming.headers,
      token: null,
    }),
  });
  const server = createLimitedHttpServer({
    limits,
    hits,
    handle: apiFirst(api, withoutBody(pageHandler(folder))),
    upgrade: (_request, socket) => socket.destroy(),
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { api, access, port, events, hits, clock, ask: (asking) => ask(port, asking, routes) };
}

function standIn(decider: Access, instead: Partial<AccessDoor>): AccessDoor {
  return new Proxy(decider, {
    get: (of, name) => {
      const own = Object.hasOwn(instead, name)
        ? instead[name as keyof AccessDoor]
        : Reflect.get(of, name, of);
      return typeof own === "function" ? own.bind(of) : own;
    },
  });
}

const DESCRIPTIONS = new Map<readonly Route[], OpenApiAnswers>();

function descriptionOf(routes: readonly Route[]): OpenApiAnswers {
  const description = DESCRIPTIONS.get(routes) ?? new OpenApiAnswers(describeApi(routes));
  DESCRIPTIONS.set(routes, description);
  return description;
}

/** @param routes To which the answer is held. */
export async function ask(port: number, asking: Asking, routes = ROUTES): Promise<Answered> {
  const { method = "GET", path, token = null, body, headers = {} } = asking;
  const isBytes = body instanceof Uint8Array;
  const sent = isBytes || typeof body === "string" ? body : JSON.stringify(body);
  const url = path.startsWith("//") ? path.slice(1) : API_PATH + path;
  const request = httpRequest({
    agent: false,
    host: "127.0.0.1",
    port,
    method,
    path: url,
    headers: {
      ...(token !== null && { Authorization: `Bearer ${token}` }),
      ...(sent !== undefined && {
        "Content-Type": isBytes ? "application/octet-stream" : "application/json",
        "Content-Length": Buffer.byteLength(sent),
      }),
      ...headers,
    },
  });
  request.end(sent);
  const response = await within(`${method} ${path}`, answerTo(request));
  const bytes = await within(`${method} ${path}`, buffer(response));
  const answered = { status: response.statusCode ?? 0, headers: response.headers, bytes };
  const json = typeof sent === "string" ? sent : null;
  descriptionOf(routes).check({ ...answered, method, url, sent: json, body: bytes });
  const isJson = /[/+]json/.test(response.headers["content-type"] ?? "");
  const text = bytes.toString();
  return { ...answered, text, body: isJson && text !== "" ? JSON.parse(text) : null };
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

export const KICK = { user: "u", reason: "spam" };

/** A request that is answered with 200, but for what a test changes. */
export const kick = (asking: Partial<Asking> = {}): Asking => ({
  method: "POST",
  path: "/access/kick",
  token: "manager",
  body: KICK,
  ...asking,
});

/** A client that writes bytes. */
export async function openRaw({ port }: ApiStage): Promise<RawSocket> {
  const raw = await RawSocket.open(port);
  onTestFinished(() => raw.destroy());
  return raw;
}
