import * as Y from "yjs";
import type { SeededRandom } from "../simulation/seeded-random.ts";

/** What an innocent does in an editor. Positions are shares of the length, 0..1, so that they fit any document. */
export type Edit =
  | { readonly kind: "insert"; readonly at: number; readonly text: string }
  | { readonly kind: "erase"; readonly at: number; readonly length: number }
  | { readonly kind: "format"; readonly at: number; readonly length: number; readonly bold: true | null }
  | { readonly kind: "set"; readonly key: string; readonly value: string }
  | { readonly kind: "unset"; readonly key: string }
  | { readonly kind: "push"; readonly at: number; readonly value: string }
  | { readonly kind: "element"; readonly at: number; readonly words: string };

const KEYS = ["key", "counter", "title"];

export function randomEdit(random: SeededRandom): Edit {
  const at = random.upTo(100) / 100;
  const text = random.word();
  switch (random.upTo(7)) {
    case 0:
      return { kind: "erase", at, length: 1 + random.upTo(3) };
    case 1:
      return { kind: "format", at, length: 1 + random.upTo(5), bold: random.chance(0.5) ? true : null };
    case 2:
      return { kind: "set", key: random.pick(KEYS), value: text };
    case 3:
      return { kind: "unset", key: random.pick(KEYS) };
    case 4:
      return { kind: "push", at, value: text };
    case 5:
      return { kind: "element", at, words: text };
    default:
      return { kind: "insert", at, text };
  }
}

/** Makes an edit, in the roots that an application would use. */
export function makeEdit(doc: Y.Doc, edit: Edit): void {
  switch (edit.kind) {
    case "insert": {
      const text = doc.getText("text");
      text.insert(betweenCharacters(text, Math.round(edit.at * text.length)), edit.text);
      break;
    }
    case "erase":
    case "format": {
      const text = doc.getText("text");
      const from = betweenCharacters(text, Math.floor(edit.at * text.length));
      const length = betweenCharacters(text, Math.min(from + edit.length, text.length)) - from;
      if (length === 0) break;
      if (edit.kind === "erase") text.delete(from, length);
      else text.format(from, length, { bold: edit.bold });
      break;
    }
    case "set":
      doc.getMap("map").set(edit.key, edit.value);
      break;
    case "unset":
      doc.getMap("map").delete(edit.key);
      break;
    case "push": {
      const array = doc.getArray("array");
      array.insert(Math.round(edit.at * array.length), [edit.value]);
      break;
    }
    case "element": {
      const fragment = doc.getXmlFragment("xml");
      const element = new Y.XmlElement("paragraph");
      element.insert(0, [new Y.XmlText(edit.words)]);
      fragment.insert(Math.round(edit.at * fragment.length), [element]);
      break;
    }
  }
}

/** Moves a position that is within a pair of surrogates to before it: no editor cuts a character in two. */
function betweenCharacters(text: Y.Text, position: number): number {
  let start = 0;
  for (let item = text._start; item !== null; item = item.right) {
    if (item.deleted || !item.countable) continue;
    const within = position - start;
    if (within < item.length) {
      const isCut =
        within > 0 &&
        item.content instanceof Y.ContentString &&
        /[\ud800-\udbff]/.test(item.content.str[within - 1] as string);
      return isCut ? position - 1 : position;
    }
    start += item.length;
  }
  return position;
}
