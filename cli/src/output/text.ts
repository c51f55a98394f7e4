/** Text that came from outside, as a terminal can show it. */

import { printable, widthOf } from "@joinery/server";

export { printable, widthOf };

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The name of a document in a table: as it is, but in quotes where its ends could not be seen. */
export function shownName(name: string): string {
  return printable(/^[\s"]|\s$|^$/.test(name) ? JSON.stringify(name) : name);
}

/** The name of a document in a sentence. */
export function quotedName(name: string): string {
  return printable(JSON.stringify(name));
}

/** Cuts text in its middle to so many columns, with an ellipsis in it: both ends of a name tell something. */
export function cutMiddle(text: string, width: number): string {
  if (width === Number.POSITIVE_INFINITY || widthOf(text) <= width) return text;
  if (width < 1) return "";
  const parts = [...graphemes.segment(text)].map(({ segment }) => segment);
  const tailWidth = Math.floor((width - 1) / 2);
  const head = taken(parts, width - 1 - tailWidth);
  const tail = taken(parts.toReversed(), tailWidth).toReversed();
  return `${head.join("")}…${tail.join("")}`;
}

/** Fills text up with spaces. */
export function padded(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "left" ? text + space : space + text;
}

/** Breaks a sentence into lines of so many columns, at spaces. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function taken(parts: readonly string[], width: number): string[] {
  const found: string[] = [];
  let left = width;
  for (const part of parts) {
    left -= widthOf(part);
    if (left < 0) break;
    found.push(part);
  }
  return found;
}
