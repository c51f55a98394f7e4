/**
 * The states of the connection.
 *
 *   idle ──> connecting ──> greeting ──> online          any ──> closed
 *              ^   └──────────┴────────────┴──> waiting, refused
 *              └── waiting (after a pause, or at once when the device wakes)
 *
 * idle: nobody wants a connection. connecting: getting a token and opening a socket. greeting: HELLO was sent.
 * waiting: it failed and will be tried again. refused: it failed for good, until somebody asks again.
 */

export type LinkState = "idle" | "connecting" | "greeting" | "online" | "waiting" | "refused" | "closed";

export type LinkEvent =
  /** Wanted; not wanted; never again. */
  | "connect"
  | "disconnect"
  | "close"
  /** The socket is open; the server's HELLO is here. */
  | "opened"
  | "greeted"
  /** Over, to be tried again; over for good. */
  | "lost"
  | "refused"
  /** The pause is over; the network is back or the page visible. */
  | "due"
  | "wake";

const LOST = { lost: "waiting", refused: "refused" } as const;

/** Where each event leads from where; one that is not named changes nothing. */
const NEXT: Record<LinkState, Partial<Record<LinkEvent, LinkState>>> = {
  idle: { connect: "connecting" },
  connecting: { opened: "greeting", ...LOST },
  greeting: { greeted: "online", ...LOST },
  online: LOST,
  waiting: { connect: "connecting", due: "connecting", wake: "connecting" },
  refused: { connect: "connecting" },
  closed: {},
};

export function nextLinkState(state: LinkState, event: LinkEvent): LinkState {
  if (event === "close" || state === "closed") return "closed";
  return event === "disconnect" ? "idle" : (NEXT[state][event] ?? state);
}
