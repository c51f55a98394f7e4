import { type DocumentName, toJoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { Rights } from "../../server/src/engine/rights.ts";
import type { Rooms } from "../../server/src/engine/rooms.ts";
import { Visit } from "../../server/src/engine/visit.ts";
import { checkSaved } from "./checkers.ts";
import type { SlowStorage } from "./slow-storage.ts";

/** What may become of a write while everything else goes on. */
const EXPECTED = ["STORAGE_UNAVAILABLE", "SERVER_DRAINING", "UPDATE_TOO_COSTLY"];

/** Somebody without a socket, who writes once and goes: over HTTP, or by code in the server. */
export class Visitor {
  readonly #clientId: number;

  constructor(clientId: number) {
    this.#clientId = clientId;
  }

  /**
   * Writes upon what is there. Resolves when the write has come to something; rejects when that breaks a rule: what was
   * told to be written has to be on disk at that moment.
   */
  async write(rooms: Rooms, storage: SlowStorage, document: DocumentName, word: string): Promise<void> {
    let update: Uint8Array;
    try {
      const visit = await Visit.open("http", (link) => {
        return rooms.open({ document, author: "visitor", rights: Rights.WRITER, ...link });
      });
      try {
        update = this.#typed(visit.allUpdates(), word);
        await visit.write(update);
      } finally {
        visit.leave();
      }
    } catch (thrown) {
      const error = toJoineryError(thrown);
      if (!EXPECTED.includes(error.code)) throw error;
      return;
    }
    await checkSaved(storage, document, [update]);
  }

  #typed(updates: readonly Uint8Array[], word: string): Uint8Array {
    const doc = new Y.Doc();
    for (const update of updates) Y.applyUpdate(doc, update);
    doc.clientID = this.#clientId;
    const before = Y.encodeStateVector(doc);
    doc.getText("text").insert(0, word);
    return Y.encodeStateAsUpdate(doc, before);
  }
}
