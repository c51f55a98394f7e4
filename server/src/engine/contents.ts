/**
 * What a document contains, told from bytes alone: which ticks of each client, which of them are deleted, and
 * where they stand. With this a room tells news from repetition and from what builds upon something missing, and
 * takes of an update just the news, without a Y.Doc.
 */

import {
  type DeletedTicks,
  type DocumentName,
  encodeDeleteSet,
  equalBytes,
  forEachDelete,
  type Inspection,
  inspectUpdate,
  JoineryError,
  type Limits,
  NO_UPDATE_LIMITS,
  toJoineryError,
} from "@joinery/shared";
import { lastAtMost } from "./ascending.ts";
import { Coverage } from "./coverage.ts";
import { DeletedRanges, tidyTicks } from "./deleted-ranges.ts";
import { LazyMap } from "./lazy-map.ts";
import { walkInOrder } from "./ordered-walk.ts";
import { type IsDeleted, Outline } from "./outline.ts";
import type { StoredDocument } from "./ports.ts";
import { sliceStructs, withDeletes } from "./slice.ts";
import { noteTicks, type TickLists } from "./tick-lists.ts";

/** What of an update is news to the document. */
export interface News {
  readonly kind: "news";
  /** Only what is new, each tick once. */
  readonly update: Uint8Array;
  readonly inspection: Inspection;
  readonly deleted: ReadonlyMap<number, DeletedTicks>;
  readonly rest: Rest | null;
}

/** What of an update builds upon something missing, or may not come this way. */
export interface Rest {
  /** Its structs, without deletes; `null` if there are none. */
  readonly update: Uint8Array | null;
  /** For each client of which its structs need something that is not here, the clock that has to be reached first. */
  readonly buildsUpon: ReadonlyMap<number, number>;
  /**
   * For each client, the furthest tick that it deletes and that is not here; `null` if all are. Deletes are never
   * held aside: they would be for what somebody has not typed yet.
   */
  readonly deletes: ReadonlyMap<number, number> | null;
}

/**
 * `known`: it brings nothing that is not here. `missing`: all that it brings builds upon something that is not
 * here, or may not come this way.
 */
export type Examination = News | Missing | { readonly kind: "known" };

export interface Missing {
  readonly kind: "missing";
  readonly rest: Rest;
}

/** Whether this client's structs may come the way that they came. */
export type MayBring = (client: number) => boolean;

/** The deletes of an update that are news. */
interface NewDeletes {
  readonly ticks: ReadonlyMap<number, DeletedTicks>;
  /** Whether these are all deletes of the update. */
  readonly areAll: boolean;
  /** The furthest that is not here. */
  readonly missing: Rest["deletes"];
}

const NO_DELETES: NewDeletes = { ticks: new Map(), areAll: true, missing: null };

export class Contents {
  readonly #limits: Limits;
  readonly #coverage = new Coverage();
  readonly #deleted = new DeletedRanges();
  readonly #outline: Outline;
  /** The first tick of each client that is not flushed yet. */
  readonly #unflushed = new LazyMap<number, number>();
  /**
   * Deletes without structs that were known when they came last. Who was cut off with others sends what they send, and
   * what is known stays known.
   */
  #knownDeletes: Uint8Array | null = null;
  readonly #clockOf = (client: number): number => this.#coverage.clockOf(client);

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#outline = new Outline(limits);
  }

  /**
   * Takes in a stored document, once, before anything else. The disk is a door like any other: what it holds is
   * inspected too, and taken in as far as it is in order. A generator, because it may be much: between its steps
   * others may have their turn.
   *
   * @returns What was taken in; it has `damage` if that is not all.
   * @throws JoineryError DOCUMENT_DAMAGED (backoff), naming the document and `seq`, if nothing could be taken in.
   * Cost: linear in bytes.
   */
  *load(document: DocumentName, stored: StoredDocument): Generator<undefined, StoredDocument> {
    const { snapshot, tail } = stored;
    if (snapshot) yield* this.#addStored(document, snapshot.seq, [snapshot.update]);
    for (const [i, { seq, parts }] of tail.entries()) {
      const updates = parts.map(({ update }) => update);
      try {
        yield* this.#addStored(document, seq, updates);
        if (i % ENTRIES_A_STEP === ENTRIES_A_STEP - 1) yield;
      } catch (error) {
        if (!snapshot && i === 0) throw error;
        return { ...stored, tail: tail.slice(0, i), damage: toJoineryError(error) };
      }
    }
    return stored;
  }

  /** The Yjs v1 state vector. Cost: linear in clients after a change, else nothing. */
  get stateVector(): Uint8Array {
    return this.#coverage.stateVector;
  }

  /**
   * All deletes of what is flushed, as a Yjs v1 delete set. Cost: linear in ranges after a change, else nothing.
   */
  get deleteSet(): Uint8Array {
    return this.#unflushed.size === 0
      ? this.#deleted.deleteSet
      : this.#deleted.deleteSetBelow(this.#unflushed);
  }

  /** Everything that was added is in the log now. */
  flushed(): void {
    this.#unflushed.clear();
  }

  clockOf(client: number): number {
    return this.#coverage.clockOf(client);
  }

  /**
   * Says what of an update is news. Nothing is changed.
   *
   * @param ownDeletesOnly Leaves out deletes of what the update does not bring itself.
   * @throws JoineryError MALFORMED_UPDATE or UPDATE_TOO_LARGE (never).
   * Cost: for an edit of a client that is up to date, its inspection; for all deletes of the document, or what brought
   * as little before, a comparison of bytes; else linear in the update's structs and deletes, and the first time that
   * deletes bring nothing, in those of the document.
   */
  examine(update: Uint8Array, mayBring: MayBring, ownDeletesOnly = false): Examination {
    if (this.#knowsDeletes(update)) return { kind: "known" };
    const inspection = inspectUpdate(update, this.#limits);
    const { maxUpdateClients } = this.#limits;
    if (inspection.blocks.length > maxUpdateClients) {
      throw new JoineryError(
        "UPDATE_TOO_LARGE",
        `update: has structs of more than ${maxUpdateClients} clients`,
        { limit: "maxUpdateClients" },
      );
    }
    this.#requireFewClients(inspection);
    const isNext =
      this.#coverage.isNextTo(inspection) && inspection.structs.every(({ client }) => mayBring(client));
    if (!isNext) return this.#examineParts(update, inspection, mayBring, ownDeletesOnly);
    const deletes = this.#newDeletes(update, inspection, null, ownDeletesOnly);
    if (inspection.structCount === 0 && deletes.ticks.size === 0) {
      if (!ownDeletesOnly) this.#rememberKnown(update);
      return { kind: "known" };
    }
    if (deletes.areAll && inspection.hasTidyDeletes) {
      return { kind: "news", update, inspection, deleted: deletes.ticks, rest: null };
    }
    return this.#news(update.subarray(0, inspection.deletesStart), deletes, null);
  }

  /** Clients of which an update brings what is not here. */
  clientsBeyond(update: Uint8Array): readonly number[] {
    const { structs } = inspectUpdate(update, NO_UPDATE_LIMITS);
    return structs.filter(({ client, end }) => end > this.clockOf(client)).map(({ client }) => client);
  }

  /**
   * Takes in what {@link examine} gave, before anything else was.
   *
   * @throws JoineryError MALFORMED_UPDATE or UPDATE_TOO_LARGE (never); then nothing was added.
   */
  add({ update, inspection, deleted }: News): void {
    const isDeleted: IsDeleted = (client, start, end) => this.#isDeleted(deleted, client, start, end);
    const gone = this.#outline.add(update, inspection, this.#clockOf, isDeleted);
    for (const { client, start } of inspection.structs) {
      if (!this.#unflushed.has(client)) this.#unflushed.set(client, start);
    }
    this.#coverage.add(inspection);
    for (const [client, { starts, ends }] of gone) this.#deleted.add(client, starts, ends);
    for (const [client, { starts, ends }] of deleted) this.#deleted.add(client, starts, ends);
  }

  /** Whether an update has no structs, and only deletes that were looked at before. */
  #knowsDeletes(update: Uint8Array): boolean {
    if (update[0] !== 0) return false;
    if (this.#deleted.isEncodedAs(update.subarray(1))) return true;
    return this.#knownDeletes !== null && equalBytes(this.#knownDeletes, update);
  }

  /** What is larger than all deletes of the document was written wastefully, and is not worth the memory. */
  #rememberKnown(update: Uint8Array): void {
    const { length } = update;
    if (length < MIN_REMEMBERED_BYTES || length > this.#deleted.deleteSet.length + 1) return;
    this.#knownDeletes = new Uint8Array(update);
  }

  /** Whoever comes alone, with an id of his own, is always let in. */
  #requireFewClients({ structs }: Inspection): void {
    const { maxDocumentClients } = this.#limits;
    if (structs.length <= 1 || this.#coverage.clients + structs.length <= maxDocumentClients) return;
    const newClients = structs.filter(({ client }) => this.clockOf(client) === 0).length;
    if (newClients <= 1 || this.#coverage.clients + newClients <= maxDocumentClients) return;
    throw new JoineryError("UPDATE_TOO_LARGE", `a document may have at most ${maxDocumentClients} clients`, {
      limit: "maxDocumentClients",
    });
  }

  #isDeleted(news: News["deleted"], client: number, start: number, end: number): boolean {
    let isAll = true;
    this.#deleted.forEachMissing(client, start, end, (from, to) => {
      const { starts, ends } = news.get(client) ?? NO_TICKS;
      const i = lastAtMost(starts, from);
      if (i < 0 || (ends[i] as number) < to) isAll = false;
    });
    return isAll;
  }

  /** Takes apart an update that is known in part, leaves a gap, or brings what may not come this way. */
  #examineParts(
    update: Uint8Array,
    inspection: Inspection,
    mayBring: MayBring,
    ownDeletesOnly: boolean,
  ): Examination {
    const { reached, missing } = walkInOrder(update, inspection, { known: this.#clockOf, mayBring });
    const areWhole = inspection.structs.every(({ client, end }) => end <= (reached.get(client) as number));
    const to = areWhole ? undefined : (client: number) => reached.get(client) as number;
    const structs = sliceStructs(update, inspection, this.#clockOf, to);
    const deletes = this.#newDeletes(update, inspection, reached, ownDeletesOnly);
    const left = to ? sliceStructs(update, inspection, to) : null;
    const rest =
      left || deletes.missing
        ? { update: left && withDeletes(left), buildsUpon: missing, deletes: deletes.missing }
        : null;
    if (structs || deletes.ticks.size > 0) return this.#news(structs, deletes, rest);
    return rest ? { kind: "missing", rest } : { kind: "known" };
  }

  #news(structs: Uint8Array | null, deletes: NewDeletes, rest: Rest | null): News {
    const update = withDeletes(structs, encodeDeleteSet(deletes.ticks));
    const inspection = inspectUpdate(update, NO_UPDATE_LIMITS);
    return { kind: "news", update, inspection, deleted: deletes.ticks, rest };
  }

  /** @param reached How far each client of the update comes; `null` if all its structs are taken. */
  #newDeletes(
    update: Uint8Array,
    inspection: Inspection,
    reached: ReadonlyMap<number, number> | null,
    ownDeletesOnly: boolean,
  ): NewDeletes {
    if (inspection.deletes === 0) return NO_DELETES;
    const ticks = new Map<number, TickLists>();
    let missing: Map<number, number> | null = null;
    let areAll = true;
    forEachDelete(update, inspection.deletesStart, (client, clock, length) => {
      const limit = reached ? (reached.get(client) ?? this.clockOf(client)) : Number.POSITIVE_INFINITY;
      const end = Math.min(clock + length, limit);
      if (end < clock + length) {
        missing ??= new Map();
        missing.set(client, Math.max(missing.get(client) ?? 0, clock + length));
      }
      let news = 0;
      const start = ownDeletesOnly ? Math.max(clock, this.clockOf(client)) : clock;
      this.#deleted.forEachMissing(client, start, end, (from, to) => {
        noteTicks(ticks, client, from, to);
        news += to - from;
      });
      if (news < length) areAll = false;
    });
    return { ticks: inspection.hasTidyDeletes ? ticks : tidy(ticks), areAll, missing };
  }

  /** Adds the updates of one record, all of them or none. */
  *#addStored(
    document: DocumentName,
    seq: number,
    updates: readonly Uint8Array[],
  ): Generator<undefined, void> {
    let inspections: Inspection[];
    try {
      inspections = updates.map((update) => inspectUpdate(update, NO_UPDATE_LIMITS));
    } catch (cause) {
      const message = `document "${document}" is damaged at seq ${seq}: ${toJoineryError(cause).message}`;
      throw new JoineryError("DOCUMENT_DAMAGED", message, { cause });
    }
    for (const [i, inspection] of inspections.entries()) {
      const update = updates[i] as Uint8Array;
      // First its deletes: they name what came without content, as a rule all of it.
      this.#deleted.addStored(update, inspection);
      const isDeleted: IsDeleted = (client, start, end) => this.#deleted.has(client, start, end);
      const gone = yield* this.#outline.addStored(
        update,
        inspection,
        this.#clockOf,
        isDeleted,
        STRUCTS_A_STEP,
      );
      this.#coverage.add(inspection);
      for (const [client, { starts, ends }] of gone) this.#deleted.add(client, starts, ends);
    }
  }
}

/** Structs of stored updates that are taken in at one go: some ten milliseconds. */
const STRUCTS_A_STEP = 50_000;
/** And so many log entries, which are small as a rule. */
const ENTRIES_A_STEP = 256;

/** Looking at a smaller one again costs less than remembering it. */
const MIN_REMEMBERED_BYTES = 1024;

const NO_TICKS: DeletedTicks = { starts: [], ends: [] };

function tidy(ticks: ReadonlyMap<number, DeletedTicks>): ReadonlyMap<number, DeletedTicks> {
  return new Map(Array.from(ticks, ([client, ranges]) => [client, tidyTicks(ranges)]));
}
