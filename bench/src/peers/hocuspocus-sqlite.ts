import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hocuspocus } from "../dialects/hocuspocus.ts";
import { SQLITE_FILE } from "../stored-documents.ts";
import { hocuspocusServer } from "./hocuspocus.ts";
import type { Peer } from "./peer.ts";

const SCRIPT = fileURLToPath(new URL("hocuspocus-sqlite-server.ts", import.meta.url));

/** Hocuspocus with its documents in an SQLite file, as its documentation has it. */
export const hocuspocusSqlite: Peer = {
  id: "hocuspocus-sqlite",
  title: `${hocuspocusServer.title}, SQLite`,
  role: "default",
  dialect: hocuspocus,
  command: ({ port, dataFolder }) => ({ args: [SCRIPT, String(port), join(dataFolder, SQLITE_FILE)] }),
};
