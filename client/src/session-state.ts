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
