import { JoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { ApplyGuard } from "../engine/apply-guard.ts";
import { mergeUpdates } from "../engine/merge.ts";
import { applyEdit } from "./apply-edit.ts";
import type { Edit } from "./edit.ts";
import { shown } from "./malformed.ts";
import { Misfit } from "./misfit.ts";
import { TextEditor } from "./texts.ts";

/** No client has this id: Yjs complains on the console of a document that is sent edits under its own. */
const NOBODY = -1;

/** What is to be made of a document. */
export interface EditRequest {
  readonly edits: readonly Edit[];
  /** As of {@link EditedUpdateOptions}. */
  readonly clientId: number;
}

export interface EditedUpdateOptions {
  /**
   * Under which client id the edits are made: all that was ever made under it has to be in the document, and nobody else
   * may write under it. Default: a new one. Each that was ever used costs whoever opens the document some bytes.
   */
  readonly clientId?: number;
  /** Called when the document is built, before the first edit. */
  readonly onLoaded?: () => void;
}

/**
 * Makes edits of a document, all of them or none, in one transaction.
 *
 * @param updates All that the document has, Yjs v1, in order.
 * @param edits As `readEdits` has read them.
 * @returns What they bring, as one Yjs v1 update; one without structs and deletes where they change nothing.
 * @throws JoineryError INVALID_OPTION (never) when one does not fit what is there, with its number, from 0, and path;
 * REPLICA_FAILED (backoff) when the document cannot be built.
 * Cost: builds a Y.Doc, which takes about twelve times the bytes; an edit walks the list that it is about.
 */
export function editedUpdate(
  updates: readonly Uint8Array[],
  edits: readonly Edit[],
  { clientId, onLoaded }: EditedUpdateOptions = {},
): Uint8Array {
  const doc = built(updates);
  onLoaded?.();
  doc.clientID = clientId ?? newClientId(doc);
  const made: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => made.push(update));
  const texts = new TextEditor();
  doc.transact(() => {
    for (const [i, edit] of edits.entries()) numbered(i, edit, () => applyEdit(doc, edit, texts));
  });
  return mergeUpdates(made);
}

function built(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = NOBODY;
  // Observers of formatted texts write: they delete marks that have become idle.
  const silence = ({ changed }: Y.Transaction): void => changed.clear();
  doc.on("beforeObserverCalls", silence);
  new ApplyGuard(doc).apply(updates);
  doc.off("beforeObserverCalls", silence);
  return doc;
}

function newClientId({ store }: Y.Doc): number {
  const { clientID } = new Y.Doc();
  return store.clients.has(clientID) ? clientID + 1 : clientID;
}

/** Does what an edit says; where it does not fit, says which one it is. */
function numbered(number: number, edit: Edit, apply: () => void): void {
  try {
    apply();
  } catch (thrown) {
    if (!(thrown instanceof Misfit)) throw thrown;
    const message = `edits[${number}], ${edit.op} at ${shown(edit.path)}: ${thrown.message}`;
    throw new JoineryError("INVALID_OPTION", message);
  }
}
