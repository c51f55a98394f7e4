/**
 * Mouse, pen and fingers on the board: turns their events into gestures of a tool, and into moves of the view. Two
 * fingers pinch, whatever the tool; the middle button or the space bar moves the view; the wheel too, and zooms with
 * Ctrl, which is also how a touchpad says that somebody pinches.
 */

import type { Camera } from "./camera.ts";
import { distance, type Point } from "./geometry.ts";
import type { BoardPointer, Gesture } from "./tools.ts";

/** Pixels that a wheel's line stands for. */
const LINE_PIXELS = 16;
const WHEEL_ZOOM_PER_PIXEL = 0.0025;
/** Of one turn of the wheel: mice send large steps. */
const MAX_WHEEL_PIXELS = 120;

export interface PointerTarget {
  /** `null` when the tool moves the view, or when nothing may be changed. */
  begin(pointer: BoardPointer): Gesture | null;
  /** The pointer is here, pressed or not; `undefined` when it has left. */
  hover(pointer: BoardPointer | undefined): void;
  doubleClick(pointer: BoardPointer): void;
}

export class PointerInput {
  readonly #surface: HTMLElement;
  readonly #camera: Camera;
  readonly #target: PointerTarget;
  /** Pointers that are down, in pixels of the view. */
  readonly #down = new Map<number, Point>();
  #gesture: Gesture | null = null;
  #isPanning = false;
  #isSpaceDown = false;

  constructor(surface: HTMLElement, camera: Camera, target: PointerTarget) {
    this.#surface = surface;
    this.#camera = camera;
    this.#target = target;
    surface.addEventListener("pointerdown", (event) => this.#onDown(event));
    surface.addEventListener("pointermove", (event) => this.#onMove(event));
    surface.addEventListener("pointerup", (event) => this.#onUp(event));
    surface.addEventListener("pointercancel", (event) => this.#onCancel(event));
    surface.addEventListener("pointerleave", () => target.hover(undefined));
    surface.addEventListener("dblclick", (event) => target.doubleClick(this.#pointerOf(event)));
    surface.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Whether the space bar is held down, with which everything that is dragged moves the view. */
  set isSpaceDown(isDown: boolean) {
    this.#isSpaceDown = isDown;
    this.#surface.toggleAttribute("data-panning", isDown || this.#isPanning);
  }

  /** Ends what the pointer does as if it had never begun. @returns Whether there was anything. */
  cancel(): boolean {
    const gesture = this.#gesture;
    this.#gesture = null;
    gesture?.cancel();
    return gesture !== null;
  }

  #onDown(event: PointerEvent): void {
    this.#surface.setPointerCapture(event.pointerId);
    this.#down.set(event.pointerId, this.#pixelsOf(event));
    if (this.#down.size > 1) {
      // A second finger: what the first one began was not meant.
      this.cancel();
      return;
    }
    if (event.button > 1) return;
    const pointer = this.#pointerOf(event);
    this.#gesture = event.button === 1 || this.#isSpaceDown ? null : this.#target.begin(pointer);
    this.#setPanning(this.#gesture === null);
    this.#target.hover(pointer);
  }

  #onMove(event: PointerEvent): void {
    this.#target.hover(this.#pointerOf(event));
    const before = this.#down.get(event.pointerId);
    if (before === undefined) return;
    const now = this.#pixelsOf(event);
    if (this.#down.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#isPanning) this.#camera.pan(before.x - now.x, before.y - now.y);
    else if (this.#gesture !== null) {
      // Between two frames a pen reports several points, all of which belong to the line.
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length > 0 ? events : [event]) this.#gesture.move(this.#pointerOf(each));
    }
    this.#down.set(event.pointerId, now);
  }

  #onUp(event: PointerEvent): void {
    if (!this.#down.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    this.#gesture = null;
    this.#setPanning(false);
    gesture?.end(this.#pointerOf(event));
    if (event.pointerType === "touch") this.#target.hover(undefined);
  }

  #onCancel(event: PointerEvent): void {
    this.#down.delete(event.pointerId);
    this.cancel();
    this.#setPanning(false);
    this.#target.hover(undefined);
  }

  #pinch(moved: number, before: Point, now: Point): void {
    const [other] = [...this.#down].filter(([id]) => id !== moved).map(([, point]) => point);
    if (other === undefined) return;
    const [from, to] = [middle(before, other), middle(now, other)];
    this.#camera.pan(from.x - to.x, from.y - to.y);
    const apart = distance(before, other);
    if (apart > 0) this.#camera.zoomBy(distance(now, other) / apart, to);
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const unit =
      event.deltaMode === WheelEvent.DOM_DELTA_PIXEL
        ? 1
        : event.deltaMode === WheelEvent.DOM_DELTA_LINE
          ? LINE_PIXELS
          : this.#surface.clientHeight;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (!event.ctrlKey && !event.metaKey) {
      this.#camera.pan(dx, dy);
      return;
    }
    const turned = Math.max(-MAX_WHEEL_PIXELS, Math.min(MAX_WHEEL_PIXELS, dy));
    this.#camera.zoomBy(Math.exp(-turned * WHEEL_ZOOM_PER_PIXEL), this.#pixelsOf(event));
  }

  #setPanning(isPanning: boolean): void {
    this.#isPanning = isPanning;
    this.#surface.toggleAttribute("data-panning", isPanning || this.#isSpaceDown);
  }

  #pixelsOf(event: MouseEvent): Point {
    const { left, top } = this.#surface.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #pointerOf(event: MouseEvent): BoardPointer {
    const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
    return { ...this.#camera.toBoard(this.#pixelsOf(event)), shift: event.shiftKey, isTouch };
  }
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
