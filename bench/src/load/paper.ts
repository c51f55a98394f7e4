import * as Y from "yjs";
import { apply, clientId, readTrace } from "../inspector-load.ts";

/** A stretch of the writing of a paper. */
export interface Stretch {
  /** The paper as it is before, as one update. */
  readonly state: Uint8Array;
  /** What comes then, each edit as the update that its editor sends. */
  readonly updates: readonly Uint8Array[];
}

/**
 * As many stretches of that many edits as are wanted, from all parts of the paper. The first begins behind the first edit:
 * nothing would be no update that a server has something to say of.
 */
export function stretchesOfPaper(count: number, edits: number): Stretch[] {
  const doc = new Y.Doc();
  doc.clientID = clientId(0);
  const text = doc.getText("text");
  const trace = readTrace();
  const distance = Math.floor(trace.length / count);
  if (edits >= distance) throw new Error(`a stretch has fewer than ${distance} edits`);
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) doc.transact(() => apply(text, trace[0] ?? []));
    const start = Math.max(1, i * distance);
    const state = Y.encodeStateAsUpdate(doc);
    const updates: Uint8Array[] = [];
    const keep = (update: Uint8Array) => void updates.push(update);
    doc.on("update", keep);
    for (const patches of trace.slice(start, start + edits)) doc.transact(() => apply(text, patches));
    doc.off("update", keep);
    doc.transact(() => {
      for (const patches of trace.slice(start + edits, (i + 1) * distance)) apply(text, patches);
    });
    return { state, updates };
  });
}
