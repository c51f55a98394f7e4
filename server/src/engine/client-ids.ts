import { LazyMap } from "./lazy-map.ts";
import type { Clock } from "./ports.ts";

/**
 * Which session owns which client id. A Yjs client writes under an id of its own; if anybody could write under
 * it, nine bytes would take the place of what its owner has typed and not sent yet. So while a client id has a live
 * owner, only the owner's session advances it. An id that has none may be advanced by all who may write: that is
 * how a client brings to a new server what others made.
 *
 * The id that a session announces as its presence is its own for as long as it is there. A session without presence
 * owns what it writes under, until it has not done so for a while: it may be one that passes on what it heard
 * elsewhere, and must not keep out whose id it is. One that announced another id is such a one.
 */
export class ClientIds<Owner extends object> {
  readonly #owners = new LazyMap<number, Claim<Owner>>();
  readonly #ids = new LazyMap<Owner, Claims>();
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #maxIds: number;

  /** @param maxIds Ids that one session may own; it owns no more then, and writes under them all the same. */
  constructor(clock: Pick<Clock, "monotonicMs">, maxIds: number) {
    this.#clock = clock;
    this.#maxIds = maxIds;
  }

  /** Whose this id is; `null` if nobody's that is there. */
  ownerOf(client: number): Owner | null {
    const claim = this.#owners.get(client);
    return claim && this.#isFresh(claim) ? claim.owner : null;
  }

  mayBring(session: Owner, client: number): boolean {
    const claim = this.#owners.get(client);
    return claim === undefined || claim.owner === session || !this.#isFresh(claim);
  }

  /** The session announced this id as its presence, and nobody else has it there. */
  announced(session: Owner, client: number): void {
    const claims = this.#claimsOf(session);
    claims.hasAnnounced = true;
    this.#claim(session, claims, client, Number.POSITIVE_INFINITY);
  }

  /** The session made an edit under this id alone, as it may. */
  wrote(session: Owner, client: number): void {
    const claim = this.#owners.get(client);
    if (claim?.untilMs === Number.POSITIVE_INFINITY) return;
    const untilMs = this.#clock.monotonicMs() + FRESH_MS;
    if (claim?.owner === session) {
      claim.untilMs = untilMs;
      return;
    }
    const claims = this.#claimsOf(session);
    if (!claims.hasAnnounced) this.#claim(session, claims, client, untilMs);
  }

  /** The session ended. Returns the ids that it owned. */
  release(session: Owner): readonly number[] {
    const claims = this.#ids.get(session);
    if (!claims) return [];
    for (const client of claims.ids) this.#owners.delete(client);
    this.#ids.delete(session);
    return [...claims.ids];
  }

  #isFresh({ untilMs }: Claim<Owner>): boolean {
    return untilMs === Number.POSITIVE_INFINITY || this.#clock.monotonicMs() < untilMs;
  }

  #claimsOf(session: Owner): Claims {
    let claims = this.#ids.get(session);
    if (!claims) {
      claims = { ids: new Set(), hasAnnounced: false };
      this.#ids.set(session, claims);
    }
    return claims;
  }

  #claim(session: Owner, claims: Claims, client: number, untilMs: number): void {
    const previous = this.#owners.get(client);
    if (previous?.owner !== session && claims.ids.size >= this.#maxIds) return;
    if (previous) this.#ids.get(previous.owner)?.ids.delete(client);
    claims.ids.add(client);
    this.#owners.set(client, { owner: session, untilMs });
  }
}

/** How long somebody who announced no presence owns the id that it wrote under. */
const FRESH_MS = 10_000;

interface Claim<Owner> {
  readonly owner: Owner;
  /** On the monotonic clock. */
  untilMs: number;
}

interface Claims {
  readonly ids: Set<number>;
  hasAnnounced: boolean;
}
