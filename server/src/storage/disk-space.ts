import { statfs } from "node:fs/promises";
import { JoineryError } from "@joinery/shared";

export interface DiskSpaceOptions {
  /** A folder on the disk that is meant. */
  readonly folder: string;
  /** Below this much the disk counts as nearly full; 0 for never. */
  readonly minFreeBytes: number;
  /** Bytes on the disk that are free for us. By default the operating system is asked. */
  readonly freeBytes?: (folder: string) => Promise<number>;
  /** Milliseconds that never go back. */
  readonly monotonicMs?: () => number;
}

/** Asked again after this long, or after this many bytes, whichever comes first. */
const CHECK_EVERY_MS = 1000;
const CHECK_EVERY_BYTES = 16 * 1024 * 1024;
/** Or when this much of what there is above the least may be gone: LevelDB writes a byte several times. */
const CHECK_EVERY_SHARE = 1 / 4;

/** A disk that was nearly full has to have this much more than the least, so that it does not go to and fro. */
const MORE_TO_GO_ON = 1.25;

const MIB = 1024 * 1024;

/**
 * Says when a disk is nearly full. A database that runs into a full disk in the middle of a write cannot be trusted
 * any more until it was opened again, and opening it takes space.
 */
export class DiskSpace {
  readonly #folder: string;
  readonly #minFreeBytes: number;
  readonly #freeBytes: (folder: string) => Promise<number>;
  readonly #monotonicMs: () => number;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #bytesSince = 0;
  #askAfterBytes = 0;
  #low: JoineryError | null = null;

  constructor({
    folder,
    minFreeBytes,
    freeBytes = freeBytesOf,
    monotonicMs = () => performance.now(),
  }: DiskSpaceOptions) {
    this.#folder = folder;
    this.#minFreeBytes = minFreeBytes;
    this.#freeBytes = freeBytes;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Asks for leave to write.
   *
   * @returns STORAGE_UNAVAILABLE (backoff) when the disk is nearly full, else `null`. Cost: a question to the
   * operating system once a second, and once every 16 MiB, or less where the disk has little more than the least.
   */
  async check(bytes: number): Promise<JoineryError | null> {
    if (this.#minFreeBytes === 0) return null;
    this.#bytesSince += bytes;
    const now = this.#monotonicMs();
    if (now - this.#checkedAtMs < CHECK_EVERY_MS && (this.#low || this.#bytesSince < this.#askAfterBytes))
      return this.#low;
    this.#checkedAtMs = now;
    this.#bytesSince = 0;
    const wanted = this.#minFreeBytes * (this.#low ? MORE_TO_GO_ON : 1);
    const free = await this.#free();
    this.#askAfterBytes = Math.min(CHECK_EVERY_BYTES, (free - this.#minFreeBytes) * CHECK_EVERY_SHARE);
    this.#low = free < wanted ? nearlyFull(free, wanted) : null;
    return this.#low;
  }

  /**
   * Asks for leave to write much at once, or what makes room later: it may take half of what is to be left.
   *
   * @returns STORAGE_UNAVAILABLE (backoff) when that is not enough, else `null`. Cost: a question to the operating system.
   */
  async checkReserve(bytes: number): Promise<JoineryError | null> {
    if (this.#minFreeBytes === 0) return null;
    // Once in LevelDB's log, and once in its tables before the log goes.
    const wanted = this.#minFreeBytes / 2 + 2 * bytes;
    const free = await this.#free();
    return free < wanted ? nearlyFull(free, wanted) : null;
  }

  /** A disk that does not say how full it is will say so when it is written to. */
  #free(): Promise<number> {
    return this.#freeBytes(this.#folder).catch(() => Number.POSITIVE_INFINITY);
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function nearlyFull(free: number, wanted: number): JoineryError {
  const [left, least] = [free, wanted].map((bytes) => `${Math.floor(bytes / MIB)} MiB`);
  return new JoineryError(
    "STORAGE_UNAVAILABLE",
    `storage is not available: the disk is nearly full: ${left} left, ${least} wanted`,
  );
}
