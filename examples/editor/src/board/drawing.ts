/** Elements as Konva draws them. Nothing here listens to the pointer: what is hit is computed from the elements. */

import { Group } from "konva/lib/Group";
import { Arrow } from "konva/lib/shapes/Arrow";
import { Ellipse } from "konva/lib/shapes/Ellipse";
import { Line } from "konva/lib/shapes/Line";
import { Rect } from "konva/lib/shapes/Rect";
import { Text } from "konva/lib/shapes/Text";
import type { Scheme } from "../color-scheme.ts";
import { type BoardElement, endOf, type NoteElement, type StrokeElement } from "./element.ts";
import { strokeScale } from "./hit.ts";
import { noteInk, toneOf } from "./palette.ts";

export const NOTE_FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif";
export const NOTE_PADDING = 12;
export const NOTE_LINE_HEIGHT = 1.3;
/** The first of these at which a note's text fits is taken; at the last one it is cut off. */
const NOTE_FONT_SIZES = [20, 17, 14, 12];
const MIN_SHADOW_ZOOM = 0.4;
const MIN_TEXT_ZOOM = 0.2;
/** Roundness of a freehand line between its points. */
const TENSION = 0.35;

export type Drawing = Group | Line | Arrow | Rect | Ellipse;

/** Draws an element. Cost: proportional to its points or its text. */
export function draw(element: BoardElement, scheme: Scheme): Drawing {
  const tone = toneOf(element.color, scheme);
  const pen = {
    stroke: tone.line,
    strokeWidth: element.lineWidth,
    lineCap: "round",
    lineJoin: "round",
    listening: false,
    perfectDrawEnabled: false,
  } as const;
  const filling = element.isFilled ? { fill: tone.fill } : {};
  switch (element.kind) {
    case "stroke":
      return new Line({ ...pen, points: stretchedPoints(element), tension: TENSION });
    case "line":
      return new Line({ ...pen, points: endPoints(element) });
    case "arrow":
      return new Arrow({
        ...pen,
        points: endPoints(element),
        fill: tone.line,
        pointerLength: 6 + 2.5 * element.lineWidth,
        pointerWidth: 6 + 2.5 * element.lineWidth,
      });
    case "rectangle":
      return new Rect({ ...pen, ...filling, ...placeOf(element), cornerRadius: cornerOf(element) });
    case "ellipse":
      return new Ellipse({
        ...pen,
        ...filling,
        x: element.x + element.width / 2,
        y: element.y + element.height / 2,
        radiusX: element.width / 2,
        radiusY: element.height / 2,
      });
    case "note":
      return drawNote(element, scheme);
  }
}

/** Leaves out of a drawing what cannot be seen at that zoom, and is the most to draw. */
export function setDetail(drawing: Drawing, zoom: number): void {
  if (!(drawing instanceof Group)) return;
  const [paper, text] = drawing.children;
  if (paper instanceof Rect) paper.shadowEnabled(zoom >= MIN_SHADOW_ZOOM);
  text?.visible(zoom >= MIN_TEXT_ZOOM);
}

/** The size in which a note's text fits onto it. */
export function noteFontSize(note: NoteElement): number {
  const [smallest] = NOTE_FONT_SIZES.slice(-1) as [number];
  return NOTE_FONT_SIZES.find((fontSize) => noteTextHeight(note, fontSize) <= note.height) ?? smallest;
}

function drawNote(note: NoteElement, scheme: Scheme): Group {
  const tone = toneOf(note.color, scheme);
  const group = new Group({ x: note.x, y: note.y, listening: false });
  const paper = new Rect({
    width: note.width,
    height: note.height,
    cornerRadius: 3,
    fill: tone.fill,
    stroke: tone.line,
    strokeWidth: 1,
    shadowColor: "#000000",
    shadowOpacity: scheme === "light" ? 0.18 : 0.45,
    shadowBlur: 8,
    shadowOffsetY: 3,
    shadowForStrokeEnabled: false,
    perfectDrawEnabled: false,
  });
  group.add(paper);
  if (note.text !== "") group.add(noteText(note, noteFontSize(note), scheme));
  return group;
}

function noteText(note: NoteElement, fontSize: number, scheme: Scheme): Text {
  return new Text({
    text: note.text,
    width: note.width,
    height: note.height,
    padding: Math.min(NOTE_PADDING, note.width / 4, note.height / 4),
    fontSize,
    fontFamily: NOTE_FONT,
    lineHeight: NOTE_LINE_HEIGHT,
    fill: noteInk(scheme),
    ellipsis: true,
    perfectDrawEnabled: false,
  });
}

function noteTextHeight(note: NoteElement, fontSize: number): number {
  const measured = noteText(note, fontSize, "light");
  measured.height(Number.MAX_SAFE_INTEGER);
  const lines = measured.textArr.length;
  measured.destroy();
  return lines * fontSize * NOTE_LINE_HEIGHT + 2 * NOTE_PADDING;
}

function stretchedPoints(element: StrokeElement): number[] {
  const scale = strokeScale(element);
  const points = element.path.points.map((coordinate, index) =>
    index % 2 === 0 ? element.x + coordinate * scale.x : element.y + coordinate * scale.y,
  );
  // A tap: a line that goes nowhere would not be drawn.
  return points.length === 2 ? [...points, (points[0] as number) + 0.01, points[1] as number] : points;
}

function endPoints(element: BoardElement): number[] {
  const end = endOf(element);
  return [element.x, element.y, end.x, end.y];
}

function placeOf({ x, y, width, height }: BoardElement) {
  return { x, y, width, height };
}

function cornerOf({ width, height }: BoardElement): number {
  return Math.min(6, width / 2, height / 2);
}
