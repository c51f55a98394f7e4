/**
 * A freehand line in few bytes: the steps from point to point in eighths of a unit, each coordinate as a zigzag
 * varint. A step of a slow hand takes two bytes, a fast one's four; a line as drawn, thinned first, a few hundred.
 */

import { distance, distanceToSegment, type Point } from "./geometry.ts";

/** A line that starts wherever it starts; `points` is flat: x, y, x, y. */
export interface StrokePath {
  readonly points: readonly number[];
  /** Of the box around the points; its corner is 0, 0. */
  readonly width: number;
  readonly height: number;
}

/** A line of more points is drawn up to here. An hour of scribbling without lifting the pen has as many. */
export const MAX_STROKE_POINTS = 10_000;

const UNITS_PER_STEP = 8;
/** A varint of this many bytes reaches beyond any board. */
const MAX_VARINT_BYTES = 5;

/** Encodes points relative to the corner of the box around them. */
export function encodePath(points: readonly Point[], corner: Point): Uint8Array {
  const bytes: number[] = [];
  let [lastX, lastY] = [0, 0];
  for (const point of points) {
    const x = Math.round((point.x - corner.x) * UNITS_PER_STEP);
    const y = Math.round((point.y - corner.y) * UNITS_PER_STEP);
    writeVarint(bytes, x - lastX);
    writeVarint(bytes, y - lastY);
    [lastX, lastY] = [x, y];
  }
  return Uint8Array.from(bytes);
}

/** Decodes what anybody may have written: whatever cannot be read ends the line. `undefined` without any point. */
export function decodePath(bytes: Uint8Array): StrokePath | undefined {
  const points: number[] = [];
  const reader = { bytes, at: 0 };
  let [x, y, width, height] = [0, 0, 0, 0];
  while (points.length < 2 * MAX_STROKE_POINTS) {
    const dx = readVarint(reader);
    const dy = readVarint(reader);
    if (dx === undefined || dy === undefined) break;
    x += dx;
    y += dy;
    points.push(x / UNITS_PER_STEP, y / UNITS_PER_STEP);
    width = Math.max(width, x);
    height = Math.max(height, y);
  }
  if (points.length === 0) return undefined;
  return { points, width: width / UNITS_PER_STEP, height: height / UNITS_PER_STEP };
}

/**
 * Leaves out points that a line without them passes at most `tolerance` away from (Ramer, Douglas and Peucker), but
 * for one every `maxGap`: the curve through points that are far apart swings out at corners.
 * Cost: n log n points for a hand's line, n² at worst.
 */
export function thin(points: readonly Point[], tolerance: number, maxGap: number): Point[] {
  if (points.length < 3) return [...points];
  const isKept = new Uint8Array(points.length);
  isKept[0] = isKept[points.length - 1] = 1;
  // A stack of its own: a hand that draws a spiral is deeper than the call stack.
  const ranges: [number, number][] = [[0, points.length - 1]];
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [first, last] = range;
    const farthest = farthestBetween(points, first, last);
    if (farthest.distance <= tolerance) continue;
    isKept[farthest.index] = 1;
    ranges.push([first, farthest.index], [farthest.index, last]);
  }
  let last = points[0] as Point;
  return points.filter((point, index) => {
    const next = points[index + 1];
    if (isKept[index] !== 1 && (next === undefined || distance(last, next) <= maxGap)) return false;
    last = point;
    return true;
  });
}

function farthestBetween(points: readonly Point[], first: number, last: number) {
  let [index, farthest] = [first, 0];
  for (let i = first + 1; i < last; i++) {
    const away = distanceToSegment(points[i] as Point, points[first] as Point, points[last] as Point);
    if (away > farthest) [index, farthest] = [i, away];
  }
  return { index, distance: farthest };
}

function writeVarint(bytes: number[], value: number): void {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

function readVarint(reader: { readonly bytes: Uint8Array; at: number }): number | undefined {
  let [value, factor] = [0, 1];
  for (let read = 0; read < MAX_VARINT_BYTES; read++) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * factor;
    factor *= 0x80;
    if (byte < 0x80) return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
  return undefined;
}
