/** Presence in a hosted document: the `Awareness` that extensions read, and which ids are whose. */

import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from "y-protocols/awareness";
import { type PresenceChange, PresenceChanges } from "./changes.ts";
import type { HookChain } from "./hook-chain.ts";
import type { HostedConnection } from "./hosted-connection.ts";
import type { HostedDocument } from "./hosted-document.ts";
import type { ServerPresence } from "./server-presence.ts";
import { connectionOf } from "./transaction-origin.ts";

/** What presence needs of its room. */
export interface PresenceRoom {
  readonly name: string;
  readonly instance: object;
  readonly document: HostedDocument | null;
  readonly connections: ReadonlyMap<HostedConnection, { readonly clients: Set<number> }>;
  readonly clientsCount: number;
  afterTold(run: () => void): void;
}

export class HostedPresence {
  readonly #room: PresenceRoom;
  readonly #server: ServerPresence;
  readonly #changes: PresenceChanges | null;

  /** @param server Shows clients what extensions set themselves. */
  constructor(chain: HookChain, room: PresenceRoom, server: ServerPresence) {
    this.#room = room;
    this.#server = server;
    this.#changes = chain.has("onAwarenessUpdate")
      ? new PresenceChanges(chain, room.name, (change, origin) => this.#payload(change, origin))
      : null;
  }

  /** A document was made; if it stands for another, everybody is there already. */
  follow(document: HostedDocument): void {
    const former = this.#room.document?.awareness;
    if (former) {
      const update = encodeAwarenessUpdate(former, [...former.getStates().keys()]);
      applyAwarenessUpdate(document.awareness, update, null);
    }
    document.awareness.on("update", (change: PresenceChange, origin: unknown) => {
      if (document === this.#room.document) this.#changed(change, origin);
    });
  }

  /** @param update Awareness update, of ids that are the connection's own. */
  apply(connection: HostedConnection, update: Uint8Array): void {
    const { document } = this.#room;
    if (document !== null) document.applyAwarenessUpdate(connection, update);
  }

  /** @param onThrown Given what an observer threw; the presence is gone all the same. */
  left(connection: HostedConnection, onThrown: (thrown: unknown) => void): void {
    const { document, connections } = this.#room;
    const { clients } = connections.get(connection) ?? { clients: [] };
    if (document === null) return;
    try {
      removeAwarenessStates(document.awareness, [...clients], null);
    } catch (thrown) {
      onThrown(thrown);
    }
  }

  /** Somebody has come or gone. */
  clientsChanged(): void {
    this.#server.appear(this.#room.clientsCount > 0);
  }

  close(): void {
    this.#server.close();
  }

  #changed(change: PresenceChange, origin: unknown): void {
    const connection = connectionOf(origin);
    const clients = connection && this.#room.connections.get(connection)?.clients;
    if (clients) {
      for (const id of change.added) clients.add(id);
      for (const id of change.removed) clients.delete(id);
    } else this.#changedByServer(change);
    this.#changes?.changed(change, origin);
  }

  /** What clients have said themselves is theirs. */
  #changedByServer({ added, updated, removed }: PresenceChange): void {
    const { connections } = this.#room;
    const theirs = new Set([...connections.values()].flatMap(({ clients }) => [...clients]));
    const own = [...added, ...updated, ...removed].filter((id) => !theirs.has(id));
    if (own.length === 0) return;
    this.#room.afterTold(() => {
      this.#server.changed(own);
      this.clientsChanged();
    });
  }

  #payload(change: PresenceChange, origin: unknown): object {
    const { name: documentName, document, instance } = this.#room;
    const awareness = document?.awareness;
    const states = [...(awareness?.getStates() ?? [])].map(([clientId, state]) => ({ clientId, ...state }));
    const connection = connectionOf(origin);
    return {
      ...change,
      document,
      documentName,
      instance,
      awareness,
      states,
      connection,
      transactionOrigin: origin,
    };
  }
}
