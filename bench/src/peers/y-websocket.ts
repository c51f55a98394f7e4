import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { yWebsocket } from "../dialects/y-websocket.ts";
import { type Peer, packageVersion } from "./peer.ts";

// An alias: version 2 is the last with the reference server in it, version 3 is the provider alone.
const MANIFEST = import.meta.resolve("y-websocket-2/package.json");

/** The y-websocket reference server with nothing configured: no storage. */
export const yWebsocketServer: Peer = {
  id: "y-websocket",
  title: `y-websocket ${packageVersion(MANIFEST)}`,
  role: "default",
  dialect: yWebsocket,
  command({ port }) {
    const script = join(dirname(fileURLToPath(MANIFEST)), "bin", "server.cjs");
    return { args: [script], env: { HOST: "127.0.0.1", PORT: String(port) } };
  },
};
