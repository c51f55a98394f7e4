/**
 * What lies on the board. In the document each element is a Y.Map of its own, so that one person may move a note
 * while another writes on it. What these maps hold is whatever other people's programs have put there: everything
 * that this page shows or computes with has passed through {@link readElement}.
 */

import * as Y from "yjs";
import { type Box, boxBetween, type Point } from "./geometry.ts";
import { type ColorName, isColorName } from "./palette.ts";
import { decodePath, type StrokePath } from "./stroke-path.ts";

type ShapeKind = "rectangle" | "ellipse";
type LineKind = "line" | "arrow";

export type ElementKind = "stroke" | ShapeKind | LineKind | "note";

/** What an element looks like besides its place. */
export interface ElementStyle {
  readonly color: ColorName;
  readonly lineWidth: number;
  readonly isFilled: boolean;
}

/**
 * Where an element is, and how large. `width` and `height` of lines and arrows lead from the start to the end, and
 * may be negative; those of all others are not.
 */
export type Placement = Box;

interface ElementBase extends Placement, ElementStyle {
  readonly id: string;
  /** Elements with a higher one lie above; of two that have the same, the one with the greater id. */
  readonly order: number;
}

export interface StrokeElement extends ElementBase {
  readonly kind: "stroke";
  /** As it was drawn; it is stretched to `width` and `height`. */
  readonly path: StrokePath;
}

interface ShapeElement extends ElementBase {
  readonly kind: ShapeKind;
}

interface LineElement extends ElementBase {
  readonly kind: LineKind;
}

export interface NoteElement extends ElementBase {
  readonly kind: "note";
  readonly text: string;
}

export type BoardElement = StrokeElement | ShapeElement | LineElement | NoteElement;

/** An element before it is in the document. */
export interface ElementDraft extends Placement, ElementStyle {
  readonly kind: ElementKind;
  /** Of a stroke: {@link encodePath}'s bytes. */
  readonly points?: Uint8Array;
}

export const LINE_WIDTHS = { thin: 2, medium: 4, thick: 8 } as const;
/** What is farther away than this from where boards begin is not shown. */
const MAX_COORDINATE = 1_000_000;
const MAX_SIZE = 100_000;
const MAX_LINE_WIDTH = 64;
const MAX_ID_LENGTH = 64;
const MAX_POINT_BYTES = 128 * 1024;
/** Characters of a note that are shown. */
export const MAX_NOTE_LENGTH = 2000;
/** Below these an element could not be seen or taken hold of. */
const MIN_SHAPE_SIZE = 1;
const MIN_NOTE_SIZE = 24;

/** The fields of an element, in a Y.Map of the document or in somebody's presence. */
export type ElementFields = (field: string) => unknown;

/** Makes an element of what somebody wrote, or `undefined` when there is none to make of it. */
export function readElement(id: string, field: ElementFields): BoardElement | undefined {
  const at = readPair(field("at"), MAX_COORDINATE);
  const size = readPair(field("size"), MAX_SIZE);
  if (id.length > MAX_ID_LENGTH || at === undefined || size === undefined) return undefined;
  const base = { id, x: at[0], y: at[1], order: readOrder(field("order")), ...readStyle(field) };
  const kind = field("kind");
  switch (kind) {
    case "stroke": {
      const path = readPath(field("points"));
      return path && { ...base, ...atLeast(size, 0), kind, path };
    }
    case "rectangle":
    case "ellipse":
      return { ...base, ...atLeast(size, MIN_SHAPE_SIZE), kind };
    case "line":
    case "arrow":
      return { ...base, width: size[0], height: size[1], kind };
    case "note":
      return { ...base, ...atLeast(size, MIN_NOTE_SIZE), kind, text: readText(field("text")) };
    default:
      return undefined;
  }
}

/** The box around an element, without the width of its line. */
export function boxOf(element: Placement): Box {
  return boxBetween(element, endOf(element));
}

/** The corner or end across from where an element begins. */
export function endOf({ x, y, width, height }: Placement): Point {
  return { x: x + width, y: y + height };
}

export function isLine(element: { readonly kind: ElementKind }): boolean {
  return element.kind === "line" || element.kind === "arrow";
}

const KIND_NAMES: Record<ElementKind, string> = {
  stroke: "Freehand line",
  rectangle: "Rectangle",
  ellipse: "Ellipse",
  line: "Line",
  arrow: "Arrow",
  note: "Note",
};

/** An element in words, such as “Rectangle, red” or “Note, amber: Buy nails”. */
export function describeElement(element: BoardElement): string {
  const name = `${KIND_NAMES[element.kind]}, ${element.color === "ink" ? "plain" : element.color}`;
  if (element.kind !== "note") return name;
  const text = element.text.trim();
  return text === "" ? `${name}: empty` : `${name}: ${text.slice(0, 100)}`;
}

function readPair(value: unknown, bound: number): [number, number] | undefined {
  if (!Array.isArray(value)) return undefined;
  const [first, second] = value as unknown[];
  return isWithin(first, bound) && isWithin(second, bound) ? [first, second] : undefined;
}

function isWithin(value: unknown, bound: number): value is number {
  return typeof value === "number" && Math.abs(value) <= bound;
}

function atLeast([width, height]: readonly [number, number], least: number) {
  return { width: Math.max(least, width), height: Math.max(least, height) };
}

function readOrder(value: unknown): number {
  return isWithin(value, Number.MAX_SAFE_INTEGER) ? value : 0;
}

function readStyle(field: ElementFields): ElementStyle {
  const color = field("color");
  const lineWidth = field("lineWidth");
  return {
    color: isColorName(color) ? color : "ink",
    lineWidth: isWithin(lineWidth, MAX_LINE_WIDTH) && lineWidth >= 1 ? lineWidth : LINE_WIDTHS.medium,
    isFilled: field("isFilled") === true,
  };
}

function readPath(value: unknown): StrokePath | undefined {
  return value instanceof Uint8Array && value.length <= MAX_POINT_BYTES ? decodePath(value) : undefined;
}

function readText(value: unknown): string {
  if (!(value instanceof Y.Text)) return "";
  // Joining a text of megabytes at each of its changes would cost more than anybody could read of it.
  if (value.length > 50 * MAX_NOTE_LENGTH) return "(This text is too long to be shown here.)";
  return value.toString().slice(0, MAX_NOTE_LENGTH).toWellFormed();
}
