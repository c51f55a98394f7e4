/** The documents of `npm run bench:bytes`. */

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
