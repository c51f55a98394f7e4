/** Asks what becomes of what is here when the server has another document of the same name. */

import type { DocumentSnapshot, LineageChoice } from "@joinery/client";
import { pagePath } from "./document-address.ts";
import type { DocumentSession } from "./document-session.ts";
import { countEdits } from "./save-state.ts";

export interface ConflictElements {
  readonly dialog: HTMLDialogElement;
  readonly text: HTMLElement;
  readonly copyName: HTMLElement;
  readonly loss: HTMLElement;
  /** What went wrong with a choice. */
  readonly failure: HTMLElement;
  /** Opens the dialog again after somebody closed it to have a look. */
  readonly reopen: HTMLButtonElement;
  /** Asks the server again, which is of no use before something is chosen. */
  readonly retry: HTMLButtonElement;
}

/** Names are at most 512 bytes long. */
const MAX_NAME_LENGTH = 100;

export function offerResolution(session: DocumentSession, elements: ConflictElements): void {
  const { dialog, reopen, retry } = elements;
  const copyName = nameOfCopy(session.name);
  let asked: DocumentSnapshot["conflict"] = null;
  const show = (snapshot: DocumentSnapshot) => {
    const { conflict } = snapshot;
    reopen.hidden = conflict === null;
    retry.hidden = conflict !== null;
    if (conflict === asked) return;
    asked = conflict;
    if (conflict === null) {
      dialog.close();
      return;
    }
    describe(elements, session.name, copyName, snapshot);
    if (!dialog.open) dialog.showModal();
  };
  reopen.addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>("[data-resolution]") : null;
    if (button !== null) {
      resolve(session, elements, button.dataset.resolution as LineageChoice, copyName).catch(
        window.reportError,
      );
    }
  });
  session.onState(show);
  show(session.state);
}

async function resolve(
  session: DocumentSession,
  { dialog, failure }: ConflictElements,
  choice: LineageChoice,
  copyName: string,
): Promise<void> {
  const buttons = [...dialog.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  try {
    await session.resolve(choice, copyName);
    if (choice === "keep-as-copy") location.assign(pagePath(copyName));
    else if (choice === "discard") location.reload();
  } catch (error) {
    failure.textContent = `That did not work: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function describe(
  { text, copyName: copyElement, loss, failure }: ConflictElements,
  name: string,
  copyName: string,
  { conflict, unsaved }: DocumentSnapshot,
): void {
  text.textContent =
    conflict?.remote.seq === 0
      ? `“${name}” was deleted on the server since you were last there. What you have is still here.`
      : `“${name}” was deleted and made anew, or restored, on the server since you were last there. What you have is still here, but it is not the same document any more.`;
  copyElement.textContent = copyName;
  loss.textContent =
    unsaved.count === 0
      ? "What you have goes; the server’s document is shown."
      : `What you have goes, ${countEdits(unsaved.count)} that nobody else has among it; the server’s document is shown.`;
  failure.textContent = "";
}

/** A name that nobody else has chosen, unless at this very minute. */
function nameOfCopy(name: string): string {
  const now = new Date();
  const date = `${now.getFullYear()}-${twoDigits(now.getMonth() + 1)}-${twoDigits(now.getDate())}`;
  const time = `${twoDigits(now.getHours())}.${twoDigits(now.getMinutes())}`;
  return `${[...name].slice(0, MAX_NAME_LENGTH).join("")} (copy ${date} ${time})`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
