/**
 * What the routes need of the server beyond who may do what. The composition root fills it; a route that needs something
 * else adds a field of its own group, with an interface beside the route.
 */

import type { DocumentsLive } from "../../documents/live-api.ts";
import type { DocumentReading } from "../../documents/reading-api.ts";
import type { DocumentWriting } from "../../documents/writing-api.ts";
import type { ServerStats } from "./server-stats.ts";

export interface ApiServices {
  readonly reading: DocumentReading;
  readonly writing: DocumentWriting;
  /**
   * Makes Yjs v1 of an update in Yjs' second format, away from the event loop.
   *
   * Rejects with MALFORMED_UPDATE and UPDATE_TOO_COSTLY (never), SERVER_FULL (backoff).
   */
  readonly firstFormat: (update: Uint8Array) => Promise<Uint8Array>;
  readonly live: DocumentsLive;
  /** How the server is. Cost: linear in rooms. */
  readonly stats: () => ServerStats;
}
