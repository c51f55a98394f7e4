/**
 * The board in the document: a Y.Map of elements by id. Reads it into elements that are safe to show, tells who
 * listens which of them changed, and is the only place that writes it.
 *
 * An element's place is two values, `at` and `size`: each is replaced as a whole, so that of two people who drag
 * the same thing one wins, instead of one the x and the other the y.
 */

import * as Y from "yjs";
import {
  type BoardElement,
  type ElementDraft,
  type ElementStyle,
  MAX_NOTE_LENGTH,
  type Placement,
  readElement,
} from "./element.ts";

/** Elements that are shown. More than anybody finds their way in; a canvas still draws them. */
const MAX_ELEMENTS = 5000;
/** Points of strokes and characters of notes, all together, that are kept for showing. */
const MAX_DETAIL = 1_000_000;
/** Older steps cannot be undone. */
const MAX_UNDO_STEPS = 200;
/** A typing pause of this length ends what one undo takes back. */
const TYPING_PAUSE_MS = 1000;

export type StackMove = "front" | "forward" | "backward" | "back";

/** Ids of elements that came, changed or went. */
export type ChangeListener = (ids: ReadonlySet<string>) => void;

export class BoardModel {
  readonly #map: Y.Map<unknown>;
  readonly #doc: Y.Doc;
  readonly #elements = new Map<string, BoardElement>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #undoManager: Y.UndoManager;
  /** Elements by order; `undefined` when it has to be found anew. */
  #sorted: readonly BoardElement[] | undefined;
  #detail = 0;
  #skipped = 0;
  #lastTypedMs = 0;

  /** @param map Attached to its document, and only read until something is drawn. */
  constructor(map: Y.Map<unknown>) {
    if (map.doc === null) throw new Error("the board's map belongs to no document");
    this.#map = map;
    this.#doc = map.doc;
    // One step ends where the next one calls #step(), however long a person takes for it.
    this.#undoManager = new Y.UndoManager(map, {
      trackedOrigins: new Set([this]),
      captureTimeout: Number.MAX_SAFE_INTEGER,
    });
    this.#undoManager.on("stack-item-added", () => {
      const { undoStack } = this.#undoManager;
      undoStack.splice(0, undoStack.length - MAX_UNDO_STEPS);
    });
    this.#readAll();
    map.observeDeep((events) => this.#onEvents(events));
  }

  /** From the lowest to the topmost. */
  get elements(): readonly BoardElement[] {
    this.#sorted ??= [...this.#elements.values()].sort(
      (a, b) => a.order - b.order || (a.id < b.id ? -1 : Number(a.id > b.id)),
    );
    return this.#sorted;
  }

  /** Entries of the map that are not shown: they make no sense, or there are too many. */
  get skipped(): number {
    return this.#skipped;
  }

  get canUndo(): boolean {
    return this.#undoManager.undoStack.length > 0;
  }

  get canRedo(): boolean {
    return this.#undoManager.redoStack.length > 0;
  }

  get(id: string): BoardElement | undefined {
    return this.#elements.get(id);
  }

  onChange(listener: ChangeListener): void {
    this.#listeners.add(listener);
  }

  /** Calls back when there is more or less to be undone or redone. */
  onHistory(listener: () => void): void {
    this.#undoManager.on("stack-item-added", listener);
    this.#undoManager.on("stack-item-popped", listener);
  }

  /** Takes back this person's last step; what others did stays. */
  undo(): void {
    this.#undoManager.undo();
  }

  redo(): void {
    this.#undoManager.redo();
  }

  /** Adds an element on top of all others. @returns Its id; `undefined` when the board is full. */
  add(draft: ElementDraft): string | undefined {
    return this.#addAll([draft])[0];
  }

  /** Begins a step of the undo history, which the following calls of {@link place} belong to. */
  beginDrag(): void {
    this.#undoManager.stopCapturing();
  }

  /** Puts elements somewhere else, as part of the step that {@link beginDrag} began. */
  place(placements: ReadonlyMap<string, Placement>): void {
    this.#write(() => {
      for (const [id, { x, y, width, height }] of placements) {
        const element = this.#elements.get(id);
        const fields = this.#fieldsOf(id);
        if (element === undefined || fields === undefined) continue;
        if (element.x !== x || element.y !== y) fields.set("at", [x, y]);
        if (element.width !== width || element.height !== height) fields.set("size", [width, height]);
      }
    });
  }

  restyle(ids: Iterable<string>, style: Partial<ElementStyle>): void {
    this.#step(() => {
      for (const id of ids) {
        const fields = this.#fieldsOf(id);
        for (const [name, value] of Object.entries(style)) {
          if (fields !== undefined && fields.get(name) !== value) fields.set(name, value);
        }
      }
    });
  }

  remove(ids: Iterable<string>): void {
    this.#step(() => {
      for (const id of ids) this.#map.delete(id);
    });
  }

  /** Copies elements. @returns Ids of the copies, as many as the board has room for. */
  duplicate(ids: ReadonlySet<string>, offset: number): string[] {
    const drafts = this.elements
      .filter(({ id }) => ids.has(id))
      .map((element) => ({
        ...element,
        x: element.x + offset,
        y: element.y + offset,
        ...(element.kind === "stroke"
          ? { points: this.#fieldsOf(element.id)?.get("points") as Uint8Array }
          : {}),
      }));
    return this.#addAll(drafts);
  }

  /** Moves elements above or below others. Those that are moved together keep their order. */
  restack(ids: ReadonlySet<string>, move: StackMove): void {
    const moved = this.elements.filter(({ id }) => ids.has(id));
    const rest = this.elements.filter(({ id }) => !ids.has(id));
    if (moved.length === 0 || rest.length === 0) return;
    const [above, below] = neighbours(rest, moved, move);
    const orders = ordersBetween(below?.order, above?.order, moved.length);
    this.#step(() => {
      moved.forEach(({ id }, index) => {
        this.#fieldsOf(id)?.set("order", orders[index]);
      });
    });
  }

  /** The text of a note, to be watched; `undefined` when there is no such note or it has none. */
  noteText(id: string): Y.Text | undefined {
    const text = this.#fieldsOf(id)?.get("text");
    return text instanceof Y.Text ? text : undefined;
  }

  /** Makes a note say something else, changing only what differs, so that others may write on it at once. */
  rewriteNote(id: string, content: string): void {
    const now = Date.now();
    if (now - this.#lastTypedMs > TYPING_PAUSE_MS) this.#undoManager.stopCapturing();
    this.#lastTypedMs = now;
    this.#write(() => {
      const fields = this.#fieldsOf(id);
      if (fields === undefined) return;
      if (this.noteText(id) === undefined) fields.set("text", new Y.Text());
      const text = this.noteText(id);
      if (text === undefined) return;
      // What is too long to be shown was not in the field either.
      const unseen = text.toString().slice(MAX_NOTE_LENGTH);
      replaceDifference(text, content.slice(0, MAX_NOTE_LENGTH).toWellFormed() + unseen);
    });
  }

  #addAll(drafts: readonly (ElementDraft & { readonly text?: string })[]): string[] {
    const top = this.elements.at(-1)?.order ?? 0;
    const added: string[] = [];
    this.#step(() => {
      for (const draft of drafts.slice(0, MAX_ELEMENTS - this.#elements.size)) {
        const id = crypto.randomUUID();
        this.#map.set(id, fieldsFor(draft, top + 1 + added.length));
        added.push(id);
      }
    });
    return added;
  }

  #fieldsOf(id: string): Y.Map<unknown> | undefined {
    const fields = this.#map.get(id);
    return fields instanceof Y.Map ? fields : undefined;
  }

  /** Writes as a step of its own of the undo history. */
  #step(write: () => void): void {
    this.#undoManager.stopCapturing();
    this.#lastTypedMs = 0;
    this.#write(write);
  }

  #write(write: () => void): void {
    this.#doc.transact(write, this);
  }

  #onEvents(events: readonly Y.YEvent<Y.AbstractType<unknown>>[]): void {
    const changed = new Set<string>();
    for (const event of events) {
      const [id] = event.path;
      if (typeof id === "string") changed.add(id);
      else for (const key of event.keys.keys()) changed.add(key);
    }
    for (const id of changed) this.#read(id);
    this.#sorted = undefined;
    // What there was no room for before may fit now.
    const removed = [...changed].some((id) => !this.#elements.has(id));
    if (removed && this.#skipped > 0) for (const id of this.#readAll()) changed.add(id);
    else this.#skipped = this.#map.size - this.#elements.size;
    for (const listener of this.#listeners) listener(changed);
  }

  /** Reads what is not there yet. @returns The ids that were added. */
  #readAll(): string[] {
    const added: string[] = [];
    for (const id of this.#map.keys()) {
      if (this.#elements.has(id)) continue;
      this.#read(id);
      if (this.#elements.has(id)) added.push(id);
    }
    this.#sorted = undefined;
    this.#skipped = this.#map.size - this.#elements.size;
    return added;
  }

  #read(id: string): void {
    const known = this.#elements.get(id);
    if (known !== undefined) {
      this.#elements.delete(id);
      this.#detail -= detailOf(known);
    }
    const fields = this.#fieldsOf(id);
    if (fields === undefined || this.#elements.size >= MAX_ELEMENTS) return;
    const element = readElement(id, (field) => fields.get(field));
    if (element === undefined || this.#detail + detailOf(element) > MAX_DETAIL) return;
    this.#elements.set(id, element);
    this.#detail += detailOf(element);
  }
}

function fieldsFor(draft: ElementDraft & { readonly text?: string }, order: number): Y.Map<unknown> {
  const { kind, x, y, width, height, color, lineWidth, isFilled, points, text = "" } = draft;
  return new Y.Map<unknown>([
    ["kind", kind],
    ["at", [x, y]],
    ["size", [width, height]],
    ["color", color],
    ["lineWidth", lineWidth],
    ["isFilled", isFilled],
    ["order", order],
    ...(points === undefined ? [] : [["points", points] as const]),
    ...(kind === "note" ? [["text", new Y.Text(text)] as const] : []),
  ]);
}

function detailOf(element: BoardElement): number {
  if (element.kind === "stroke") return element.path.points.length / 2;
  return element.kind === "note" ? element.text.length : 0;
}

/** Between which of the others the moved ones go: who will lie above them, and who below. */
function neighbours(
  rest: readonly BoardElement[],
  moved: readonly BoardElement[],
  move: StackMove,
): [above: BoardElement | undefined, below: BoardElement | undefined] {
  const isBelow = (a: BoardElement, b: BoardElement) =>
    a.order < b.order || (a.order === b.order && a.id < b.id);
  if (move === "front") return [undefined, rest.at(-1)];
  if (move === "back") return [rest[0], undefined];
  if (move === "forward") {
    const highest = moved.at(-1) as BoardElement;
    const passed = rest.findIndex((element) => isBelow(highest, element));
    return passed === -1 ? [undefined, rest.at(-1)] : [rest[passed + 1], rest[passed]];
  }
  const lowest = moved[0] as BoardElement;
  const passed = rest.findLastIndex((element) => isBelow(element, lowest));
  return passed === -1 ? [rest[0], undefined] : [rest[passed], rest[passed - 1]];
}

/** Ascending numbers above `below` and under `above`. Where two are so close that none fits, they are equal. */
function ordersBetween(below: number | undefined, above: number | undefined, count: number): number[] {
  if (above === undefined) return Array.from({ length: count }, (_, i) => (below ?? 0) + 1 + i);
  if (below === undefined) return Array.from({ length: count }, (_, i) => above - count + i);
  return Array.from({ length: count }, (_, i) => below + ((above - below) * (i + 1)) / (count + 1));
}

/** Replaces what lies between the common beginning and the common end of old and new. */
function replaceDifference(text: Y.Text, content: string): void {
  const old = text.toString();
  const most = Math.min(old.length, content.length);
  let start = 0;
  while (start < most && old[start] === content[start]) start++;
  // Yjs replaces both halves of a surrogate pair that is cut in two.
  if (isHighSurrogate(old[start - 1])) start--;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === content[content.length - 1 - end]) end++;
  if (isHighSurrogate(old[old.length - 1 - end])) end--;
  if (old.length > start + end) text.delete(start, old.length - start - end);
  if (content.length > start + end) text.insert(start, content.slice(start, content.length - end));
}

function isHighSurrogate(unit: string | undefined): boolean {
  return unit !== undefined && unit >= "\ud800" && unit <= "\udbff";
}
