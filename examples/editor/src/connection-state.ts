import { explainClose } from "@joinery/client";
import type { WebsocketProvider } from "y-websocket";
import type { CheckedAwareness } from "./checked-awareness.ts";

/**
 * What is known about the connection. There is no "saved": the y-websocket protocol acknowledges nothing, so
 * "online" says that this window has what the server has, and that edits are on their way as they are made.
 */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "online" }
  | { readonly kind: "offline"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string };

/** Whether the provider should try again, as its `shouldReconnect` option asks. */
export function shouldReconnect(event: CloseEvent): boolean {
  return explainClose(event.code, event.reason).retry === "backoff";
}

/** Calls `onState` with every change of the provider's connection, and announces this client on each new one. */
export function followConnection(
  provider: WebsocketProvider,
  awareness: CheckedAwareness,
  onState: (state: ConnectionState) => void,
): void {
  provider.on("status", ({ status }) => {
    if (status !== "connected") return;
    onState({ kind: "connecting" });
    // The provider announces the state that it has announced before, under the same clock. Peers have noted
    // the client's departure under that very clock and would ignore it until the next keystroke; setting the
    // state anew, unchanged, gives it the next clock.
    awareness.setLocalState(awareness.getLocalState());
  });
  provider.on("sync", (isSynced) => {
    if (isSynced) onState({ kind: "online" });
  });
  // Also emitted for an attempt that never got through, when there is no "disconnected" status. The provider's
  // further attempts are silent here: until one succeeds, the person is offline.
  provider.on("connection-close", (event) => {
    onState({ kind: "offline", why: event === null ? "" : explainClose(event.code, event.reason).message });
  });
  provider.on("closed", ({ code, reason }) => {
    onState({ kind: "refused", why: explainClose(code, reason).message });
  });
}

const LABELS: Record<ConnectionState["kind"], string> = {
  connecting: "Connecting…",
  online: "Synced",
  offline: "Offline",
  refused: "Refused",
};

export interface ConnectionElements {
  readonly label: HTMLElement;
  readonly notice: HTMLElement;
  readonly noticeTitle: HTMLElement;
  readonly noticeText: HTMLElement;
}

/** Shows a state in the header, and what it means for the person's edits in a notice when it is a bad one. */
export function showConnection(elements: ConnectionElements, state: ConnectionState): void {
  const { label, notice, noticeTitle, noticeText } = elements;
  label.dataset.state = state.kind;
  label.textContent = LABELS[state.kind];
  if (state.kind === "offline") {
    noticeTitle.textContent = "Offline – your edits are kept here and sent when the server is back.";
    noticeText.textContent = state.why;
  } else if (state.kind === "refused") {
    noticeTitle.textContent = state.why;
    noticeText.textContent = "Nothing is sent any more, so this text can only be read and copied now.";
  }
  // A reconnect passes through "connecting"; the notice stays until it is known to have worked.
  if (state.kind === "online") notice.hidden = true;
  if (state.kind === "offline" || state.kind === "refused") notice.hidden = false;
  notice.dataset.state = state.kind;
}
