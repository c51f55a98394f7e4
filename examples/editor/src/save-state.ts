/** How it stands with a person's edits, in words. They promise nothing that the server has not. */

import type { DocumentSnapshot } from "@joinery/client";

type SaveStateKind = "connecting" | "saved" | "saving" | "read-only" | "offline" | "refused";

export interface SaveState {
  readonly kind: SaveStateKind;
  /** A few words for the header. */
  readonly label: string;
  /** What it means for the person; `undefined` when all is well. Plain text. */
  readonly notice: { readonly title: string; readonly text: string } | undefined;
  /** Whether what is typed and drawn now can get anywhere. */
  readonly isEditable: boolean;
  /** Whether edits are in this window only, and go with it. */
  readonly isLossAhead: boolean;
}

/** A document's snapshot as people have to know it. */
export function saveStateOf(snapshot: DocumentSnapshot): SaveState {
  const { unsaved, offlineError } = snapshot;
  const kind = kindOf(snapshot);
  return {
    kind,
    label: labelOf(kind, unsaved.count),
    notice: noticeOf(kind, snapshot),
    isEditable: kind !== "refused" && snapshot.permission !== "read",
    isLossAhead: unsaved.count > 0 && offlineError !== null,
  };
}

function kindOf({ status, isLoaded, saved, permission }: DocumentSnapshot): SaveStateKind {
  if (status.kind === "refused" || status.kind === "closed") return "refused";
  if (status.kind === "offline") return isLoaded ? "offline" : "connecting";
  if (status.kind === "connecting") return "connecting";
  if (permission !== null && permission !== "write") return "read-only";
  return saved ? "saved" : "saving";
}

const LABELS: Record<SaveStateKind, string> = {
  connecting: "Connecting…",
  saved: "Saved",
  saving: "Saving…",
  "read-only": "Read only",
  offline: "Offline",
  refused: "Refused",
};

function labelOf(kind: SaveStateKind, unsaved: number): string {
  const label = LABELS[kind];
  if (unsaved === 0 || kind === "saved" || kind === "saving") return label;
  return `${label.replace("…", "")}, ${countEdits(unsaved)} not yet saved`;
}

export function countEdits(count: number): string {
  return count === 1 ? "1 edit" : `${count.toLocaleString("en")} edits`;
}

const HOW_TO_SIGN_IN =
  "Open the link that you were given, or ask for a new one: it ends with #token= and your token.";

function noticeOf(kind: SaveStateKind, snapshot: DocumentSnapshot): SaveState["notice"] {
  const { status, unsaved, offlineError, conflict } = snapshot;
  const reason = status.reason ?? "";
  if (conflict !== null) {
    return {
      title: "The server has another document of this name now.",
      text: "What you have is still here. Nothing of it is sent before you choose what becomes of it.",
    };
  }
  if (kind === "refused") {
    const whatNow =
      unsaved.count === 0
        ? "Nothing more is saved until that changes."
        : `${countEdits(unsaved.count)} of yours ${unsaved.count === 1 ? "is" : "are"} here only. Save them as a file before you leave.`;
    const text = status.code === "UNAUTHENTICATED" ? `${HOW_TO_SIGN_IN} ${whatNow}` : whatNow;
    return { title: asSentence(reason) || "The server refused this document.", text };
  }
  if (offlineError !== null) {
    return {
      title: "This browser does not keep your edits.",
      text: `${asSentence(offlineError.message)} Until they are saved on the server, they go when this window is closed.`,
    };
  }
  if (kind === "read-only") {
    const text = unsaved.count > 0 ? `${countEdits(unsaved.count)} of yours wait here until you may.` : "";
    return { title: "You may read this document, not write to it.", text };
  }
  if (kind !== "offline") return undefined;
  return {
    title: "Offline: your edits are kept in this browser until the server is back.",
    text: status.code === "CONNECTION_LOST" ? "" : asSentence(reason),
  };
}

function asSentence(words: string): string {
  const [first = ""] = words;
  return first.toUpperCase() + words.slice(first.length) + (/[.!?]$|^$/.test(words) ? "" : ".");
}
