import type { DocumentName, JoineryError } from "@joinery/shared";
import { localOutbox, NOTHING_SAID, quietDialect } from "../../engine/local-link.ts";
import { Rights } from "../../engine/rights.ts";
import type { Rooms } from "../../engine/rooms.ts";
import type { Guest, Session } from "../../engine/session.ts";

/** Says updates as they are, and nothing else. */
const UPDATES_ONLY = quietDialect("direct", { update: (update) => update, catchUp: (update) => update });

export interface OwnSessionOptions {
  readonly rooms: Rooms;
  readonly document: DocumentName;
  /** Tells the session from those of clients. */
  readonly guest: Guest;
  /** What the document's updates are, once it has asked for them. Called while the room flushes. */
  readonly onUpdate?: (update: Uint8Array) => void;
  /** The room has sent it away. */
  readonly onClosed: (error: JoineryError) => void;
}

/**
 * Opens a document for the server's own code. While the session is there the document stays in memory.
 *
 * @throws JoineryError SERVER_DRAINING, SERVER_FULL (backoff).
 */
export function openOwnSession({ rooms, document, guest, onUpdate, onClosed }: OwnSessionOptions): Session {
  const outbox = localOutbox({
    send: (frames) => {
      for (const frame of frames) if (frame !== NOTHING_SAID) onUpdate?.(frame);
    },
    close: onClosed,
  });
  return rooms.open({ document, dialect: UPDATES_ONLY, outbox, author: "", rights: Rights.WRITER, guest });
}
