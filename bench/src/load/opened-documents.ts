/** What is opened: documents of a certain size, and how to tell that somebody has all of one. */

import { createHash } from "node:crypto";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";
import { churned, churnedBy } from "../bytes-load.ts";
import { clientId } from "../inspector-load.ts";

const TEXT = "text";
/** Names of roots end with one of these. */
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const WRITERS = 8;
/** A document as one Yjs v1 update, and what Yjs sees in it. */
export interface OpenedDocument {
  readonly update: Uint8Array;
  readonly fingerprint: string;
}

let megabyteOnce: OpenedDocument | null = null;

/** 1.35 MB in which eight people have replaced words here and there. */
export function megabyte(): OpenedDocument {
  megabyteOnce ??= opened(churned());
  return megabyteOnce;
}

/** So many of those in one, each a text of its own and by other people. */
export function megabytes(count: number): OpenedDocument {
  return opened(Y.mergeUpdates(churnedBy(count).map(withRoot)));
}

/** Renames the root: in one text all of them would begin at the same place, and Yjs would have to order them. */
function withRoot(state: Uint8Array, number: number): Uint8Array {
  const named = Buffer.from(state);
  const from = encoding.encode((encoder) => encoding.writeVarString(encoder, TEXT));
  const to = encoding.encode((encoder) =>
    encoding.writeVarString(encoder, TEXT.slice(0, -1) + LETTERS[number]),
  );
  const at = named.indexOf(from);
  if (at < 0 || named.indexOf(from, at + 1) >= 0) throw new Error("the root is not named once");
  named.set(to, at);
  return new Uint8Array(named);
}

function opened(update: Uint8Array): OpenedDocument {
  return { update, fingerprint: fingerprintOfUpdates([update]) };
}

/** The same document with one more character, as another person types it. */
export function withKeystroke({
  update,
}: OpenedDocument): OpenedDocument & { readonly keystroke: Uint8Array } {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  doc.clientID = clientId(WRITERS);
  let keystroke: Uint8Array | null = null;
  doc.once("update", (typed: Uint8Array) => {
    keystroke = typed;
  });
  doc.getText(TEXT).insert(1, "x");
  if (keystroke === null) throw new Error("Yjs emitted no update for a keystroke");
  return { update: Y.encodeStateAsUpdate(doc), keystroke, fingerprint: fingerprintOf(doc) };
}

/** Of updates, merged by Yjs. */
export function fingerprintOfUpdates(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  return fingerprintOf(doc);
}

/** What there is of each client, what of it is deleted, and the texts. */
function fingerprintOf(doc: Y.Doc): string {
  const hash = createHash("sha256").update(Y.encodeSnapshot(Y.snapshot(doc)));
  for (const name of [...doc.share.keys()].sort()) hash.update(`\n${name}\n${doc.getText(name).toString()}`);
  return hash.digest("hex");
}
