/** The whiteboard: puts model, view, tools, keys and buttons together, and holds which tool and style are chosen. */

import type * as Y from "yjs";
import type { CheckedAwareness } from "../checked-awareness.ts";
import type { ColorScheme } from "../color-scheme.ts";
import { Camera } from "./camera.ts";
import { BoardCommands } from "./commands.ts";
import { Cursors } from "./cursors.ts";
import { Dragging } from "./dragging.ts";
import {
  type BoardElement,
  describeElement,
  type ElementDraft,
  type ElementStyle,
  LINE_WIDTHS,
  readElement,
} from "./element.ts";
import type { Box } from "./geometry.ts";
import { elementAt } from "./hit.ts";
import { listenToKeys } from "./keyboard.ts";
import { BoardModel } from "./model.ts";
import { NoteEditor } from "./note-editor.ts";
import { showOutline } from "./outline.ts";
import { PointerInput } from "./pointer.ts";
import { BoardAnnouncer } from "./presence.ts";
import { cursorOf, handleAt, handlesOf } from "./resize.ts";
import { Selection } from "./selection.ts";
import { propertiesOf, Toolbar, type ToolbarElements } from "./toolbar.ts";
import {
  type BoardPointer,
  beginGesture,
  boxAroundElements,
  type DraftSource,
  draftAt,
  type Gesture,
  reachOf,
  type ToolContext,
  type ToolName,
} from "./tools.ts";
import { BoardView, type Overlay } from "./view.ts";

export interface BoardElements {
  /** Takes the keys and the pointer, and shows everything. */
  readonly surface: HTMLElement;
  /** Inside of the surface: Konva's own. */
  readonly canvas: HTMLDivElement;
  /** Over the surface, for cursors and for the field in which notes are written. */
  readonly overlay: HTMLElement;
  /** A list for those who do not see the canvas. */
  readonly outline: HTMLElement;
  readonly toolbar: ToolbarElements;
  /** A polite live region. */
  readonly announcer: HTMLElement;
}

const INITIAL_STYLE: ElementStyle = { color: "ink", lineWidth: LINE_WIDTHS.medium, isFilled: false };

export class Board {
  readonly #elements: BoardElements;
  readonly #model: BoardModel;
  readonly #camera: Camera;
  readonly #selection: Selection;
  readonly #view: BoardView;
  readonly #commands: BoardCommands;
  readonly #toolbar: Toolbar;
  readonly #noteEditor: NoteEditor;
  readonly #announcer: BoardAnnouncer;
  readonly #cursors: Cursors;
  readonly #pointer: PointerInput;
  readonly #tools: ToolContext;
  #tool: ToolName = "select";
  #style = INITIAL_STYLE;
  /** Notes have a colour of their own, so that a pen does not turn amber after one. */
  #noteStyle: ElementStyle = { ...INITIAL_STYLE, color: "amber" };
  #isReadOnly = false;
  #draft: DraftSource | undefined;
  #othersDrafts: readonly BoardElement[] = [];
  #marquee: Box | undefined;
  #hasBegun = false;
  #isComplete = false;

  constructor(
    elements: BoardElements,
    map: Y.Map<unknown>,
    awareness: CheckedAwareness,
    colorScheme: ColorScheme,
  ) {
    this.#elements = elements;
    const { surface, canvas, overlay } = elements;
    this.#model = new BoardModel(map);
    this.#camera = new Camera(() => this.#onView());
    this.#selection = new Selection(this.#model, () => this.#refresh());
    this.#view = new BoardView(canvas, this.#model, this.#camera, colorScheme.current, {
      overlay: () => this.#overlay(),
      resized: () => this.showContent(this.#isComplete),
    });
    this.#commands = new BoardCommands(
      this.#model,
      this.#selection,
      this.#camera,
      () => this.#view.size,
      (words) => this.#say(words),
    );
    this.#toolbar = new Toolbar(elements.toolbar, {
      commands: this.#commands,
      choose: (tool) => this.#choose(tool),
      restyle: (style) => this.#restyle(style),
    });
    this.#noteEditor = new NoteEditor(
      overlay,
      this.#model,
      this.#camera,
      () => colorScheme.current,
      (hadFocus) => this.#onNoteClosed(hadFocus),
    );
    this.#announcer = new BoardAnnouncer(awareness);
    this.#cursors = new Cursors(overlay, awareness, this.#camera, (drafts) => {
      this.#othersDrafts = drafts;
      this.#view.refresh();
    });
    this.#tools = this.#createTools();
    this.#pointer = new PointerInput(surface, this.#camera, {
      begin: (pointer) => this.#begin(pointer),
      hover: (pointer) => this.#hover(pointer),
      doubleClick: (pointer) => this.#doubleClick(pointer),
    });
    this.#listenToKeys();
    showOutline(elements.outline, this.#model);
    this.#model.onChange((ids) => {
      this.#view.redraw(ids);
      this.#refresh();
    });
    this.#model.onHistory(() => this.#refresh());
    colorScheme.onChange((scheme) => {
      this.#view.scheme = scheme;
      this.#noteEditor.place();
    });
    surface.tabIndex = 0;
    this.#choose("select");
    this.#onView();
  }

  get isEmpty(): boolean {
    return this.#model.elements.length === 0;
  }

  /** Lets the person look, select and move about, but not change anything. */
  set isReadOnly(isReadOnly: boolean) {
    if (isReadOnly === this.#isReadOnly) return;
    this.#isReadOnly = isReadOnly;
    this.#pointer.cancel();
    this.#noteEditor.close();
    if (isReadOnly) this.#choose("select");
    this.#refresh();
  }

  /**
   * Brings what was there before into view, unless the person has begun already. What comes later moves nothing.
   *
   * @param isComplete Whether no more of it is to come.
   */
  showContent(isComplete: boolean): void {
    this.#isComplete ||= isComplete;
    if (this.#hasBegun || this.#view.size.width === 0) return;
    this.#hasBegun = this.#isComplete || !this.isEmpty;
    if (!this.isEmpty) this.#commands.showAll();
  }

  /** A picture of the whole board as a data URL of a PNG; `undefined` of an empty one. */
  picture(background: string): string | undefined {
    const content = boxAroundElements(this.#model.elements);
    return content && this.#view.picture(content, background);
  }

  #createTools(): ToolContext {
    const board = this;
    const dragging = new Dragging(this.#model, (previews) => {
      this.#view.previews = previews;
    });
    return {
      model: this.#model,
      selection: this.#selection,
      get style() {
        return board.#drawingStyle;
      },
      get pixel() {
        return 1 / board.#camera.zoom;
      },
      showDraft: (draft) => this.#showDraft(draft),
      showMarquee: (marquee) => {
        this.#marquee = marquee;
        this.#view.refresh();
      },
      drag: (placements) => dragging.drag(placements),
      drop: () => dragging.drop(),
      drawn: (id) => this.#drawn(id),
      writeOn: (id) => this.#writeOn(id),
    };
  }

  get #drawingStyle(): ElementStyle {
    return this.#tool === "note" ? this.#noteStyle : this.#style;
  }

  #begin(pointer: BoardPointer): Gesture | null {
    this.#hasBegun = true;
    this.#noteEditor.close();
    this.#elements.surface.focus({ preventScroll: true });
    if (this.#tool === "hand" || (this.#isReadOnly && this.#tool !== "select")) return null;
    if (!this.#isReadOnly) return beginGesture(this.#tool, pointer, this.#tools);
    const hit = elementAt(this.#model.elements, pointer, reachOf(pointer, this.#tools.pixel));
    this.#selection.set(hit === undefined ? [] : [hit.id]);
    return null;
  }

  #hover(pointer: BoardPointer | undefined): void {
    this.#announcer.point(pointer && { x: pointer.x, y: pointer.y });
    const { surface } = this.#elements;
    if (this.#tool !== "select" || pointer === undefined || this.#isReadOnly) {
      surface.style.removeProperty("--cursor");
      return;
    }
    const reach = reachOf(pointer, this.#tools.pixel);
    const handle = handleAt(handlesOf(this.#selection.elements, this.#tools.pixel), pointer, reach);
    const isOnElement = elementAt(this.#model.elements, pointer, reach) !== undefined;
    surface.style.setProperty(
      "--cursor",
      handle !== undefined ? cursorOf(handle) : isOnElement ? "move" : "default",
    );
  }

  #doubleClick(pointer: BoardPointer): void {
    if (this.#isReadOnly || this.#tool !== "select") return;
    const hit = elementAt(this.#model.elements, pointer, reachOf(pointer, this.#tools.pixel));
    if (hit?.kind === "note") this.#writeOn(hit.id);
  }

  #listenToKeys(): void {
    const board = this;
    listenToKeys(this.#elements.surface, {
      commands: this.#commands,
      get isReadOnly() {
        return board.#isReadOnly;
      },
      choose: (tool) => this.#choose(tool),
      step: (by) => this.#step(by),
      enter: () => this.#enter(),
      escape: () => this.#escape(),
      pan: (dx, dy) => this.#camera.pan(dx, dy),
      holdSpace: (isHeld) => {
        this.#pointer.isSpaceDown = isHeld;
      },
    });
  }

  #step(by: 1 | -1): void {
    const element = this.#selection.step(by);
    if (element === undefined) {
      this.#say("The board is empty");
      return;
    }
    this.#choose("select");
    this.#commands.reveal(element);
    const { elements } = this.#model;
    this.#say(`${describeElement(element)}, ${elements.indexOf(element) + 1} of ${elements.length}`);
  }

  #enter(): void {
    const [only] = this.#selection.elements;
    if (this.#selection.size === 1 && only?.kind === "note") {
      this.#writeOn(only.id);
      return;
    }
    const tool = this.#tool;
    if (tool === "select" || tool === "hand" || tool === "stroke") return;
    const { width, height } = this.#view.size;
    const middle = this.#camera.toBoard({ x: width / 2, y: height / 2 });
    this.#drawn(this.#model.add(draftAt(tool, middle, this.#drawingStyle)));
  }

  #escape(): void {
    if (this.#pointer.cancel()) return;
    if (this.#selection.size > 0) this.#selection.clear();
    else this.#choose("select");
  }

  #choose(tool: ToolName): void {
    if (this.#isReadOnly && tool !== "select" && tool !== "hand") return;
    this.#tool = tool;
    this.#elements.surface.dataset.tool = tool;
    if (tool !== "select") this.#selection.clear();
    this.#refresh();
  }

  /** The chosen style holds for what is selected, and for what is drawn next. */
  #restyle(style: Partial<ElementStyle>): void {
    const selected = this.#selection.elements;
    const isAboutNotes = this.#tool === "note" || selected.some(({ kind }) => kind === "note");
    if (isAboutNotes) this.#noteStyle = { ...this.#noteStyle, ...style };
    else this.#style = { ...this.#style, ...style };
    this.#commands.restyle(style);
    this.#noteEditor.place();
    this.#refresh();
  }

  #showDraft(draft: DraftSource | undefined): void {
    this.#draft = draft;
    this.#announcer.draw(draft);
    this.#view.refresh();
  }

  #drawn(id: string | undefined): void {
    if (id === undefined) {
      this.#say("The board is full");
      return;
    }
    const element = this.#model.get(id);
    if (element !== undefined) this.#say(`${describeElement(element)}, added`);
    // Whoever writes by hand makes many lines; of other things people make one and then want it just so.
    if (this.#tool === "stroke") return;
    this.#choose("select");
    this.#selection.set([id]);
    if (element?.kind === "note") this.#writeOn(id);
  }

  #writeOn(id: string): void {
    this.#selection.set([id]);
    this.#view.hidden = id;
    this.#noteEditor.open(id);
  }

  #onNoteClosed(hadFocus: boolean): void {
    this.#view.hidden = undefined;
    if (hadFocus) this.#elements.surface.focus({ preventScroll: true });
    this.#view.refresh();
  }

  #onView(): void {
    const { surface } = this.#elements;
    const origin = this.#camera.toView({ x: 0, y: 0 });
    surface.style.setProperty("--grid-x", `${origin.x}px`);
    surface.style.setProperty("--grid-y", `${origin.y}px`);
    surface.style.setProperty("--grid-zoom", String(gridZoom(this.#camera.zoom)));
    this.#cursors?.place();
    this.#noteEditor?.place();
    this.#refresh();
  }

  #refresh(): void {
    this.#view?.refresh();
    this.#toolbar?.show({
      ...propertiesOf(this.#tool, this.#selection.elements, this.#drawingStyle),
      tool: this.#tool,
      canUndo: this.#model.canUndo,
      canRedo: this.#model.canRedo,
      isReadOnly: this.#isReadOnly,
      zoom: this.#camera.zoom,
    });
  }

  #overlay(): Overlay {
    const selected = this.#selection.elements.map((element) => this.#view.shown(element.id) ?? element);
    const draft = this.#draft && previewOf(this.#draft());
    const outlines = selected.flatMap((element) => boxAroundElements([element]) ?? []);
    const isWriting = this.#noteEditor.noteId !== undefined;
    return {
      drafts: draft === undefined ? this.#othersDrafts : [...this.#othersDrafts, draft],
      outlines: isWriting ? [] : outlines,
      frame: outlines.length > 1 ? boxAroundElements(selected) : undefined,
      handles:
        this.#isReadOnly || isWriting ? [] : handlesOf(selected, this.#tools.pixel).map(({ at }) => at),
      marquee: this.#marquee,
    };
  }

  #say(words: string): void {
    this.#elements.announcer.textContent = words;
  }
}

function previewOf({ x, y, width, height, ...fields }: ElementDraft): BoardElement | undefined {
  const values: Record<string, unknown> = { ...fields, at: [x, y], size: [width, height] };
  return readElement("draft", (name) => values[name]);
}

/** Of the grid: it is drawn half or twice as wide where its dots would be too close or too far apart. */
function gridZoom(zoom: number): number {
  return zoom * 2 ** -Math.round(Math.log2(zoom));
}
