/** An offline store in memory: what a client finds there after a reload is what was in it. */

import type {
  OfflineCopy,
  OfflineDocument,
  OfflineStore,
  OnCopyState,
  PendingDocument,
} from "@joinery/client";
import { JoineryError } from "@joinery/shared";
import { mergeUpdates } from "yjs";

const NOTHING: OfflineCopy = { updates: [], unsaved: [], revision: null, lineage: null, confirmed: [] };

export class MemoryOfflineStore implements OfflineStore {
  readonly copies = new Map<string, OfflineCopy>();
  readonly openDocuments = new Set<string>();
  /** Documents whose copy cannot be read. */
  readonly damaged = new Set<string>();
  /** Updates of a document after which it is due to be compacted. */
  compactAfter = Number.POSITIVE_INFINITY;
  /** Documents whose last write fails, so that closing them does. */
  readonly full = new Set<string>();
  /** Documents whose edits stay unsaved on the device whatever the server says, as when the disk is full. */
  readonly keepsUnsaved = new Set<string>();
  isClosed = false;
  /** How often documents were opened, or tried to be; compacted; and were to be written at once. */
  opened = 0;
  compactions = 0;
  hurries = 0;
  readonly #onStates = new Map<string, OnCopyState>();

  async open(document: string, onState: OnCopyState): Promise<OfflineDocument> {
    this.opened++;
    if (this.openDocuments.has(document)) throw new Error(`${document} is open`);
    if (this.damaged.has(document)) throw failure(`${document} is damaged`);
    this.openDocuments.add(document);
    this.#onStates.set(document, onState);
    return new MemoryOfflineDocument(this, document);
  }

  async pending(): Promise<readonly PendingDocument[]> {
    return [...this.copies]
      .map(([document, { unsaved }]) => ({
        document,
        unsaved: unsaved.length,
        bytes: unsaved.reduce((sum, { length }) => sum + length, 0),
      }))
      .filter(({ unsaved }) => unsaved > 0);
  }

  async copyTo(document: string, name: string): Promise<void> {
    const update = mergeUpdates([...this.copy(document).updates]);
    this.copies.set(name, { ...NOTHING, updates: [update], unsaved: [update] });
  }

  async remove(document: string): Promise<void> {
    this.copies.delete(document);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  copy(document: string): OfflineCopy {
    return this.copies.get(document) ?? NOTHING;
  }

  writeNow(): void {
    this.hurries++;
  }

  /** A write of an open document fails. */
  fail(document: string, message: string): void {
    this.#onStates.get(document)?.(failure(message));
  }

  /** What failed was written. */
  recover(document: string): void {
    this.#onStates.get(document)?.(null);
  }
}

class MemoryOfflineDocument implements OfflineDocument {
  readonly copy: OfflineCopy;
  readonly #store: MemoryOfflineStore;
  readonly #name: string;

  constructor(store: MemoryOfflineStore, name: string) {
    this.#store = store;
    this.#name = name;
    this.copy = store.copy(name);
  }

  get compactionDueInMs(): number | null {
    return this.#now.updates.length > this.#store.compactAfter ? 0 : null;
  }

  addLocal(update: Uint8Array): void {
    const { updates, unsaved } = this.#now;
    this.#set({ updates: [...updates, update], unsaved: [...unsaved, update] });
  }

  addRemote(update: Uint8Array): void {
    this.#set({ updates: [...this.#now.updates, update] });
  }

  saved(count: number): void {
    if (this.#store.keepsUnsaved.has(this.#name)) return;
    this.#set({ unsaved: this.#now.unsaved.slice(count) });
  }

  setRevision(
    revision: OfflineCopy["revision"],
    lineage: OfflineCopy["lineage"],
    confirmed: OfflineCopy["confirmed"] = [],
  ): void {
    this.#set({ revision, lineage, confirmed });
  }

  compact(state: Uint8Array): void {
    this.#store.compactions++;
    this.#set({ updates: [state] });
  }

  replace(copy: OfflineCopy): void {
    this.#set(copy);
  }

  async flush(): Promise<void> {
    if (this.#store.full.has(this.#name)) throw failure("the disk is full");
  }

  async close(): Promise<void> {
    this.#store.openDocuments.delete(this.#name);
    await this.flush();
  }

  get #now(): OfflineCopy {
    return this.#store.copy(this.#name);
  }

  #set(change: Partial<OfflineCopy>): void {
    this.#store.copies.set(this.#name, { ...this.#now, ...change });
  }
}

function failure(message: string): JoineryError {
  return new JoineryError("OFFLINE_STORE_FAILED", message);
}
