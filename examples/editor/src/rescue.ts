/** Saves as files what may not reach the server. */

import * as Y from "yjs";
import type { Board } from "./board/board.ts";
import { type DocumentSession, TEXT_NAME } from "./document-session.ts";

/**
 * Makes the buttons with `data-rescue` save what they name.
 *
 * @param group Holds the buttons; those are shown for which there is something to save.
 */
export function offerRescue(group: HTMLElement, session: DocumentSession, board: Board): void {
  const { doc, name } = session;
  const buttons = [...group.querySelectorAll<HTMLElement>("[data-rescue]")];
  const fileName = name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "document";
  const save: Record<string, () => void> = {
    text: () =>
      download(new Blob([doc.getText(TEXT_NAME).toString()], { type: "text/markdown" }), `${fileName}.md`),
    board: () => {
      const paper = getComputedStyle(document.body).backgroundColor;
      const picture = board.picture(paper);
      if (picture !== undefined) downloadFrom(picture, `${fileName}.png`);
    },
    data: () =>
      download(new Blob([Y.encodeStateAsUpdate(doc) as Uint8Array<ArrayBuffer>]), `${fileName}.yjs`),
  };
  for (const button of buttons) {
    button.addEventListener("click", () => save[button.dataset.rescue ?? ""]?.());
  }
  const show = () => {
    const hasText = doc.getText(TEXT_NAME).length > 0;
    const isThere: Record<string, boolean> = {
      text: hasText,
      board: !board.isEmpty,
      data: hasText || !board.isEmpty,
    };
    for (const button of buttons) button.hidden = isThere[button.dataset.rescue ?? ""] !== true;
  };
  session.onState(show);
  show();
}

function download(content: Blob, fileName: string): void {
  const address = URL.createObjectURL(content);
  downloadFrom(address, fileName);
  // The browser has to have begun by then; it reads the rest without the address.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function downloadFrom(address: string, fileName: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
}
