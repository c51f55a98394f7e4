/**
 * How the text looks. Every colour is a variable of theme.css, where it has a light and a dark side: changing
 * the scheme needs nothing from CodeMirror.
 */

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-text)", fontSize: "1.0625rem", lineHeight: "1.7" },
  ".cm-content": {
    boxSizing: "border-box",
    maxWidth: "calc(44rem + 2 * var(--gutter))",
    marginInline: "auto",
    padding: "2.5rem 0 40vh",
    caretColor: "var(--ink)",
  },
  ".cm-line": { paddingInline: "var(--gutter)" },
  ".cm-cursor, .cm-dropCursor": { borderLeft: "2px solid var(--accent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-placeholder": { color: "var(--ink-soft)", whiteSpace: "pre-wrap" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "var(--danger)" },
  ".cm-specialChar": { color: "var(--danger)" },

  // Other people's cursors. The caret is redrawn whenever it moves, which starts the animation again: a name
  // shows while its owner is at work, then leaves the text alone until somebody points at the caret.
  ".cm-ySelectionCaret": { borderLeftWidth: "1px", borderRightWidth: "1px" },
  ".cm-ySelectionCaretDot": { width: "8px", height: "8px", top: "-5px", left: "-4px" },
  ".cm-ySelectionInfo": {
    top: "-1.5em",
    left: "-2px",
    padding: "0 6px",
    borderRadius: "4px 4px 4px 0",
    fontFamily: "var(--font-interface)",
    fontSize: "0.75rem",
    fontWeight: "600",
    lineHeight: "1.5",
    color: "#fff",
    maxWidth: "16em",
    overflow: "hidden",
    textOverflow: "ellipsis",
    pointerEvents: "none",
    transition: "none",
    animation: "name-flag 4s ease-in",
  },
});

const highlighting = HighlightStyle.define([
  { tag: tags.heading1, fontSize: "1.65em", fontWeight: "700", lineHeight: "1.35", letterSpacing: "-0.01em" },
  { tag: tags.heading2, fontSize: "1.35em", fontWeight: "700", lineHeight: "1.4" },
  { tag: tags.heading3, fontSize: "1.15em", fontWeight: "700" },
  { tag: [tags.heading4, tags.heading5, tags.heading6], fontWeight: "700" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through", color: "var(--ink-soft)" },
  { tag: tags.link, color: "var(--link)", textDecoration: "underline", textUnderlineOffset: "3px" },
  { tag: tags.url, color: "var(--link)" },
  { tag: tags.quote, color: "var(--ink-soft)", fontStyle: "italic" },
  { tag: tags.monospace, fontFamily: "var(--font-code)", fontSize: "0.9em", color: "var(--code)" },
  { tag: [tags.processingInstruction, tags.contentSeparator], color: "var(--accent)" },
  { tag: [tags.labelName, tags.meta, tags.comment], color: "var(--ink-soft)" },
  { tag: [tags.tagName, tags.keyword, tags.atom], color: "var(--code)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--accent)" },
  { tag: [tags.string, tags.attributeValue, tags.number], color: "var(--link)" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

export const editorTheme: Extension = [look, syntaxHighlighting(highlighting)];
