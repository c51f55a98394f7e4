/** Documents that are edited as JSON, and what they show then. */

import { inspectUpdate } from "@joinery/shared";
import * as Y from "yjs";
import { editedUpdate } from "../../../server/src/edits/apply-edits.ts";
import { readEdits } from "../../../server/src/edits/read-edits.ts";
import { describeRoot } from "../../../server/src/inspect/content-describe.ts";
import { contentOfDoc } from "../inspect/content-sample.ts";

/** A client's document. */
export function docWith(write: (doc: Y.Doc) => void = () => undefined): Y.Doc {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = 1;
  doc.transact(() => write(doc));
  return doc;
}

/** What edits bring, as they come over HTTP: every one is held to the inspector, as what clients send is. */
export function updateOf(doc: Y.Doc, edits: readonly object[], clientId = 1000): Uint8Array {
  const read = readEdits(JSON.parse(JSON.stringify(edits)), { maxEdits: 1000 });
  const update = editedUpdate([Y.encodeStateAsUpdate(doc)], read, { clientId });
  inspectUpdate(update);
  return update;
}

/** Edits a document, which is told of it as any client is. */
export function edit(doc: Y.Doc, edits: readonly object[], clientId?: number): Y.Doc {
  Y.applyUpdate(doc, updateOf(doc, edits, clientId));
  return doc;
}

/** All that a document shows, with types. */
export function shown(doc: Y.Doc): unknown {
  return JSON.parse(JSON.stringify(contentOfDoc(doc).roots.map(describeRoot)));
}
