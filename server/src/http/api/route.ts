/** One method at one path, as data: what it needs, takes and gives. The API, and what is written of it, are made of these. */

import type { IncomingHttpHeaders } from "node:http";
import type { DocumentName, ErrorCode, LimitName, Limits } from "@joinery/shared";
import type { AccessDoor, DoorRequest } from "../../access/access-api.ts";
import type { Action } from "../../engine/rights.ts";
import type { Principal } from "../../protocols/admission.ts";
import type { Answers, Reply } from "./answers.ts";
import type { Conditions } from "./conditions.ts";
import type { Schema } from "./schema.ts";
import type { ApiServices } from "./services.ts";

/**
 * What a route's action has to be allowed on.
 *
 * document: the one that the request names in its path, its query or its body, or the server as a whole where it names
 * none. ban: the document of the ban in the path; the server as a whole where that is for all documents, or where there
 * is no such ban. token: nothing but that a token is shown, and the document where the request names one; the door asks
 * for that itself when it makes a ticket. nobody: no token is looked at.
 */
type Subject = "document" | "ban" | "token" | "nobody";

/** What is allowed only to who may do something else, too. */
export interface AlsoNeeded<Input = unknown> {
  readonly action: Action;
  /** For people, behind "also history": "with `at`". */
  readonly when: string;
  /** Whether a request needs it, on the route's own subject; or on which other document. */
  isNeeded(input: Input): boolean | DocumentName;
}

/** What a request carries, for routes that take something. */
export type TakenBody<Value extends object = object> =
  | {
      readonly kind: "json";
      readonly schema: Schema<Value>;
      readonly limit: LimitName;
      readonly maxDepth: number;
    }
  | { readonly kind: "octets"; readonly mediaType: string; readonly limit: LimitName };

/** What a request says, as it was read. */
export interface Input<Query = object, Body = object | Uint8Array> {
  /** An object without fields where the route takes none. */
  readonly query: Query;
  /** Octets where the route takes such; an object without fields where it takes nothing. */
  readonly body: Body;
}

/** The headings, in their order. */
export const GROUPS = ["Documents", "Reading", "Writing", "History", "Live", "Access", "Server"] as const;

export type Group = (typeof GROUPS)[number];

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the API's own; `:name` stands for one segment, `:document` for a document's name. */
  readonly path: string;
  /** Under which heading it is described. */
  readonly group: Group;
  /** What it does, in a few words without an end: "Lists documents". */
  readonly summary: string;
  /** What else there is to know, as Markdown; empty for nothing. */
  readonly description: string;
  /** `null` where nobody is asked. */
  readonly action: Action | null;
  readonly on: Subject;
  readonly also: readonly AlsoNeeded[];
  /** What the segments of the path are, but for `:document`. */
  readonly segments: Readonly<Record<string, string>>;
  readonly query: Schema | null;
  readonly body: TakenBody | null;
  readonly answers: Answers;
  /** Whether it looks at `If-Match`. */
  readonly takesIfMatch: boolean;
  /** What it may be refused with, beyond what every request may. */
  readonly errors: readonly ErrorCode[];
  /** And with what HTTP alone has a word for, by status. */
  readonly failures: Readonly<Record<number, string>>;
  /** Does it; whoever asks may. */
  run(call: Call, input: Input): Outcome<unknown>;
}

/** One request that is allowed. */
export interface Call {
  readonly access: AccessDoor;
  readonly services: ApiServices;
  readonly limits: Limits;
  readonly request: DoorRequest;
  /** Who asks, and what he may with the document; `null` where nobody was asked about it. */
  readonly principal: Principal | null;
  /** The one that the request names; `null` for none. */
  readonly document: DocumentName | null;
  /** A segment of the path, decoded. */
  readonly segment: (name: string) => string;
  readonly headers: IncomingHttpHeaders;
  /** What the request says of the state that it knows. */
  readonly conditions: Conditions;
  /** Aborted when nobody waits for the answer any more: the client is gone, or the server stops. */
  readonly signal: AbortSignal;
}

type Outcome<Value> = Value | Promise<Value>;

/** A route whose path names the document always has one, and somebody who was asked about. */
export type CallAt<Path extends string> = `${Path}/` extends `${string}/:document/${string}`
  ? Call & { readonly document: DocumentName; readonly principal: Principal }
  : Call;

type QueryOf<Query> = Query extends Schema<infer Value> ? Value : object;
type BodyOf<Body> = Body extends { readonly kind: "octets" }
  ? Uint8Array
  : Body extends { readonly schema: Schema<infer Value> }
    ? Value
    : object;

/** A route whose input and outcome are held to what it says of them. */
interface TypedRoute<Path extends string, Query extends Schema | null, Body extends TakenBody | null, Answer>
  extends Pick<Route, "method" | "group" | "summary" | "action" | "on"> {
  readonly path: Path;
  /** Default: empty. */
  readonly description?: string;
  /** Default: nothing else. */
  readonly also?: readonly AlsoNeeded<Input<QueryOf<Query>, BodyOf<Body>>>[];
  /** Default: none is described. */
  readonly segments?: Readonly<Record<string, string>>;
  /** Default: none is taken. */
  readonly query?: Query;
  /** Default: none is taken. */
  readonly body?: Body;
  readonly answers: Answers<Answer>;
  /** Default: no. */
  readonly takesIfMatch?: boolean;
  /** Default: none. */
  readonly errors?: readonly ErrorCode[];
  /** Default: none. */
  readonly failures?: Readonly<Record<number, string>>;
  readonly run: (
    call: CallAt<Path>,
    input: Input<QueryOf<Query>, BodyOf<Body>>,
  ) => Outcome<NoInfer<Answer> | Reply<NoInfer<Answer>>>;
}

export function route<
  const Path extends string,
  Query extends Schema | null = null,
  Body extends TakenBody | null = null,
  Answer = unknown,
>(of: TypedRoute<Path, Query, Body, Answer>): Route {
  const { run, also = [], ...others } = of;
  type Own = Input<QueryOf<Query>, BodyOf<Body>>;
  return {
    description: "",
    segments: {},
    query: null,
    body: null,
    takesIfMatch: false,
    errors: [],
    failures: {},
    ...others,
    // What is given was read by the route's own schemas, and its path names what the call then has.
    also: also.map((it) => ({ ...it, isNeeded: (input) => it.isNeeded(input as Own) })),
    run: (call, input) => run(call as CallAt<Path>, input as Own),
  };
}

/** A body that is one JSON object. Nothing that is asked goes deeper than a list of objects, unless it is said. */
export function jsonBody<Value extends object>(
  schema: Schema<Value>,
  {
    limit = "maxApiBodyBytes",
    maxDepth = 8,
  }: { readonly limit?: LimitName; readonly maxDepth?: number } = {},
): Extract<TakenBody<Value>, { readonly kind: "json" }> {
  return { kind: "json", schema, limit, maxDepth };
}

/** A body of bytes, read whole and never decompressed. */
export function octetsBody(
  mediaType = "application/octet-stream",
  { limit = "maxMessageBytes" }: { readonly limit?: LimitName } = {},
): Extract<TakenBody, { readonly kind: "octets" }> {
  return { kind: "octets", mediaType, limit };
}
