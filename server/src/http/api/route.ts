import type { DocumentName } from "@joinery/shared";
import type { AccessDoor, DoorRequest } from "../../access/access-api.ts";
import type { Action } from "../../engine/rights.ts";
import type { Schema } from "./schema.ts";

/**
 * What a route's action has to be allowed on.
 *
 * document: the one that the request names, or the server as a whole where it names none. ban: the document of the ban
 * in the path; the server as a whole where that is for all documents, or where there is no such ban. token: nothing but
 * that a token is shown, and the document where the request names one; the door asks for that itself when it makes a ticket.
 */
type Subject = "document" | "ban" | "token";

/** One method at one path: what it needs, takes and gives. The application is built from these. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the API's own; `:name` stands for one segment. */
  readonly path: string;
  readonly action: Action;
  readonly on: Subject;
  /** Of the body; of the query where the method is GET. `null` for neither. */
  readonly request: Schema | null;
  readonly status: 200 | 201 | 204;
  /** `null` for no content. */
  readonly response: Schema | null;
  /** Does it; whoever asks may. */
  run(call: Call, input: object): Outcome<object | null>;
}

/** One request that is allowed. */
export interface Call {
  readonly access: AccessDoor;
  readonly request: DoorRequest;
  /** The one that the request names; `null` for none. */
  readonly document: DocumentName | null;
  /** A segment of the path, decoded. */
  readonly segment: (name: string) => string;
}

type Outcome<Value> = Value | Promise<Value>;

/** A route whose input and outcome are held to its schemas. */
interface TypedRoute<Input extends object, Output extends object | null>
  extends Omit<Route, "request" | "response" | "run"> {
  readonly request: Schema<Input> | null;
  readonly response: Output extends object ? Schema<Output> : null;
  readonly run: (call: Call, input: Input) => Outcome<Output>;
}

export function route<Input extends object, Output extends object | null>(
  of: TypedRoute<Input, Output>,
): Route {
  const { run, ...others } = of;
  // Input is what `request` has read.
  return { ...others, run: (call, input) => run(call, input as Input) };
}
