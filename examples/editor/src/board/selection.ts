/** Which elements this person has selected. Others do not see it, and it is not in the document. */

import type { BoardElement } from "./element.ts";
import type { BoardModel } from "./model.ts";

export class Selection {
  readonly #model: BoardModel;
  readonly #onChange: () => void;
  #ids: ReadonlySet<string> = new Set();

  constructor(model: BoardModel, onChange: () => void) {
    this.#model = model;
    this.#onChange = onChange;
    model.onChange((changed) => {
      const isGone = (id: string) => changed.has(id) && model.get(id) === undefined;
      if ([...this.#ids].some(isGone)) this.set(this.#ids);
      else if ([...this.#ids].some((id) => changed.has(id))) this.#onChange();
    });
  }

  get ids(): ReadonlySet<string> {
    return this.#ids;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** From the lowest to the topmost. */
  get elements(): BoardElement[] {
    return this.#ids.size === 0 ? [] : this.#model.elements.filter(({ id }) => this.#ids.has(id));
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Selects these and nothing else; ids of what is not there are left out. */
  set(ids: Iterable<string>): void {
    this.#ids = new Set([...ids].filter((id) => this.#model.get(id) !== undefined));
    this.#onChange();
  }

  toggle(id: string): void {
    const ids = new Set(this.#ids);
    if (!ids.delete(id)) ids.add(id);
    this.set(ids);
  }

  clear(): void {
    if (this.#ids.size > 0) this.set([]);
  }

  /** Selects the element above, or below, the one that is selected, and begins again after the last. */
  step(by: 1 | -1): BoardElement | undefined {
    const { elements } = this.#model;
    const current = elements.findIndex(({ id }) => this.#ids.has(id));
    const next = current === -1 ? (by === 1 ? 0 : elements.length - 1) : current + by;
    const element = elements.at(next % elements.length);
    this.set(element === undefined ? [] : [element.id]);
    return element;
  }
}
