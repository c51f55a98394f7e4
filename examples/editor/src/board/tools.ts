/**
 * What the pointer does on the board, tool by tool. A gesture lasts from when the pointer goes down until it is
 * lifted, and either ends or is cancelled: by Escape, by a second finger, by the browser.
 */

import type { BoardElement, ElementDraft, ElementKind, ElementStyle, Placement } from "./element.ts";
import { boxOf } from "./element.ts";
import { type Box, boxAround, boxBetween, distance, type Point, snapTo45, snapToSquare } from "./geometry.ts";
import { elementAt, elementsWithin } from "./hit.ts";
import type { BoardModel } from "./model.ts";
import { handleAt, handlesOf, resize } from "./resize.ts";
import type { Selection } from "./selection.ts";
import { encodePath, MAX_STROKE_POINTS, thin } from "./stroke-path.ts";

export type ToolName = "select" | "hand" | ElementKind;

/** A pointer in board units. */
export interface BoardPointer extends Point {
  readonly shift: boolean;
  /** A finger needs larger targets than a mouse. */
  readonly isTouch: boolean;
}

export interface Gesture {
  move(pointer: BoardPointer): void;
  end(pointer: BoardPointer): void;
  cancel(): void;
}

export type DraftSource = () => ElementDraft;

/** What gestures see and change. */
export interface ToolContext {
  readonly model: BoardModel;
  readonly selection: Selection;
  readonly style: ElementStyle;
  /** The size of a pixel of the screen in board units. */
  readonly pixel: number;
  /**
   * Shows an element that is not in the document yet, here and to the others.
   *
   * @param draft Asked for what it looks like when somebody gets to see it, which is less often than it changes.
   */
  readonly showDraft: (draft: DraftSource | undefined) => void;
  readonly showMarquee: (marquee: Box | undefined) => void;
  /** Shows elements elsewhere, here at once and in the document a few times a second. */
  readonly drag: (placements: ReadonlyMap<string, Placement>) => void;
  /** Puts what was dragged last into the document. */
  readonly drop: () => void;
  /** An element was drawn; `undefined` when there was no room. */
  readonly drawn: (id: string | undefined) => void;
  /** Opens a note for writing. */
  readonly writeOn: (id: string) => void;
}

const NOTE_SIZE = 180;
/** A pointer that moved less has not moved: in pixels. */
const SLIP_PIXELS = 4;
/** How close to a line or a handle one has to point: in pixels. */
const MOUSE_REACH_PIXELS = 8;
const TOUCH_REACH_PIXELS = 18;
/** How far a freehand line may be from the hand's own way: in pixels. */
const THINNING_PIXELS = 0.4;
const MAX_GAP_PIXELS = 32;

/** Begins what the tool does at a point. The hand has no gesture of its own: it moves the view. */
export function beginGesture(
  tool: Exclude<ToolName, "hand">,
  start: BoardPointer,
  context: ToolContext,
): Gesture {
  switch (tool) {
    case "select":
      return beginSelecting(start, context);
    case "stroke":
      return new StrokeGesture(start, context);
    default:
      return new ShapeGesture(tool, start, context);
  }
}

export function reachOf({ isTouch }: BoardPointer, pixel: number): number {
  return (isTouch ? TOUCH_REACH_PIXELS : MOUSE_REACH_PIXELS) * pixel;
}

/** What a click with a drawing tool makes: an element of a handy size around that point. */
export function draftAt(
  kind: Exclude<ElementKind, "stroke">,
  { x, y }: Point,
  style: ElementStyle,
): ElementDraft {
  const isNote = kind === "note";
  const [width, height] = isNote
    ? [NOTE_SIZE, NOTE_SIZE]
    : kind === "line" || kind === "arrow"
      ? [140, 0]
      : [140, 100];
  return { kind, ...style, x: x - width / 2, y: y - height / 2, width, height };
}

function beginSelecting(start: BoardPointer, context: ToolContext): Gesture {
  const { model, selection, pixel } = context;
  const reach = reachOf(start, pixel);
  const selected = selection.elements;
  const handle = handleAt(handlesOf(selected, pixel), start, reach);
  if (handle !== undefined) {
    return new DragGesture(start, context, (by, isRegular) => resize(selected, handle, by, isRegular));
  }
  const hit = elementAt(model.elements, start, reach);
  if (hit === undefined) return new MarqueeGesture(start, context);
  // Fingers have no double click of their own: a tap on a note that is selected already opens it.
  const opens = start.isTouch && hit.kind === "note" && selection.size === 1 && selection.has(hit.id);
  if (start.shift) {
    selection.toggle(hit.id);
    if (!selection.has(hit.id)) return IDLE;
  } else if (!selection.has(hit.id)) {
    selection.set([hit.id]);
  }
  const moved = selection.elements;
  return new DragGesture(
    start,
    context,
    (by, isStraight) => move(moved, isStraight ? straighten(by) : by),
    opens ? () => context.writeOn(hit.id) : undefined,
  );
}

const IDLE: Gesture = { move: () => undefined, end: () => undefined, cancel: () => undefined };

function straighten({ x, y }: Point): Point {
  return Math.abs(x) > Math.abs(y) ? { x, y: 0 } : { x: 0, y };
}

/** Where elements are after they were moved. */
export function move(elements: readonly BoardElement[], by: Point): Map<string, Placement> {
  return new Map(
    elements.map(({ id, x, y, width, height }) => [id, { x: x + by.x, y: y + by.y, width, height }]),
  );
}

/** Moves or resizes what is selected. */
class DragGesture implements Gesture {
  readonly #start: BoardPointer;
  readonly #context: ToolContext;
  readonly #placementsAfter: (by: Point, isRegular: boolean) => Map<string, Placement>;
  readonly #onTap: (() => void) | undefined;
  #isMoving = false;

  constructor(
    start: BoardPointer,
    context: ToolContext,
    placementsAfter: (by: Point, isRegular: boolean) => Map<string, Placement>,
    onTap: (() => void) | undefined = undefined,
  ) {
    this.#start = start;
    this.#context = context;
    this.#placementsAfter = placementsAfter;
    this.#onTap = onTap;
  }

  move(pointer: BoardPointer): void {
    const { pixel, model } = this.#context;
    if (!this.#isMoving) {
      if (distance(pointer, this.#start) < SLIP_PIXELS * pixel) return;
      this.#isMoving = true;
      model.beginDrag();
    }
    const by = { x: pointer.x - this.#start.x, y: pointer.y - this.#start.y };
    this.#context.drag(this.#placementsAfter(by, pointer.shift));
  }

  end(pointer: BoardPointer): void {
    this.move(pointer);
    if (this.#isMoving) this.#context.drop();
    else this.#onTap?.();
  }

  cancel(): void {
    if (!this.#isMoving) return;
    this.#context.drag(this.#placementsAfter({ x: 0, y: 0 }, false));
    this.#context.drop();
  }
}

/** Selects what a box touches. */
class MarqueeGesture implements Gesture {
  readonly #start: BoardPointer;
  readonly #context: ToolContext;
  readonly #before: ReadonlySet<string>;

  constructor(start: BoardPointer, context: ToolContext) {
    this.#start = start;
    this.#context = context;
    this.#before = start.shift ? context.selection.ids : new Set();
  }

  move(pointer: BoardPointer): void {
    const { model, selection, showMarquee } = this.#context;
    const marquee = boxBetween(this.#start, pointer);
    showMarquee(marquee);
    selection.set([...this.#before, ...elementsWithin(model.elements, marquee).map(({ id }) => id)]);
  }

  end(pointer: BoardPointer): void {
    const hasMoved = distance(pointer, this.#start) >= SLIP_PIXELS * this.#context.pixel;
    if (hasMoved) this.move(pointer);
    else this.#context.selection.set(this.#before);
    this.#context.showMarquee(undefined);
  }

  cancel(): void {
    this.#context.selection.set(this.#before);
    this.#context.showMarquee(undefined);
  }
}

class StrokeGesture implements Gesture {
  readonly #context: ToolContext;
  readonly #points: Point[];

  constructor(start: BoardPointer, context: ToolContext) {
    this.#context = context;
    this.#points = [start];
    context.showDraft(() => this.#draft());
  }

  move(pointer: BoardPointer): void {
    if (this.#points.length >= MAX_STROKE_POINTS) return;
    this.#points.push({ x: pointer.x, y: pointer.y });
    this.#context.showDraft(() => this.#draft());
  }

  end(): void {
    const draft = this.#draft();
    this.#context.showDraft(undefined);
    this.#context.drawn(this.#context.model.add(draft));
  }

  cancel(): void {
    this.#context.showDraft(undefined);
  }

  #draft(): ElementDraft {
    const { pixel } = this.#context;
    const points = thin(this.#points, THINNING_PIXELS * pixel, MAX_GAP_PIXELS * pixel);
    const box = boxAround(points.map(({ x, y }) => ({ x, y, width: 0, height: 0 }))) as Box;
    return { kind: "stroke", ...this.#context.style, ...box, points: encodePath(points, box) };
  }
}

class ShapeGesture implements Gesture {
  readonly #kind: Exclude<ElementKind, "stroke">;
  readonly #start: BoardPointer;
  readonly #context: ToolContext;

  constructor(kind: Exclude<ElementKind, "stroke">, start: BoardPointer, context: ToolContext) {
    this.#kind = kind;
    this.#start = start;
    this.#context = context;
  }

  move(pointer: BoardPointer): void {
    this.#context.showDraft(() => this.#draft(pointer));
  }

  end(pointer: BoardPointer): void {
    const { pixel, model, style, showDraft, drawn } = this.#context;
    const hasMoved = distance(pointer, this.#start) >= SLIP_PIXELS * pixel;
    showDraft(undefined);
    drawn(model.add(hasMoved ? this.#draft(pointer) : draftAt(this.#kind, this.#start, style)));
  }

  cancel(): void {
    this.#context.showDraft(undefined);
  }

  #draft(pointer: BoardPointer): ElementDraft {
    const { style } = this.#context;
    if (this.#kind === "line" || this.#kind === "arrow") {
      const end = pointer.shift ? snapTo45(this.#start, pointer) : pointer;
      const { x, y } = this.#start;
      return { kind: this.#kind, ...style, x, y, width: end.x - x, height: end.y - y };
    }
    const corner = pointer.shift ? snapToSquare(this.#start, pointer) : pointer;
    return { kind: this.#kind, ...style, ...boxBetween(this.#start, corner) };
  }
}

/** The box around elements, as far as there are any. */
export function boxAroundElements(elements: readonly BoardElement[]): Box | undefined {
  return boxAround(elements.map(boxOf));
}
