/** What can be done to the board besides drawing: by buttons and by keys alike. */

import type { Camera } from "./camera.ts";
import type { BoardElement, ElementStyle } from "./element.ts";
import { boxAround, type Point } from "./geometry.ts";
import type { BoardModel, StackMove } from "./model.ts";
import type { Selection } from "./selection.ts";
import { boxAroundElements, move } from "./tools.ts";

const DUPLICATE_OFFSET = 24;
const MIN_SIZE = 8;

export class BoardCommands {
  readonly #model: BoardModel;
  readonly #selection: Selection;
  readonly #camera: Camera;
  readonly #viewSize: () => { readonly width: number; readonly height: number };
  readonly #say: (words: string) => void;

  /** @param say Reads something out to whoever does not see it. */
  constructor(
    model: BoardModel,
    selection: Selection,
    camera: Camera,
    viewSize: () => { readonly width: number; readonly height: number },
    say: (words: string) => void,
  ) {
    this.#model = model;
    this.#selection = selection;
    this.#camera = camera;
    this.#viewSize = viewSize;
    this.#say = say;
  }

  undo(): void {
    if (!this.#model.canUndo) return;
    this.#model.undo();
    this.#say("Undone");
  }

  redo(): void {
    if (!this.#model.canRedo) return;
    this.#model.redo();
    this.#say("Redone");
  }

  remove(): void {
    const { size } = this.#selection;
    if (size === 0) return;
    this.#model.remove(this.#selection.ids);
    this.#say(size === 1 ? "Deleted" : `${size} deleted`);
  }

  duplicate(): void {
    const { ids, size } = this.#selection;
    if (size === 0) return;
    const copies = this.#model.duplicate(ids, DUPLICATE_OFFSET);
    if (copies.length < size) this.#say("The board is full");
    else this.#say(size === 1 ? "Duplicated" : `${size} duplicated`);
    this.#selection.set(copies);
  }

  restack(where: StackMove): void {
    this.#model.restack(this.#selection.ids, where);
  }

  restyle(style: Partial<ElementStyle>): void {
    if (this.#selection.size > 0) this.#model.restyle(this.#selection.ids, style);
  }

  selectAll(): void {
    this.#selection.set(this.#model.elements.map(({ id }) => id));
    this.#say(`${this.#selection.size} selected`);
  }

  /** Moves what is selected. @returns Whether anything is. */
  nudge(by: Point): boolean {
    return this.#change((elements) => move(elements, by));
  }

  /** Makes what is selected larger or smaller from its upper left corner. */
  stretch(by: Point): boolean {
    return this.#change(
      (elements) =>
        new Map(
          elements.map(({ id, x, y, width, height }) => [
            id,
            { x, y, width: stretched(width, by.x), height: stretched(height, by.y) },
          ]),
        ),
    );
  }

  zoomBy(factor: number): void {
    const { width, height } = this.#viewSize();
    this.#camera.zoomBy(factor, { x: width / 2, y: height / 2 });
  }

  /** Brings everything into view, or what is selected. */
  showAll(): void {
    const elements = this.#selection.size > 0 ? this.#selection.elements : this.#model.elements;
    this.#camera.show(boxAroundElements(elements) ?? { x: 0, y: 0, width: 0, height: 0 }, this.#viewSize());
  }

  /** Moves the view so far that what was just selected is in it. */
  reveal(element: BoardElement): void {
    const { width, height } = this.#viewSize();
    const corner = this.#camera.toBoard({ x: width, y: height });
    const view = {
      ...this.#camera.corner,
      width: corner.x - this.#camera.corner.x,
      height: corner.y - this.#camera.corner.y,
    };
    const box = boxAroundElements([element]);
    const both = box && boxAround([view, box]);
    if (box === undefined || both === undefined) return;
    const isInView = both.width === view.width && both.height === view.height;
    if (!isInView) this.#camera.show(box, { width, height }, this.#camera.zoom);
  }

  #change(placementsOf: (elements: readonly BoardElement[]) => ReturnType<typeof move>): boolean {
    const { elements } = this.#selection;
    if (elements.length === 0) return false;
    this.#model.beginDrag();
    this.#model.place(placementsOf(elements));
    return true;
  }
}

/** Lines may have a negative size; they keep their direction. */
function stretched(size: number, by: number): number {
  if (by === 0) return size;
  return Math.max(MIN_SIZE, Math.abs(size) + by) * (size < 0 ? -1 : 1);
}
