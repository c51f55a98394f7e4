import type { SessionPeer } from "./peer.ts";
import type { Author } from "./ports.ts";
import { PresencePace } from "./presence-pace.ts";
import type { Rights } from "./rights.ts";

/** The part of a session that ownership of presence needs. */
export interface PresenceOwner {
  /** Greater for a session that was opened later. */
  readonly id: number;
  readonly author: Author;
  readonly peer: SessionPeer;
  readonly rights: Rights;
  /** Asks its connection for a sign of life; if there is none, the session ends. Asking twice does no harm. */
  probe(): void;
}

/** What one session has of a room's presence. */
export class PresenceShare extends PresencePace {
  /** Ids that it has here, and those that it took back and nobody was told of yet. */
  readonly ids = new Set<number>();
  /** Of the states of its ids together. */
  bytes = 0;
}
