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
  /** Whether the person may read, select and copy, but not type: for when what is typed could go nowhere. */
  isReadOnly: boolean;
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
    get isReadOnly() {
      return view.state.readOnly;
    },
    set isReadOnly(isReadOnly) {
      if (isReadOnly === view.state.readOnly) return;
      const mode = isReadOnly ? EditorState.readOnly.of(true) : placeholder(INVITATION);
      view.dispatch({ effects: writing.reconfigure(mode) });
    },
  };
}
