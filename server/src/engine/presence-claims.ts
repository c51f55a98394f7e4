import type { AwarenessEntry } from "@joinery/shared";
import { LazyMap } from "./lazy-map.ts";
import type { PresenceOwner } from "./presence-share.ts";

/** Somebody who waits for an id, and what they announced under it. */
export interface PresenceClaim {
  readonly owner: PresenceOwner;
  readonly entry: AwarenessEntry;
}

/**
 * Who waits for an id of somebody else, who may be dead: one id each, and of those who wait for the same one, the newest
 * has it then.
 */
export class PresenceClaims {
  readonly #claims = new LazyMap<PresenceOwner, AwarenessEntry>();
  readonly #claimants = new LazyMap<number, PresenceOwner>();

  /** What the newest who waits for an id announced under it; `null` if nobody waits. */
  of(clientId: number): PresenceClaim | null {
    const owner = this.#claimants.get(clientId);
    const entry = owner && this.#claims.get(owner);
    return entry ? { owner, entry } : null;
  }

  /** Somebody waits for an id, and for no other any more. @param entry Has a state, which is copied. */
  add(owner: PresenceOwner, { clientId, clock, state }: AwarenessEntry): void {
    this.drop(owner);
    this.#claims.set(owner, { clientId, clock, state: new Uint8Array(state as Uint8Array) });
    this.#claimants.set(clientId, owner);
  }

  /** Somebody takes back what they announced under an id that they wait for, if this is not older. */
  takeBack(owner: PresenceOwner, { clientId, clock }: AwarenessEntry): void {
    const claim = this.#claims.get(owner);
    if (claim?.clientId === clientId && clock >= claim.clock) this.drop(owner);
  }

  /** Somebody waits no longer. */
  drop(owner: PresenceOwner): void {
    const claim = this.#claims.get(owner);
    if (!claim) return;
    this.#claims.delete(owner);
    if (this.#claimants.get(claim.clientId) === owner) this.#claimants.delete(claim.clientId);
  }
}
