import { ARRIVAL_TIMEOUT_MS } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { yWebsocket } from "../dialects/y-websocket.ts";
import type { ServerProcess } from "../server-process.ts";
import { waitUntil } from "../wait.ts";
import { rested } from "./arrivals.ts";
import { Connection } from "./connection.ts";
import type { OpenedDocument } from "./opened-documents.ts";

/**
 * Somebody who has a document open while others come, because a peer without storage forgets what nobody has open,
 * and whose document it is if the server has none.
 */
export class Author {
  readonly #connection: Connection;
  readonly #wire: Wire;

  private constructor(connection: Connection, wire: Wire) {
    this.#connection = connection;
    this.#wire = wire;
  }

  /** Resolves when the server has the document and rests. */
  static async open(server: ServerProcess, name: string, document: OpenedDocument): Promise<Author> {
    const { role, dialect } = server.peer;
    // A native client would have to cut what is large into fragments.
    const wire = (role === "subject" || role === "before" ? yWebsocket : dialect)(name);
    let foundBytes = 0;
    let hasJoined = false;
    const connection = await Connection.open(server.port, wire, (incoming) => {
      if (incoming.kind === "catch-up" || incoming.kind === "update") foundBytes += incoming.update.length;
      else if (incoming.kind === "joined") hasJoined = true;
    });
    const author = new Author(connection, wire);
    await waitUntil(
      () => {
        connection.assertWell();
        return hasJoined;
      },
      ARRIVAL_TIMEOUT_MS,
      () => "the author was not let in",
    );
    if (foundBytes < document.update.length / 2) author.send(document.update);
    await rested(server);
    connection.assertWell();
    return author;
  }

  send(update: Uint8Array): void {
    this.#connection.send(this.#wire.update(update));
  }

  close(): void {
    this.#connection.close();
  }
}
