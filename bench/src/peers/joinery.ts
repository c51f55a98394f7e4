import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Dialect } from "../dialects/dialect.ts";
import { hocuspocus } from "../dialects/hocuspocus.ts";
import { joineryV1, joineryV1Deflate } from "../dialects/joinery.ts";
import { yWebsocket } from "../dialects/y-websocket.ts";
import { beforeId, type Peer, packageVersion } from "./peer.ts";

/** In a checkout. */
const COMMAND = "cli/bin/joinery.js";
const CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));

/** Joinery as `joinery serve` starts it, with every batch fsynced to LevelDB. */
function joineryAt(checkout: string, dialect: Dialect, names: Pick<Peer, "id" | "title" | "role">): Peer {
  const command = join(checkout, COMMAND);
  return {
    ...names,
    dialect,
    command: ({ port, dataFolder }) => ({
      args: [command, "serve", "--host", "127.0.0.1", "--port", String(port), "--data", dataFolder],
    }),
  };
}

const TITLE = `Joinery ${packageVersion(pathToFileURL(CHECKOUT).href)}`;

export const joinery = joineryAt(CHECKOUT, yWebsocket, { id: "joinery", title: TITLE, role: "subject" });

export const joineryNative = joineryAt(CHECKOUT, joineryV1, {
  id: "joinery-native",
  title: `${TITLE}, native`,
  role: "subject",
});

/** As the published client speaks it where the platform can inflate, which all current ones can. */
export const joineryDeflate = joineryAt(CHECKOUT, joineryV1Deflate, {
  id: "joinery-deflate",
  title: `${TITLE}, native, deflate`,
  role: "subject",
});

export const joineryHocuspocus = joineryAt(CHECKOUT, hocuspocus, {
  id: "joinery-hocuspocus",
  title: `${TITLE}, as Hocuspocus`,
  role: "subject",
});

/** Whether a folder has what {@link before} starts. */
export function isCheckout(folder: string): boolean {
  return existsSync(join(folder, COMMAND));
}

/** The same server, in the same dialect, of another checkout: what a change is compared with. */
export function before(subject: Peer, checkout: string): Peer {
  const title = subject.title.replace(TITLE, "before");
  return joineryAt(realpathSync(checkout), subject.dialect, {
    id: beforeId(subject.id),
    title,
    role: "before",
  });
}
