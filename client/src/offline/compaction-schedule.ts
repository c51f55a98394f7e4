import type { LogSize } from "./stored-copy.ts";

/** From when on a log is worth folding. */
export interface CompactionLimits {
  /** Bytes of a log below which no compaction is due; above it one is when the log has outgrown the snapshot. */
  readonly minLogBytes: number;
  /** Records of a log from which on a compaction is due, if there is one for each KiB of the snapshot too. */
  readonly minLogRecords: number;
}

/** How long not to fold after a fold failed; each time twice as long. */
const MIN_PAUSE_MS = 10_000;
const MAX_PAUSE_MS = 600_000;

/** When a document should be folded: how large its log is, and when a fold failed the last time. */
export class CompactionSchedule {
  readonly #limits: CompactionLimits;
  readonly #monotonicMs: () => number;
  #log: LogSize;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #pauseMs = MIN_PAUSE_MS;

  constructor(log: LogSize, limits: CompactionLimits, monotonicMs: () => number) {
    this.#log = log;
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
  }

  /** @param isNeeded Whether it is due however small the log is. @returns `null` when it is not wanted. */
  dueInMs(isNeeded: boolean): number | null {
    if (!isNeeded && !this.#isLarge) return null;
    return Math.max(0, this.#notBeforeMs - this.#monotonicMs());
  }

  /** A record joins the log. */
  logged(bytes: number): void {
    const { snapshotBytes, bytes: before, records } = this.#log;
    this.#log = { snapshotBytes, bytes: before + bytes, records: records + 1 };
  }

  /** A snapshot is about to take the place of the log. @returns The log, to be put back if it does not. */
  begin(snapshotBytes: number): LogSize {
    const log = this.#log;
    this.#log = { snapshotBytes, bytes: 0, records: 0 };
    return log;
  }

  putBack({ snapshotBytes, bytes, records }: LogSize): void {
    const since = this.#log;
    this.#log = { snapshotBytes, bytes: bytes + since.bytes, records: records + since.records };
  }

  folded(): void {
    this.#pauseMs = MIN_PAUSE_MS;
  }

  foldFailed(): void {
    this.#notBeforeMs = this.#monotonicMs() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
  }

  /** It is not to wait, whatever failed before. */
  hasten(): void {
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
  }

  get #isLarge(): boolean {
    const { snapshotBytes, bytes, records } = this.#log;
    const { minLogBytes, minLogRecords } = this.#limits;
    return (
      bytes >= Math.max(minLogBytes, snapshotBytes) ||
      records >= Math.max(minLogRecords, snapshotBytes / 1024)
    );
  }
}
