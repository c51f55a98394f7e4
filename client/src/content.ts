/**
 * What a document contains, on this device: the Y.Doc, its copy in the offline store, and who is in it. It tells
 * local edits, which are all that nobody here brought, from those of the server and of the store.
 */

import type { JoineryError } from "@joinery/shared";
import { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import type { LocalCopy } from "./local-copy.ts";
import { mergeUpdates } from "./merge.ts";
import type { OfflineCopy } from "./offline/ports.ts";
import { Presence, type PresenceOptions } from "./presence.ts";

export interface ContentOptions {
  /** Default: new ones. */
  readonly doc: Y.Doc | undefined;
  readonly awareness: Awareness | undefined;
  /** How presence is told; `null` for a document without. */
  readonly presence: Omit<PresenceOptions, "awareness"> | null;
  /** What remote edits are marked with. */
  readonly origin: object;
  /** Opens the copy on this device; `null` when nobody asked for one. */
  openCopy(encode: () => Uint8Array, onError: (error: JoineryError) => void): Promise<LocalCopy> | null;
  /** What this device has is in the Y.Doc; of that, these edits are not known to be saved, and older than all others. */
  onLoaded(copy: OfflineCopy | null, unsaved: readonly Uint8Array[]): void;
  /** A local edit was made. */
  onEdit(update: Uint8Array): void;
  /** Nothing is kept on this device any more, or something was not. */
  onCopyFailed(error: JoineryError): void;
  /** A listener of the application threw. */
  onError(thrown: unknown): void;
}

export class Content {
  readonly #options: ContentOptions;
  readonly #onUpdate = (update: Uint8Array, origin: unknown) => this.#updated(update, origin);
  #doc: Y.Doc;
  #awareness: Awareness | null = null;
  #presence: Presence | null = null;
  #copy: LocalCopy | null = null;
  #loading: Promise<void> = Promise.resolve();
  #isLoaded = false;
  #isClosed = false;
  /** Local edits made before the copy was read. */
  #early: Uint8Array[] = [];
  /** What the update that is being applied has brought. */
  #news: Uint8Array | null = null;

  constructor(options: ContentOptions) {
    this.#options = options;
    this.#doc = options.doc ?? new Y.Doc();
    this.#attach(options.awareness);
  }

  get doc(): Y.Doc {
    return this.#doc;
  }

  get awareness(): Awareness | null {
    return this.#awareness;
  }

  get presence(): Presence | null {
    return this.#presence;
  }

  /** What this device keeps of it; `null` when nothing. */
  get copy(): LocalCopy | null {
    return this.#copy;
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Reads the copy on this device, if there is one. Called once. */
  load(): void {
    const initial = hasContent(this.#doc) ? this.encode() : null;
    const opening = this.#options.openCopy(
      () => this.encode(),
      (error) => this.#options.onCopyFailed(error),
    );
    if (!opening) {
      this.#loaded(null, initial);
      return;
    }
    this.#loading = opening
      .then(
        (copy) => {
          this.#copy = copy;
          this.#loaded(copy.copy, initial);
        },
        (error: JoineryError) => {
          this.#options.onCopyFailed(error);
          this.#loaded(null, initial);
        },
      )
      .catch((thrown: unknown) => this.#options.onError(thrown));
  }

  /** The whole document as one update. */
  encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc);
  }

  /** Applies a remote update. @returns What of it was not here; `null` for nothing. */
  apply(update: Uint8Array): Uint8Array | null {
    this.#news = null;
    Y.applyUpdate(this.#doc, update, this.#options.origin);
    const { pendingStructs, pendingDs } = this.#doc.store;
    if (!pendingStructs && !pendingDs) return this.#news;
    // Yjs holds something aside, which it told nobody.
    this.#copy?.addRemote(update);
    return update;
  }

  /** Begins anew, without content; the old Y.Doc is left as it is. */
  replaceDoc(): void {
    this.#detach();
    this.#doc = new Y.Doc({ gc: this.#doc.gc });
    this.#attach(undefined);
  }

  /** Resolves when what was edited is in the store. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#detach();
    // What was edited before the copy was read is still to be kept in it.
    await this.#loading;
    await this.#copy?.close();
  }

  #attach(awareness: Awareness | undefined): void {
    const { presence } = this.#options;
    this.#doc.on("update", this.#onUpdate);
    if (!presence) return;
    this.#awareness = awareness ?? new Awareness(this.#doc);
    this.#presence = new Presence({ ...presence, awareness: this.#awareness });
  }

  #detach(): void {
    this.#doc.off("update", this.#onUpdate);
    this.#presence?.close();
    if (this.#awareness !== this.#options.awareness) this.#awareness?.destroy();
  }

  #loaded(copy: OfflineCopy | null, initial: Uint8Array | null): void {
    const { updates = [], unsaved = [] } = copy ?? {};
    const news = initial && newsOf(initial, updates);
    if (updates.length > 0 && !this.#isClosed) {
      try {
        Y.applyUpdate(this.#doc, mergeUpdates(updates), this.#options.origin);
      } catch (thrown) {
        // A listener of the application threw; the update is applied.
        this.#options.onError(thrown);
      }
    }
    const brought = news ? [news] : [];
    for (const update of [...brought, ...this.#early]) this.#copy?.addLocal(update);
    this.#early = [];
    this.#isLoaded = true;
    if (!this.#isClosed) this.#options.onLoaded(copy, [...unsaved, ...brought]);
  }

  #updated(update: Uint8Array, origin: unknown): void {
    if (origin !== this.#options.origin) {
      if (this.#isLoaded) this.#copy?.addLocal(update);
      else this.#early.push(update);
      this.#options.onEdit(update);
    } else if (this.#isLoaded) {
      this.#news = this.#news ? mergeUpdates([this.#news, update]) : update;
      this.#copy?.addRemote(update);
    }
  }
}

function hasContent({ store }: Y.Doc): boolean {
  return store.clients.size > 0 || store.pendingStructs !== null || store.pendingDs !== null;
}

/** What of an update is not in others. Cost: builds a Y.Doc of them. */
function newsOf(update: Uint8Array, known: readonly Uint8Array[]): Uint8Array | null {
  if (known.length === 0) return update;
  const scratch = new Y.Doc();
  Y.applyUpdate(scratch, mergeUpdates(known));
  let news: Uint8Array | null = null;
  scratch.on("update", (bytes: Uint8Array) => {
    news = bytes;
  });
  Y.applyUpdate(scratch, update);
  scratch.destroy();
  return news;
}
