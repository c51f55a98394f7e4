/** Text that came from outside, as it can be printed: a terminal obeys some characters and hides others. */

/** Controls of terminals, of the direction of text and of lines, and halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/gu;
/** The same, in a text of several lines. */
const UNPRINTABLE_IN_LINES = /(?![\t\n])[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/gu;

/** Text in one line. What cannot be printed is written as in JSON. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** Text with its line breaks and tabs. */
export function printableLines(text: string): string {
  return text.replaceAll(UNPRINTABLE_IN_LINES, escaped);
}

/** Text in quotes and in one line, with escapes as in JSON. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

/** A key or the name of a root: as it is where that is clear, else in quotes. */
export function named(name: string): string {
  return /^[\p{L}\p{N}_$@./-]+$/u.test(name) ? name : quoted(name);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** What terminals show in two columns. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\ufe0f/u;
/** What they show in none, but upon what is before it. */
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const GRAPHEMES = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Columns that a printable text takes in a terminal, about: terminals differ. */
export function widthOf(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** As much of the beginning of a text as fits, with a mark where it is cut. */
export function cutTo(text: string, columns: number): string {
  // No character takes less than a unit: what is far too long need not be measured to its end.
  if (text.length <= columns * 16 && widthOf(text) <= columns) return text;
  let width = 0;
  let end = 0;
  for (const { segment, index } of GRAPHEMES.segment(text.slice(0, columns * 16))) {
    width += graphemeWidth(segment);
    if (width > columns - 1) break;
    end = index + segment.length;
  }
  return `${text.slice(0, end)}…`;
}
