/** Edits by the application's own code. */

import { type DocumentName, equalBytes, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import * as Y from "yjs";
import { ApplyGuard } from "../engine/apply-guard.ts";
import { EMPTY_UPDATE } from "../engine/merge.ts";
import type { Revision } from "../engine/ports.ts";
import { Rights } from "../engine/rights.ts";
import type { Rooms } from "../engine/rooms.ts";
import { Visit } from "../engine/visit.ts";
import type { EditorIds } from "./editor-ids.ts";

export interface CodeEditOptions {
  /** Kept in the log as who made it, and the origin of the transaction. Default: nobody in particular. */
  readonly origin?: string;
}

export interface CodeEditsOptions {
  readonly rooms: Rooms;
  readonly ids: EditorIds;
  readonly limits: Pick<Limits, "maxCodeEditBytes">;
  readonly onLimit: (limit: LimitName) => void;
}

/** An origin is kept with each batch. */
const MAX_ORIGIN_LENGTH = 256;

export class CodeEdits {
  readonly #options: CodeEditsOptions;

  constructor(options: CodeEditsOptions) {
    this.#options = options;
  }

  /** See `Server.edit`. */
  async edit(
    document: DocumentName,
    change: (doc: Y.Doc) => void,
    { origin = "" }: CodeEditOptions,
  ): Promise<Revision> {
    if (origin.length > MAX_ORIGIN_LENGTH || !origin.isWellFormed()) {
      throw new JoineryError("INVALID_OPTION", `origin must have at most ${MAX_ORIGIN_LENGTH} characters`);
    }
    const visit = await Visit.open("server", (link) => {
      return this.#options.rooms.open({ document, author: origin, rights: Rights.WRITER, ...link });
    });
    try {
      const updates = visit.allUpdates();
      this.#requireSmall(document, updates);
      // Nothing is awaited from here until the edit is in the document: it is made of what is there.
      const id = this.#options.ids.take(document, visit.lineage, (id) => visit.isFree(id));
      const update = editedBy(change, updates, { origin, clientId: id.clientId });
      const at = visit.whereItIs;
      // To do nothing to a document that is not there does not make it.
      if (at?.seq === 0 && equalBytes(update, EMPTY_UPDATE)) return at;
      const revision = await visit.write(update);
      id.keep();
      return revision;
    } finally {
      visit.leave();
    }
  }

  #requireSmall(document: DocumentName, updates: readonly Uint8Array[]): void {
    const bytes = updates.reduce((sum, { length }) => sum + length, 0);
    const limit = "maxCodeEditBytes";
    const max = this.#options.limits[limit];
    if (bytes <= max) return;
    this.#options.onLimit(limit);
    const name = JSON.stringify(document);
    throw new JoineryError("UPDATE_TOO_COSTLY", `document ${name} has ${bytes} bytes, the limit is ${max}`, {
      limit,
    });
  }
}

/**
 * What a function does to a document, as one Yjs v1 update; an empty one where it does nothing.
 *
 * @throws What the function throws; INVALID_OPTION (never) where it goes on later; REPLICA_FAILED (backoff) when Yjs
 * cannot build the document. Cost: builds a Y.Doc.
 */
function editedBy(
  change: (doc: Y.Doc) => void,
  updates: readonly Uint8Array[],
  { origin, clientId }: { readonly origin: string; readonly clientId: number },
): Uint8Array {
  const doc = new Y.Doc();
  try {
    // Observers of formatted texts would write.
    const quiet = ({ changed }: Y.Transaction) => changed.clear();
    doc.on("beforeObserverCalls", quiet);
    new ApplyGuard(doc).apply(updates);
    doc.off("beforeObserverCalls", quiet);
    // Not before: Yjs takes another one where edits come under the document's own.
    doc.clientID = clientId;
    const before = Y.encodeStateVector(doc);
    const made: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => made.push(update));
    let result: unknown;
    doc.transact(() => {
      result = change(doc);
    }, origin);
    if (isThenable(result)) {
      // Whatever becomes of it is not for us.
      Promise.resolve(result).catch(() => undefined);
      throw new JoineryError("INVALID_OPTION", "the function returns a promise: edits are made at once");
    }
    if (made.length === 1) return made[0] as Uint8Array;
    return made.length === 0 ? EMPTY_UPDATE : Y.encodeStateAsUpdate(doc, before);
  } finally {
    doc.destroy();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
