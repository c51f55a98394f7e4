/**
 * Keeps the Y.Doc that extensions see and the room the same. What the room accepted is applied; what extensions write
 * is written to the room, so that it reaches everybody and the log. What came from the room is never written back: it
 * is known by the transaction that applied it.
 *
 * When something cannot be applied, or what was written is refused, the Y.Doc says something that the room does not:
 * it is thrown away, and made anew of what the room has.
 */

import { JoineryError, toJoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { mergeUpdates } from "../../engine/merge.ts";
import type { ObservedRoom } from "../../engine/observer.ts";
import type { HostedDocument } from "./hosted-document.ts";

export interface DocumentSyncOptions {
  readonly room: Pick<ObservedRoom, "allUpdates" | "write">;
  readonly create: () => HostedDocument;
  /** The document changed. Called within Yjs. */
  readonly onUpdate: (update: Uint8Array, origin: unknown, transaction: Y.Transaction) => void;
  /** An extension has written so many bytes. Called within Yjs. */
  readonly onWritten: (bytes: number) => void;
  /** An observer of an extension threw; the document is whole. */
  readonly onObserverThrew: (thrown: unknown) => void;
  /** The document was made anew, for this reason. */
  readonly onRebuilt: (document: HostedDocument, reason: Error) => void;
}

export class DocumentSync {
  readonly #options: DocumentSyncOptions;
  readonly #fromRoom = new WeakSet<Y.Transaction>();
  #document: HostedDocument;
  /** What extensions wrote and the room does not have, in order. */
  #written: Uint8Array[] = [];
  #writing: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: DocumentSyncOptions) {
    this.#options = options;
    this.#document = this.#build();
  }

  get document(): HostedDocument {
    return this.#document;
  }

  /** The room has accepted an update. */
  apply(update: Uint8Array, origin: unknown): void {
    const document = this.#document;
    if (this.#isTaken(update)) {
      this.rebuild(new Error("a client writes under the id under which an extension has written just now"));
      return;
    }
    try {
      this.#applyTo(document, update, origin);
    } catch (thrown) {
      if (isWhole(document) && contains(document, update)) this.#options.onObserverThrew(thrown);
      else this.rebuild(toJoineryError(thrown));
      return;
    }
    if (!isWhole(document)) this.rebuild(new Error("the document builds upon something that is missing"));
  }

  /**
   * Writes to the room what extensions wrote. Resolves when all of it was accepted; rejects with the refusal, and then
   * the document is made anew without it, or with INTERNAL (backoff) when it was made anew for another reason.
   */
  async write(): Promise<void> {
    const document = this.#document;
    while (this.#writing !== null || this.#written.length > 0) {
      this.#writing ??= this.#writeOnce().finally(() => {
        this.#writing = null;
      });
      await this.#writing;
    }
    if (document === this.#document) return;
    throw new JoineryError("INTERNAL", "the document was made anew before all of it was written");
  }

  /** Throws the document away, with what was not written, and makes it anew. */
  rebuild(reason: Error): void {
    if (this.#isClosed) return;
    const old = this.#document;
    this.#written = [];
    this.#document = this.#build();
    old.destroy();
    this.#options.onRebuilt(this.#document, reason);
  }

  /** The room is gone. The document stays as it is, until it is destroyed. */
  close(): void {
    this.#isClosed = true;
  }

  async #writeOnce(): Promise<void> {
    const written = this.#written;
    this.#written = [];
    const document = this.#document;
    const update = mergeUpdates(written);
    try {
      const tried = this.#options.room.write(update);
      if (tried !== null) await tried;
      // It was made anew while this was tried: then without it.
      if (document !== this.#document && !this.#isClosed) this.#applyTo(this.#document, update, null);
    } catch (thrown) {
      const error = toJoineryError(thrown);
      // What was refused may have been of one that was thrown away already.
      if (document === this.#document) this.rebuild(error);
      throw error;
    }
  }

  #build(): HostedDocument {
    const document = this.#options.create();
    for (const update of this.#options.room.allUpdates()) this.#applyTo(document, update, null);
    document.on("update", (update: Uint8Array, origin: unknown, _: Y.Doc, transaction: Y.Transaction) => {
      if (document === this.#document) this.#updated(update, origin, transaction);
    });
    return document;
  }

  /**
   * Whether a client has written under the document's own id while the room has not yet what was written there under
   * it: the room takes what comes first for both, and they would differ.
   */
  #isTaken(update: Uint8Array): boolean {
    if (this.#written.length === 0 && this.#writing === null) return false;
    return Y.parseUpdateMeta(update).to.has(this.#document.clientID);
  }

  #applyTo(document: HostedDocument, update: Uint8Array, origin: unknown): void {
    const apply = (transaction: Y.Transaction) => {
      this.#fromRoom.add(transaction);
      Y.applyUpdate(document, update, origin);
    };
    Y.transact(document, apply, origin, false);
  }

  #updated(update: Uint8Array, origin: unknown, transaction: Y.Transaction): void {
    if (!this.#fromRoom.has(transaction) || hasOwnItems(transaction)) {
      this.#written.push(update);
      this.#options.onWritten(update.length);
    }
    this.#options.onUpdate(update, origin, transaction);
  }
}

/** Whether an extension wrote within the transaction, as one may that listens for its beginning. */
function hasOwnItems({ doc, beforeState, afterState }: Y.Transaction): boolean {
  return (afterState.get(doc.clientID) ?? 0) > (beforeState.get(doc.clientID) ?? 0);
}

/** A room has no gaps, and so its document has none. */
function isWhole({ store }: Y.Doc): boolean {
  return store.pendingStructs === null && store.pendingDs === null;
}

function contains(document: Y.Doc, update: Uint8Array): boolean {
  const { to } = Y.parseUpdateMeta(update);
  return [...to].every(([client, clock]) => Y.getState(document.store, client) >= clock);
}
