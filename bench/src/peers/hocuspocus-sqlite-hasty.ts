import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { STORAGE } from "../config.ts";
import { hocuspocusSqlite } from "./hocuspocus-sqlite.ts";
import type { Peer } from "./peer.ts";

const SCRIPT = fileURLToPath(new URL("hocuspocus-sqlite-server.ts", import.meta.url));
/** Its defaults, in milliseconds after the last change, and after the first that is not stored. */
const DEBOUNCE_MS = 2_000;
const MAX_DEBOUNCE_MS = 10_000;
const HASTE = STORAGE.editsPerSecond / STORAGE.liveEditsPerSecond;

/** The same where people type faster than live: it stores as often per edit as it does then. */
export const hocuspocusSqliteHasty: Peer = {
  ...hocuspocusSqlite,
  id: "hocuspocus-sqlite-hasty",
  command: ({ port, dataFolder }) => ({
    args: [
      SCRIPT,
      String(port),
      join(dataFolder, "documents.sqlite"),
      String(DEBOUNCE_MS / HASTE),
      String(MAX_DEBOUNCE_MS / HASTE),
    ],
  }),
};
