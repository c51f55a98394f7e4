/** What a room has of its host, and for whom its document is loaded. */

import type { Clock } from "../../engine/ports.ts";
import type { Rooms } from "../../engine/rooms.ts";
import type { HookChain } from "./hook-chain.ts";
import type { Context } from "./hosted-connection.ts";
import type { CopyHost } from "./hosted-copy.ts";
import type { YDocOptions } from "./hosted-document.ts";
import type { Stores } from "./stores.ts";
import type { RequestFields } from "./web-request.ts";

/** What all rooms of a host share. */
export interface RoomHost extends CopyHost {
  readonly rooms: Rooms;
  readonly chain: HookChain;
  readonly clock: Clock;
  readonly stores: Stores;
  readonly yDocOptions: YDocOptions;
  /** Whether a document is stored as soon as the last client has left. */
  readonly storesWhenEmpty: boolean;
  /** What payloads have as `instance`. */
  readonly instance: object;
}

/** For whom a document is loaded. */
export interface Opener {
  readonly context: Context;
  readonly requestFields: RequestFields;
  readonly connectionConfig: { readOnly: boolean; isAuthenticated: boolean };
}
