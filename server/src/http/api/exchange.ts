import type { IncomingMessage, ServerResponse } from "node:http";
import type { DoorRequest } from "../../access/access-api.ts";

/** One request on its way to its answer. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly door: DoorRequest;
}
