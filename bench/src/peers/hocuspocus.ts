import { fileURLToPath } from "node:url";
import { BATCHED_FLUSH_DELAY_MS } from "../config.ts";
import { hocuspocus } from "../dialects/hocuspocus.ts";
import { type Peer, packageVersion } from "./peer.ts";

const VERSION = packageVersion(import.meta.resolve("@hocuspocus/server"));
const SCRIPT = fileURLToPath(new URL("hocuspocus-server.ts", import.meta.url));

/** Hocuspocus as its documentation starts it: no extension, so no storage; it coalesces within one turn. */
export const hocuspocusServer: Peer = {
  id: "hocuspocus",
  title: `Hocuspocus ${VERSION}`,
  role: "default",
  dialect: hocuspocus,
  command: ({ port }) => ({ args: [SCRIPT, String(port)] }),
};

/** The same with its batching window switched on. */
export const hocuspocusBatching: Peer = {
  id: "hocuspocus-batching",
  title: `Hocuspocus ${VERSION}, ${BATCHED_FLUSH_DELAY_MS} ms`,
  role: "tuned",
  dialect: hocuspocus,
  command: ({ port }) => ({ args: [SCRIPT, String(port), String(BATCHED_FLUSH_DELAY_MS)] }),
};
