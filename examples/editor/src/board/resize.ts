/** The handles around what is selected, and what dragging one of them makes of it. All of it is pure. */

import { type BoardElement, boxOf, endOf, isLine, type Placement } from "./element.ts";
import { type Box, boxAround, distance, grow, type Point, snapTo45 } from "./geometry.ts";

/** Where a handle is on the box: -1 at the left or top, 0 in the middle, 1 at the right or bottom. */
interface BoxHandle {
  readonly type: "box";
  readonly at: Point;
  readonly across: -1 | 0 | 1;
  readonly down: -1 | 0 | 1;
}

/** At one end of a single line. */
interface EndHandle {
  readonly type: "end";
  readonly at: Point;
  readonly end: "start" | "end";
}

export type Handle = BoxHandle | EndHandle;

/** Nothing is dragged smaller than this, nor through itself to the other side. */
const MIN_SIZE = 4;
const MIN_NOTE_SIZE = 48;
/** Sides of a smaller box have no handles of their own: in pixels. */
const MIN_SIDE_PIXELS = 60;
/** How far the box of handles stands off the elements, in pixels. */
const STAND_OFF_PIXELS = 4;

const POSITIONS = [-1, 0, 1] as const;

/** @param pixel The size of a pixel of the screen in board units. */
export function handlesOf(elements: readonly BoardElement[], pixel: number): Handle[] {
  const [only] = elements;
  if (elements.length === 1 && only !== undefined && isLine(only)) {
    return [
      { type: "end", at: { x: only.x, y: only.y }, end: "start" },
      { type: "end", at: endOf(only), end: "end" },
    ];
  }
  const around = boxAround(elements.map(boxOf));
  if (around === undefined) return [];
  const box = grow(around, STAND_OFF_PIXELS * pixel);
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  return POSITIONS.flatMap((across) =>
    POSITIONS.flatMap((down): BoxHandle[] => {
      if (across === 0 && down === 0) return [];
      if (across === 0 && box.width < MIN_SIDE_PIXELS * pixel) return [];
      if (down === 0 && box.height < MIN_SIDE_PIXELS * pixel) return [];
      const at = { x: middle.x + (across * box.width) / 2, y: middle.y + (down * box.height) / 2 };
      return [{ type: "box", at, across, down }];
    }),
  );
}

/** The handle within `reach` of a point, the nearest first. */
export function handleAt(handles: readonly Handle[], point: Point, reach: number): Handle | undefined {
  const [nearest] = handles.toSorted((a, b) => distance(a.at, point) - distance(b.at, point));
  return nearest !== undefined && distance(nearest.at, point) <= reach ? nearest : undefined;
}

/** The CSS cursor that says what dragging the handle will do. */
export function cursorOf(handle: Handle): string {
  if (handle.type === "end") return "crosshair";
  if (handle.across === 0) return "ns-resize";
  if (handle.down === 0) return "ew-resize";
  return handle.across === handle.down ? "nwse-resize" : "nesw-resize";
}

/**
 * Where elements are after a handle was dragged.
 *
 * @param elements As they were before.
 * @param by How far it was dragged.
 * @param isRegular Whether proportions stay, or a line's angle is a multiple of 45°.
 */
export function resize(
  elements: readonly BoardElement[],
  handle: Handle,
  by: Point,
  isRegular: boolean,
): Map<string, Placement> {
  if (handle.type === "end") return resizeLine(elements[0] as BoardElement, handle, by, isRegular);
  const from = boxAround(elements.map(boxOf)) as Box;
  const least = elements.some(({ kind }) => kind === "note") ? MIN_NOTE_SIZE : MIN_SIZE;
  const to = dragBox(from, handle, by, isRegular, least);
  const scaleX = from.width === 0 ? 1 : to.width / from.width;
  const scaleY = from.height === 0 ? 1 : to.height / from.height;
  return new Map(
    elements.map((element) => [
      element.id,
      {
        x: to.x + (element.x - from.x) * scaleX,
        y: to.y + (element.y - from.y) * scaleY,
        width: element.width * scaleX,
        height: element.height * scaleY,
      },
    ]),
  );
}

function dragBox(from: Box, handle: BoxHandle, by: Point, isRegular: boolean, least: number): Box {
  let width = from.width === 0 ? 0 : Math.max(least, from.width + handle.across * by.x);
  let height = from.height === 0 ? 0 : Math.max(least, from.height + handle.down * by.y);
  if (isRegular && from.width > 0 && from.height > 0) {
    const scale = Math.max(
      handle.across === 0 ? 0 : width / from.width,
      handle.down === 0 ? 0 : height / from.height,
    );
    [width, height] = [from.width * scale, from.height * scale];
  }
  return {
    x: from.x + (from.width - width) * sideThatStays(handle.across),
    y: from.y + (from.height - height) * sideThatStays(handle.down),
    width,
    height,
  };
}

/** As a part of the size: dragging the left side (-1) leaves the right one (1) where it is. */
function sideThatStays(position: -1 | 0 | 1): number {
  return position === 0 ? 0.5 : position === -1 ? 1 : 0;
}

function resizeLine(
  line: BoardElement,
  { end, at }: EndHandle,
  by: Point,
  isRegular: boolean,
): Map<string, Placement> {
  const target = { x: at.x + by.x, y: at.y + by.y };
  const fixed = end === "start" ? endOf(line) : { x: line.x, y: line.y };
  const moved = isRegular ? snapTo45(fixed, target) : target;
  const [from, to] = end === "start" ? [moved, fixed] : [fixed, moved];
  return new Map([[line.id, { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y }]]);
}
