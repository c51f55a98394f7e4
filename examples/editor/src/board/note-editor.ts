/** A field over a note, to write on it. What others write at the same time appears in it. */

import type * as Y from "yjs";
import type { Scheme } from "../color-scheme.ts";
import type { Camera } from "./camera.ts";
import { NOTE_FONT, NOTE_LINE_HEIGHT, NOTE_PADDING, noteFontSize } from "./drawing.ts";
import { MAX_NOTE_LENGTH, type NoteElement } from "./element.ts";
import type { BoardModel } from "./model.ts";
import { noteInk, toneOf } from "./palette.ts";

export class NoteEditor {
  readonly #field: HTMLTextAreaElement;
  readonly #model: BoardModel;
  readonly #camera: Camera;
  readonly #scheme: () => Scheme;
  readonly #onClose: (hadFocus: boolean) => void;
  #note: { readonly id: string; readonly stopWatching: () => void } | undefined;

  /** @param onClose Called when the field is gone; whether the keyboard went with it. */
  constructor(
    parent: HTMLElement,
    model: BoardModel,
    camera: Camera,
    scheme: () => Scheme,
    onClose: (hadFocus: boolean) => void,
  ) {
    this.#model = model;
    this.#camera = camera;
    this.#scheme = scheme;
    this.#onClose = onClose;
    this.#field = createField(parent);
    this.#field.addEventListener("input", () => this.#write());
    this.#field.addEventListener("blur", () => this.close());
    this.#field.addEventListener("keydown", (event) => this.#onKey(event));
    model.onChange((ids) => {
      if (this.#note !== undefined && ids.has(this.#note.id)) this.place();
    });
  }

  get noteId(): string | undefined {
    return this.#note?.id;
  }

  open(id: string): void {
    this.close();
    const element = this.#model.get(id);
    if (element?.kind !== "note") return;
    this.#note = { id, stopWatching: this.#watch(id) };
    this.#field.value = this.#model.noteText(id)?.toString().slice(0, MAX_NOTE_LENGTH) ?? "";
    this.#field.hidden = false;
    this.place();
    this.#field.focus({ preventScroll: true });
    this.#field.select();
  }

  close(): void {
    const note = this.#note;
    if (note === undefined) return;
    this.#note = undefined;
    note.stopWatching();
    const hadFocus = document.activeElement === this.#field;
    this.#field.hidden = true;
    this.#onClose(hadFocus);
  }

  /** Puts the field over its note, wherever that is now. */
  place(): void {
    if (this.#note === undefined) return;
    const element = this.#model.get(this.#note.id);
    // Somebody has removed it.
    if (element?.kind !== "note") this.close();
    else this.#placeOver(element);
  }

  #placeOver(note: NoteElement): void {
    const { x, y } = this.#camera.toView(note);
    const tone = toneOf(note.color, this.#scheme());
    Object.assign(this.#field.style, {
      width: `${note.width}px`,
      height: `${note.height}px`,
      transform: `translate(${x}px, ${y}px) scale(${this.#camera.zoom})`,
      fontSize: `${noteFontSize(note)}px`,
      background: tone.fill,
      borderColor: tone.line,
      color: noteInk(this.#scheme()),
    });
  }

  #write(): void {
    if (this.#note !== undefined) this.#model.rewriteNote(this.#note.id, this.#field.value);
  }

  #onKey(event: KeyboardEvent): void {
    // The board has the same keys for other things.
    event.stopPropagation();
    const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
    } else if (isUndo) {
      // The browser's own history of the field knows nothing of what others wrote.
      event.preventDefault();
      if (event.shiftKey) this.#model.redo();
      else this.#model.undo();
    }
  }

  #watch(id: string): () => void {
    const text = this.#model.noteText(id);
    const follow = (event: Y.YTextEvent, transaction: Y.Transaction) => {
      if (transaction.origin !== this.#model) this.#follow(event);
    };
    text?.observe(follow);
    return () => text?.unobserve(follow);
  }

  /** Takes over a change, and keeps the caret between the characters where it was. */
  #follow(event: Y.YTextEvent): void {
    const { selectionStart, selectionEnd } = this.#field;
    let [at, start, end] = [0, selectionStart, selectionEnd];
    for (const { retain = 0, insert = "", delete: removed = 0 } of event.delta) {
      const inserted = typeof insert === "string" ? insert.length : 1;
      at += retain;
      start = shift(start, at, inserted, removed);
      end = shift(end, at, inserted, removed);
      at += inserted;
    }
    this.#field.value = (event.target as Y.Text).toString().slice(0, MAX_NOTE_LENGTH);
    this.#field.setSelectionRange(start, end);
  }
}

function shift(caret: number, at: number, inserted: number, removed: number): number {
  if (caret <= at) return caret;
  return Math.max(at, caret - removed) + inserted;
}

function createField(parent: HTMLElement): HTMLTextAreaElement {
  const field = document.createElement("textarea");
  field.className = "board-note-field";
  field.hidden = true;
  field.dir = "auto";
  field.maxLength = MAX_NOTE_LENGTH;
  field.setAttribute("aria-label", "Text of the note");
  Object.assign(field.style, {
    fontFamily: NOTE_FONT,
    lineHeight: String(NOTE_LINE_HEIGHT),
    padding: `${NOTE_PADDING - 1}px`,
  });
  parent.append(field);
  return field;
}
