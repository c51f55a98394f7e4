import type { JoineryError } from "@joinery/shared";
import { bytesOf, type Operation } from "./database.ts";
import { decodeDeletedKey } from "./deleted-keys.ts";
import { DiskSpace, type DiskSpaceOptions } from "./disk-space.ts";
import { isLossKey } from "./keys.ts";

export interface SpaceGuardOptions extends Pick<DiskSpaceOptions, "folder" | "minFreeBytes"> {
  /** Told when the disk becomes nearly full, and when it is no longer. */
  readonly report: (
    event:
      | { readonly type: "storage-unavailable"; readonly error: JoineryError }
      | { readonly type: "storage-recovered" },
  ) => void;
}

/** What is larger may take more than what is kept free for writes that are under way. */
const LARGE_WRITE_BYTES = 16 * 1024 * 1024;

/** Lets nothing be written that would fill the disk. */
export class SpaceGuard {
  readonly #space: DiskSpace;
  readonly #report: SpaceGuardOptions["report"];
  #isLow = false;

  constructor({ report, ...options }: SpaceGuardOptions) {
    this.#space = new DiskSpace(options);
    this.#report = report;
  }

  /**
   * Erasing frees the disk, and is always let through, with its notes. So does deleting, later: it may take half of what
   * is to be left free, for as long as that lasts.
   *
   * Rejects with STORAGE_UNAVAILABLE (backoff).
   */
  async require(operations: readonly Operation[]): Promise<void> {
    const added = operations.filter(({ type, key }) => type === "put" && !isLossKey(key));
    if (added.length === 0) return;
    const bytes = bytesOf(operations);
    const isDeletion = added.every(({ key }) => decodeDeletedKey(key) !== null);
    let low = isDeletion ? null : await this.low(bytes);
    if (isDeletion || bytes > LARGE_WRITE_BYTES) low ??= await this.#space.checkReserve(bytes);
    if (low !== null) throw low;
  }

  /** Why nothing but deletions is written; `null` if all is. */
  async low(bytes: number): Promise<JoineryError | null> {
    const low = await this.#space.check(bytes);
    const wasLow = this.#isLow;
    this.#isLow = low !== null;
    if (wasLow && low === null) this.#report({ type: "storage-recovered" });
    if (!wasLow && low !== null) this.#report({ type: "storage-unavailable", error: low });
    return low;
  }
}
