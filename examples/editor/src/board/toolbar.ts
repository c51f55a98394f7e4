/** The board's buttons: tools, the look of what is drawn, what to do with what is selected, and the view. */

import type { BoardCommands } from "./commands.ts";
import { type BoardElement, type ElementStyle, LINE_WIDTHS } from "./element.ts";
import { COLOR_NAMES, type ColorName, isColorName } from "./palette.ts";
import type { ToolName } from "./tools.ts";

export interface ToolbarElements {
  /** Holds a button with `data-tool` for each tool. */
  readonly tools: HTMLElement;
  /** Holds buttons with `data-color`, `data-width`, `data-fill` and `data-action`. */
  readonly properties: HTMLElement;
  /** Holds buttons with `data-action`, and the zoom. */
  readonly view: HTMLElement;
  readonly zoom: HTMLElement;
}

export interface ToolbarTarget {
  readonly commands: BoardCommands;
  choose(tool: ToolName): void;
  restyle(style: Partial<ElementStyle>): void;
}

/** What can be said about the look of what is selected, or about to be drawn. */
interface Properties {
  readonly style: ElementStyle;
  readonly hasSelection: boolean;
  /** Whether there is anything that has a look. */
  readonly hasStyle: boolean;
  /** Whether it has lines, which may be thin or thick; whether it can be filled. */
  readonly hasLines: boolean;
  readonly canFill: boolean;
}

/** What the buttons show. */
export interface ToolbarState extends Properties {
  readonly tool: ToolName;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly isReadOnly: boolean;
  readonly zoom: number;
}

const ZOOM_STEP = 1.25;

const ACTIONS: Readonly<Record<string, (commands: BoardCommands) => void>> = {
  undo: (commands) => commands.undo(),
  redo: (commands) => commands.redo(),
  delete: (commands) => commands.remove(),
  duplicate: (commands) => commands.duplicate(),
  front: (commands) => commands.restack("front"),
  back: (commands) => commands.restack("back"),
  "zoom-in": (commands) => commands.zoomBy(ZOOM_STEP),
  "zoom-out": (commands) => commands.zoomBy(1 / ZOOM_STEP),
  "show-all": (commands) => commands.showAll(),
};

export class Toolbar {
  readonly #elements: ToolbarElements;
  readonly #buttons: readonly HTMLButtonElement[];

  constructor(elements: ToolbarElements, target: ToolbarTarget) {
    this.#elements = elements;
    elements.properties.querySelector("[data-colors]")?.append(...COLOR_NAMES.map(colorButton));
    this.#buttons = [elements.tools, elements.properties, elements.view].flatMap((group) => [
      ...group.querySelectorAll("button"),
    ]);
    for (const button of this.#buttons) button.addEventListener("click", () => press(button, target));
  }

  show(state: ToolbarState): void {
    for (const button of this.#buttons) showButton(button, state);
    this.#elements.properties.hidden = state.isReadOnly || !state.hasStyle;
    this.#elements.zoom.textContent = `${Math.round(state.zoom * 100)} %`;
  }
}

export function propertiesOf(
  tool: ToolName,
  selected: readonly BoardElement[],
  drawingStyle: ElementStyle,
): Properties {
  const kinds: readonly string[] = selected.length > 0 ? selected.map(({ kind }) => kind) : [tool];
  return {
    style: selected[0] ?? drawingStyle,
    hasSelection: selected.length > 0,
    hasStyle: selected.length > 0 || (tool !== "select" && tool !== "hand"),
    hasLines: kinds.some((kind) => kind !== "note"),
    canFill: kinds.some((kind) => kind === "rectangle" || kind === "ellipse"),
  };
}

function press(button: HTMLButtonElement, target: ToolbarTarget): void {
  const { tool, color, width, action } = button.dataset;
  if (tool !== undefined) target.choose(tool as ToolName);
  else if (isColorName(color)) target.restyle({ color });
  else if (width !== undefined) target.restyle({ lineWidth: LINE_WIDTHS[width as keyof typeof LINE_WIDTHS] });
  else if (button.dataset.fill !== undefined) {
    target.restyle({ isFilled: button.getAttribute("aria-pressed") !== "true" });
  } else if (action !== undefined) ACTIONS[action]?.(target.commands);
}

function showButton(button: HTMLButtonElement, state: ToolbarState): void {
  const { tool, color, width, fill, action } = button.dataset;
  const { style } = state;
  if (tool !== undefined) {
    setPressed(button, tool === state.tool);
    button.disabled = state.isReadOnly && tool !== "select" && tool !== "hand";
  }
  if (color !== undefined) setPressed(button, color === style.color);
  if (width !== undefined) {
    setPressed(button, LINE_WIDTHS[width as keyof typeof LINE_WIDTHS] === style.lineWidth);
    button.hidden = !state.hasLines;
  }
  if (fill !== undefined) {
    setPressed(button, style.isFilled);
    button.hidden = !state.canFill;
  }
  if (action === "undo") button.disabled = !state.canUndo || state.isReadOnly;
  if (action === "redo") button.disabled = !state.canRedo || state.isReadOnly;
  if (button.closest("[data-on-selection]") !== null) button.hidden = !state.hasSelection;
}

function setPressed(button: HTMLButtonElement, isPressed: boolean): void {
  button.setAttribute("aria-pressed", String(isPressed));
}

function colorButton(color: ColorName): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "board-button board-color";
  button.dataset.color = color;
  const name = color === "ink" ? "Plain" : `${color[0]?.toUpperCase()}${color.slice(1)}`;
  button.setAttribute("aria-label", name);
  button.title = name;
  return button;
}
