import { fileURLToPath } from "node:url";
import type { Dialect } from "../dialects/dialect.ts";
import { yWebsocket } from "../dialects/y-websocket.ts";
import { type Peer, packageVersion } from "./peer.ts";

const SCRIPT = fileURLToPath(new URL("relay-server.ts", import.meta.url));

/** Frames are those of y-websocket, so that they have the same sizes. */
const unanswered: Dialect = (document) => ({ ...yWebsocket(document), opening: [], joinsUnasked: true });

/** `ws` relaying frames, no CRDT: what a server in Node cannot be cheaper than by the frame. */
export const relay: Peer = {
  id: "relay",
  title: `ws ${packageVersion(import.meta.resolve("ws"))}, relay`,
  role: "floor",
  dialect: unanswered,
  command: ({ port }) => ({ args: [SCRIPT, String(port)] }),
};
