/** Which part of the board is in view, and how large. */

import type { Box, Point } from "./geometry.ts";

const MIN_ZOOM = 0.1;
const MAX_ZOOM = 8;
/** Pixels that stay free around what is brought into view: there are buttons above and below. */
const [MARGIN_TOP, MARGIN_SIDE, MARGIN_BOTTOM] = [84, 32, 124];

export class Camera {
  /** The board's point in the upper left corner of the view. */
  #x = 0;
  #y = 0;
  #zoom = 1;
  readonly #onMove: () => void;

  constructor(onMove: () => void) {
    this.#onMove = onMove;
  }

  get zoom(): number {
    return this.#zoom;
  }

  get corner(): Point {
    return { x: this.#x, y: this.#y };
  }

  /** Where in the view, in pixels, a point of the board is. */
  toView({ x, y }: Point): Point {
    return { x: (x - this.#x) * this.#zoom, y: (y - this.#y) * this.#zoom };
  }

  /** Which point of the board is at these pixels of the view. */
  toBoard({ x, y }: Point): Point {
    return { x: x / this.#zoom + this.#x, y: y / this.#zoom + this.#y };
  }

  /** Moves the view by pixels. */
  pan(dx: number, dy: number): void {
    this.#x += dx / this.#zoom;
    this.#y += dy / this.#zoom;
    this.#onMove();
  }

  /** Zooms by a factor; what is at `around`, in pixels of the view, stays there. */
  zoomBy(factor: number, around: Point): void {
    const fixed = this.toBoard(around);
    this.#zoom = clamp(this.#zoom * factor);
    this.#x = fixed.x - around.x / this.#zoom;
    this.#y = fixed.y - around.y / this.#zoom;
    this.#onMove();
  }

  /** Brings a box into the middle of a view of that size, as large as fits but not above `maxZoom`. */
  show(box: Box, view: { readonly width: number; readonly height: number }, maxZoom = 1): void {
    const room = { width: view.width - 2 * MARGIN_SIDE, height: view.height - MARGIN_TOP - MARGIN_BOTTOM };
    const fitting = Math.min(room.width / Math.max(1, box.width), room.height / Math.max(1, box.height));
    this.#zoom = clamp(Math.min(fitting, maxZoom));
    this.#x = box.x + box.width / 2 - view.width / 2 / this.#zoom;
    this.#y = box.y + box.height / 2 - (MARGIN_TOP + room.height / 2) / this.#zoom;
    this.#onMove();
  }
}

function clamp(zoom: number): number {
  return Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, zoom));
}
