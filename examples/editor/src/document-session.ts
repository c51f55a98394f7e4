/**
 * The document that the page shows: its content, who is here, and how it stands with saving it. Everything else on
 * the page gets these from here, and knows nothing of connections.
 */

import { type DocumentSnapshot, JoineryClient, type LineageChoice } from "@joinery/client";
import * as Y from "yjs";
import { CheckedAwareness } from "./checked-awareness.ts";

/** The text's root name in the document; the board's is beside it. */
export const TEXT_NAME = "content";
export const BOARD_NAME = "board";
/** Of the browser's database in which documents are kept, those that were opened once. */
const OFFLINE_NAME = "joinery";

export interface DocumentSession {
  readonly name: string;
  readonly doc: Y.Doc;
  readonly awareness: CheckedAwareness;
  readonly state: DocumentSnapshot;
  /** Calls back after each change of the state. */
  onState(listener: (state: DocumentSnapshot) => void): void;
  /** Asks the server again after it refused. */
  retry(): void;
  /**
   * Decides what becomes of what is here when the server has another document of this name. After all choices but
   * `merge` the page has to be opened anew.
   */
  resolve(choice: LineageChoice, copyName: string): Promise<void>;
}

/**
 * Opens a document, first from what this browser has of it, then from the server.
 *
 * @param token As text: the page has no other one when it has expired, and then says so.
 */
export function openSession(name: string, server: string, token = ""): DocumentSession {
  const client = new JoineryClient({ url: server, token, offline: OFFLINE_NAME, agent: "joinery-page" });
  const doc = new Y.Doc();
  const awareness = new CheckedAwareness(doc, TEXT_NAME);
  const handle = client.open(name, { doc, awareness });
  let permission: DocumentSnapshot["permission"] = null;
  const state = () => {
    const snapshot = handle.getSnapshot();
    // While the server is asked again, what it said last is what holds.
    permission = snapshot.permission ?? permission;
    return { ...snapshot, permission };
  };
  return {
    name,
    doc,
    awareness,
    get state() {
      return state();
    },
    onState: (listener) => void handle.subscribe(() => listener(state())),
    retry: () => {
      client.connect();
      handle.retry();
    },
    resolve: async (choice, copyName) => {
      await handle.resolve(choice, copyName);
      await handle.whenStored();
    },
  };
}
