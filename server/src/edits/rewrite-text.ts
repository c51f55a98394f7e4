import * as Y from "yjs";
import { compareStrings } from "../inspect/diff-text.ts";
import { shownItems } from "./texts.ts";

/** What stands somewhere in a string is to be something else. */
interface Replacement {
  /** In UTF-16 units of the string as it was. */
  readonly from: number;
  readonly removed: string;
  readonly added: string;
}

/** Characters of a text that stand one behind the other. */
interface Run {
  /** Where they are in the string, and in the text, which counts what is embedded. */
  readonly offset: number;
  readonly index: number;
  readonly length: number;
}

/**
 * Makes a text read as something else, by few and small changes; what is embedded stays. What takes the place of
 * something is formatted as the end of that.
 *
 * Cost: linear in both texts, and with the square of what differs, up to a thousand lines and a thousand words of each.
 */
export function rewriteText(text: Y.Text, value: string): void {
  const runs: Run[] = [];
  const strings: string[] = [];
  let offset = 0;
  let index = 0;
  for (const { content, length } of shownItems(text)) {
    if (content instanceof Y.ContentString) {
      runs.push({ offset, index, length });
      strings.push(content.str);
      offset += length;
    }
    index += length;
  }
  // From the end: so what is before it stays where it was.
  for (const replacement of replacementsOf(strings.join(""), value).reverse())
    replace(text, runs, replacement);
}

function replacementsOf(before: string, after: string): Replacement[] {
  const replacements: Replacement[] = [];
  for (const { kind, text, from } of compareStrings(before, after)) {
    if (kind === "same") continue;
    const last = replacements.at(-1);
    const isBehind = kind === "added" && last?.added === "" && last.from + last.removed.length === from;
    if (isBehind) replacements[replacements.length - 1] = trimmed({ ...last, added: text });
    else replacements.push({ from, removed: "", added: "", [kind]: text });
  }
  return replacements;
}

/** Words that differ may begin and end with the same characters. */
function trimmed({ from, removed, added }: Replacement): Replacement {
  const shorter = Math.min(removed.length, added.length);
  let start = 0;
  while (start < shorter && removed[start] === added[start]) start++;
  if (isHigh(removed, start - 1)) start--;
  let end = 0;
  while (end < shorter - start && removed.at(-1 - end) === added.at(-1 - end)) end++;
  if (isHigh(removed, removed.length - end - 1)) end--;
  const middle = (of: string): string => of.slice(start, of.length - end);
  return { from: from + start, removed: middle(removed), added: middle(added) };
}

/** Whether a unit is the first half of a surrogate pair: behind it nothing is cut. */
function isHigh(of: string, at: number): boolean {
  return (of.charCodeAt(at) & 0xfc00) === 0xd800;
}

function replace(text: Y.Text, runs: readonly Run[], { from, removed, added }: Replacement): void {
  const to = from + removed.length;
  if (added !== "") text.insert(indexBehind(runs, to), added);
  for (const { offset, index, length } of runs.toReversed()) {
    const start = Math.max(from, offset);
    const end = Math.min(to, offset + length);
    if (start < end) text.delete(index + start - offset, end - start);
  }
}

/** The index in the text right behind so many characters. */
function indexBehind(runs: readonly Run[], count: number): number {
  const run = runs.find(({ offset, length }) => count > offset && count <= offset + length);
  return run === undefined ? 0 : run.index + count - run.offset;
}
