/** Who wrote and who deleted what, as the log has it. */

import { type DocumentName, forEachDelete, inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import type { Author, LogEntry } from "../engine/ports.ts";
import { type ContentNode, type ItemId, isText, type PlacedTicks, type TickRange } from "./content-nodes.ts";
import type { DocumentSource } from "./source.ts";

/** What one author contributed to some batches of a log. */
export interface Contribution {
  /** Empty for nobody in particular. */
  readonly author: Author;
  readonly batches: number;
  readonly bytes: number;
  /** When the first and the last of them was flushed, in milliseconds since 1970. */
  readonly firstTime: number;
  readonly lastTime: number;
}

const LOG_BYTES_AT_ONCE = 4 * 1024 * 1024;

/** Authors of the ticks that some batches brought, and of what they deleted. */
export class Authorship {
  readonly #contributions = new Map<Author, Contribution>();
  readonly #written = new Map<number, Stretch[]>();
  readonly #deleted = new Map<number, Stretch[]>();
  #isSorted = true;

  /** Who contributed, in the order in which they first did. */
  get contributions(): readonly Contribution[] {
    return [...this.#contributions.values()];
  }

  add({ time, parts }: LogEntry): void {
    for (const { author, update } of parts) {
      this.#count(author, time, update.length);
      const { structs, deletesStart } = inspectUpdate(update, NO_UPDATE_LIMITS);
      for (const { client, start, end } of structs) note(this.#written, client, { start, end, author });
      forEachDelete(update, deletesStart, (client, start, length) => {
        note(this.#deleted, client, { start, end: start + length, author });
      });
      this.#isSorted = false;
    }
  }

  /** Who wrote what is there now, in these batches: a node with all that is in it. */
  writersOf(node: ContentNode): ReadonlySet<Author> {
    const authors = new Set<Author>();
    for (const range of ticksIn(node)) this.#addTo(authors, this.#written, range);
    return authors;
  }

  /** Who deleted what was there. Overwriting is deleting. */
  deletersOf(node: ContentNode): ReadonlySet<Author> {
    const authors = new Set<Author>();
    for (const range of ticksIn(node)) this.#addTo(authors, this.#deleted, range);
    return authors;
  }

  writersOfTicks(ranges: Iterable<TickRange>): ReadonlySet<Author> {
    const authors = new Set<Author>();
    for (const range of ranges) this.#addTo(authors, this.#written, range);
    return authors;
  }

  deletersOfTicks(ranges: Iterable<TickRange>): ReadonlySet<Author> {
    const authors = new Set<Author>();
    for (const range of ranges) this.#addTo(authors, this.#deleted, range);
    return authors;
  }

  #count(author: Author, time: number, bytes: number): void {
    const known = this.#contributions.get(author);
    this.#contributions.set(author, {
      author,
      batches: (known?.batches ?? 0) + 1,
      bytes: (known?.bytes ?? 0) + bytes,
      firstTime: known?.firstTime ?? time,
      lastTime: time,
    });
  }

  #addTo(authors: Set<Author>, all: Stretches, { client, clock, length }: TickRange): void {
    this.#sort();
    const stretches = all.get(client) ?? [];
    for (let i = firstWhere(stretches, ({ end }) => end > clock); i < stretches.length; i++) {
      const { start, author } = stretches[i] as Stretch;
      if (start >= clock + length) break;
      authors.add(author);
    }
  }

  /** A client's ticks come in order, but what is deleted does not, and may be deleted twice: the first one did it. */
  #sort(): void {
    if (this.#isSorted) return;
    for (const stretches of this.#written.values()) stretches.sort((a, b) => a.start - b.start);
    for (const [client, stretches] of this.#deleted) this.#deleted.set(client, withoutOverlaps(stretches));
    this.#isSorted = true;
  }
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly author: Author;
}

type Stretches = ReadonlyMap<number, Stretch[]>;

/** Reads who wrote the batches after `from` up to `to`. Cost: reads them, a few megabytes at a time. */
export async function authorshipOf(
  source: DocumentSource,
  document: DocumentName,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Authorship> {
  const authorship = new Authorship();
  for (let last = from; last < to; ) {
    const entries = await source.log(document, last, LOG_BYTES_AT_ONCE);
    if (entries.length === 0) break;
    for (const entry of entries) if (entry.seq <= to) authorship.add(entry);
    last = entries.at(-1)?.seq ?? to;
  }
  return authorship;
}

/** The ticks of a part of a text. Cost: a binary search, and what is there. */
export function* ticksBetween(
  ticks: readonly PlacedTicks[],
  start: number,
  length: number,
): Generator<TickRange> {
  const end = start + length;
  for (let i = firstWhere(ticks, (range) => range.at + range.length > start); i < ticks.length; i++) {
    const range = ticks[i] as PlacedTicks;
    if (range.at >= end) return;
    const from = Math.max(start, range.at);
    const to = Math.min(end, range.at + range.length);
    yield { client: range.client, clock: range.clock + from - range.at, length: to - from };
  }
}

function* ticksIn(node: ContentNode): Generator<TickRange> {
  const { id } = node;
  if (id !== null) yield tick(id);
  if (isText(node)) {
    yield* node.ticks;
    for (const { embed } of node.pieces) if (embed !== null) yield* ticksIn(embed);
  }
  if ("entries" in node) for (const inner of node.entries.values()) yield* ticksIn(inner);
  if ("items" in node) for (const inner of node.items) yield* ticksIn(inner);
}

function tick({ client, clock }: ItemId): TickRange {
  return { client, clock, length: 1 };
}

function note(all: Map<number, Stretch[]>, client: number, stretch: Stretch): void {
  const stretches = all.get(client);
  if (stretches === undefined) all.set(client, [stretch]);
  else stretches.push(stretch);
}

/** Sorted; of two that overlap the earlier one has it. */
function withoutOverlaps(stretches: readonly Stretch[]): Stretch[] {
  const sorted = stretches.toSorted((a, b) => a.start - b.start);
  const apart: Stretch[] = [];
  let end = 0;
  for (const stretch of sorted) {
    const start = Math.max(stretch.start, end);
    if (start < stretch.end) apart.push({ ...stretch, start });
    end = Math.max(end, stretch.end);
  }
  return apart;
}

/** The first of some of which none and then all are so; their number if none is. */
function firstWhere<T>(items: readonly T[], isSo: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
