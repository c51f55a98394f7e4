/** How two texts differ: lines first, then words in lines that changed. */

import { describeFormatting, describeNode } from "./content-describe.ts";
import type { TextNode } from "./content-nodes.ts";
import { compareLists, type Step } from "./diff-sequence.ts";

/** A piece of a comparison. Offsets are UTF-16 units, in the text before and after. */
export interface TextChange {
  readonly kind: "same" | "removed" | "added";
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** Text that is the same and is formatted otherwise. */
interface FormatChange {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** JSON of the formatting before and after. */
  readonly before: string;
  readonly after: string;
}

export interface TextDifference {
  /** All of both texts, in order. */
  readonly changes: readonly TextChange[];
  readonly formats: readonly FormatChange[];
}

// Removed and added pieces that a shortest way is looked for among; beyond, the lines between are shown as replaced.
// Memory grows with its square: 1,000 take about 4 MB.
const MAX_CHANGED_LINES = 1000;
const MAX_CHANGED_WORDS = 1000;

/** Stands for what is embedded, one each. */
export const EMBED = "\ufffc";

/** Words, spaces, line breaks, and every other character alone. */
const WORDS =
  /[\p{L}\p{N}\p{M}_'’]+|[^\S\n]+|\n|\p{Extended_Pictographic}(?:\u200d\p{Extended_Pictographic}|\p{M}|\p{EMod})*|[\s\S]/gu;

/** A text with what is embedded in it as characters, and what formatting each stretch has. */
interface Flat {
  readonly text: string;
  readonly stretches: readonly Stretch[];
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  /** JSON. */
  readonly formatting: string;
  /** JSON of what is embedded; empty for text. */
  readonly embed: string;
}

/** @returns `null` when they are equal. */
export function compareTexts(a: TextNode, b: TextNode): TextDifference | null {
  const before = flatten(a);
  const after = flatten(b);
  const changes = compareStrings(before.text, after.text);
  const formats = changes.flatMap((change) =>
    change.kind === "same" ? formatsIn(change, before, after) : [],
  );
  const isEqual = formats.length === 0 && changes.every(({ kind }) => kind === "same");
  return isEqual ? null : { changes, formats };
}

function flatten({ pieces }: TextNode): Flat {
  const parts: string[] = [];
  const stretches: Stretch[] = [];
  let start = 0;
  for (const piece of pieces) {
    const { embed: node, formatting } = piece;
    const part = node === null ? piece.text() : EMBED;
    const end = start + part.length;
    const embed = node === null ? "" : JSON.stringify(describeNode(node));
    stretches.push({ start, end, formatting: JSON.stringify(describeFormatting(formatting)), embed });
    parts.push(part);
    start = end;
  }
  return { text: parts.join(""), stretches };
}

/** All of both texts, as what they share and what only one has. */
export function compareStrings(a: string, b: string): TextChange[] {
  const changes = new Changes();
  const lines = { a: a.split(/(?<=\n)/), b: b.split(/(?<=\n)/) };
  const at = { a: 0, b: 0 };
  const steps = compareLists(lines.a, lines.b, MAX_CHANGED_LINES);
  for (let i = 0; i < steps.length; i++) {
    const { kind, count } = steps[i] as Step;
    const next = steps[i + 1];
    if (kind === "removed" && next?.kind === "added") {
      const removed = lines.a.slice(at.a, at.a + count).join("");
      const added = lines.b.slice(at.b, at.b + next.count).join("");
      addWords(changes, removed, added);
      at.a += count;
      at.b += next.count;
      i++;
    } else {
      const from = kind === "added" ? lines.b.slice(at.b, at.b + count) : lines.a.slice(at.a, at.a + count);
      changes.add(kind, from.join(""));
      if (kind !== "added") at.a += count;
      if (kind !== "removed") at.b += count;
    }
  }
  return [...changes.end()];
}

function addWords(changes: Changes, removed: string, added: string): void {
  const a = removed.match(WORDS) ?? [];
  const b = added.match(WORDS) ?? [];
  let atA = 0;
  let atB = 0;
  for (const { kind, count } of tidy(compareLists(a, b, MAX_CHANGED_WORDS), a)) {
    if (kind === "added") changes.add(kind, b.slice(atB, atB + count).join(""));
    else changes.add(kind, a.slice(atA, atA + count).join(""));
    if (kind !== "added") atA += count;
    if (kind !== "removed") atB += count;
  }
}

/** Two changes with but a space between them are one: that reads better than a space that stayed. */
function tidy(steps: readonly Step[], a: readonly string[]): Step[] {
  const tidied: Step[] = [];
  let at = 0;
  for (const [i, step] of steps.entries()) {
    const isBetween = i > 0 && i < steps.length - 1 && step.kind === "same" && step.count === 1;
    if (isBetween && /^[^\S\n]+$/.test(a[at] ?? "")) {
      tidied.push({ kind: "removed", count: 1 }, { kind: "added", count: 1 });
    } else tidied.push(step);
    if (step.kind !== "added") at += step.count;
  }
  return tidied;
}

/** Puts changes together: in a run of them what was removed comes first. */
class Changes {
  readonly all: TextChange[] = [];
  #from = 0;
  #to = 0;
  #removed = "";
  #added = "";

  add(kind: TextChange["kind"], text: string): void {
    if (text === "") return;
    if (kind === "removed") this.#removed += text;
    else if (kind === "added") this.#added += text;
    else {
      this.#flush();
      this.#push("same", text);
    }
  }

  end(): readonly TextChange[] {
    this.#flush();
    return this.all;
  }

  #flush(): void {
    const [removed, added] = [this.#removed, this.#added];
    this.#removed = "";
    this.#added = "";
    this.#push("removed", removed);
    this.#push("added", added);
  }

  #push(kind: TextChange["kind"], text: string): void {
    if (text === "") return;
    const last = this.all.at(-1);
    if (last?.kind === kind) this.all[this.all.length - 1] = { ...last, text: last.text + text };
    else this.all.push({ kind, text, from: this.#from, to: this.#to });
    if (kind !== "added") this.#from += text.length;
    if (kind !== "removed") this.#to += text.length;
  }
}

/** Where what stayed has other formatting, or something else embedded. */
function formatsIn({ text, from, to }: TextChange, a: Flat, b: Flat): FormatChange[] {
  const found: FormatChange[] = [];
  let offset = 0;
  let atA = stretchAt(a.stretches, from);
  let atB = stretchAt(b.stretches, to);
  while (offset < text.length) {
    const before = a.stretches[atA] as Stretch;
    const after = b.stretches[atB] as Stretch;
    const end = Math.min(before.end - from, after.end - to, text.length);
    if (before.formatting !== after.formatting || before.embed !== after.embed) {
      const said = (stretch: Stretch) => stretch.embed || stretch.formatting;
      const isEmbed = before.embed !== after.embed;
      found.push({
        text: text.slice(offset, end),
        from: from + offset,
        to: to + offset,
        before: isEmbed ? said(before) : before.formatting,
        after: isEmbed ? said(after) : after.formatting,
      });
    }
    if (before.end - from === end) atA++;
    if (after.end - to === end) atB++;
    offset = end;
  }
  return found;
}

function stretchAt(stretches: readonly Stretch[], offset: number): number {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((stretches[middle] as Stretch).start <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
