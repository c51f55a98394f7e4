import type { CheckedAwareness } from "./checked-awareness.ts";
import { freshPersonName, randomBelow } from "./fresh-name.ts";
import { createPerson, PALETTE, tidyName } from "./person.ts";
import { recall, remember } from "./remembered.ts";

const NAME_KEY = "name";

/**
 * Who the person in front of this page is to the others: a name that the browser remembers, and a colour that
 * belongs to this window, so that two windows of one person can be told apart.
 */
export class Identity {
  readonly #awareness: CheckedAwareness;
  #name: string;
  #color: string;

  constructor(awareness: CheckedAwareness) {
    this.#awareness = awareness;
    this.#name = tidyName(recall(NAME_KEY) ?? "") || freshPersonName();
    this.#color = PALETTE[randomBelow(PALETTE.length)] as string;
    remember(NAME_KEY, this.#name);
    this.#announce();
    awareness.on("change", () => this.#yieldColor());
  }

  get name(): string {
    return this.#name;
  }

  /** @returns Whether there is a visible name in `name`; without one the old name stays. */
  rename(name: string): boolean {
    const tidy = tidyName(name);
    if (tidy === "") return false;
    this.#name = tidy;
    remember(NAME_KEY, tidy);
    this.#announce();
    return true;
  }

  #announce(): void {
    // The cursor is taken back with it, and comes again when the person returns to the text: y-codemirror.next
    // does not redraw a caret of which only the name has changed.
    const user = createPerson(this.#name, this.#color);
    this.#awareness.setLocalState({ ...this.#awareness.getLocalState(), user, cursor: null });
  }

  /** Takes another colour when one who keeps theirs has the same: of two, the higher client id yields. */
  #yieldColor(): void {
    const others = [...this.#awareness.getStates()].filter(([id]) => id !== this.#awareness.clientID);
    const mustYield = others.some(
      ([id, { user }]) => user.color === this.#color && id < this.#awareness.clientID,
    );
    if (!mustYield) return;
    const taken = new Set(others.map(([, { user }]) => user.color));
    const free = PALETTE.filter((color) => !taken.has(color));
    if (free.length === 0) return;
    this.#color = free[randomBelow(free.length)] as string;
    this.#announce();
  }
}
