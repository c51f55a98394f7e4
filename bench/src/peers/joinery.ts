import { fileURLToPath } from "node:url";
import { yWebsocket } from "../dialects/y-websocket.ts";
import { type Peer, packageVersion } from "./peer.ts";

const COMMAND = new URL("../../../cli/bin/joinery.js", import.meta.url).href;

/** Joinery as `joinery serve` starts it, with every batch fsynced to LevelDB. */
export const joinery: Peer = {
  id: "joinery",
  title: `Joinery ${packageVersion(COMMAND)}`,
  role: "subject",
  dialect: yWebsocket,
  command: ({ port, dataFolder }) => ({
    args: [
      fileURLToPath(COMMAND),
      "serve",
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--data",
      dataFolder,
    ],
  }),
};
