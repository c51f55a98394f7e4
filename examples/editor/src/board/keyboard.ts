/** The board by keys alone. They work while the board has the focus, and leave Tab to the page. */

import type { BoardCommands } from "./commands.ts";
import type { Point } from "./geometry.ts";
import type { ToolName } from "./tools.ts";

const STEP = 1;
const LARGE_STEP = 10;
const PAN_PIXELS = 60;
const ZOOM_STEP = 1.25;

const TOOL_KEYS: Readonly<Record<string, ToolName>> = {
  v: "select",
  h: "hand",
  p: "stroke",
  r: "rectangle",
  o: "ellipse",
  l: "line",
  a: "arrow",
  n: "note",
};

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export interface KeyboardTarget {
  readonly commands: BoardCommands;
  readonly isReadOnly: boolean;
  choose(tool: ToolName): void;
  /** Selects the next or the previous element. */
  step(by: 1 | -1): void;
  /** Writes on the selected note, or draws with the chosen tool in the middle of the view. */
  enter(): void;
  /** Gives up what is going on: a gesture, else the selection, else the tool. */
  escape(): void;
  pan(dx: number, dy: number): void;
  holdSpace(isHeld: boolean): void;
}

export function listenToKeys(surface: HTMLElement, target: KeyboardTarget): void {
  surface.addEventListener("keydown", (event) => {
    if (event.target !== surface || event.isComposing) return;
    const isHandled = event.ctrlKey || event.metaKey ? withControl(event, target) : plain(event, target);
    if (isHandled) event.preventDefault();
  });
  surface.addEventListener("keyup", (event) => {
    if (event.key === " ") target.holdSpace(false);
  });
  surface.addEventListener("blur", () => target.holdSpace(false));
}

function withControl(
  { key, shiftKey, altKey }: KeyboardEvent,
  { commands, isReadOnly }: KeyboardTarget,
): boolean {
  if (altKey) return false;
  const name = key.toLowerCase();
  if (name === "a") commands.selectAll();
  else if (isReadOnly) return false;
  else if (name === "z") shiftKey ? commands.redo() : commands.undo();
  else if (name === "y") commands.redo();
  else if (name === "d") commands.duplicate();
  else return false;
  return true;
}

function plain(event: KeyboardEvent, target: KeyboardTarget): boolean {
  const { key, shiftKey, altKey } = event;
  const arrow = ARROWS[key];
  if (arrow !== undefined) return arrowKey(arrow, shiftKey, altKey, target);
  if (altKey) return false;
  return viewKey(key, target) || (!target.isReadOnly && editKey(key, target)) || toolKey(key, target);
}

function arrowKey({ x, y }: Point, isLarge: boolean, isResizing: boolean, target: KeyboardTarget): boolean {
  const step = isLarge ? LARGE_STEP : STEP;
  const by = { x: x * step, y: y * step };
  const hasChanged =
    !target.isReadOnly && (isResizing ? target.commands.stretch(by) : target.commands.nudge(by));
  if (!hasChanged && isResizing) return false;
  if (!hasChanged) target.pan(x * PAN_PIXELS, y * PAN_PIXELS);
  return true;
}

function viewKey(key: string, target: KeyboardTarget): boolean {
  const { commands } = target;
  if (key === " ") target.holdSpace(true);
  else if (key === "Escape") target.escape();
  else if (key === ".") target.step(1);
  else if (key === ",") target.step(-1);
  else if (key === "+" || key === "=") commands.zoomBy(ZOOM_STEP);
  else if (key === "-") commands.zoomBy(1 / ZOOM_STEP);
  else if (key === "0") commands.showAll();
  else return false;
  return true;
}

function editKey(key: string, target: KeyboardTarget): boolean {
  const { commands } = target;
  if (key === "Delete" || key === "Backspace") commands.remove();
  else if (key === "Enter") target.enter();
  else if (key === "]") commands.restack("forward");
  else if (key === "[") commands.restack("backward");
  else if (key === "}") commands.restack("front");
  else if (key === "{") commands.restack("back");
  else return false;
  return true;
}

function toolKey(key: string, target: KeyboardTarget): boolean {
  const tool = Object.hasOwn(TOOL_KEYS, key.toLowerCase()) ? TOOL_KEYS[key.toLowerCase()] : undefined;
  if (tool === undefined) return false;
  target.choose(tool);
  return true;
}
