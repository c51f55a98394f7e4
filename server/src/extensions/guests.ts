import type { Rights } from "../engine/rights.ts";
import type { Guest } from "../engine/session.ts";

/** What several plugins know of one client. */
export class Guests {
  readonly all: readonly Guest[];

  constructor(all: readonly Guest[]) {
    this.all = all;
  }
}

/** A client whose plugin changes by itself what its session may do: it has to stay within what the others allow. */
export abstract class BoundedGuest {
  /** Called with each decision, just before it is put into force. */
  abstract bound(rights: Rights): void;
}

/** What of a session's guest is of this kind: each plugin has one of its own. */
export function guestOf<Kind extends Guest>(
  { guest }: { readonly guest: Guest | null },
  kind: abstract new (...args: never[]) => Kind,
): Kind | null {
  if (guest instanceof kind) return guest;
  if (!(guest instanceof Guests)) return null;
  return guest.all.find((one): one is Kind => one instanceof kind) ?? null;
}
