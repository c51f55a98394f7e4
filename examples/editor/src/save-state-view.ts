import type { SaveState } from "./save-state.ts";

export interface SaveStateElements {
  readonly label: HTMLElement;
  readonly notice: HTMLElement;
  readonly noticeTitle: HTMLElement;
  readonly noticeText: HTMLElement;
  /** Ways to keep what may not reach the server. */
  readonly rescue: HTMLElement;
}

/** Shows a state in the header, and what it means for the person's edits below it when it is a bad one. */
export function showSaveState(elements: SaveStateElements, { kind, label, notice }: SaveState): void {
  elements.label.dataset.state = kind;
  // Assistive software reads out what is set, changed or not.
  if (elements.label.textContent !== label) elements.label.textContent = label;
  // A reconnect passes through "connecting"; the notice stays until it is known to have worked.
  if (kind === "connecting" && notice === undefined) return;
  elements.notice.hidden = notice === undefined;
  elements.notice.dataset.state = kind;
  elements.rescue.hidden = kind !== "refused";
  if (notice === undefined) return;
  setText(elements.noticeTitle, notice.title);
  setText(elements.noticeText, notice.text);
}

/** Has the browser ask before the window is closed on edits that are nowhere else. */
export function warnBeforeLoss(isLossAhead: () => boolean): void {
  window.addEventListener("beforeunload", (event) => {
    if (isLossAhead()) event.preventDefault();
  });
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
