import {
  type AwarenessEntry,
  equalBytes,
  isAwarenessState,
  JoineryError,
  type LimitName,
  type Limits,
} from "@joinery/shared";
import type { PresenceOwner, PresenceShare } from "./presence-share.ts";
import { ActionDenied } from "./rights.ts";

/** Why presence is refused, and the limit that it is over, if it is one. */
export interface Refusal {
  readonly error: JoineryError;
  readonly limit: LimitName | null;
}

/** What it depends on whether somebody may show something. */
export interface Showing {
  readonly owner: PresenceOwner;
  /** What the session has already, if anything. */
  readonly share: PresenceShare | undefined;
  /** What is known of an id. */
  readonly known: (clientId: number) => { readonly state: Uint8Array | null } | undefined;
  readonly limits: Pick<Limits, "maxPresenceBytes" | "maxPresenceEntries">;
}

/**
 * Looks for a reason to refuse what a session wants to show: it may not, or it is too many ids or bytes, or a state that
 * would throw in the clients that it is sent to. Nothing is always allowed.
 *
 * Cost: parses the states that are new, at most `maxPresenceBytes` together.
 */
export function refusalOf(news: readonly AwarenessEntry[], showing: Showing): Refusal | null {
  const { owner, share, known, limits } = showing;
  if (news.length > 0 && !owner.rights.has("presence")) {
    return { error: new ActionDenied("presence"), limit: null };
  }
  let ids = share?.ids.size ?? 0;
  let bytes = share?.bytes ?? 0;
  for (const { clientId, state } of news) {
    if (state === null) continue;
    const isOwn = share?.ids.has(clientId) ?? false;
    const previous = isOwn ? (known(clientId)?.state ?? null) : null;
    if (!isOwn && ++ids > limits.maxPresenceEntries) {
      const message = `a session may announce at most ${limits.maxPresenceEntries} ids`;
      return { error: new JoineryError("PRESENCE_TOO_LARGE", message), limit: "maxPresenceEntries" };
    }
    bytes += state.length - (previous?.length ?? 0);
    if (bytes > limits.maxPresenceBytes) {
      const message = `presence has ${bytes} bytes with that of client ${clientId}, the limit is ${limits.maxPresenceBytes}`;
      return { error: new JoineryError("PRESENCE_TOO_LARGE", message), limit: "maxPresenceBytes" };
    }
    // Clients renew their state every 15 s unchanged: what was checked once need not be parsed again.
    if ((previous && equalBytes(previous, state)) || isAwarenessState(state)) continue;
    const message = `presence of client ${clientId} is not a JSON object`;
    return { error: new JoineryError("MALFORMED_UPDATE", message), limit: null };
  }
  return null;
}
