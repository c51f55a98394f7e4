import type { DocumentSnapshot } from "@joinery/client";

/** What to show beside a document. */
export function saveState(state: DocumentSnapshot): string {
  const { status, saved, unsaved, permission, conflict } = state;
  const edits = `${unsaved.count} ${unsaved.count === 1 ? "edit" : "edits"} not yet saved`;
  if (conflict) return "The server has another document of this name";
  if (status.kind === "refused") return `Refused: ${status.reason}`;
  if (permission === "read") return saved ? "Read only" : `Read only, ${edits}`;
  if (status.kind === "offline") return saved ? "Offline" : `Offline, ${edits}`;
  if (status.kind === "connecting") return saved ? "Connecting…" : `Connecting, ${edits}`;
  return saved ? "Saved" : "Saving…";
}
