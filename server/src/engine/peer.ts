/** By which connection a session came. The engine only says so in its events. */
export interface SessionPeer {
  /** Number of the connection; 0 in the same process. */
  readonly connection: number;
  /** Its name, which a proxy may know too. */
  readonly correlation: string;
}

export const LOCAL_PEER: SessionPeer = { connection: 0, correlation: "local" };

/** Somebody whom an event may be about; the server itself has the id 0. */
export interface Participant {
  readonly id: number;
  readonly author: string;
  readonly peer: SessionPeer;
}

/** Whom an event is about. */
export interface Concerned extends SessionPeer {
  /** Number of the session; 0 for the server itself. */
  readonly session: number;
  /** Whom it was let in as; empty for nobody in particular. */
  readonly user: string;
}

export function concerned({ id, author, peer }: Participant): Concerned {
  const { connection, correlation } = peer;
  return { session: id, user: author, connection, correlation };
}
