/**
 * The states of a document's session with the server.
 *
 *   loading ──> offline <──> opening ──> catchingUp ──> live          any ──> closed
 *                  ^  └─────────┴────────────┴───────────┴──> waiting, refused
 *                  └── waiting (after a pause), refused (when somebody asks again)
 *
 * loading: the copy on this device is being read. offline: there is no connection. opening: OPEN was sent, or a token
 * for it is being fetched. catchingUp: the server has let us in and sends what is missing. live: nothing is missing.
 * waiting: the server closed the channel and will be asked again. refused: it will not be.
 */

import type { ServerFrame } from "@joinery/shared/protocol";
import type { Status } from "./status.ts";

export type SessionState =
  | "loading"
  | "offline"
  | "opening"
  | "catchingUp"
  | "live"
  | "waiting"
  | "refused"
  | "closed";

export type SessionEvent =
  | "loaded"
  /** The connection is there; it is gone. */
  | "linked"
  | "unlinked"
  | "opened"
  | "caughtUp"
  /** The server closed the channel: for now; for good. */
  | "dropped"
  | "refused"
  /** To be opened anew: a pause is over, something is out of step, or somebody asks. */
  | "reopen"
  | "close";

/** However a session ends that has a channel. */
const ENDED = { unlinked: "offline", reopen: "offline", dropped: "waiting", refused: "refused" } as const;

/** Where each event leads from where; one that is not named changes nothing. */
const NEXT: Record<SessionState, Partial<Record<SessionEvent, SessionState>>> = {
  loading: { loaded: "offline" },
  offline: { linked: "opening" },
  opening: { opened: "catchingUp", ...ENDED },
  catchingUp: { caughtUp: "live", ...ENDED },
  live: ENDED,
  waiting: { unlinked: "offline", reopen: "offline" },
  refused: { reopen: "offline" },
  closed: {},
};

export function nextSessionState(state: SessionState, event: SessionEvent): SessionState {
  return event === "close" ? "closed" : (NEXT[state][event] ?? state);
}

/** What people are told of each; of the others, what they are told of the connection. */
export const SESSION_STATUS: Partial<Record<SessionState, Status["kind"]>> = {
  live: "online",
  waiting: "offline",
  refused: "refused",
  closed: "closed",
};

/** Whether this is not what a server may say then. */
export function isOutOfPlace(type: ServerFrame["type"], state: SessionState): boolean {
  if (state === "opening") return type !== "opened" && type !== "close";
  return type === "opened" || (type === "batch" && state === "catchingUp");
}
