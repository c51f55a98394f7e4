import type { DocumentSizes } from "@joinery/server";
import { count, counted, share, size } from "./quantities.ts";
import { quotedName } from "./text.ts";

/** Below this nobody asks. */
const SMALL_BYTES = 10_000;

/** From which part of a document on something is worth a sentence. */
const MUCH = 0.25;
/** A struct is about this large without its content. */
const BYTES_OF_STRUCT = 10;
/** So many bytes a character or value, and more than half of them say where it stands. */
const COSTLY_TICK_BYTES = 4;

/**
 * Says in sentences why a document is as large as it is, the weightiest first: never more than four, and at least
 * one.
 */
export function whyLarge(sizes: DocumentSizes): string[] {
  const { bytes } = sizes;
  if (bytes < SMALL_BYTES) return [`It is small: ${size(bytes)}.`];
  const reasons = REASONS.map((reason) => reason(sizes))
    .filter((reason) => reason !== null)
    .filter(({ part }) => part >= MUCH)
    .sort((a, b) => b.part - a.part);
  const [main] = sizes.roots;
  if (reasons.length === 0 && main) {
    return [
      `No one thing makes it large: it has ${counted(sizes.ticks, "character or value", "characters and values")}, and ${share(main.bytes, bytes)} of its bytes are in the root ${quotedName(main.root)}.`,
    ];
  }
  return reasons.slice(0, 4).map(({ text }) => text);
}

interface Reason {
  /** Of the document, from 0 to 1. */
  readonly part: number;
  readonly text: string;
}

const REASONS: readonly ((sizes: DocumentSizes) => Reason | null)[] = [
  ofLargest,
  ofLog,
  ofDeleted,
  ofDeleteSet,
  ofSmallStructs,
  ofClients,
];

function ofLargest({ largestBytes, largestRoot, bytes }: DocumentSizes): Reason {
  const where = largestRoot === null ? "" : ` in the root ${quotedName(largestRoot)}`;
  const text = `One value or piece of text${where} has ${size(largestBytes)}, ${share(largestBytes, bytes)} of all: pictures and files are better kept elsewhere and linked to.`;
  return { part: largestBytes / bytes, text };
}

function ofLog({ logBytes, logEntries, snapshotBytes, bytes }: DocumentSizes): Reason {
  const folded =
    snapshotBytes === 0
      ? "there is no snapshot yet"
      : `the server folds it into a snapshot (${size(snapshotBytes)}) when it has outgrown that`;
  const text = `The log has ${share(logBytes, bytes)} of the bytes, in ${counted(logEntries, "batch", "batches")}: ${folded}.`;
  return { part: logBytes / bytes, text };
}

function ofDeleted({ tombstoneBytes, tombstones, deletedTicks, ticks, bytes }: DocumentSizes): Reason {
  const text = `${share(tombstoneBytes, bytes)} of the bytes are what is left of deleted content, ${counted(tombstones, "struct")}: ${share(deletedTicks, ticks)} of what was ever inserted is deleted.`;
  return { part: tombstoneBytes / bytes, text };
}

function ofDeleteSet({ deleteSetBytes, deleteRanges, bytes }: DocumentSizes): Reason {
  const text = `The list of what was deleted has ${share(deleteSetBytes, bytes)} of the bytes, in ${counted(deleteRanges, "range")}: much was deleted in many small pieces.`;
  return { part: deleteSetBytes / bytes, text };
}

function ofSmallStructs({ structs, ticks, bytes }: DocumentSizes): Reason | null {
  if (bytes / Math.max(1, ticks) < COSTLY_TICK_BYTES) return null;
  const text = `There are ${count(structs)} structs for ${counted(ticks, "character or value", "characters and values")}: most of the bytes say where each of them stands, because it was written in small pieces, in many places.`;
  return { part: Math.min(1, (structs * BYTES_OF_STRUCT) / bytes), text };
}

function ofClients({ clients, structs }: DocumentSizes): Reason | null {
  if (clients < 1000) return null;
  const text = `It has edits of ${counted(clients, "client")}: each time that somebody opens it is another one, and what two of them wrote is never merged.`;
  return { part: Math.min(1, clients / Math.max(1, structs)), text };
}
