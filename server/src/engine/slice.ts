/**
 * Cuts updates by clock, on their bytes. What stays is copied as it is; only a struct that lies across the cut is
 * decoded, because its first part has to go.
 */

import {
  EMPTY_DELETE_SET,
  encodeStateVector,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  type StructBlock,
  StructCursor,
  StructKind,
} from "@joinery/shared";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";

/** For a client, a clock. */
export type ClockOf = (client: number) => number;

/** What is left of one block. */
interface Cut {
  readonly client: number;
  readonly clock: number;
  readonly count: number;
  /** The second part of a struct that lay across the cut. */
  readonly head: Uint8Array | null;
  readonly bytes: Uint8Array;
}

/**
 * Copies out of an update the structs from a clock of each client on, up to another; the latter must be where a
 * struct begins. Deletes are left behind.
 *
 * @returns A Yjs v1 update without its delete set, for {@link withDeletes}; `null` when no struct is left.
 * Cost: blocks that are cut are walked, the others copied or passed over.
 */
export function sliceStructs(
  update: Uint8Array,
  inspection: Inspection,
  from: ClockOf,
  to?: ClockOf,
): Uint8Array | null {
  const reached = to ? null : endsOf(inspection);
  const cuts: Cut[] = [];
  for (const block of inspection.blocks) {
    const start = from(block.client);
    const end = to?.(block.client) ?? Number.POSITIVE_INFINITY;
    if (reached && start >= (reached.get(block.client) as number)) continue;
    const cut = cutBlock(update, block, start, end);
    if (cut) cuts.push(cut);
  }
  if (cuts.length === 0) return null;
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, cuts.length);
  for (const { client, clock, count, head, bytes } of cuts) {
    encoding.writeVarUint(encoder, count);
    encoding.writeVarUint(encoder, client);
    encoding.writeVarUint(encoder, clock);
    if (head) encoding.writeUint8Array(encoder, head);
    encoding.writeUint8Array(encoder, bytes);
  }
  return encoding.toUint8Array(encoder);
}

/** Makes an update of what {@link sliceStructs} gave and a delete set. */
export function withDeletes(
  structs: Uint8Array | null,
  deleteSet: Uint8Array = EMPTY_DELETE_SET,
): Uint8Array {
  const head = structs ?? NO_STRUCTS;
  const update = new Uint8Array(head.length + deleteSet.length);
  update.set(head);
  update.set(deleteSet, head.length);
  return update;
}

const NO_STRUCTS = Uint8Array.of(0);

function endsOf({ structs }: Inspection): Map<number, number> {
  const ends = new Map<number, number>();
  for (const { client, end } of structs) ends.set(client, end);
  return ends;
}

function cutBlock(update: Uint8Array, block: StructBlock, from: number, to: number): Cut | null {
  const { client, clock, count } = block;
  const isToTheEnd = to === Number.POSITIVE_INFINITY;
  if (clock >= from && isToTheEnd) {
    return { client, clock, count, head: null, bytes: update.subarray(block.start, block.end) };
  }
  const cursor = new StructCursor(update, block);
  let passed = 0;
  let isLeft = cursor.next();
  // A skip stands for structs that are elsewhere; a block does not begin with one.
  while (isLeft && (cursor.clock + cursor.length <= from || cursor.kind === StructKind.SKIP)) {
    passed++;
    isLeft = cursor.next();
  }
  const startClock = Math.max(cursor.clock, from);
  if (!isLeft || startClock >= to) return null;
  const head = cursor.clock < from ? secondPart(update, cursor, from) : null;
  const start = head ? cursor.end : cursor.start;
  if (isToTheEnd) {
    const bytes = update.subarray(start, block.end);
    return { client, clock: startClock, count: count - passed, head, bytes };
  }
  let kept = 0;
  let end = start;
  while (isLeft && cursor.clock < to) {
    kept++;
    end = cursor.end;
    isLeft = cursor.next();
  }
  return { client, clock: startClock, count: kept, head, bytes: update.subarray(start, end) };
}

/** A struct's bytes from a clock in the middle of it on. */
function secondPart(
  update: Uint8Array,
  { client, clock, start, end }: StructCursor,
  from: number,
): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const value of [1, 1, client, clock]) encoding.writeVarUint(encoder, value);
  encoding.writeUint8Array(encoder, update.subarray(start, end));
  encoding.writeUint8Array(encoder, EMPTY_DELETE_SET);
  const part = Y.diffUpdate(encoding.toUint8Array(encoder), encodeStateVector(new Map([[client, from]])));
  const [block] = inspectUpdate(part, NO_UPDATE_LIMITS).blocks as [StructBlock];
  return part.subarray(block.start, block.end);
}
