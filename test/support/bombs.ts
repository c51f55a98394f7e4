/**
 * Updates that are well formed and cost Yjs 13 far more than their size: time, or memory, of whoever integrates them
 * or loads the document afterwards. Each is one Yjs v1 update that comes to an empty document, under client id 1
 * unless told; `n` says how much of it there is.
 */

import * as encoding from "lib0/encoding";

const CLIENT = 1;

// An item's first byte: its content, and which neighbours it names.
const GC = 0;
const STRING = 4;
const EMBED = 5;
const TYPE = 7;
const SUBDOCUMENT = 9;
const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;

const Y_ARRAY = 0;
const Y_MAP = 1;
const EMPTY_OBJECT = [118, 0];

/** The parent that takes the fewest bytes: the root without a name. */
const ROOT = [1, 0];

/** Whoever inserts passes all items between the two neighbours that he names: quadratic. About 7 bytes each. */
export function manyRightOrigins(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, n + 1, CLIENT, 0);
  writeText(encoder, "x".repeat(n));
  for (let i = 0; i < n; i++) {
    encoding.writeUint8(encoder, STRING | HAS_RIGHT_ORIGIN);
    writeVarUints(encoder, CLIENT, i);
    encoding.writeVarString(encoder, "y");
  }
  return withoutDeletes(encoder);
}

/**
 * The same as {@link manyRightOrigins}, an update an item: no single one takes long, loading all of them does. The text
 * is of client 1, the items are of as many others as told, in turns; of client 1 too if of none.
 */
export function manyRightOriginsOneByOne(n: number, clients = 0): Uint8Array[] {
  const updates = [oneItem(CLIENT, 0, (encoder) => writeText(encoder, "x".repeat(n)))];
  for (let i = 0; i < n; i++) {
    const client = clients === 0 ? CLIENT : CLIENT + 1 + (i % clients);
    const clock = clients === 0 ? n + i : Math.floor(i / clients);
    const right = { client: CLIENT, clock: i };
    updates.push(oneItem(client, clock, (encoder) => writeString(encoder, null, right, "y")));
  }
  return updates;
}

/**
 * Items that pass nothing when they come, an update an item, and nearly all of them when the document is loaded: then
 * the whole row comes before its branches. The first items of the row have a branch each.
 */
export function manyBranchesOneByOne(branches: number, row: number): Uint8Array[] {
  return rowWithBranches(branches, row, { rowClient: 9, branchClient: 3 });
}

/**
 * The same, but loading it costs nothing either, as long as the branches come first.
 *
 * @returns It, and the item that has the row come before them.
 */
export function manyBranchesAndLast(
  branches: number,
  row: number,
): [updates: Uint8Array[], last: Uint8Array] {
  const rowClient = 3;
  const end = { client: rowClient, clock: row - 1 };
  const last = oneItem(12, 0, (encoder) => writeEmbed(encoder, end, { client: CLIENT, clock: 1 }));
  return [rowWithBranches(branches, row, { rowClient, branchClient: 9 }), last];
}

function rowWithBranches(
  branches: number,
  row: number,
  { rowClient, branchClient }: { rowClient: number; branchClient: number },
): Uint8Array[] {
  const updates = [oneItem(CLIENT, 0, (encoder) => writeText(encoder, "abc"))];
  for (let i = 0; i < row; i++) {
    const left = i === 0 ? { client: CLIENT, clock: 0 } : { client: rowClient, clock: i - 1 };
    updates.push(oneItem(rowClient, i, (encoder) => writeEmbed(encoder, left, { client: CLIENT, clock: 1 })));
    if (i >= branches) continue;
    const stem = { client: rowClient, clock: i };
    const right = { client: CLIENT, clock: 2 };
    updates.push(oneItem(branchClient, i, (encoder) => writeString(encoder, stem, right, "y")));
  }
  return updates;
}

/** Deletes every second character, the last one first: each splits the text in front of all that was split before. */
export function alternateDeletes(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, 1, CLIENT, 0);
  writeText(encoder, "x".repeat(2 * n));
  writeVarUints(encoder, 1, CLIENT, n);
  for (let i = n - 1; i >= 0; i--) writeVarUints(encoder, 2 * i, 1);
  return encoding.toUint8Array(encoder);
}

/** As many root types: each is looked up in a list of all when the document is encoded. About 10 bytes each. */
export function manyRoots(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, n, CLIENT, 0);
  for (let i = 0; i < n; i++) {
    writeVarUints(encoder, STRING, 1);
    encoding.writeVarString(encoder, i.toString(36));
    encoding.writeVarString(encoder, "x");
  }
  return withoutDeletes(encoder);
}

/** Empty maps in a list: 4 bytes each, and some 900 in memory. */
export function manyMaps(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, n, CLIENT, 0);
  for (let i = 0; i < n; i++) writeVarUints(encoder, TYPE, ...ROOT, Y_MAP);
  return withoutDeletes(encoder);
}

/** As many clients with a tick each: every transaction of the document copies its state vector, twice. */
export function manyClients(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, n);
  for (let client = n; client > 0; client--) writeVarUints(encoder, 1, client, 0, GC, 1);
  return withoutDeletes(encoder);
}

/** Subdocuments without anything: 6 bytes each, and a Y.Doc in memory. */
export function manySubdocuments(n: number): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, n, CLIENT, 0);
  for (let i = 0; i < n; i++) writeVarUints(encoder, SUBDOCUMENT, ...ROOT, 0, ...EMPTY_OBJECT);
  return withoutDeletes(encoder);
}

/**
 * Lists in each other, `n` deep. Yjs deletes and collects them by recursion.
 *
 * @param deletesOutermost Whether the same update deletes the outermost.
 */
export function deepTypes(n: number, deletesOutermost = false): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, n, CLIENT, 0);
  for (let i = 0; i < n; i++) {
    if (i === 0) writeVarUints(encoder, TYPE, ...ROOT, Y_ARRAY);
    else writeVarUints(encoder, TYPE, 0, CLIENT, i - 1, Y_ARRAY);
  }
  if (!deletesOutermost) return withoutDeletes(encoder);
  writeVarUints(encoder, 1, CLIENT, 1, 0, 1);
  return encoding.toUint8Array(encoder);
}

interface ItemId {
  readonly client: number;
  readonly clock: number;
}

function oneItem(client: number, clock: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  writeVarUints(encoder, 1, 1, client, clock);
  write(encoder);
  return withoutDeletes(encoder);
}

function writeString(encoder: encoding.Encoder, left: ItemId | null, right: ItemId, text: string): void {
  encoding.writeUint8(encoder, STRING | (left ? HAS_ORIGIN : 0) | HAS_RIGHT_ORIGIN);
  if (left) writeVarUints(encoder, left.client, left.clock);
  writeVarUints(encoder, right.client, right.clock);
  encoding.writeVarString(encoder, text);
}

function writeEmbed(encoder: encoding.Encoder, left: ItemId, right: ItemId): void {
  encoding.writeUint8(encoder, EMBED | HAS_ORIGIN | HAS_RIGHT_ORIGIN);
  writeVarUints(encoder, left.client, left.clock, right.client, right.clock);
  encoding.writeVarString(encoder, "{}");
}

function writeText(encoder: encoding.Encoder, text: string): void {
  writeVarUints(encoder, STRING, ...ROOT);
  encoding.writeVarString(encoder, text);
}

function withoutDeletes(encoder: encoding.Encoder): Uint8Array {
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
}

function writeVarUints(encoder: encoding.Encoder, ...numbers: number[]): void {
  for (const number of numbers) encoding.writeVarUint(encoder, number);
}
