import type { LineageId, Revision } from "@joinery/shared/protocol";
import type { OfflineCopy, OfflineDocument } from "./offline/ports.ts";
import type { ClientClock, Timer } from "./ports.ts";

/** Encoding the whole document can wait for a moment without edits. */
const COMPACTION_PAUSE_MS = 2_000;

/** A document's copy on this device; has it compacted when that is due. */
export class LocalCopy {
  readonly #document: OfflineDocument;
  readonly #clock: ClientClock;
  readonly #encode: () => Uint8Array;
  #compaction: Timer | null = null;
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

  addLocal(update: Uint8Array): void {
    this.#document.addLocal(update);
    this.#considerCompaction();
  }

  addRemote(update: Uint8Array): void {
    this.#document.addRemote(update);
    this.#considerCompaction();
  }

  saved(edits: number): void {
    this.#document.saved(edits);
  }

  setRevision(revision: Revision | null, lineage: LineageId | null): void {
    const position = `${revision?.seq ?? ""} ${revision?.lineage ?? lineage ?? ""}`;
    if (position === this.#position) return;
    this.#position = position;
    this.#document.setRevision(revision, lineage);
  }

  replace(copy: OfflineCopy): void {
    this.#position = "";
    this.#document.replace(copy);
  }

  flush(): Promise<void> {
    return this.#document.flush();
  }

  /** Resolves when all is on disk, or has failed to be. */
  close(): Promise<void> {
    this.#compaction?.cancel();
    return this.#document.close();
  }

  #considerCompaction(): void {
    if (this.#compaction || !this.#document.isCompactionDue) return;
    this.#compaction = this.#clock.setTimer(COMPACTION_PAUSE_MS, () => {
      this.#compaction = null;
      if (this.#document.isCompactionDue) this.#document.compact(this.#encode());
    });
  }
}
