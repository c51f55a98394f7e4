/** Text and board: one of them, or both beside each other with a divider. What was chosen is remembered. */

import { recall, remember } from "./remembered.ts";

export type Pane = "text" | "board";
type Layout = Pane | "both";

export interface PaneElements {
  /** Holds both panes and the divider. */
  readonly panes: HTMLElement;
  readonly divider: HTMLElement;
  /** Holds a button with `data-layout` for each layout. */
  readonly switcher: HTMLElement;
}

const LAYOUT_KEY = "layout";
const SHARE_KEY = "text-share";
/** Narrower windows show one pane at a time. */
const WIDE = "(min-width: 56rem)";
/** Of the width, in percent, that the text has. */
const [MIN_SHARE, INITIAL_SHARE, MAX_SHARE] = [25, 42, 75];
const SHARE_STEP = 5;

/** @param onChange Told which panes can be seen now, at once and at every change. */
export function offerPanes(elements: PaneElements, onChange: (shown: ReadonlySet<Pane>) => void): void {
  const { panes, switcher } = elements;
  const wide = matchMedia(WIDE);
  let chosen = readLayout(recall(LAYOUT_KEY)) ?? "both";
  /** On a narrow window, in place of both. */
  let lastSingle: Pane = chosen === "board" ? "board" : "text";
  const show = () => {
    const layout = chosen === "both" && !wide.matches ? lastSingle : chosen;
    panes.dataset.layout = layout;
    for (const button of switcher.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.layout === layout));
    }
    onChange(new Set<Pane>(layout === "both" ? ["text", "board"] : [layout]));
  };
  switcher.addEventListener("click", ({ target }) => {
    const layout = readLayout(target instanceof Element ? target.closest("button")?.dataset.layout : null);
    if (layout === undefined) return;
    chosen = layout;
    if (layout !== "both") lastSingle = layout;
    remember(LAYOUT_KEY, layout);
    show();
  });
  wide.addEventListener("change", show);
  offerDivider(elements);
  show();
}

function offerDivider({ panes, divider }: PaneElements): void {
  let share = clampShare(Number(recall(SHARE_KEY) ?? INITIAL_SHARE));
  const set = (next: number) => {
    share = clampShare(next);
    panes.style.setProperty("--text-share", `${share}%`);
    divider.setAttribute("aria-valuenow", String(Math.round(share)));
    remember(SHARE_KEY, String(share));
  };
  set(share);
  divider.tabIndex = 0;
  divider.setAttribute("aria-valuemin", String(MIN_SHARE));
  divider.setAttribute("aria-valuemax", String(MAX_SHARE));
  divider.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    divider.focus();
    divider.setPointerCapture(event.pointerId);
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const { left, width } = panes.getBoundingClientRect();
    set(((event.clientX - left) / width) * 100);
  });
  divider.addEventListener("dblclick", () => set(INITIAL_SHARE));
  divider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -SHARE_STEP, ArrowRight: SHARE_STEP }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set(share + by);
  });
}

function clampShare(share: number): number {
  return Number.isFinite(share) ? Math.max(MIN_SHARE, Math.min(MAX_SHARE, share)) : INITIAL_SHARE;
}

function readLayout(value: string | null | undefined): Layout | undefined {
  return value === "text" || value === "board" || value === "both" ? value : undefined;
}
