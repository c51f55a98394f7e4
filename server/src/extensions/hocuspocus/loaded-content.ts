import * as Y from "yjs";

/** Adds what `onLoadDocument` returned, by whatever copy of Yjs it was made. */
export function addLoaded(document: Y.Doc, loaded: unknown): void {
  if (loaded instanceof Uint8Array) Y.applyUpdate(document, loaded);
  else if (loaded !== document && isDocument(loaded)) Y.applyUpdate(document, Y.encodeStateAsUpdate(loaded));
}

function isDocument(value: unknown): value is Y.Doc {
  return typeof value === "object" && value !== null && "store" in value && "clientID" in value;
}
