/**
 * The board on the screen: a Konva stage with the elements, and above them what is only there for this person. It
 * draws at most once a frame, and only what is in view.
 */

import Konva from "konva/lib/Core";
import { Group } from "konva/lib/Group";
import { Layer } from "konva/lib/Layer";
import { Stage } from "konva/lib/Stage";
import { Circle } from "konva/lib/shapes/Circle";
import { Rect } from "konva/lib/shapes/Rect";
import type { Scheme } from "../color-scheme.ts";
import type { Camera } from "./camera.ts";
import { type Drawing, draw, setDetail } from "./drawing.ts";
import { type BoardElement, boxOf } from "./element.ts";
import { type Box, grow, intersects, type Point } from "./geometry.ts";
import type { BoardModel } from "./model.ts";

/** Sharper than this, eyes see no difference, and a canvas takes its memory many times over. */
Konva.pixelRatio = Math.min(window.devicePixelRatio || 1, 2);

/** A shadow, the head of an arrow or half a line reach this far out of an element's box. */
const OVERHANG = 200;
const HANDLE_RADIUS = 5;
/** Making drawings takes at most this much of a frame, so that a board of thousands appears bit by bit. */
const FRAME_BUDGET_MS = 10;

/** What lies over the elements. */
export interface Overlay {
  /** Elements that are not in the document yet: this person's and those of others. */
  readonly drafts: readonly BoardElement[];
  /** Around each selected element. */
  readonly outlines: readonly Box[];
  /** Around all that is selected together; `undefined` when one outline says enough. */
  readonly frame: Box | undefined;
  readonly handles: readonly Point[];
  /** What is being selected by dragging. */
  readonly marquee: Box | undefined;
}

export class BoardView {
  readonly #model: BoardModel;
  readonly #camera: Camera;
  readonly #stage: Stage;
  readonly #elements = new Group({ listening: false });
  readonly #overlay = new Group({ listening: false });
  readonly #layer = new Layer({ listening: false });
  readonly #overlayLayer = new Layer({ listening: false });
  readonly #drawings = new Map<string, Drawing>();
  /** Elements as they are being dragged, in place of those of the model. */
  #previews: ReadonlyMap<string, BoardElement> = new Map();
  /** The element whose text is being written in a field above it. */
  #hidden: string | undefined;
  readonly #stale = new Set<string>();
  readonly #overlayOf: () => Overlay;
  #scheme: Scheme;
  #frame = 0;

  constructor(
    container: HTMLDivElement,
    model: BoardModel,
    camera: Camera,
    scheme: Scheme,
    board: { overlay(): Overlay; resized(): void },
  ) {
    this.#model = model;
    this.#camera = camera;
    this.#scheme = scheme;
    this.#overlayOf = board.overlay;
    this.#stage = new Stage({ container, width: 0, height: 0, listening: false });
    this.#layer.add(this.#elements);
    this.#overlayLayer.add(this.#overlay);
    this.#stage.add(this.#layer, this.#overlayLayer);
    new ResizeObserver(() => {
      this.#stage.size({ width: container.clientWidth, height: container.clientHeight });
      board.resized();
      this.refresh();
    }).observe(container);
    this.refresh();
  }

  get size(): { readonly width: number; readonly height: number } {
    return this.#stage.size();
  }

  set scheme(scheme: Scheme) {
    this.#scheme = scheme;
    this.redrawAll();
  }

  set previews(previews: ReadonlyMap<string, BoardElement>) {
    for (const id of [...this.#previews.keys(), ...previews.keys()]) this.#stale.add(id);
    this.#previews = previews;
    this.refresh();
  }

  set hidden(id: string | undefined) {
    for (const changed of [this.#hidden, id]) if (changed !== undefined) this.#stale.add(changed);
    this.#hidden = id;
    this.refresh();
  }

  /** The element as it is on the screen, which may be ahead of the document. */
  shown(id: string): BoardElement | undefined {
    const element = this.#model.get(id);
    return element && (this.#previews.get(id) ?? element);
  }

  /** Draws again, soon, what these elements look like now. */
  redraw(ids: Iterable<string>): void {
    for (const id of ids) this.#stale.add(id);
    this.refresh();
  }

  redrawAll(): void {
    this.redraw([...this.#drawings.keys()]);
  }

  /** Draws again, soon, after the view or the overlay has changed. */
  refresh(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** A picture of the whole board, for keeping. */
  picture(content: Box, background: string): string {
    const around = grow(content, 24);
    const scale = Math.min(2, 4000 / around.width, 4000 / around.height);
    const layer = new Layer({ listening: false, scaleX: scale, scaleY: scale });
    layer.position({ x: -around.x * scale, y: -around.y * scale });
    layer.add(new Rect({ ...around, fill: background }));
    for (const element of this.#model.elements) layer.add(draw(element, this.#scheme));
    const url = layer.toDataURL({
      x: 0,
      y: 0,
      width: around.width * scale,
      height: around.height * scale,
      pixelRatio: 1,
    });
    layer.destroy();
    return url;
  }

  #draw(): void {
    const { x, y } = this.#camera.corner;
    const zoom = this.#camera.zoom;
    this.#drawElements({ x, y, width: this.#stage.width() / zoom, height: this.#stage.height() / zoom });
    this.#drawOverlay();
    for (const group of [this.#elements, this.#overlay]) {
      group.scale({ x: zoom, y: zoom });
      group.position({ x: -x * zoom, y: -y * zoom });
    }
    this.#layer.batchDraw();
    this.#overlayLayer.batchDraw();
  }

  /** Makes drawings of what is in view and has none; what would take too long now, in the next frame. */
  #drawElements(view: Box): void {
    for (const id of this.#stale) {
      this.#drawings.get(id)?.destroy();
      this.#drawings.delete(id);
    }
    this.#stale.clear();
    const reach = grow(view, OVERHANG);
    const deadline = performance.now() + FRAME_BUDGET_MS;
    const inOrder: Drawing[] = [];
    for (const { id } of this.#model.elements) {
      const element = this.shown(id) as BoardElement;
      const isInView = intersects(boxOf(element), reach);
      if (isInView && !this.#drawings.has(id)) this.#create(element, deadline);
      const drawing = this.#drawings.get(id);
      if (drawing === undefined) continue;
      drawing.visible(isInView && id !== this.#hidden);
      setDetail(drawing, this.#camera.zoom);
      inOrder.push(drawing);
    }
    const isInOrder = inOrder.every((drawing, index) => this.#elements.children[index] === drawing);
    if (isInOrder) return;
    this.#elements.removeChildren();
    this.#elements.add(...inOrder);
  }

  #create(element: BoardElement, deadline: number): void {
    if (performance.now() > deadline) {
      this.refresh();
      return;
    }
    const drawing = draw(element, this.#scheme);
    this.#drawings.set(element.id, drawing);
    this.#elements.add(drawing);
  }

  #drawOverlay(): void {
    const { drafts, outlines, frame, handles, marquee } = this.#overlayOf();
    const zoom = this.#camera.zoom;
    const isLight = this.#scheme === "light";
    const color = isLight ? "#99580f" : "#e3aa5f";
    const line = { stroke: color, strokeWidth: 1.5 / zoom, listening: false };
    this.#overlay.destroyChildren();
    for (const draft of drafts) this.#overlay.add(draw(draft, this.#scheme));
    // Of several, the frame around all says more than their own outlines.
    const outlineStyle = frame === undefined ? line : { ...line, strokeWidth: 1 / zoom, opacity: 0.5 };
    for (const outline of outlines) {
      this.#overlay.add(
        new Rect({ ...grow(outline, (frame === undefined ? 4 : 0) / zoom), ...outlineStyle }),
      );
    }
    if (frame !== undefined) {
      this.#overlay.add(new Rect({ ...grow(frame, 4 / zoom), ...line, dash: [4 / zoom, 4 / zoom] }));
    }
    if (marquee !== undefined) this.#overlay.add(new Rect({ ...marquee, ...line, fill: `${color}22` }));
    for (const handle of handles) {
      const fill = isLight ? "#ffffff" : "#111514";
      this.#overlay.add(new Circle({ ...handle, ...line, radius: HANDLE_RADIUS / zoom, fill }));
    }
  }
}
