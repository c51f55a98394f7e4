/** Somebody else's HTTP servers, whose WebSocket upgrades below a path are ours. */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { destroyItself } from "../transports/half-open.ts";
import { respondRaw, type UpgradeHandler } from "./http-server.ts";
import type { UpgradeSource } from "./server-api.ts";

/** @param prefix The part of the request's path before the document's name; ends with a slash. */
export type AcceptUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, prefix: string) => void;

interface Attached {
  readonly to: UpgradeSource;
  readonly prefix: string;
  readonly upgrade: UpgradeHandler;
}

export class AttachedServers {
  readonly #all: Attached[] = [];

  /** @throws Error if another path of the same server overlaps. */
  attach(httpServer: UpgradeSource, path: string, accept: AcceptUpgrade): void {
    const prefix = `/${path.replace(/^\/+|\/+$/g, "")}/`.replace("//", "/");
    const twice = this.#all.find(
      (other) =>
        other.to === httpServer && (prefix.startsWith(other.prefix) || other.prefix.startsWith(prefix)),
    );
    if (twice) throw new Error(`the server is attached to ${twice.prefix} already, which overlaps ${prefix}`);
    const upgrade: UpgradeHandler = (request, socket, head) => {
      // Until a WebSocket listens: a client that resets now must not be an unhandled error.
      socket.on("error", destroyItself);
      if (isBelow(pathOf(request), prefix)) accept(request, socket, head, prefix);
      // Nobody else will answer.
      else if (httpServer.listenerCount("upgrade") === 1) respondRaw(socket, 404);
    };
    httpServer.on("upgrade", upgrade);
    this.#all.push({ to: httpServer, prefix, upgrade });
  }

  detach(): void {
    for (const { to, upgrade } of this.#all) to.off("upgrade", upgrade);
  }
}

/** The path of a request, still percent-encoded. */
export function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?", 1)[0] as string;
}

/** Whether a path begins with a prefix; the native client's, which names no document, need not have its slash. */
function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) || `${path}/` === prefix;
}
