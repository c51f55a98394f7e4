/**
 * How far this device's copy of a document is in the server's log: what makes a reconnect cheap, and what has to be
 * given back to a server that crashed.
 *
 *   confirmed: the last batch known to be durable, whatever of it is here: a server whose log has it not was restored to
 *     an earlier state. Several when tabs of one device wrote to one copy
 *   base: everything durable up to here is in the copy; with lineage and branch it is the revision that OPEN names
 *   tail: remote updates of this session that are not known to be durable; a crash may take them from the server
 *   carried: the same of earlier sessions; they go back to the server with the next answer
 *
 * Without a base the server's state vector decides, and the whole document is given back: until that answer is
 * durable everything is owed, and there is no revision.
 */

import type { BranchId, LineageId, LogPoint, NewestBranch, Revision } from "@joinery/shared/protocol";
import { MAX_KEPT_BYTES } from "./limits.ts";
import type { CopyPlace } from "./offline/ports.ts";

export class LogPosition {
  #lineage: LineageId | null;
  #confirmed: readonly LogPoint[];
  #base: number | null;
  /** Which branch the base is of. */
  #branch: BranchId;
  #carried: Uint8Array[] = [];
  /** The `seq` of what a catch-up has brought so far is not known: infinite. */
  #tail: { seq: number; readonly update: Uint8Array }[] = [];
  #keptBytes = 0;
  #isEverythingOwed = false;
  /** Of this session: its lineage, its newest branch, the last batch that is here, and the last one known to be durable. */
  #sessionLineage: LineageId | null = null;
  #sessionBranch: NewestBranch = { seq: 0, id: "", before: "" };
  #have: number | null = null;
  #durable = 0;
  /** There is a base again once the log is durable up to here. */
  #baseFrom: number | null = null;

  /** @param place Of the copy; `null` when there is none. */
  constructor(place: CopyPlace | null) {
    const revision = place?.revision;
    this.#confirmed = place?.confirmed ?? [];
    this.#lineage = place?.lineage ?? null;
    this.#base = revision?.seq ?? null;
    this.#branch = revision?.branch ?? "";
  }

  /** Of which life of the document the copy is; `null` while the server has nothing durable of it. */
  get lineage(): LineageId | null {
    return this.#lineage;
  }

  /** What OPEN says. */
  get place(): CopyPlace {
    const { revision } = this;
    // Of one branch the last says all.
    const isMore = ({ seq, branch }: LogPoint) => branch !== revision?.branch || seq > revision.seq;
    return { revision, lineage: this.#lineage, confirmed: this.#confirmed.filter(isMore) };
  }

  get revision(): Revision | null {
    if (this.#base === null || this.#lineage === null || this.#isEverythingOwed) return null;
    return { lineage: this.#lineage, seq: this.#base, branch: this.#branch };
  }

  /** What survives the end of this program, in which tails are not kept. */
  get storedPlace(): CopyPlace {
    const revision = this.#tail.length > 0 || this.#carried.length > 0 ? null : this.revision;
    return { revision, lineage: this.#lineage, confirmed: this.#confirmed };
  }

  get durableSeq(): number {
    return this.#durable;
  }

  /** Updates that the server may have lost. */
  get carried(): readonly Uint8Array[] {
    return this.#carried;
  }

  /** A new session begins. @param hasContent Whether the copy has anything that could be owed. */
  restart(hasContent: boolean): void {
    const isUnknown = this.#base === null || this.#isEverythingOwed;
    this.#isEverythingOwed = hasContent && isUnknown;
    if (isUnknown) this.#forgetKept();
    for (const { update } of this.#tail) this.#carried.push(update);
    this.#tail = [];
    this.#have = null;
    this.#durable = 0;
    this.#baseFrom = null;
  }

  opened(lineage: LineageId, durableSeq: number, branch: NewestBranch): void {
    this.#sessionLineage = lineage;
    this.#sessionBranch = branch;
    this.durable(durableSeq);
  }

  /** A catch-up brought something that was not here. */
  caught(update: Uint8Array): void {
    if (this.#base !== null || this.#baseFrom !== null) this.#keep(Number.POSITIVE_INFINITY, update);
  }

  /** Everything up to `seq` is here. */
  caughtUp(seq: number, durableSeq: number): void {
    this.#have = Math.max(seq, this.#have ?? 0);
    for (const kept of this.#tail) kept.seq = Math.min(kept.seq, this.#have);
    if (this.#base === null) this.#baseFrom ??= seq;
    this.durable(durableSeq);
  }

  /**
   * The next batch of the log.
   *
   * @param news What of it was not here; `null` for nothing.
   * @returns Whether it was the next one: otherwise something is missing.
   */
  batch(seq: number, durableSeq: number, news: Uint8Array | null): boolean {
    // Also of one that is out of order: it is here.
    if (news) this.#keep(seq, news);
    if (this.#have === null || seq !== this.#have + 1) return false;
    this.#have = seq;
    this.durable(durableSeq);
    return true;
  }

  durable(seq: number): void {
    this.#durable = Math.max(this.#durable, seq);
    // Before that the document has another lineage after each restart of the server.
    if (this.#durable >= 1) this.#lineage = this.#sessionLineage;
    for (const { update } of takeUpTo(this.#durable, this.#tail)) this.#keptBytes -= update.length;
    if (this.#have === null) return;
    const hasBase = this.#base !== null || (this.#baseFrom !== null && this.#durable >= this.#baseFrom);
    if (!hasBase) return;
    this.#base = Math.min(this.#durable, this.#have);
    this.#branch = this.#branchOf(this.#base);
  }

  /** Something of this session is here, or was given: from now on it matters whether the server loses it. */
  confirm(): void {
    const seq = this.#durable;
    if (seq >= 1) this.#confirmed = [{ seq, branch: this.#branchOf(seq) }];
  }

  #branchOf(seq: number): BranchId {
    const { seq: first, id, before } = this.#sessionBranch;
    return seq < first ? before : id;
  }

  /** The first so many carried updates are durable now. */
  carriedSaved(count: number): void {
    for (const update of this.#carried.splice(0, count)) this.#keptBytes -= update.length;
  }

  /** Nothing of the copy is missing on the server, as far as this session can give it. */
  everythingSaved(): void {
    this.#isEverythingOwed = false;
  }

  /** The server cannot tell whether the revision is of its log: all is compared, as if there were none. */
  forgo(): void {
    if (this.#base === null) return;
    this.doubt();
    this.restart(true);
  }

  /** The copy may lack something: the next session compares all of it. */
  doubt(): void {
    this.#base = null;
  }

  #keep(seq: number, update: Uint8Array): void {
    this.#tail.push({ seq, update });
    this.#keptBytes += update.length;
    if (this.#keptBytes <= MAX_KEPT_BYTES) return;
    // What earlier sessions left is to be given back all the same.
    if (this.#carried.length > 0) this.#isEverythingOwed = true;
    this.#forgetKept();
    this.#base = null;
    this.#baseFrom = Number.isFinite(seq) ? seq : null;
  }

  #forgetKept(): void {
    this.#tail = [];
    this.#carried = [];
    this.#keptBytes = 0;
  }
}

/** Takes out what comes before the first that is beyond a `seq`. */
export function takeUpTo<T extends { readonly seq: number }>(seq: number, list: T[]): T[] {
  const rest = list.findIndex((one) => one.seq > seq);
  return list.splice(0, rest < 0 ? list.length : rest);
}
