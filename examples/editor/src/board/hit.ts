/** Which element is at a point, or within a box. Computed from the elements themselves, not from what is drawn. */

import { type BoardElement, boxOf, endOf, isLine, type StrokeElement } from "./element.ts";
import { type Box, contains, distanceToSegment, grow, intersects, type Point } from "./geometry.ts";

/**
 * The element that somebody means who points there: the topmost one whose line or filling is there, or else the
 * smallest hollow shape around the point.
 *
 * @param elements From the lowest to the topmost.
 * @param tolerance How far off a line still counts, in board units.
 */
export function elementAt(
  elements: readonly BoardElement[],
  point: Point,
  tolerance: number,
): BoardElement | undefined {
  return (
    elements.findLast((element) => isOn(element, point, tolerance)) ??
    elements
      .filter((element) => isHollow(element) && contains(element, point))
      .toSorted((a, b) => a.width * a.height - b.width * b.height)[0]
  );
}

/** Elements that a box touches with the boxes around them; lines, with the line itself. */
export function elementsWithin(elements: readonly BoardElement[], box: Box): BoardElement[] {
  return elements.filter((element) =>
    isLine(element) ? segmentTouches(element, box) : intersects(boxOf(element), box),
  );
}

function isHollow(element: BoardElement): boolean {
  return (element.kind === "rectangle" || element.kind === "ellipse") && !element.isFilled;
}

function isOn(element: BoardElement, point: Point, tolerance: number): boolean {
  const reach = tolerance + element.lineWidth / 2;
  if (!contains(grow(boxOf(element), reach), point)) return false;
  switch (element.kind) {
    case "note":
      return contains(element, point);
    case "line":
    case "arrow":
      return distanceToSegment(point, element, endOf(element)) <= reach;
    case "stroke":
      return isOnStroke(element, point, reach);
    case "rectangle":
      return element.isFilled || !contains(grow(element, -reach), point);
    case "ellipse":
      return (
        ellipseContains(element, point, reach) &&
        (element.isFilled || !ellipseContains(element, point, -reach))
      );
  }
}

function isOnStroke(element: StrokeElement, point: Point, reach: number): boolean {
  const { points } = element.path;
  const scale = strokeScale(element);
  let from = { x: element.x + (points[0] ?? 0) * scale.x, y: element.y + (points[1] ?? 0) * scale.y };
  if (points.length === 2) return distanceToSegment(point, from, from) <= reach;
  for (let i = 2; i < points.length; i += 2) {
    const to = {
      x: element.x + (points[i] as number) * scale.x,
      y: element.y + (points[i + 1] as number) * scale.y,
    };
    if (distanceToSegment(point, from, to) <= reach) return true;
    from = to;
  }
  return false;
}

/** How much a stroke is stretched against how it was drawn. */
export function strokeScale({ path, width, height }: StrokeElement): Point {
  return { x: path.width === 0 ? 1 : width / path.width, y: path.height === 0 ? 1 : height / path.height };
}

function ellipseContains(box: Box, { x, y }: Point, reach: number): boolean {
  const [rx, ry] = [box.width / 2 + reach, box.height / 2 + reach];
  if (rx <= 0 || ry <= 0) return false;
  return ((x - box.x - box.width / 2) / rx) ** 2 + ((y - box.y - box.height / 2) / ry) ** 2 <= 1;
}

/** Clips the line to the box (Liang and Barsky) and sees whether anything is left. */
function segmentTouches(line: BoardElement, box: Box): boolean {
  let [from, to] = [0, 1];
  const sides = [
    [-line.width, line.x - box.x],
    [line.width, box.x + box.width - line.x],
    [-line.height, line.y - box.y],
    [line.height, box.y + box.height - line.y],
  ] as const;
  for (const [towards, room] of sides) {
    if (towards === 0 && room < 0) return false;
    if (towards < 0) from = Math.max(from, room / towards);
    if (towards > 0) to = Math.min(to, room / towards);
  }
  return from <= to;
}
