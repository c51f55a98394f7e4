/**
 * The Y.Doc of a document, as extensions know it: a `Document` of Hocuspocus. It knows its room by what extensions may
 * do there; how the two are kept the same is not its business.
 */

import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import type { HostedConnection } from "./hosted-connection.ts";

/** What Hocuspocus gives a Y.Doc when it is made, by its own names. */
export interface YDocOptions {
  readonly gc?: boolean;
  readonly gcFilter?: (item: Y.Item) => boolean;
}

/** What a document needs of its room. */
export interface DocumentRoom {
  /** Those who are in it, with the ids of their presence. */
  readonly connections: ReadonlyMap<HostedConnection, { readonly clients: Set<number> }>;
  readonly directConnections: number;
  readonly isStoring: boolean;
  broadcastStateless(payload: string, isFor?: (connection: HostedConnection) => boolean): void;
  sendStateless(payload: string, isFor?: (connection: HostedConnection) => boolean): void;
}

export class HostedDocument extends Y.Doc {
  readonly name: string;
  readonly awareness: Awareness;
  /** Whether it is still being filled. */
  isLoading = true;
  override isDestroyed = false;
  /** When it was last changed, in milliseconds since 1970; 0 for never. */
  lastChangeTime = 0;
  readonly #room: DocumentRoom;

  constructor(name: string, room: DocumentRoom, options: YDocOptions = {}) {
    super(options);
    this.name = name;
    this.#room = room;
    this.awareness = new Awareness(this);
    // Who is there is known by the sessions: nobody has to be given up for having been silent.
    clearInterval(this.awareness._checkInterval);
    this.awareness.setLocalState(null);
  }

  get connections(): DocumentRoom["connections"] {
    return this.#room.connections;
  }

  get directConnectionsCount(): number {
    return this.#room.directConnections;
  }

  get saveMutex(): { isLocked(): boolean } {
    return { isLocked: () => this.#room.isStoring };
  }

  /** Whether nothing is in the root type of this name. */
  isEmpty(fieldName: string): boolean {
    const type = this.get(fieldName);
    return type._start === null && type._map.size === 0;
  }

  /** Adds what other documents have. */
  merge(documents: Y.Doc | readonly Y.Doc[]): this {
    for (const document of documents instanceof Y.Doc ? [documents] : documents) {
      Y.applyUpdate(this, Y.encodeStateAsUpdate(document));
    }
    return this;
  }

  hasConnection(connection: HostedConnection): boolean {
    return this.connections.has(connection);
  }

  getConnectionsCount(): number {
    return this.connections.size + this.directConnectionsCount;
  }

  getConnections(): HostedConnection[] {
    return [...this.connections.keys()];
  }

  /** Ids of a connection's presence. */
  getClients(connection: HostedConnection): Set<number> {
    return new Set(this.connections.get(connection)?.clients);
  }

  hasAwarenessStates(): boolean {
    return this.awareness.getStates().size > 0;
  }

  applyAwarenessUpdate(connection: HostedConnection, update: Uint8Array): this {
    applyAwarenessUpdate(this.awareness, update, { source: "connection", connection });
    return this;
  }

  /** Sends a message to everybody who is here, or to those for whom this is true. */
  broadcastStateless(payload: string, filter?: (connection: HostedConnection) => boolean): void {
    this.#room.broadcastStateless(payload, filter);
  }

  /** As that, without calling `beforeBroadcastStateless`. */
  relayStateless(payload: string, filter?: (connection: HostedConnection) => boolean): void {
    this.#room.sendStateless(payload, filter);
  }

  /** Nothing waits here to be sent. */
  flush(): this {
    return this;
  }

  override destroy(): void {
    super.destroy();
    this.isDestroyed = true;
  }
}
