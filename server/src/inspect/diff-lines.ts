/** Differences as lines, for people. As in `git diff --word-diff`, `[-…-]` was removed and `{+…+}` was added. */

import type { ContentNode, TextNode } from "./content-nodes.ts";
import { isText } from "./content-nodes.ts";
import type { Difference, Path } from "./diff.ts";
import { type Authorship, ticksBetween } from "./diff-authors.ts";
import { EMBED, type TextChange, type TextDifference } from "./diff-text.ts";
import {
  counted,
  piece,
  spaced,
  summaryOf,
  type TreeLine,
  type TreePiece,
  type TreeStyle,
  wholeCharacters,
} from "./tree.ts";
import { cutTo, printable, widthOf } from "./tree-printable.ts";

export interface DiffLineOptions {
  /** Columns of a line that is not a text's; nothing is cut to fit them where `isFull`. */
  readonly width: number;
  /** Shows texts to their end, and all their changes. */
  readonly isFull: boolean;
  /** Who wrote what; `null` where nobody knows. */
  readonly authorship: Authorship | null;
}

/** Unchanged characters that are shown before and behind a change of a text. */
const CONTEXT = 30;
const MAX_CHANGED_TEXT = 200;
const MAX_HUNKS = 20;

/** Each difference as a line, and each change of a text as one below it; a text that came or went is one change. */
export function* linesOfDifferences(
  differences: readonly Difference[],
  options: DiffLineOptions,
): Generator<TreeLine> {
  for (const difference of differences) yield* linesOf(difference, options);
}

function* linesOf(difference: Difference, options: DiffLineOptions): Generator<TreeLine> {
  const { authorship, isFull } = options;
  const width = isFull ? Number.POSITIVE_INFINITY : options.width;
  const by = piece("note", authorship === null ? "" : byLine(authorsOf(difference, authorship)));
  const path = piece("name", pathText(difference.path));
  if (difference.change === "added") {
    yield fitted([piece("added", "+"), path, ...summaryOf(difference.after, isFull)], by, width);
    yield* wholeText("added", difference.after, isFull);
  } else if (difference.change === "removed") {
    yield fitted([piece("removed", "-"), path, ...summaryOf(difference.before, isFull)], by, width);
    yield* wholeText("removed", difference.before, isFull);
  } else if (difference.text === null) {
    const { before, after } = difference;
    const change = [...summaryOf(before, isFull), piece("plain", "→"), ...summaryOf(after, isFull)];
    yield fitted([piece("value", "~"), path, ...change], by, width);
    yield* wholeText("removed", before, isFull);
    yield* wholeText("added", after, isFull);
  } else {
    yield fitted([piece("value", "~"), path, ...countsOf(difference.text)], by, width);
    yield* hunksOf(difference.text, options.isFull);
    yield* formatsOf(difference.text, options);
  }
}

/** A line that fits, with who did it at its end. */
function fitted(pieces: readonly TreePiece[], by: TreePiece, width: number): TreeLine {
  const line: TreePiece[] = [];
  let left = width - (by.text === "" ? 0 : widthOf(by.text) + 2);
  for (const next of spaced(pieces, " ")) {
    if (next.text === "" || left <= 0) continue;
    const text = cutTo(next.text, Math.max(1, left));
    line.push({ ...next, text });
    left = text === next.text ? left - widthOf(text) : 0;
  }
  return by.text === "" ? line : [...line, piece("plain", "  "), by];
}

/** `root.key[3].@attribute`; keys that are no words stand in brackets and quotes. */
export function pathText(path: Path): string {
  return path
    .map((step, i) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^@?[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step))
        return printable(i === 0 ? JSON.stringify(step) : `[${JSON.stringify(step)}]`);
      return i === 0 ? step : `.${step}`;
    })
    .join("");
}

function countsOf({ changes, formats }: TextDifference): TreePiece[] {
  const sum = (kind: TextChange["kind"]) =>
    changes.reduce((total, change) => total + (change.kind === kind ? change.text.length : 0), 0);
  const counts = [
    sum("removed") > 0 ? piece("removed", `−${sum("removed").toLocaleString("en")}`) : null,
    sum("added") > 0 ? piece("added", `+${sum("added").toLocaleString("en")}`) : null,
  ].filter((each) => each !== null);
  const what = counts.length > 0 ? [...counts, piece("note", "characters")] : [];
  const format = formats.length > 0 ? [piece("note", counted(formats.length, "formatting change"))] : [];
  return [...what, ...format];
}

/** A text that was not there before, or is not there any more. Cost: decodes what it shows. */
function* wholeText(kind: "added" | "removed", node: ContentNode, isFull: boolean): Generator<TreeLine> {
  if (!isText(node) || node.length === 0) return;
  const text = beginningOf(node, isFull ? node.length : MAX_CHANGED_TEXT + 1);
  yield [piece("note", "    line 1  "), marked({ kind, text }, isFull, node.length)];
}

/** At most so many UTF-16 units of a text, with what is embedded in it. */
function beginningOf({ pieces }: TextNode, max: number): string {
  let text = "";
  for (const each of pieces) {
    text += each.embed === null ? each.text(max - text.length) : EMBED;
    if (text.length >= max) break;
  }
  return text;
}

/** Changes that stand close together, in one line, with what is around them. */
function* hunksOf({ changes }: TextDifference, isFull: boolean): Generator<TreeLine> {
  const hunks = hunksIn(changes);
  const shown = isFull ? hunks.length : MAX_HUNKS;
  for (const { first, last, line } of hunks.slice(0, shown)) {
    const before = contextBefore(changes[first - 1]);
    const behind = contextBehind(changes[last + 1]);
    const middle = changes.slice(first, last + 1).map((change) => marked(change, isFull));
    yield [piece("note", `    line ${line}  `), piece("plain", before), ...middle, piece("plain", behind)];
  }
  if (hunks.length > shown) yield [piece("note", `    … ${counted(hunks.length - shown, "more change")}`)];
}

interface Hunk {
  readonly first: number;
  last: number;
  /** In the text after, from 1. */
  readonly line: number;
}

function hunksIn(changes: readonly TextChange[]): Hunk[] {
  const hunks: Hunk[] = [];
  let line = 1;
  for (const [i, { kind, text }] of changes.entries()) {
    const last = hunks.at(-1);
    if (kind !== "same") {
      const between = last === undefined ? undefined : changes.slice(last.last + 1, i);
      const isNear = between?.every(({ text }) => text.length <= CONTEXT && !text.includes("\n")) ?? false;
      if (last && isNear) last.last = i;
      else hunks.push({ first: i, last: i, line });
    }
    if (kind !== "removed") line += text.split("\n").length - 1;
  }
  return hunks;
}

/** The end of the line before a change. */
function contextBefore(change: TextChange | undefined): string {
  if (change === undefined) return "";
  const line = change.text.slice(change.text.lastIndexOf("\n") + 1);
  if (line.length <= CONTEXT) return shown(line);
  const cut = line.slice(-CONTEXT);
  return `…${shown(cut.isWellFormed() ? cut : cut.slice(1))}`;
}

function contextBehind(change: TextChange | undefined): string {
  if (change === undefined) return "";
  const [line = ""] = change.text.split("\n");
  return line.length <= CONTEXT ? shown(line) : `${shown(wholeCharacters(line, CONTEXT))}…`;
}

/** @param length Of the whole, where `text` is only its beginning. */
function marked(
  { kind, text }: Pick<TextChange, "kind" | "text">,
  isFull: boolean,
  length = text.length,
): TreePiece {
  if (kind === "same") return piece("plain", shown(text));
  const cut = isFull || text.length <= MAX_CHANGED_TEXT ? text : wholeCharacters(text, MAX_CHANGED_TEXT);
  const rest = length - cut.length;
  const more = rest > 0 ? `… ${counted(rest, "more character")}` : "";
  const style: TreeStyle = kind;
  return kind === "removed"
    ? piece(style, `[-${shown(cut)}${more}-]`)
    : piece(style, `{+${shown(cut)}${more}+}`);
}

/** In one line: a line break is shown as one. */
function shown(text: string): string {
  return text.replaceAll(EMBED, "⟨embed⟩").split("\n").map(printable).join("⏎");
}

function* formatsOf({ formats }: TextDifference, { isFull, width }: DiffLineOptions): Generator<TreeLine> {
  const count = isFull ? formats.length : MAX_HUNKS;
  for (const { text, before, after } of formats.slice(0, count)) {
    const what = text === EMBED ? "embed" : JSON.stringify(isFull ? text : cutTo(text, 2 * CONTEXT));
    yield fitted(
      [
        piece("plain", "   "),
        piece("string", printable(what)),
        piece("removed", printable(before)),
        piece("plain", "→"),
        piece("added", printable(after)),
      ],
      piece("note", ""),
      isFull ? Number.POSITIVE_INFINITY : width,
    );
  }
  if (formats.length > count)
    yield [piece("note", `    … ${counted(formats.length - count, "more formatting change")}`)];
}

/** Who made a difference, in the order of their names. Empty where the log does not say. */
export function authorsOf(difference: Difference, authorship: Authorship): string[] {
  const authors = new Set<string>();
  const add = (more: Iterable<string>) => {
    for (const author of more) authors.add(author);
  };
  if (difference.change === "added") add(authorship.writersOf(difference.after));
  else if (difference.change === "removed") add(authorship.deletersOf(difference.before));
  else if (difference.text !== null && isText(difference.before) && isText(difference.after)) {
    for (const change of difference.text.changes) {
      add(authorsOfChange(change, { before: difference.before, after: difference.after }, authorship));
    }
  } else add(authorship.writersOf(difference.after));
  return [...authors].sort();
}

/** Who added or removed a piece of a text. */
export function authorsOfChange(
  { kind, from, to, text }: TextChange,
  { before, after }: { readonly before: TextNode; readonly after: TextNode },
  authorship: Authorship,
): ReadonlySet<string> {
  if (kind === "added") return authorship.writersOfTicks(ticksBetween(after.ticks, to, text.length));
  if (kind === "removed") return authorship.deletersOfTicks(ticksBetween(before.ticks, from, text.length));
  return NOBODY;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Where nobody is anybody in particular, nothing is said. */
function byLine(authors: readonly string[]): string {
  const named = authors.filter((author) => author !== "").map(printable);
  if (named.length === 0) return "";
  return `by ${[...named, ...(named.length < authors.length ? ["nobody in particular"] : [])].join(", ")}`;
}
