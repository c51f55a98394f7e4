import { JoineryError, toJoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { mergeUpdates } from "./merge.ts";
import type { CopyPlace, OfflineCopy, OfflineDocument } from "./offline/ports.ts";
import type { ClientClock, Timer } from "./ports.ts";

/** Encoding the whole document can wait for a moment without edits. */
const COMPACTION_PAUSE_MS = 2_000;

/** A document's copy on this device; has it compacted when that is due. */
export class LocalCopy {
  readonly #document: OfflineDocument;
  readonly #clock: ClientClock;
  readonly #encode: () => Uint8Array;
  #compaction: Timer | null = null;
  /** Whether `encode` gives all that the copy has, and it is not closed. */
  #mayCompact = false;
  #position = "";

  /** @param encode The whole document as one update. */
  constructor(document: OfflineDocument, clock: ClientClock, encode: () => Uint8Array) {
    this.#document = document;
    this.#clock = clock;
    this.#encode = encode;
  }

  /** As it was when it was opened. */
  get copy(): OfflineCopy {
    return this.#document.copy;
  }

  /** What of an update was not in the copy when it was opened; `null` for nothing. Cost: builds a Y.Doc of it. */
  newsIn(update: Uint8Array): Uint8Array | null {
    const { updates } = this.copy;
    if (updates.length === 0) return update;
    const scratch = new Y.Doc();
    Y.applyUpdate(scratch, mergeUpdates(updates));
    let news: Uint8Array | null = null;
    scratch.on("update", (bytes: Uint8Array) => {
      news = bytes;
    });
    Y.applyUpdate(scratch, update);
    scratch.destroy();
    return news;
  }

  /** The Y.Doc has all that the copy has: it may be compacted from now on. */
  loaded(): void {
    this.#mayCompact = true;
    this.considerCompaction();
  }

  addLocal(update: Uint8Array): void {
    this.#document.addLocal(update);
    this.considerCompaction();
  }

  addRemote(update: Uint8Array): void {
    this.#document.addRemote(update);
    this.considerCompaction();
  }

  saved(edits: number): void {
    this.#document.saved(edits);
    this.considerCompaction();
  }

  setPlace(place: CopyPlace): void {
    const position = JSON.stringify(place);
    if (position === this.#position) return;
    this.#position = position;
    this.#document.setRevision(place.revision, place.lineage, place.confirmed);
  }

  replace(copy: OfflineCopy): void {
    this.#position = "";
    this.#document.replace(copy);
  }

  /** Resolves when all is on disk; rejects with OFFLINE_STORE_FAILED (never) when it is not. */
  flush(): Promise<void> {
    this.#compactIfDue();
    return this.#document.flush();
  }

  /** Resolves when all is on disk; rejects with OFFLINE_STORE_FAILED (never) when that failed. */
  close(): Promise<void> {
    this.#compaction?.cancel();
    this.#compactIfDue();
    this.#mayCompact = false;
    return this.#document.close();
  }

  /**
   * Lets go of a copy that Yjs cannot read, as it is: what were written to it would take the place of what somebody may
   * rescue.
   */
  abandon(thrown: unknown): JoineryError {
    // Nothing waits that could fail.
    this.#document.close().catch(() => undefined);
    const message = `the local copy of the document cannot be read: ${toJoineryError(thrown).message}`;
    return new JoineryError("OFFLINE_STORE_FAILED", message, { cause: thrown });
  }

  /** Looks whether a compaction is due, or will be. Called after whatever may change that. */
  considerCompaction(): void {
    const dueInMs = this.#mayCompact ? this.#document.compactionDueInMs : null;
    if (this.#compaction || dueInMs === null) return;
    this.#compaction = this.#clock.setTimer(Math.max(dueInMs, COMPACTION_PAUSE_MS), () => {
      this.#compaction = null;
      this.#compactIfDue();
      // One that fails is due again later. Why it failed is told by the document's state.
      const consider = () => this.considerCompaction();
      this.#document.flush().then(consider, consider);
    });
  }

  #compactIfDue(): void {
    if (this.#mayCompact && this.#document.compactionDueInMs === 0) this.#document.compact(this.#encode());
  }
}
