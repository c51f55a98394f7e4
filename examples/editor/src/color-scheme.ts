import { recall, remember } from "./remembered.ts";

export type Scheme = "light" | "dark";

/** What the page looks like now. Styles follow by themselves; a canvas has to be told. */
export interface ColorScheme {
  readonly current: Scheme;
  onChange(listener: (scheme: Scheme) => void): void;
}

const KEY = "color-scheme";

/** Light or dark as the system says, until the person chooses; the choice is remembered. */
export function offerColorScheme(toggle: HTMLElement): ColorScheme {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners: ((scheme: Scheme) => void)[] = [];
  const chosen = recall(KEY);
  if (chosen === "light" || chosen === "dark") root.dataset.scheme = chosen;

  const current = (): Scheme => {
    const isDark = root.dataset.scheme === undefined ? system.matches : root.dataset.scheme === "dark";
    return isDark ? "dark" : "light";
  };
  const show = () => {
    toggle.setAttribute("aria-pressed", String(current() === "dark"));
    for (const listener of listeners) listener(current());
  };
  show();
  system.addEventListener("change", show);
  toggle.addEventListener("click", () => {
    root.dataset.scheme = current() === "dark" ? "light" : "dark";
    remember(KEY, root.dataset.scheme);
    show();
  });
  return {
    get current() {
      return current();
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
