/**
 * Checks what the write-ahead logs of a database hold before LevelDB replays them. LevelDB drops what it cannot
 * read, and all that follows in the same block, without a word. Here every record is read that can be; changes out of
 * a damaged one are kept where they have checksums of their own; and what is lost then is named.
 *
 * What tells a lost record: LevelDB numbers all changes in one sequence. The end of the last log is another matter: a
 * write that was cut off by a crash looks like damage, and nobody was told that it had happened.
 */

import { type DocumentName, equalBytes } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { Operation } from "./database.ts";
import { documentOfKey } from "./deleted-keys.ts";
import { rangeOfKey } from "./keys.ts";
import { readLog, type UnreadableRecord } from "./leveldb/log-format.ts";
import { encodeWriteBatch, readWriteBatch, type WriteBatch } from "./leveldb/write-batch.ts";
import { encodeLoss } from "./losses.ts";
import { isSoundChange, salvage } from "./salvage.ts";

/** Something in a file that is not as it was written. */
export interface Finding {
  readonly file: string;
  readonly offset: number;
  /**
   * `repaired`: all is as it was written. `lost`: something is not there any more. `unsure`: the end of a log is
   * damaged, or a write that was cut off; LevelDB passes over it.
   */
  readonly outcome: "repaired" | "lost" | "unsure";
  /** A sentence for people, without its end. */
  readonly reason: string;
  /** Documents of which something is lost, or may be, as far as that can be told. */
  readonly documents: readonly DocumentName[];
}

/** What is known of the logs from elsewhere. */
export interface LogExpectations {
  /** The first change in the logs has at most this number. */
  readonly firstSequence: number;
  /** Changes up to this number had happened; those from `firstSequence` on are in the logs. */
  readonly lastSequence: number;
  /** Nothing was cut off: the database was closed in peace. */
  readonly isClosed: boolean;
  /** The last change that was acknowledged, if this process made it: what is behind it may be dropped. */
  readonly lastAcknowledged: Operation | null;
}

export interface LogCheck {
  readonly findings: readonly Finding[];
  /** The records of each log as they shall be. */
  readonly records: ReadonlyMap<string, readonly Uint8Array[]>;
  /** The logs that are not like that. */
  readonly changed: ReadonlySet<string>;
  /** Higher than the number of any change. */
  readonly nextSequence: number;
}

/** A record, or what is left of one. */
interface Entry {
  readonly file: string;
  readonly offset: number;
  readonly payload: Uint8Array;
  /** `null` for what is not as it was written. */
  readonly batch: WriteBatch | null;
  readonly isRepaired: boolean;
  /** The file ends before the record does. */
  readonly isTorn: boolean;
}

/** @param files In the order of their numbers. Cost: a pass over them; more where there is damage. */
export function checkLogs(
  files: readonly { readonly file: string; readonly bytes: Uint8Array }[],
  expectations: LogExpectations,
): LogCheck {
  const entries = files.flatMap(({ file, bytes }) => entriesOf(file, bytes));
  const run = new Run(
    files.map(({ file }) => file),
    entries,
    expectations,
  );
  entries.forEach((entry, index) => {
    run.take(entry, index);
  });
  run.end();
  return run;
}

/** What is in a log, readable or not, in its order. */
function entriesOf(file: string, bytes: Uint8Array): Entry[] {
  const { records, unreadable, torn } = readLog(bytes);
  const entries: Entry[] = records.map(({ offset, payload, isRepaired }) => {
    const batch = readWriteBatch(payload);
    // Where a flipped bit was put right, the changes' own checksums must agree.
    const isSound = batch?.shape === "whole" && (!isRepaired || batch.operations.every(isSoundChange));
    return { file, offset, payload, batch: isSound ? batch : null, isRepaired, isTorn: false };
  });
  const damaged = ({ offset, remains }: UnreadableRecord, isTorn: boolean): Entry => {
    return { file, offset, payload: remains, batch: null, isRepaired: false, isTorn };
  };
  entries.push(...unreadable.map((record) => damaged(record, false)));
  if (torn !== null) entries.push(damaged(torn, true));
  return entries.sort((a, b) => a.offset - b.offset);
}

class Run implements LogCheck {
  readonly findings: Finding[] = [];
  readonly records: Map<string, Uint8Array[]>;
  readonly changed = new Set<string>();
  readonly #entries: readonly Entry[];
  readonly #expectations: LogExpectations;
  readonly #lastFile: string | undefined;
  /** What is not as it was written from here on, in the last log, may never have been there. */
  readonly #tailFrom: number;
  /** What is not as it was written from here on was not acknowledged; infinite when that is not known. */
  readonly #unacknowledgedFrom: number;
  /** Which entry changes a key last; made when somebody asks. */
  #lastChanges: Map<string, number> | null = null;
  /** The number of the next change, if nothing is missing; `null` before the first record that can be read. */
  #next: number | null = null;
  /** Whether something was told of what is missing before the next record. */
  #hasToldLoss = false;

  constructor(files: readonly string[], entries: readonly Entry[], expectations: LogExpectations) {
    this.#entries = entries;
    this.#expectations = expectations;
    this.records = new Map(files.map((file) => [file, []]));
    // A log in which nothing was ever written does not mean that the one before was complete.
    this.#lastFile = entries.at(-1)?.file ?? files.at(-1);
    this.#tailFrom = entries.findLastIndex(({ batch }) => batch !== null) + 1;
    const { lastAcknowledged } = expectations;
    const acknowledged =
      lastAcknowledged === null ? -1 : entries.findLastIndex((entry) => hasChange(entry, lastAcknowledged));
    this.#unacknowledgedFrom = acknowledged === -1 ? Number.POSITIVE_INFINITY : acknowledged + 1;
  }

  get nextSequence(): number {
    return Math.max(this.#end, this.#expectations.lastSequence + 1);
  }

  /** One more than the last number that is there. */
  get #end(): number {
    return this.#next ?? this.#expectations.firstSequence;
  }

  take(entry: Entry, index: number): void {
    const { batch, isRepaired } = entry;
    if (batch === null) this.#takeDamaged(entry, index);
    else this.#keep(entry, batch, isRepaired ? "one bit was flipped and was put right" : null);
  }

  /** @param repaired What was put right, if anything was. */
  #keep({ file, offset, payload }: Entry, batch: WriteBatch, repaired: string | null): void {
    const missing = batch.sequence - this.#end;
    if (missing > 0 && !this.#hasToldLoss) {
      const reason = `changes before it are missing: ${missing}`;
      this.findings.push({ file, offset, outcome: "lost", reason, documents: [] });
    }
    this.#hasToldLoss = false;
    // The first number may be below the one that it is known to be at most.
    this.#next = Math.max(this.#next ?? 0, batch.sequence + batch.count);
    this.records.get(file)?.push(payload);
    if (repaired === null) return;
    this.changed.add(file);
    this.findings.push({ file, offset, outcome: "repaired", reason: repaired, documents: [] });
  }

  end(): void {
    const missing = this.#missingAtEnd();
    if (missing <= 0 || this.#hasToldLoss || this.#lastFile === undefined) return;
    const reason = `changes at its end are missing: ${missing}`;
    this.findings.push({ file: this.#lastFile, offset: 0, outcome: "lost", reason, documents: [] });
  }

  /** How many changes had happened that the logs do not have. */
  #missingAtEnd(): number {
    if (Number.isFinite(this.#unacknowledgedFrom)) return 0; // What is missing was a write that failed.
    return this.#expectations.lastSequence + 1 - this.#end;
  }

  #takeDamaged(entry: Entry, index: number): void {
    if (index >= this.#unacknowledgedFrom) return;
    const { file, offset, payload, isTorn } = entry;
    const batch = readWriteBatch(payload);
    const follows = batch !== null && this.#follows(batch, index) && batch.operations.every(isSoundChange);
    // All that has a checksum of its own is there and fits: what is damaged is only what LevelDB put around it.
    if (follows && batch.shape === "whole") {
      this.#keep(entry, batch, "the header of a record was damaged and was put right");
      return;
    }
    const isTail = index >= this.#tailFrom && file === this.#lastFile;
    if (!isTail || this.#expectations.isClosed || this.#missingAtEnd() > 0) {
      this.#hasToldLoss = true;
      this.changed.add(file);
      this.#salvage(entry, index);
      return;
    }
    const isBlank = payload.every((byte) => byte === 0);
    if (isTorn && (isBlank || batch === null || (follows && batch.shape === "cut off"))) return;
    const reason = "the end is damaged, or a write that was cut off";
    this.findings.push({
      file,
      offset,
      outcome: "unsure",
      reason,
      documents: documentsOf(batch?.operations ?? []),
    });
  }

  /** Keeps the changes of a damaged record that are sound by their own checksums, and notes which were lost. */
  #salvage(entry: Entry, index: number): void {
    const { file, offset, payload } = entry;
    const { kept, lost: unsound } = salvage(payload);
    const lost = unsound.filter((change) => this.#isLastChange(change, index));
    const reason = `${file} was damaged at byte ${offset}`;
    const notes = lost
      .filter(({ type, key }) => type === "put" && documentOfKey(key) !== undefined)
      .map(({ key }) => ({
        type: "put" as const,
        ...encodeLoss({ keys: rangeOfKey(key), time: Date.now(), reason }),
      }));
    // Each takes the number of one that is not there any more, so that the numbers of later changes stay higher.
    const next = this.#sequenceAfter(index);
    const room = this.#next === null ? next - 1 : next - this.#next;
    const operations = [...kept, ...notes].slice(0, Math.max(room, 0));
    const sequence = this.#next ?? Math.min(next - operations.length, this.#end);
    if (operations.length > 0) {
      this.records.get(file)?.push(encodeWriteBatch(sequence, operations));
      this.#next = sequence + operations.length;
    }
    const said = `a record cannot be read; ${kept.length} of its changes could be kept`;
    this.findings.push({ file, offset, outcome: "lost", reason: said, documents: documentsOf(lost) });
  }

  /** Whether a batch's numbers are between those of the records around it. */
  #follows({ sequence, count }: WriteBatch, index: number): boolean {
    const isAfter = this.#next === null ? sequence <= this.#end : sequence === this.#next;
    return isAfter && sequence + count <= this.#sequenceAfter(index);
  }

  /** The number of the first change in the records after this one that can be read; infinite when there is none. */
  #sequenceAfter(index: number): number {
    const next = this.#entries.slice(index + 1).find(({ batch }) => batch !== null);
    return next?.batch?.sequence ?? Number.POSITIVE_INFINITY;
  }

  #isLastChange({ key }: Operation, index: number): boolean {
    this.#lastChanges ??= new Map(
      this.#entries.flatMap(({ batch }, at) =>
        (batch?.operations ?? []).map((change) => [toHexString(change.key), at] as const),
      ),
    );
    return (this.#lastChanges.get(toHexString(key)) ?? -1) < index;
  }
}

function hasChange({ batch }: Entry, wanted: Operation): boolean {
  return batch?.operations.some((change) => isSameChange(change, wanted)) ?? false;
}

function isSameChange(a: Operation, b: Operation): boolean {
  if (!equalBytes(a.key, b.key)) return false;
  return a.type === "put" && b.type === "put" ? equalBytes(a.value, b.value) : a.type === b.type;
}

function documentsOf(changes: readonly Operation[]): DocumentName[] {
  const names = changes.map(({ key }) => documentOfKey(key)).filter((name) => name !== undefined);
  return [...new Set(names)];
}
