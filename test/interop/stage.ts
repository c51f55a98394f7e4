import { onTestFailed, onTestFinished } from "vitest";
import { Peer, type PeerOptions } from "../support/peer.ts";
import { type ServerOptions, type ServerProcess, startServer } from "../support/server-process.ts";

// Each provider listens for the end of the process, and a test has dozens of them.
process.setMaxListeners(0);

/** A server and the people who have its documents open; all of it is gone when the test is over. */
export class Stage {
  readonly server: ServerProcess;
  readonly #peers: Peer[] = [];

  /** Use {@link openStage}, or this and {@link close} for a server that several tests share. */
  constructor(server: ServerProcess) {
    this.server = server;
  }

  /** Opens a document as a new client. Does not wait: `await stage.join(name).synced()`. */
  join(document: string, options?: PeerOptions): Peer {
    const peer = new Peer(this.server.wsUrl, document, options);
    this.#peers.push(peer);
    return peer;
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) peer.leave();
    await this.server.dispose();
  }
}

/** Starts a server for the test that calls it. */
export async function openStage(options?: ServerOptions): Promise<Stage> {
  const stage = new Stage(await startServer(options));
  onTestFinished(() => stage.close());
  onTestFailed(() => {
    process.stderr.write(`The server printed:\n${stage.server.stdout}${stage.server.stderr}\n`);
  });
  return stage;
}
