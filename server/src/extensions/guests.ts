import type { Guest } from "../engine/session.ts";

/** What several plugins know of one client. */
export class Guests {
  readonly all: readonly Guest[];

  constructor(all: readonly Guest[]) {
    this.all = all;
  }
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
