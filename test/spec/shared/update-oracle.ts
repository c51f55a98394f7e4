import { isDeepStrictEqual } from "node:util";
import { type Inspection, inspectUpdate } from "@joinery/shared";
import * as Y from "yjs";
import { contentOf, contentOfItem } from "./document-content.ts";

/**
 * What goes wrong in Yjs with an update that the inspector accepted, as a document, a server and a newcomer use
 * it; `null` when nothing does.
 *
 * @param before State of the document that the update comes to.
 */
export function whatGoesWrong(before: Uint8Array, update: Uint8Array): string | null {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, before);
  // Yjs encodes what it took in for its listeners only, and that can throw too.
  let events = 0;
  doc.on("update", () => events++);
  try {
    Y.applyUpdate(doc, update);
  } catch (error) {
    return `applying it throws: ${String(error)}`;
  }
  if (doc._transactionCleanups.length > 0) return "a transaction is stuck";
  events = 0;
  doc.getMap("of somebody else").set("key", "value");
  if (events !== 1) return `an edit of somebody else is announced ${events} times`;
  return whatGoesWrongLater(before, update, doc);
}

function whatGoesWrongLater(before: Uint8Array, update: Uint8Array, doc: Y.Doc): string | null {
  let reloaded: Y.Doc;
  try {
    reloaded = documentFrom(Y.encodeStateAsUpdate(doc));
  } catch (error) {
    return `the document does not load again: ${String(error)}`;
  }
  if (leavesGap(before, update)) return null;
  if (!isDeepStrictEqual(stateOf(reloaded), stateOf(doc))) {
    return "the document loads with another state vector";
  }
  if (isMisplaced(before, doc, update)) return null;
  if (!isDeepStrictEqual(contentOf(reloaded), contentOf(doc))) return "the document loads with other content";
  return null;
}

function documentFrom(...updates: Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/**
 * How Yjs' own merging of the update disagrees with applying it after `before`; `null` when it does not. The
 * server merges what it logs and sends.
 */
export function howMergingDiffers(before: Uint8Array, update: Uint8Array): string | null {
  const applied = documentFrom(before, update);
  let merged: Y.Doc;
  try {
    merged = documentFrom(Y.mergeUpdates([before, update]));
  } catch (error) {
    return `merging it throws: ${String(error)}`;
  }
  if (leavesGap(before, update) || isDeepStrictEqual(stateOf(merged), stateOf(applied))) return null;
  return "merged it gives another state vector";
}

/** The update as Yjs writes what it read of it. */
export function rewritten(update: Uint8Array): Uint8Array {
  return Y.diffUpdate(update, NOTHING_KNOWN);
}

const NOTHING_KNOWN = Y.encodeStateVector(new Map());

/** How what Yjs writes of the update disagrees with the update; `null` when it says the same. */
export function howRewritingDiffers(update: Uint8Array): string | null {
  const again = rewritten(update);
  const [before, after] = [inspectUpdate(update), inspectUpdate(again)];
  if (!isDeepStrictEqual(before.structs, after.structs)) return "rewritten it has other ranges";
  if (!isDeepStrictEqual(before.needs, after.needs)) return "rewritten it needs something else";
  if (before.deletes !== after.deletes) return "rewritten it has another number of deletes";
  return isDeepStrictEqual(whatItSays(update), whatItSays(again)) ? null : "rewritten it says something else";
}

/** All that Yjs reads of an update but gaps, of which it writes those at a client's beginning never. */
function whatItSays(update: Uint8Array): unknown {
  const { structs, ds } = Y.decodeUpdate(update);
  const said = structs
    .filter((struct) => !(struct instanceof Y.Skip))
    .map((struct) => {
      if (!(struct instanceof Y.Item)) return { id: struct.id, length: struct.length };
      const { id, length, origin, rightOrigin, parent, parentSub } = struct;
      return { id, length, origin, rightOrigin, parent, parentSub, content: contentOfItem(struct) };
    });
  return { said, deleted: ds.clients };
}

/** How the reported ranges disagree with what Yjs takes in when nothing is missing; `null` when they do not. */
export function howRangesDiffer(before: Uint8Array, update: Uint8Array): string | null {
  const doc = documentFrom(before);
  const expected = stateOf(doc);
  const inspection = inspectUpdate(update);
  if (!addWithoutGap(expected, inspection)) return null;
  Y.applyUpdate(doc, update);
  if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) return "something stays pending";
  return isDeepStrictEqual(stateOf(doc), expected) ? null : "the state vector is not what the ranges say";
}

/**
 * What Yjs integrates depends on the order in which it comes when there is a gap, and so is one reason why the
 * log has none.
 */
function leavesGap(before: Uint8Array, update: Uint8Array): boolean {
  return !addWithoutGap(stateOf(documentFrom(before)), inspectUpdate(update));
}

/**
 * Whether an item stands where no editor puts one: at clock ticks that another item has, between two that stand
 * the other way round, or before the value of a map's key. Where it ends up depends on the order in which a
 * document took things in, and its bytes do not show it: where others stand only a document knows.
 */
function isMisplaced(before: Uint8Array, doc: Y.Doc, update: Uint8Array): boolean {
  const known = stateOf(documentFrom(before));
  return Y.decodeUpdate(update).structs.some((struct) => {
    if (struct.id.clock < (known.get(struct.id.client) ?? 0)) return true;
    if (!(struct instanceof Y.Item) || struct.rightOrigin === null) return false;
    const right: unknown = Y.getItem(doc.store, struct.rightOrigin);
    const left: unknown = struct.origin && Y.getItem(doc.store, struct.origin);
    // What was collected has no place; neighbours are collected together.
    if (!(right instanceof Y.Item)) return left instanceof Y.Item;
    if (right.parentSub !== null) return true;
    return left instanceof Y.Item && !isBefore(left, right);
  });
}

function isBefore(left: Y.Item, right: Y.Item): boolean {
  let next = left.right;
  while (next !== null && next !== right) next = next.right;
  return next !== null;
}

function stateOf(doc: Y.Doc): Map<number, number> {
  return Y.decodeStateVector(Y.encodeStateVector(doc));
}

/** Adds an update's ranges to what is known. Returns whether the update leaves no gap. */
function addWithoutGap(known: Map<number, number>, { structs, needs }: Inspection): boolean {
  for (const { client, start, end } of structs) {
    const clock = known.get(client) ?? 0;
    if (start > clock) return false;
    known.set(client, Math.max(clock, end));
  }
  for (const [client, clock] of needs) if ((known.get(client) ?? 0) < clock) return false;
  return true;
}
