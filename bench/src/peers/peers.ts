import { hocuspocusBatching, hocuspocusServer } from "./hocuspocus.ts";
import { joinery } from "./joinery.ts";
import type { Peer } from "./peer.ts";
import { relay, relayBatching } from "./relay.ts";
import { yWebsocketServer } from "./y-websocket.ts";

/** Joinery, and the peers that keep documents, in the order of the report. */
export const DOCUMENT_PEERS: readonly Peer[] = [
  joinery,
  yWebsocketServer,
  hocuspocusServer,
  hocuspocusBatching,
];

/** With the floor beside them. */
export const ALL_PEERS: readonly Peer[] = [...DOCUMENT_PEERS, relay];

/** Where many write to one document, and Joinery's window has something to collect: with a floor that does so, too. */
export const ONE_DOCUMENT_PEERS: readonly Peer[] = [...ALL_PEERS, relayBatching];
