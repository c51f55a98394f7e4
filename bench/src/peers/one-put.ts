import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onePut as dialect } from "../dialects/one-put.ts";
import type { Peer } from "./peer.ts";

const SCRIPT = fileURLToPath(new URL("one-put-server.ts", import.meta.url));

/** One fsync an edit: a server that keeps the same promise, and shares nothing. */
export const onePut: Peer = {
  id: "one-put",
  title: "one fsync an edit",
  role: "floor",
  dialect,
  command: ({ port, dataFolder }) => ({ args: [SCRIPT, String(port), join(dataFolder, "one-put")] }),
};
