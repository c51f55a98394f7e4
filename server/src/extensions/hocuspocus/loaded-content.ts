/**
 * What extensions add to a document while it is loaded. Where each load makes the content anew, of JSON or of a text, a
 * document that has it already would have it twice: that is told by who wrote it, and left out.
 */

import * as Y from "yjs";

/** Content was made anew for a document that has some. */
export class MadeAnew extends Error {
  /** Name of the hook that did so. */
  readonly hook: string;

  constructor(hook: string) {
    super("the document has content, of which what was loaded has nothing: it would be there twice");
    this.name = "MadeAnew";
    this.hook = hook;
  }
}

export class LoadedContent {
  /** Ids of those who wrote what the document had before. */
  readonly #writers: ReadonlySet<number>;
  readonly #added: Uint8Array[] = [];
  #isMadeAnew = false;
  #isRestoring = false;

  /** @param document As it is before any extension has it. */
  constructor(document: Y.Doc) {
    this.#writers = new Set(document.store.clients.keys());
  }

  /** Whether something was added since the last {@link restore} that must not be there. */
  get isMadeAnew(): boolean {
    return this.#isMadeAnew;
  }

  /** Something was added. What an extension types into the document itself is meant as an edit. */
  changed(update: Uint8Array, { local }: Y.Transaction): void {
    if (local || this.#isRestoring || this.#isKnown(update)) this.#added.push(update);
    else this.#isMadeAnew = true;
  }

  /** Adds to a document, which stands for the one before, what may be in it of what was added to that. */
  restore(document: Y.Doc): void {
    this.#isRestoring = true;
    for (const update of this.#added.splice(0)) Y.applyUpdate(document, update);
    this.#isRestoring = false;
    this.#isMadeAnew = false;
  }

  #isKnown(update: Uint8Array): boolean {
    const writers = [...Y.parseUpdateMeta(update).to.keys()];
    return writers.length === 0 || this.#writers.size === 0 || writers.some((id) => this.#writers.has(id));
  }
}

/** Adds what `onLoadDocument` returned, by whatever copy of Yjs it was made. */
export function addLoaded(document: Y.Doc, loaded: unknown): void {
  if (loaded instanceof Uint8Array) Y.applyUpdate(document, loaded);
  else if (loaded !== document && isDocument(loaded)) Y.applyUpdate(document, Y.encodeStateAsUpdate(loaded));
}

function isDocument(value: unknown): value is Y.Doc {
  return typeof value === "object" && value !== null && "store" in value && "clientID" in value;
}
