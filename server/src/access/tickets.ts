/**
 * Tickets stand for a token where that would have to be in a URL, which others keep: logs, histories, proxies. A ticket
 * is good for one connection, and for seconds.
 */

import { type DocumentName, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { toBase64UrlEncoded } from "lib0/buffer";
import type { Clock, Random } from "../engine/ports.ts";
import type { ConnectionRequest } from "../protocols/admission.ts";
import type { Ticket } from "./access-api.ts";
import { digestOf } from "./digest.ts";

const PREFIX = "joinery-ticket.";
const SECRET_BYTES = 32;
/** A connection opens documents with a ticket or two, not with dozens. */
const MAX_TICKETS_PER_CONNECTION = 16;

/** With one token, an application may try things out for all; with its user's own, nobody comes by as many. */
const MAX_TICKETS_PER_TOKEN = 200;

export interface TicketsOptions {
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  readonly random: Random;
  readonly limits: Pick<Limits, "maxTickets" | "ticketLifeMs">;
  readonly onLimit: (limit: LimitName) => void;
}

/** A token, and when it was shown, in milliseconds since 1970. */
export interface ShownToken {
  readonly token: string;
  readonly at: number;
}

/** What a ticket stands for. */
interface Entry extends ShownToken {
  /** `null` for any. */
  readonly document: DocumentName | null;
  /** On the clock that never goes back: a ticket is not good for longer because the other one was set. */
  readonly goodUntilMs: number;
}

/** Whether a token is a ticket. */
export function isTicket(token: string): boolean {
  return token.startsWith(PREFIX);
}

export class Tickets {
  readonly #options: TicketsOptions;
  /** By digest; all live equally long, so the first one expires first. */
  readonly #entries = new Map<string, Entry>();
  /** How many of them each token has. */
  readonly #ofToken = new Map<string, number>();
  /** What was shown on a connection is good for all that it opens. */
  readonly #redeemed = new WeakMap<ConnectionRequest, Map<string, Entry>>();

  constructor(options: TicketsOptions) {
    this.#options = options;
  }

  /** Tickets that were made, and neither used nor let go yet. */
  get size(): number {
    return this.#entries.size;
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  make(token: string, document: DocumentName | null): Ticket {
    const { clock, random, limits, onLimit } = this.#options;
    this.#forget();
    if (this.#entries.size >= limits.maxTickets) {
      onLimit("maxTickets");
      throw new JoineryError("SERVER_FULL", `${limits.maxTickets} tickets wait to be used, the limit`);
    }
    const ofToken = this.#ofToken.get(token) ?? 0;
    if (ofToken >= MAX_TICKETS_PER_TOKEN) {
      throw new JoineryError(
        "SERVER_FULL",
        `${MAX_TICKETS_PER_TOKEN} tickets for this token wait to be used`,
      );
    }
    this.#ofToken.set(token, ofToken + 1);
    const ticket = PREFIX + toBase64UrlEncoded(random.bytes(SECRET_BYTES));
    const goodUntilMs = clock.monotonicMs() + limits.ticketLifeMs;
    const at = clock.now();
    this.#entries.set(digestOf(ticket), { token, at, document, goodUntilMs });
    return { ticket, expiresAt: at + limits.ticketLifeMs };
  }

  /**
   * The token that a ticket stands for, which was shown when that was made. The first connection that shows it has it, for
   * all documents that it opens.
   *
   * @throws JoineryError UNAUTHENTICATED (after-auth) when it was used, is too old or is none; PERMISSION_DENIED
   * (never) when it is for another document.
   */
  redeem(ticket: string, connection: ConnectionRequest, document: DocumentName): ShownToken {
    const entry = this.#take(ticket, connection);
    if (entry.document !== null && entry.document !== document) {
      throw new JoineryError("PERMISSION_DENIED", "the ticket is for another document");
    }
    return entry;
  }

  #take(ticket: string, connection: ConnectionRequest): Entry {
    const digest = digestOf(ticket);
    const redeemed = this.#redeemed.get(connection) ?? new Map<string, Entry>();
    const known = redeemed.get(digest);
    if (known) return known;
    const entry = this.#delete(digest);
    const isGood = entry !== undefined && entry.goodUntilMs > this.#options.clock.monotonicMs();
    if (!isGood || redeemed.size >= MAX_TICKETS_PER_CONNECTION) {
      throw new JoineryError("UNAUTHENTICATED", "the ticket was used, or is too old: get a new one");
    }
    redeemed.set(digest, entry);
    this.#redeemed.set(connection, redeemed);
    return entry;
  }

  #forget(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [digest, { goodUntilMs }] of this.#entries) {
      if (goodUntilMs > nowMs) return;
      this.#delete(digest);
    }
  }

  #delete(digest: string): Entry | undefined {
    const entry = this.#entries.get(digest);
    if (!entry) return undefined;
    this.#entries.delete(digest);
    const { token } = entry;
    const others = (this.#ofToken.get(token) ?? 1) - 1;
    if (others > 0) this.#ofToken.set(token, others);
    else this.#ofToken.delete(token);
    return entry;
  }
}
