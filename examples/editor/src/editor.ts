/** The text: CodeMirror on a Y.Text, with Markdown, everybody's cursors, and an undo of one's own edits only. */

import { defaultKeymap } from "@codemirror/commands";
import { markdown, markdownLanguage } from "@codemirror/lang-markdown";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  dropCursor,
  EditorView,
  highlightSpecialChars,
  keymap,
  placeholder,
  rectangularSelection,
} from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import * as Y from "yjs";
import type { CheckedAwareness } from "./checked-awareness.ts";
import { editorTheme } from "./editor-theme.ts";

const INVITATION =
  "Write here, in Markdown or in plain text.\nOpen this address in a second window and type in both.";

export interface Editor {
  readonly view: EditorView;
  /** Lets the person read, select and copy, but not type: for when what is typed could go nowhere. */
  makeReadOnly(): void;
}

export function createEditor(parent: HTMLElement, text: Y.Text, awareness: CheckedAwareness): Editor {
  const writing = new Compartment();
  const undoManager = new Y.UndoManager(text);
  const extensions: Extension = [
    keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
    markdown({ base: markdownLanguage }),
    yCollab(text, awareness, { undoManager }),
    writing.of(placeholder(INVITATION)),
    highlightSpecialChars(),
    drawSelection(),
    dropCursor(),
    rectangularSelection(),
    indentOnInput(),
    bracketMatching(),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      "aria-label": "Text of the document",
      spellcheck: "true",
      dir: "auto",
    }),
    editorTheme,
  ];
  const view = new EditorView({ parent, state: EditorState.create({ doc: text.toString(), extensions }) });
  return {
    view,
    makeReadOnly: () => view.dispatch({ effects: writing.reconfigure(EditorState.readOnly.of(true)) }),
  };
}
