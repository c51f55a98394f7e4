/** What a batch of the log has added, as far as its bytes tell. */

import {
  forEachDelete,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  StructCursor,
  StructKind,
  toJoineryError,
} from "@joinery/shared";
import type { LogEntry, LogPart } from "../engine/ports.ts";

/** What one author contributed to a batch. */
export interface PartSummary {
  /** Empty for nobody in particular. */
  readonly author: string;
  readonly bytes: number;
  /** Clients whose edits it has. */
  readonly clients: readonly number[];
  readonly structs: number;
  /** Characters and values that it inserted; those that were deleted before the batch was written are not among them. */
  readonly inserted: number;
  /** Characters and values that it deleted. */
  readonly deleted: number;
}

/** A batch of the log, in numbers. */
export interface EntrySummary {
  readonly seq: number;
  /** In milliseconds since 1970. */
  readonly time: number;
  /** Of its updates. */
  readonly bytes: number;
  readonly parts: readonly PartSummary[];
}

/**
 * Sums up a batch.
 *
 * @throws JoineryError MALFORMED_UPDATE (never retry) when one of its updates does not decode.
 * Cost: a pass over its bytes.
 */
export function summarizeEntry({ seq, time, parts }: LogEntry): EntrySummary {
  const summaries = parts.map(summarizePart);
  return { seq, time, bytes: summaries.reduce((sum, { bytes }) => sum + bytes, 0), parts: summaries };
}

function summarizePart({ author, update }: LogPart): PartSummary {
  return { author, bytes: update.length, ...numbersOf(update) };
}

/** What an update has added, or why that cannot be told. */
export interface UpdateSummary extends Omit<PartSummary, "author" | "bytes"> {
  /** A sentence for people, without its end, where the update does not decode; the numbers are 0 then. */
  readonly problem: string | null;
}

/** Sums up an update, whatever it is. Cost: a pass over its bytes. */
export function summarizeUpdate(update: Uint8Array): UpdateSummary {
  try {
    return { ...numbersOf(update), problem: null };
  } catch (error) {
    const { message } = toJoineryError(error);
    return { clients: [], structs: 0, inserted: 0, deleted: 0, problem: message };
  }
}

function numbersOf(update: Uint8Array): Omit<PartSummary, "author" | "bytes"> {
  const inspection = inspectUpdate(update, NO_UPDATE_LIMITS);
  const { blocks, structCount } = inspection;
  return {
    clients: blocks.map(({ client }) => client),
    structs: structCount,
    inserted: insertedTicks(update, inspection),
    deleted: deletedTicks(update, inspection),
  };
}

function insertedTicks(update: Uint8Array, { blocks }: Inspection): number {
  let ticks = 0;
  for (const block of blocks) {
    const struct = new StructCursor(update, block);
    while (struct.next()) if (isLive(struct.kind)) ticks += struct.length;
  }
  return ticks;
}

/** Whether a struct still has its content in the bytes. */
export function isLive(kind: StructKind): boolean {
  return kind === StructKind.TYPE || kind === StructKind.OTHER;
}

function deletedTicks(update: Uint8Array, { deletesStart }: Inspection): number {
  let ticks = 0;
  forEachDelete(update, deletesStart, (_client, _clock, length) => {
    ticks += length;
  });
  return ticks;
}
