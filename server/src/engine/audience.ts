import type { Dialect } from "./ports.ts";
import type { Session } from "./session.ts";

/** The sessions that get every flush, by dialect: what they are sent is encoded once for all that speak it. */
export class Audience {
  readonly #sessions = new Map<Dialect, Set<Session>>();

  add(session: Session): void {
    const sessions = this.#sessions.get(session.dialect);
    if (sessions) sessions.add(session);
    else this.#sessions.set(session.dialect, new Set([session]));
  }

  delete(session: Session): void {
    this.#sessions.get(session.dialect)?.delete(session);
  }

  /** Sends what one flush made. */
  broadcast(update: Uint8Array | null, presence: Uint8Array | null): void {
    for (const [dialect, sessions] of this.#sessions) {
      if (sessions.size === 0) continue;
      const frames: Uint8Array[] = [];
      if (update) frames.push(dialect.update(update));
      if (presence) frames.push(dialect.presence(presence));
      for (const session of sessions) session.deliver(frames);
    }
  }

  /** Says that everything up to a seq is on disk, where the dialect can. */
  tellDurable(seq: number): void {
    for (const [dialect, sessions] of this.#sessions) {
      const frame = sessions.size > 0 ? dialect.durable(seq) : null;
      if (frame) for (const session of sessions) session.tellDurable(frame);
    }
  }
}
