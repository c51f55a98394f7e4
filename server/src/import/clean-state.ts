/**
 * Makes of the updates that a source has one that may enter a log: inspected like whatever a client sends, each
 * tick once, nothing in it that builds upon something missing.
 */

import {
  type DocumentName,
  inspectUpdate,
  JoineryError,
  type Limits,
  NO_UPDATE_LIMITS,
  type StructBlock,
  StructCursor,
  toJoineryError,
  UpdateReader,
} from "@joinery/shared";
import * as encoding from "lib0/encoding";
import { Contents, type Rest } from "../engine/contents.ts";
import { mergeUpdates } from "../engine/merge.ts";
import type { StoredDocument } from "../engine/ports.ts";

export interface CleanState {
  /** Yjs v1 update; `null` when it brings nothing. */
  readonly update: Uint8Array | null;
  /**
   * What a Y.Doc is to be built of to see what the source has. The updates themselves, behind what they have been
   * merged to: in any other order Yjs may need a time that grows with the square of their number.
   */
  readonly asRead: readonly Uint8Array[];
  /** What was left out, in words for people; `null` when that is nothing. */
  readonly leftOut: string | null;
}

/**
 * Looks at all updates of a document together.
 *
 * @throws JoineryError MALFORMED_UPDATE or UPDATE_TOO_LARGE (never).
 * Cost: linear in bytes.
 */
export function cleanStateOf(updates: readonly Uint8Array[], limits: Limits): CleanState {
  const merged = mergeUpdates(updates.map((update, i) => inspected(update, i, updates.length)));
  const contents = new Contents(boundsOf(limits));
  const examination = contents.examine(merged, () => true);
  const rest = examination.kind === "known" ? null : examination.rest;
  const update = examination.kind === "news" ? examination.update : null;
  if (examination.kind === "news") contents.add(examination);
  // Yjs merges what it cannot integrate with all that it could not before, each time.
  const asRead = rest === null ? [merged, ...updates] : [merged];
  return { update, asRead, leftOut: rest && describe(rest) };
}

/**
 * What of a clean state is news to a document that is stored: each tick enters a log once.
 *
 * @throws JoineryError DOCUMENT_DAMAGED (backoff), MALFORMED_UPDATE or UPDATE_TOO_LARGE (never).
 * Cost: linear in bytes.
 */
export function newsOf(
  name: DocumentName,
  stored: StoredDocument,
  state: Uint8Array,
  limits: Limits,
): Uint8Array {
  const contents = new Contents(boundsOf(limits));
  const loading = contents.load(name, stored);
  let step = loading.next();
  while (!step.done) step = loading.next();
  if (step.value.damage) throw step.value.damage;
  const examination = contents.examine(state, () => true);
  if (examination.kind !== "news") throw new Error("what differs from a document brings nothing to it");
  contents.add(examination);
  return examination.update;
}

/** A whole document is larger than what one client may send at once, and has more authors. */
export function boundsOf(limits: Limits): Limits {
  return {
    ...limits,
    ...NO_UPDATE_LIMITS,
    maxUpdateClients: Number.POSITIVE_INFINITY,
    maxDocumentClients: Number.POSITIVE_INFINITY,
  };
}

/** @throws JoineryError MALFORMED_UPDATE (never), which says of several updates which one it is. */
function inspected(update: Uint8Array, index: number, count: number): Uint8Array {
  try {
    return wellFormed(update);
  } catch (error) {
    const { code, message } = toJoineryError(error);
    if (count === 1 || code !== "MALFORMED_UPDATE") throw error;
    const which = message.replace(/^update/, `update ${index + 1} of ${count}`);
    throw new JoineryError(code, which, { cause: error });
  }
}

function wellFormed(update: Uint8Array): Uint8Array {
  try {
    inspectUpdate(update, NO_UPDATE_LIMITS);
    return update;
  } catch (error) {
    const ordered = inOrder(update);
    if (ordered === null) throw error;
    inspectUpdate(ordered, NO_UPDATE_LIMITS);
    return ordered;
  }
}

/**
 * Puts the clients of an update in descending order, in which Yjs writes them today and has to have them for
 * merging. Early releases of Yjs 13 wrote them as they came.
 *
 * @returns `null` when they are in order.
 * @throws JoineryError MALFORMED_UPDATE (never).
 */
function inOrder(update: Uint8Array): Uint8Array | null {
  const { blocks, end } = readBlocks(update);
  const ordered = blocks.toSorted((a, b) => b.client - a.client);
  if (ordered.every((block, i) => block === blocks[i])) return null;
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, ordered.length);
  for (const { client, clock, count, start, end } of ordered) {
    for (const value of [count, client, clock]) encoding.writeVarUint(encoder, value);
    encoding.writeUint8Array(encoder, update.subarray(start, end));
  }
  encoding.writeUint8Array(encoder, update.subarray(end));
  return encoding.toUint8Array(encoder);
}

/** @returns The blocks as they stand there, and where the last one ends. */
function readBlocks(update: Uint8Array): { readonly blocks: StructBlock[]; readonly end: number } {
  const reader = new UpdateReader(update, "update");
  const blocks: StructBlock[] = [];
  for (let left = reader.count(1); left > 0; left--) {
    const count = reader.count(1);
    if (count === 0) reader.fail("client has no structs");
    const client = reader.clientId();
    const clock = reader.varUint();
    const start = reader.position;
    const cursor = new StructCursor(update, { client, clock, count, start, end: update.length });
    while (cursor.next());
    reader.position = cursor.end;
    blocks.push({ client, clock, count, start, end: cursor.end });
  }
  return { blocks, end: reader.position };
}

function describe({ update, buildsUpon, deletes }: Rest): string {
  const missing = new Map([...buildsUpon, ...(deletes ?? [])]);
  const what = update === null ? "deletes" : "edits";
  const [client] = missing.keys();
  const whose = missing.size === 1 ? `of client ${client}` : `of ${missing.size} clients`;
  return `${what} that build upon edits ${whose}, which the source does not have`;
}
