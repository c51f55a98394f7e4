/**
 * Where a document's bytes are: by root, by client, by kind. It is told from the bytes alone, without a Y.Doc, which
 * would take twelve times their memory.
 */

import {
  forEachDelete,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  type StructBlock,
  StructCursor,
  StructKind,
} from "@joinery/shared";
import { isLive } from "./log-entries.ts";
import { type GuessedKind, type RootSizes, Roots } from "./sizes-roots.ts";
import type { PackedDocument } from "./source.ts";
import { TickRanges } from "./tick-ranges.ts";

export interface ClientSizes {
  readonly client: number;
  /** Of its structs. */
  readonly bytes: number;
  readonly structs: number;
  /** Characters and values that it ever inserted. */
  readonly ticks: number;
}

export type { GuessedKind, RootSizes };

/** Where the bytes of a document are. */
export interface DocumentSizes {
  /** Of the newest snapshot and of the log after it. */
  readonly bytes: number;
  readonly snapshotBytes: number;
  readonly logBytes: number;
  readonly logEntries: number;
  readonly structs: number;
  /** Characters and values that were ever inserted. */
  readonly ticks: number;
  /** How many of them were deleted. */
  readonly deletedTicks: number;
  /** Structs whose content was deleted and is gone, and what they take all the same. */
  readonly tombstones: number;
  readonly tombstoneBytes: number;
  /** Of the delete sets, and how many ranges are in them. */
  readonly deleteSetBytes: number;
  readonly deleteRanges: number;
  /** The largest struct, as of a picture or of pasted text, and the root that it is in; `null` when that is not known. */
  readonly largestBytes: number;
  readonly largestRoot: string | null;
  readonly clients: number;
  /** The largest ten, largest first. */
  readonly topClients: readonly ClientSizes[];
  /** Largest first. */
  readonly roots: readonly RootSizes[];
  /** Bytes of structs of which nothing tells the root: tombstones, mostly. */
  readonly otherBytes: number;
}

/** Clients that are named. */
const MAX_TOP_CLIENTS = 10;

/**
 * Adds up where a document's bytes are.
 *
 * @throws JoineryError MALFORMED_UPDATE (never retry) when an update does not decode.
 * Cost: two passes over its bytes; memory for its runs of structs in one list, which are far fewer than its structs.
 */
export function sizesOf({
  updates,
  snapshotBytes,
  logEntries,
}: Pick<PackedDocument, "updates" | "snapshotBytes" | "logEntries">): DocumentSizes {
  const sizes = new Sizes();
  for (const update of updates) sizes.add(update);
  return sizes.end(snapshotBytes, logEntries);
}

class Sizes {
  bytes = 0;
  readonly #clients = new Map<number, { bytes: number; structs: number; ticks: number }>();
  readonly #deleted = new Map<number, TickRanges>();
  readonly #roots = new Roots();
  #structs = 0;
  #tombstones = 0;
  #tombstoneBytes = 0;
  #deleteSetBytes = 0;
  #deleteRanges = 0;
  #largestBytes = 0;
  #largest: readonly [client: number, clock: number] | null = null;

  add(update: Uint8Array): void {
    this.bytes += update.length;
    const { blocks, deletesStart, deletes } = inspectUpdate(update, NO_UPDATE_LIMITS);
    for (const block of blocks) this.#addBlock(update, block);
    this.#deleteSetBytes += update.length - deletesStart;
    this.#deleteRanges += deletes;
    forEachDelete(update, deletesStart, (client, clock, length) =>
      this.#addDelete(client, clock, clock + length),
    );
  }

  end(snapshotBytes: number, logEntries: number): DocumentSizes {
    const clients = [...this.#clients].map(([client, sizes]) => ({ client, ...sizes }));
    clients.sort((a, b) => b.bytes - a.bytes || a.client - b.client);
    const { roots, otherBytes, rootOf } = this.#roots.end();
    return {
      bytes: this.bytes,
      snapshotBytes,
      logBytes: this.bytes - snapshotBytes,
      logEntries,
      structs: this.#structs,
      ticks: clients.reduce((sum, { ticks }) => sum + ticks, 0),
      deletedTicks: [...this.#deleted.values()].reduce((sum, ranges) => sum + ranges.ticks, 0),
      tombstones: this.#tombstones,
      tombstoneBytes: this.#tombstoneBytes,
      deleteSetBytes: this.#deleteSetBytes,
      deleteRanges: this.#deleteRanges,
      largestBytes: this.#largestBytes,
      largestRoot: this.#largest === null ? null : rootOf(...this.#largest),
      clients: clients.length,
      topClients: clients.slice(0, MAX_TOP_CLIENTS),
      roots,
      otherBytes,
    };
  }

  #addBlock(update: Uint8Array, block: StructBlock): void {
    const { client } = block;
    const sizes = this.#clients.get(client) ?? { bytes: 0, structs: 0, ticks: 0 };
    this.#clients.set(client, sizes);
    const struct = new StructCursor(update, block);
    while (struct.next()) {
      const { kind, length } = struct;
      if (kind === StructKind.SKIP) continue;
      const bytes = struct.end - struct.start;
      this.#structs++;
      sizes.bytes += bytes;
      sizes.structs++;
      sizes.ticks += length;
      if (!isLive(kind)) {
        this.#tombstones++;
        this.#tombstoneBytes += bytes;
      }
      if (bytes > this.#largestBytes) {
        this.#largestBytes = bytes;
        this.#largest = [client, struct.clock];
      }
      this.#roots.add(update, struct);
    }
  }

  #addDelete(client: number, start: number, end: number): void {
    // The snapshot and the log may delete the same.
    const ranges = this.#deleted.get(client) ?? new TickRanges();
    ranges.add(start, end);
    this.#deleted.set(client, ranges);
  }
}
