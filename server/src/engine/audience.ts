import type { Meter } from "./meter.ts";
import type { Dialect } from "./ports.ts";
import type { PresenceUpdate } from "./presence.ts";
import type { Session } from "./session.ts";

/** What one flush appended. */
export interface SentBatch {
  readonly update: Uint8Array;
  readonly seq: number;
  readonly durableSeq: number;
}

/** The sessions that get every flush, by dialect: what they are sent is encoded once for all that speak it. */
export class Audience {
  readonly #meter: Meter;
  readonly #sessions = new Map<Dialect, Set<Session>>();

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  add(session: Session): void {
    const sessions = this.#sessions.get(session.dialect);
    if (sessions) sessions.add(session);
    else this.#sessions.set(session.dialect, new Set([session]));
  }

  delete(session: Session): void {
    this.#sessions.get(session.dialect)?.delete(session);
  }

  /** Sends what one flush made. */
  broadcast(batch: SentBatch | null, presence: PresenceUpdate | null): void {
    for (const [dialect, sessions] of this.#sessions) {
      if (sessions.size === 0) continue;
      const frames: Uint8Array[] = [];
      const traffic = this.#meter.trafficOf(dialect);
      if (batch) {
        const frame = dialect.update(batch.update, batch.seq, batch.durableSeq);
        frames.push(frame);
        traffic.updatesOut += sessions.size;
        traffic.updateBytesOut += sessions.size * frame.length;
      }
      if (presence) {
        const frame = dialect.presence(presence.update, presence.users);
        frames.push(frame);
        traffic.presenceBytesOut += sessions.size * frame.length;
      }
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
