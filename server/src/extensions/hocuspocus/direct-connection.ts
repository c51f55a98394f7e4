/**
 * A way into a document for the application itself: a `DirectConnection` of Hocuspocus. It has a session of its own,
 * which keeps the document in memory, and says nothing.
 */

import type { DocumentName, JoineryError } from "@joinery/shared";
import type { Rooms } from "../../engine/rooms.ts";
import type { Session } from "../../engine/session.ts";
import type { Context } from "./hosted-connection.ts";
import type { HostedDocument } from "./hosted-document.ts";
import type { HostedRoom } from "./hosted-room.ts";
import { openOwnSession } from "./own-session.ts";
import type { Opener } from "./room-host.ts";
import { noRequestFields } from "./web-request.ts";

/** What `disconnect` may be told. */
interface DisconnectOptions {
  /** Whether what was changed is stored by extensions before it resolves. Default: yes. */
  readonly unloadImmediately?: boolean;
}

export interface DirectOptions {
  readonly rooms: Rooms;
  readonly document: DocumentName;
  readonly context: Context;
  readonly instance: object;
  /** Whether extensions see the document anyhow; if not, it is made for this connection, and fed by its session. */
  readonly isHosted: boolean;
}

/** Asks for all that there is. */
const NO_STATE = Uint8Array.of(0);

export class DirectConnection {
  readonly instance: object;
  readonly context: Context;
  readonly #options: DirectOptions;
  readonly #entered = Promise.withResolvers<HostedRoom>();
  #session: Session | null = null;
  #room: HostedRoom | null = null;

  /**
   * Opens a document. Resolves when it is loaded; rejects with why it cannot be.
   *
   * @throws JoineryError SERVER_DRAINING, SERVER_FULL (backoff).
   */
  static async open(options: DirectOptions): Promise<DirectConnection> {
    const direct = new DirectConnection(options);
    const { rooms, document } = options;
    direct.#session = openOwnSession({
      rooms,
      document,
      guest: direct,
      onUpdate: (update) => direct.#take(update),
      onClosed: (error) => direct.#closed(error),
    });
    direct.#room = await direct.#entered.promise;
    try {
      if (!options.isHosted) direct.#follow(direct.#room);
    } catch (thrown) {
      direct.#session.left();
      throw thrown;
    }
    return direct;
  }

  constructor(options: DirectOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.context = options.context;
  }

  /** `null` when it was closed. */
  get document(): HostedDocument | null {
    return this.#room?.document ?? null;
  }

  /**
   * Changes the document. Resolves when the room has accepted it, and clients are about to get it; rejects with the
   * refusal, and then the document is as it was before.
   */
  async transact(change: (document: HostedDocument) => void): Promise<void> {
    const room = this.#room;
    if (room === null) throw new Error("direct connection closed");
    room.catchUp();
    const { hosted } = room;
    hosted.transact(() => change(hosted), { source: "local", context: this.context });
    await room.write();
  }

  /** Leaves the document. Resolves when what was changed is on disk, and stored by extensions unless told not to be. */
  async disconnect({ unloadImmediately = true }: DisconnectOptions = {}): Promise<void> {
    const room = this.#room;
    if (room === null) return;
    this.#room = null;
    try {
      await room.write();
      await room.whenDurable();
    } finally {
      await this.#leave(room, unloadImmediately);
    }
  }

  /** For whom the document is loaded. */
  get opener(): Opener {
    const connectionConfig = { readOnly: false, isAuthenticated: true };
    return { context: this.context, requestFields: noRequestFields(), connectionConfig };
  }

  /** The engine has let the session in. */
  entered(room: HostedRoom): void {
    room.directs.add(this);
    this.#entered.resolve(room);
  }

  /** The engine has let the session go. */
  left(room: HostedRoom): void {
    this.#room = null;
    room.directs.delete(this);
    room.clientsChanged();
    if (room.directs.size === 0 && !this.#options.isHosted) room.hide();
  }

  async #leave(room: HostedRoom, isStored: boolean): Promise<void> {
    room.directs.delete(this);
    if (isStored) await room.store();
    this.#session?.left();
    if (room.clientsCount === 0) {
      await room.tellGone({
        context: this.context,
        requestFields: { ...noRequestFields(), socketId: "server" },
      });
    }
  }

  /** The document is made for this connection: its session keeps it up to date. */
  #follow(room: HostedRoom): void {
    room.show();
    this.#session?.sync(NO_STATE);
  }

  #take(update: Uint8Array): void {
    if (!this.#options.isHosted) this.#room?.accepted(null, update);
  }

  #closed(error: JoineryError): void {
    this.#room = null;
    this.#entered.reject(error);
  }
}
