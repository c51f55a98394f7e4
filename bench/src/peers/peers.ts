import { hocuspocusBatching, hocuspocusServer } from "./hocuspocus.ts";
import { joinery } from "./joinery.ts";
import type { Peer } from "./peer.ts";
import { yWebsocketServer } from "./y-websocket.ts";

/** All servers, in the order of the report. */
export const PEERS: readonly Peer[] = [joinery, yWebsocketServer, hocuspocusServer, hocuspocusBatching];
