/** What is on the board, as a list for those who do not see the canvas. */

import { describeElement } from "./element.ts";
import type { BoardModel } from "./model.ts";

/** Nobody listens to more. */
const MAX_LISTED = 200;
const REFRESH_AFTER_MS = 300;

/** Keeps the list up to date, a moment after changes. */
export function showOutline(list: HTMLElement, model: BoardModel): void {
  let timer = 0;
  const refresh = () => {
    timer = 0;
    const listed = model.elements.slice(-MAX_LISTED).map((element) => item(describeElement(element)));
    const others = model.elements.length - listed.length;
    if (others > 0) listed.push(item(`and ${others} more below`));
    if (model.skipped > 0) listed.push(item(`and ${model.skipped} that cannot be shown here`));
    if (listed.length === 0) listed.push(item("The board is empty"));
    list.replaceChildren(...listed);
  };
  model.onChange(() => {
    if (timer === 0) timer = window.setTimeout(refresh, REFRESH_AFTER_MS);
  });
  refresh();
}

/** Texts come from other people: they are set as text, never as HTML. */
function item(words: string): HTMLElement {
  const created = document.createElement("li");
  created.textContent = words;
  return created;
}
