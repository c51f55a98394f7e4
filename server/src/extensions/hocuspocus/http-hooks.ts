import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { HookChain } from "./hook-chain.ts";

/**
 * Lets extensions answer a request. One that has answered it rejects with nothing.
 *
 * @returns Whether it is answered, or somebody has it in hand.
 */
export async function answerRequest(
  chain: HookChain,
  instance: object,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  try {
    await chain.run("onRequest", { request, response, instance });
  } catch (thrown) {
    if (thrown && !response.headersSent) {
      response.writeHead(500, { "Content-Type": "text/plain; charset=utf-8" });
      response.end("Internal Server Error\n");
    }
    return true;
  }
  return response.headersSent || response.writableEnded;
}

/** What `onUpgrade` is given. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly instance: object;
}

/**
 * Asks extensions whether a WebSocket may be accepted. One that takes the socket over rejects with nothing.
 *
 * @returns Whether it may be.
 */
export async function answerUpgrade(chain: HookChain, upgrade: Upgrade): Promise<boolean> {
  try {
    await chain.run("onUpgrade", upgrade);
    return true;
  } catch (thrown) {
    if (thrown) refuse(upgrade.socket);
    return false;
  }
}

function refuse(socket: Duplex): void {
  // No timeout of HTTP's is left on it: a client that does not close its own side would keep it for ever.
  socket.once("finish", () => socket.destroy());
  socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}
