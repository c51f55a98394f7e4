/** The documents of `npm run bench:bytes`. */

import * as encoding from "lib0/encoding";
import * as Y from "yjs";
import { apply, clientId, readTrace } from "./inspector-load.ts";

const WRITERS = 8;
const CHARACTERS = 500_000;
const REPLACEMENTS = 20_000;
const WORD = "rewritten";

/** A paper as its 259,778 edits left it. */
export function paper(): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = clientId(0);
  const text = doc.getText("text");
  doc.transact(() => {
    for (const patches of readTrace()) apply(text, patches);
  });
  return Y.encodeStateAsUpdate(doc);
}

/** About a megabyte in which eight people have replaced words here and there: a tenth of it says what is deleted. */
export function churned(): Uint8Array {
  let state = Y.encodeStateAsUpdate(new Y.Doc());
  for (let writer = 0; writer < WRITERS; writer++) {
    const doc = new Y.Doc();
    doc.clientID = clientId(writer);
    Y.applyUpdate(doc, state);
    const text = doc.getText("text");
    doc.transact(() => {
      if (writer === 0) text.insert(0, "a sentence ".repeat(CHARACTERS / 11));
      for (let i = 0; i < REPLACEMENTS / WRITERS; i++) {
        // Any step that is no divisor visits the whole text.
        const at = (i * 7_919 * 13 + writer * 17) % (text.length - WORD.length);
        text.delete(at, WORD.length);
        text.insert(at, WORD);
      }
    });
    state = Y.encodeStateAsUpdate(doc);
  }
  return state;
}

/** So many documents like {@link churned}, each by other people: the same bytes but for the ids of clients. */
export function churnedBy(count: number): Uint8Array[] {
  const state = churned();
  const ids = Array.from({ length: WRITERS }, (_, writer) => clientId(writer));
  return Array.from({ length: count }, (_, kind) => relabelled(state, ids, kind));
}

/**
 * Adds a number to ids of clients, wherever they stand. As they are that large, each takes five bytes, which no text and no
 * clock here has; and their order stays.
 */
function relabelled(state: Uint8Array, ids: readonly number[], by: number): Uint8Array {
  const original = Buffer.from(state);
  const copy = Buffer.from(state);
  for (const id of ids) {
    const from = encoding.encode((encoder) => encoding.writeVarUint(encoder, id));
    const to = encoding.encode((encoder) => encoding.writeVarUint(encoder, id + by));
    for (let at = original.indexOf(from); at >= 0; at = original.indexOf(from, at + from.length))
      copy.set(to, at);
  }
  return new Uint8Array(copy);
}

/** States of a paper at several moments while it is written, evenly spread over so many transactions. */
export function drafts(
  count: number,
  { min, max }: { readonly min: number; readonly max: number },
): Uint8Array[] {
  const doc = new Y.Doc();
  doc.clientID = clientId(0);
  const text = doc.getText("text");
  const trace = readTrace();
  let typed = 0;
  return Array.from({ length: count }, (_, draft) => {
    const until = Math.round(min + ((max - min) * (draft + 1)) / count);
    for (const patches of trace.slice(typed, until)) doc.transact(() => apply(text, patches));
    typed = until;
    return Y.encodeStateAsUpdate(doc);
  });
}
