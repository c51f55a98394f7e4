/**
 * What a document contains, on this device: the Y.Doc, its copy in the offline store, and who is in it. It tells
 * local edits, which are all that nobody here brought, from those of the server and of the store.
 */

import type { JoineryError } from "@joinery/shared";
import { Awareness } from "y-protocols/awareness";
import * as Y from "yjs";
import type { DocumentHost } from "./document-host.ts";
import type { LocalCopy } from "./local-copy.ts";
import { mergeUpdates } from "./merge.ts";
import { attempt } from "./observable.ts";
import type { OfflineCopy } from "./offline/ports.ts";
import { Presence } from "./presence.ts";

/** Whom a content tells, once it is loading. */
export interface ContentUser {
  /**
   * What this device has is in the Y.Doc; of that, these edits are not known to be saved, and older than all others.
   *
   * @param copy As it was on this device; `null` when nothing is kept.
   */
  loaded(copy: OfflineCopy | null, unsaved: readonly Uint8Array[]): void;
  /** A local edit was made. */
  edited(update: Uint8Array): void;
  /** There is presence to tell. */
  request(): void;
}

export class Content {
  readonly #host: DocumentHost;
  readonly #onUpdate = (update: Uint8Array, origin: unknown) => this.#updated(update, origin);
  #user: ContentUser | null = null;
  #doc: Y.Doc;
  #presence: Presence | null = null;
  #copy: LocalCopy | null = null;
  #loading: Promise<void> = Promise.resolve();
  #isLoaded = false;
  #isClosed = false;
  #offlineError: JoineryError | null = null;
  /** Local edits made before the copy was read. */
  #early: Uint8Array[] = [];
  /** What the update that is being applied has brought. */
  #news: Uint8Array | null = null;

  constructor(host: DocumentHost) {
    this.#host = host;
    this.#doc = host.options.doc ?? new Y.Doc();
    this.#attach(host.options.awareness);
  }

  get doc(): Y.Doc {
    return this.#doc;
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

  /** See DocumentSnapshot. */
  get offlineError(): JoineryError | null {
    return this.#offlineError;
  }

  /** Reads the copy on this device, if there is one. Called once. */
  load(user: ContentUser): void {
    this.#user = user;
    const initial = hasContent(this.#doc) ? this.encode() : null;
    const onState = (error: JoineryError | null) => this.#copyIs(error);
    const opening = this.#host.openCopy(() => this.encode(), onState);
    if (!opening) {
      this.#loaded(initial);
      return;
    }
    this.#loading = opening
      .then((copy) => {
        this.#copy = copy;
      }, onState)
      .then(() => this.#loaded(initial))
      .catch(this.#host.report);
  }

  /** The whole document as one update. */
  encode(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc);
  }

  /**
   * Applies a remote update.
   *
   * @returns What of it was not here; `null` for nothing.
   * @throws When it cannot be told what of it is here now.
   */
  apply(update: Uint8Array): Uint8Array | null {
    const doc = this.#doc;
    const wasAside = isAside(doc);
    this.#news = null;
    this.#integrate(update, (thrown, isApplied) => {
      if (!isApplied || !this.#news) {
        this.#copy?.addRemote(this.encode());
        throw thrown;
      }
    });
    if (isAside(doc)) {
      // Yjs holds something aside, which it told nobody.
      this.#copy?.addRemote(update);
      return update;
    }
    // What was held aside before may be of somebody else, whom the server does not know.
    if (wasAside && this.#news) {
      this.#copy?.addLocal(this.#news);
      this.#user?.edited(this.#news);
    }
    return this.#news;
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
    const { hasPresence, destroyed } = this.#host;
    this.#doc.on("update", this.#onUpdate);
    this.#doc.on("destroy", destroyed);
    if (!hasPresence) return;
    const onDue = () => this.#user?.request();
    this.#presence = new Presence(awareness ?? new Awareness(this.#doc), this.#host, onDue);
    this.#host.othersChanged();
  }

  #detach(): void {
    const { options, destroyed } = this.#host;
    this.#doc.off("update", this.#onUpdate);
    this.#doc.off("destroy", destroyed);
    this.#presence?.close();
    const awareness = this.#presence?.awareness;
    if (awareness !== options.awareness) attempt(() => awareness?.destroy(), this.#host.report);
  }

  #loaded(initial: Uint8Array | null): void {
    const copy = this.#showCopy();
    const news = initial && this.#copy ? this.#copy.newsIn(initial) : initial;
    const brought = news ? [news] : [];
    for (const update of [...brought, ...this.#early]) this.#copy?.addLocal(update);
    this.#early = [];
    this.#isLoaded = true;
    if (this.#isClosed) return;
    this.#copy?.loaded();
    this.#user?.loaded(copy, [...(copy?.unsaved ?? []), ...brought]);
  }

  /** Puts what this device has into the Y.Doc. @returns It; `null` when there is nothing that Yjs can read. */
  #showCopy(): OfflineCopy | null {
    const copy = this.#copy?.copy ?? null;
    if (!copy || copy.updates.length === 0 || this.#isClosed) return copy;
    try {
      this.#integrate(mergeUpdates(copy.updates), (thrown, isApplied) => {
        if (!isApplied) throw thrown;
      });
      return copy;
    } catch (thrown) {
      const error = this.#copy?.abandon(thrown) ?? null;
      this.#copy = null;
      this.#copyIs(error);
      return null;
    }
  }

  /**
   * Applies an update that is not a local edit.
   *
   * @param failed Told what Yjs throws, or once all is applied, a listener; what it does not throw is reported.
   */
  #integrate(update: Uint8Array, failed: (thrown: unknown, isApplied: boolean) => void): void {
    let isApplied = false;
    const apply = () => {
      Y.applyUpdate(this.#doc, update, this);
      isApplied = true;
    };
    try {
      // Listeners are called at its end, so that what they throw is told from what Yjs does.
      Y.transact(this.#doc, apply, this, false);
    } catch (thrown) {
      failed(thrown, isApplied);
      this.#host.report(thrown);
    }
  }

  #copyIs(error: JoineryError | null): void {
    this.#offlineError = error;
    this.#host.changed();
    this.#copy?.considerCompaction();
    // The state says so, too: nobody has to listen.
    if (error) this.#host.events.emit("error", error);
  }

  #updated(update: Uint8Array, origin: unknown): void {
    if (origin !== this) {
      if (this.#isLoaded) this.#copy?.addLocal(update);
      else this.#early.push(update);
      this.#user?.edited(update);
    } else if (this.#isLoaded) {
      this.#news = this.#news ? mergeUpdates([this.#news, update]) : update;
      this.#copy?.addRemote(update);
    }
  }
}

function hasContent(doc: Y.Doc): boolean {
  return doc.store.clients.size > 0 || isAside(doc);
}

/** Whether Yjs has something that builds upon what is not here. */
function isAside({ store }: Y.Doc): boolean {
  return store.pendingStructs !== null || store.pendingDs !== null;
}
