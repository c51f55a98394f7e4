/**
 * The Y.Doc of a room, from the moment it is made until it is thrown away: it counts among the bytes that extensions
 * may have in memory, and extensions find it under its name. What their observers throw is reported and ends nothing.
 */

import type { ObservedRoom } from "../../engine/observer.ts";
import { DocumentSync, type DocumentSyncOptions } from "./document-sync.ts";
import type { HostedBytes } from "./hosted-bytes.ts";
import type { HostedDocument } from "./hosted-document.ts";

/** Where extensions find documents, and what all of them take. */
export interface CopyHost {
  readonly bytes: HostedBytes;
  /** Extensions find a document under its name, from now on or no more. */
  shown(document: HostedDocument): void;
  hidden(document: HostedDocument): void;
}

export interface HostedCopyOptions extends Omit<DocumentSyncOptions, "room"> {
  readonly host: CopyHost;
  readonly room: ObservedRoom;
}

export class HostedCopy {
  readonly #options: HostedCopyOptions;
  #sync: DocumentSync | null = null;

  constructor(options: HostedCopyOptions) {
    this.#options = options;
  }

  /** `null` while there is none. */
  get document(): HostedDocument | null {
    return this.#sync?.document ?? null;
  }

  /** Makes the Y.Doc of what the room has. @throws JoineryError SERVER_FULL (backoff). */
  open(): HostedDocument {
    const { host, room, onRebuilt, onWritten } = this.#options;
    host.bytes.take(this, () => bytesOf(room.allUpdates()));
    this.#sync = new DocumentSync({
      ...this.#options,
      onWritten: (bytes) => {
        this.grew(bytes);
        onWritten(bytes);
      },
      onRebuilt: (document, reason) => {
        host.shown(document);
        onRebuilt(document, reason);
      },
    });
    const { document } = this.#sync;
    host.shown(document);
    return document;
  }

  /** The room has more bytes. */
  grew(bytes: number): void {
    if (this.#sync !== null) this.#options.host.bytes.add(this, bytes);
  }

  /** The room has accepted an update. */
  apply(update: Uint8Array, origin: unknown): void {
    this.#sync?.apply(update, origin);
  }

  /** As {@link DocumentSync.write}. */
  async write(): Promise<void> {
    await this.#sync?.write();
  }

  /** As {@link DocumentSync.rebuild}. */
  rebuild(reason: Error): void {
    this.#sync?.rebuild(reason);
  }

  /** The room is gone: the Y.Doc stays as it is. */
  stop(): void {
    this.#sync?.close();
  }

  /** Throws the Y.Doc away. */
  close(): void {
    const { document } = this;
    const { host, onObserverThrew } = this.#options;
    this.stop();
    this.#sync = null;
    host.bytes.release(this);
    if (document === null) return;
    host.hidden(document);
    try {
      document.destroy();
    } catch (thrown) {
      onObserverThrew(thrown);
    }
  }
}

function bytesOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((sum, update) => sum + update.length, 0);
}
