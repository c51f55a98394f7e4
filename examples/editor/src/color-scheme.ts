import { recall, remember } from "./remembered.ts";

const KEY = "color-scheme";

/** Light or dark as the system says, until the person chooses; the choice is remembered. */
export function offerColorScheme(toggle: HTMLElement): void {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = recall(KEY);
  if (chosen === "light" || chosen === "dark") root.dataset.scheme = chosen;

  const isDark = () => (root.dataset.scheme === undefined ? system.matches : root.dataset.scheme === "dark");
  const show = () => toggle.setAttribute("aria-pressed", String(isDark()));
  show();
  system.addEventListener("change", show);
  toggle.addEventListener("click", () => {
    root.dataset.scheme = isDark() ? "light" : "dark";
    remember(KEY, root.dataset.scheme);
    show();
  });
}
