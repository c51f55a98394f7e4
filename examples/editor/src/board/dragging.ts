/** Things that are being dragged: on this screen at once, in the document at a pace that others can follow. */

import type { BoardElement, Placement } from "./element.ts";
import type { BoardModel } from "./model.ts";

const WRITE_EVERY_MS = 50;

export class Dragging {
  readonly #model: BoardModel;
  readonly #show: (previews: ReadonlyMap<string, BoardElement>) => void;
  #placements: ReadonlyMap<string, Placement> = new Map();
  #timer = 0;

  /** @param show Shows these elements in place of those of the model. */
  constructor(model: BoardModel, show: (previews: ReadonlyMap<string, BoardElement>) => void) {
    this.#model = model;
    this.#show = show;
  }

  drag(placements: ReadonlyMap<string, Placement>): void {
    this.#placements = placements;
    const previews = new Map<string, BoardElement>();
    for (const [id, placement] of placements) {
      const element = this.#model.get(id);
      if (element !== undefined) previews.set(id, { ...element, ...placement });
    }
    this.#show(previews);
    this.#timer ||= window.setTimeout(() => {
      this.#timer = 0;
      this.#model.place(this.#placements);
    }, WRITE_EVERY_MS);
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#model.place(this.#placements);
    this.#placements = new Map();
    this.#show(new Map());
  }
}
