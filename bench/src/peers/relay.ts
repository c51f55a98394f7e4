import { fileURLToPath } from "node:url";
import * as decoding from "lib0/decoding";
import { RELAY_WINDOW_MS } from "../config.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { SYNC } from "../dialects/sync-messages.ts";
import { yWebsocket } from "../dialects/y-websocket.ts";
import { type Peer, packageVersion } from "./peer.ts";

const SCRIPT = fileURLToPath(new URL("relay-server.ts", import.meta.url));
const VERSION = packageVersion(import.meta.resolve("ws"));

/** Frames are those of y-websocket, so that they have the same sizes. */
const unanswered: Dialect = (document) => ({ ...yWebsocket(document), opening: [], joinsUnasked: true });

/** The same, where a message is several frames one behind the other. */
const unansweredTogether: Dialect = (document) => {
  const wire = unanswered(document);
  return { ...wire, read: (message) => split(message).flatMap((frame) => wire.read(frame)) };
};

function split(message: Uint8Array): Uint8Array[] {
  const decoder = decoding.createDecoder(message);
  const frames: Uint8Array[] = [];
  while (decoding.hasContent(decoder)) {
    const start = decoder.pos;
    if (decoding.readVarUint(decoder) === SYNC) decoding.readVarUint(decoder);
    decoding.readVarUint8Array(decoder);
    frames.push(message.subarray(start, decoder.pos));
  }
  return frames;
}

/** `ws` relaying frames, no CRDT: what a server in Node cannot be cheaper than by the frame. */
export const relay: Peer = {
  id: "relay",
  title: `ws ${VERSION}, relay`,
  role: "floor",
  dialect: unanswered,
  command: ({ port }) => ({ args: [SCRIPT, String(port)] }),
};

/** The same with a window: fewer frames, as of a server that batches, and nothing that is done to what is in them. */
export const relayBatching: Peer = {
  id: "relay-batching",
  title: `ws ${VERSION}, relay, ${RELAY_WINDOW_MS} ms`,
  role: "floor",
  dialect: unansweredTogether,
  command: ({ port }) => ({ args: [SCRIPT, String(port), String(RELAY_WINDOW_MS)] }),
};
