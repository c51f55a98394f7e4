import type { CheckedAwareness } from "./checked-awareness.ts";
import { initialsOf, type Person } from "./person.ts";

const MAX_CHIPS = 4;
const MAX_LISTED = 100;

/** People come and go in bursts, at a reconnect above all; only what is still true after this is read out. */
const ANNOUNCE_AFTER_MS = 2000;

export interface PresenceElements {
  /** The header's button: a few chips that stand for everybody. */
  readonly button: HTMLElement;
  /** The complete list, which the button opens. */
  readonly list: HTMLElement;
  /** A polite live region. */
  readonly announcer: HTMLElement;
}

interface Entry {
  readonly clientId: number;
  readonly person: Person;
  readonly isSelf: boolean;
}

/** Keeps the list of who is here up to date. */
export function showPresence(awareness: CheckedAwareness, elements: PresenceElements): void {
  let shown = "";
  const announce = createAnnouncer(elements.announcer);
  const refresh = () => {
    const entries = listPeople(awareness);
    // Most changes of awareness are cursors that moved.
    const key = JSON.stringify(entries);
    if (key === shown) return;
    shown = key;
    showChips(elements.button, entries);
    showList(elements.list, entries);
    announce(entries.length);
  };
  awareness.on("change", refresh);
  refresh();
}

function listPeople(awareness: CheckedAwareness): Entry[] {
  const entries = [...awareness.getStates()].map(([clientId, { user }]) => ({
    clientId,
    person: user,
    isSelf: clientId === awareness.clientID,
  }));
  return entries.sort(
    (a, b) =>
      Number(b.isSelf) - Number(a.isSelf) ||
      a.person.name.localeCompare(b.person.name) ||
      a.clientId - b.clientId,
  );
}

function showChips(button: HTMLElement, entries: readonly Entry[]): void {
  const chips = entries.slice(0, MAX_CHIPS).map(({ person, isSelf }) => {
    const chip = element("span", "chip");
    chip.append(avatar(person), text("span", "chip-name", person.name));
    if (isSelf) chip.append(text("span", "chip-name", "(you)"));
    return chip;
  });
  const hidden = entries.length - chips.length;
  if (hidden > 0) chips.push(text("span", "chip-more", `+${hidden}`));
  button.replaceChildren(...chips);
  button.setAttribute("aria-label", `Who is here: ${countPeople(entries.length)}`);
}

function showList(list: HTMLElement, entries: readonly Entry[]): void {
  const items = entries.slice(0, MAX_LISTED).map(({ clientId, person, isSelf }) => {
    const item = element("li", "person");
    item.dataset.person = String(clientId);
    if (isSelf) item.dataset.self = "";
    item.append(avatar(person), text("bdi", "person-name", person.name));
    if (isSelf) item.append(text("span", "person-note", "you"));
    return item;
  });
  const hidden = entries.length - items.length;
  if (hidden > 0) items.push(text("li", "person-note", `and ${hidden} more`));
  list.replaceChildren(...items);
}

function avatar(person: Person): HTMLElement {
  const circle = text("span", "avatar", initialsOf(person.name));
  circle.style.backgroundColor = person.color;
  circle.setAttribute("aria-hidden", "true");
  return circle;
}

function createAnnouncer(region: HTMLElement): (count: number) => void {
  let said = 1;
  let timer = 0;
  return (count) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (count === said) return;
      said = count;
      region.textContent = count === 1 ? "You are alone here" : `${countPeople(count)} here`;
    }, ANNOUNCE_AFTER_MS);
  };
}

function countPeople(count: number): string {
  return count === 1 ? "only you" : `${count} people`;
}

function element(tag: string, className: string): HTMLElement {
  const created = document.createElement(tag);
  created.className = className;
  return created;
}

/** Names come from other people: they are set as text, never as HTML. */
function text(tag: string, className: string, content: string): HTMLElement {
  const created = element(tag, className);
  created.textContent = content;
  return created;
}
