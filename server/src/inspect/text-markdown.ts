/**
 * A document as Markdown, as far as it goes: XML as ProseMirror and Tiptap write it, and texts with formatting as Quill
 * does. What Markdown has no word for is left out, its text stays. What is no text at all is not there.
 */

import {
  type ContentNode,
  type ContentRoot,
  type Formatting,
  isText,
  type TextNode,
  type TextPiece,
} from "./content-nodes.ts";
import { plainTextOf } from "./text.ts";

/** Formatting by the names that editors give it, inside out: the first one stands next to the text. */
const MARKS: readonly (readonly [readonly string[], string])[] = [
  [["code"], "`"],
  [["strike", "s", "strikethrough"], "~~"],
  [["italic", "em", "i"], "*"],
  [["bold", "strong", "b"], "**"],
];

/** All roots that have text, each under a heading of its name if there are several. */
export function markdownOfRoots(roots: readonly ContentRoot[]): string {
  const parts = roots
    .map(({ name, node }) => ({ name, markdown: markdownOf(node) }))
    .filter(({ markdown }) => markdown !== "");
  if (parts.length === 1) return `${parts[0]?.markdown}\n`;
  return parts.map(({ name, markdown }) => `# ${escapeText(name)}\n\n${markdown}\n`).join("\n");
}

function markdownOf(node: ContentNode): string {
  if (isText(node)) return textBlocks(node);
  if (node.kind === "xml-fragment" || node.kind === "xml-element") return blocksIn(node.items).join("\n\n");
  return plainTextOf(node)
    .split("\n")
    .filter((line) => line !== "")
    .map(escapeLine)
    .join("\n\n");
}

type Item = ContentNode;

function blocksIn(items: Iterable<Item>): string[] {
  const blocks: string[] = [];
  let line = "";
  for (const item of items) {
    if (isText(item) || isInline(item)) line += inlineOf(item);
    else {
      if (line !== "") blocks.push(escapeStart(line));
      line = "";
      const block = blockOf(item);
      if (block !== "") blocks.push(block);
    }
  }
  if (line !== "") blocks.push(escapeStart(line));
  return blocks;
}

const INLINE: ReadonlySet<string> = new Set(["hardBreak", "hard_break", "br", "image", "img", "mention"]);

function isInline(node: Item): boolean {
  return node.kind === "xml-element" && INLINE.has(node.name);
}

function blockOf(node: Item): string {
  if (node.kind !== "xml-element") return markdownOf(node);
  const items = [...node.items];
  switch (node.name) {
    case "heading":
      return `${"#".repeat(levelOf(node.entries.get("level")))} ${items.map(inlineOf).join("")}`;
    case "blockquote":
      return prefixed(blocksIn(items).join("\n\n"), "> ", "> ");
    case "bulletList":
    case "bullet_list":
    case "ul":
      return items.map((item) => prefixed(itemOf(item), "- ", "  ")).join("\n");
    case "orderedList":
    case "ordered_list":
    case "ol":
      return items.map((item, i) => prefixed(itemOf(item), `${i + 1}. `, "   ")).join("\n");
    case "taskList":
      return items
        .map((item) => prefixed(itemOf(item), `- [${isChecked(item) ? "x" : " "}] `, "  "))
        .join("\n");
    case "codeBlock":
    case "code_block":
    case "pre":
      return fenced(plainTextOf(node), textValue(node.entries.get("language")));
    case "horizontalRule":
    case "horizontal_rule":
    case "hr":
      return "---";
    default:
      return blocksIn(items).join("\n\n");
  }
}

function itemOf(node: Item): string {
  const blocks = node.kind === "xml-element" ? blocksIn(node.items) : [markdownOf(node)];
  return blocks.join("\n");
}

function isChecked(node: Item): boolean {
  const checked = node.kind === "xml-element" ? node.entries.get("checked") : undefined;
  return checked?.kind === "value" && (checked.value === true || checked.value === "true");
}

function levelOf(node: Item | undefined): number {
  const level = node?.kind === "value" ? Number(node.value) : 1;
  return Number.isInteger(level) && level >= 1 && level <= 6 ? level : 1;
}

function textValue(node: Item | undefined): string {
  return node?.kind === "value" && typeof node.value === "string" ? node.value : "";
}

function inlineOf(node: Item): string {
  if (isText(node)) {
    return Array.from(node.pieces, (piece) => pieceOf(contentOf(piece), piece.formatting)).join("");
  }
  if (node.kind !== "xml-element") return "";
  if (node.name === "image" || node.name === "img") {
    return imageOf(textValue(node.entries.get("alt")), textValue(node.entries.get("src")));
  }
  return BREAKING.has(node.name) ? "\\\n" : Array.from(node.items, inlineOf).join("");
}

const BREAKING: ReadonlySet<string> = new Set(["hardBreak", "hard_break", "br"]);

function contentOf(piece: TextPiece): string | ContentNode {
  return piece.embed ?? piece.text();
}

/** Whitespace stays outside of marks: Markdown does not know them there. */
function pieceOf(insert: string | ContentNode, formatting: Formatting | null): string {
  if (typeof insert !== "string") return embedOf(insert);
  if (formatting === null) return escapeText(insert);
  const [, before = "", inner = "", after = ""] = /^(\s*)(.*?)(\s*)$/su.exec(insert) ?? [];
  if (inner === "") return insert;
  let text = formatting.has("code") ? inner : escapeText(inner);
  for (const [names, mark] of MARKS) {
    if (!names.some((name) => isOn(formatting.get(name)))) continue;
    const fence = mark === "`" ? "`".repeat(longestRun(inner) + 1) : mark;
    const gap = mark === "`" && (inner.startsWith("`") || inner.endsWith("`")) ? " " : "";
    text = `${fence}${gap}${text}${gap}${fence}`;
  }
  const link = linkOf(formatting.get("link"));
  return `${before}${link === "" ? text : `[${text}](${targetOf(link)})`}${after}`;
}

function isOn(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}

/** Quill gives the address, Tiptap an object with it. */
function linkOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  const href = Object.entries(value).find(([name]) => name === "href")?.[1];
  return typeof href === "string" ? href : "";
}

function embedOf(node: ContentNode): string {
  if (node.kind !== "value" || typeof node.value !== "object" || node.value === null) return "";
  const image = Object.entries(node.value).find(([name]) => name === "image")?.[1];
  return typeof image === "string" ? imageOf("", image) : "";
}

function imageOf(alt: string, source: string): string {
  return `![${escapeText(alt)}](${targetOf(source)})`;
}

function targetOf(address: string): string {
  return `<${address.replaceAll(/[<>\s]/g, (character) => encodeURIComponent(character))}>`;
}

/** A line of a text, and the formatting of the line break that ends it: there Quill says what the line is. */
interface Line {
  text: string;
  plain: string;
  formatting: Formatting | null;
}

function textBlocks(node: TextNode): string {
  const lines = linesOf(node);
  let markdown = "";
  let previous: string | null = null;
  let code: string[] = [];
  let number = 0;
  for (const line of lines) {
    const kind = lineKind(line);
    if (kind !== "code" && code.length > 0) {
      markdown += `${separator(previous, "code")}${fenced(code.join("\n"), "")}`;
      previous = "code";
      code = [];
    }
    if (kind === "code") {
      code.push(line.plain);
      continue;
    }
    number = kind === "ordered" ? number + 1 : 0;
    if (line.text === "" && kind === "paragraph") continue;
    markdown += separator(previous, kind) + lineMarkdown(line, kind, number);
    previous = kind;
  }
  if (code.length > 0) markdown += separator(previous, "code") + fenced(code.join("\n"), "");
  return markdown;
}

function linesOf({ pieces }: TextNode): Line[] {
  const lines: Line[] = [];
  let text = "";
  let plain = "";
  for (const piece of pieces) {
    const { embed, formatting } = piece;
    const parts = embed === null ? piece.text().split("\n") : [embed];
    for (const [i, part] of parts.entries()) {
      if (i > 0) {
        lines.push({ text, plain, formatting });
        text = "";
        plain = "";
      }
      if (part === "") continue;
      text += pieceOf(part, formatting);
      if (typeof part === "string") plain += part;
    }
  }
  if (text !== "") lines.push({ text, plain, formatting: null });
  return lines;
}

function lineKind({ formatting }: Line): string {
  const list = formatting?.get("list");
  if (typeof list === "string") return list === "ordered" ? "ordered" : "bullet";
  if (isOn(formatting?.get("code-block"))) return "code";
  if (isOn(formatting?.get("blockquote"))) return "quote";
  return isOn(formatting?.get("header")) ? "heading" : "paragraph";
}

function lineMarkdown({ text, formatting }: Line, kind: string, number: number): string {
  if (kind === "ordered") return `${number}. ${text}`;
  if (kind === "bullet") return `- ${boxOf(formatting?.get("list"))}${text}`;
  if (kind === "quote") return `> ${text}`;
  if (kind !== "heading") return escapeStart(text);
  const level = Number(formatting?.get("header"));
  return `${"#".repeat(level >= 1 && level <= 6 ? level : 1)} ${text}`;
}

function boxOf(list: unknown): string {
  return list === "checked" ? "[x] " : list === "unchecked" ? "[ ] " : "";
}

/** Lines of one list or quotation stand together. */
function separator(previous: string | null, kind: string): string {
  if (previous === null) return "";
  return previous === kind && kind !== "paragraph" && kind !== "heading" && kind !== "code" ? "\n" : "\n\n";
}

function fenced(code: string, language: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(code) + 1));
  return `${fence}${language.replaceAll(/[^\w+-]/g, "")}\n${code}\n${fence}`;
}

/** The longest run of backticks: what encloses it must be longer. */
function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return longest;
}

function prefixed(text: string, first: string, others: string): string {
  return text
    .split("\n")
    .map((line, i) => `${i === 0 ? first : others}${line}`.trimEnd())
    .join("\n");
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>]/g, "\\$&");
}

function escapeLine(text: string): string {
  return escapeStart(escapeText(text));
}

/**
 * Takes from the start of a line what would make it a heading, a list, a quotation or a rule, and spaces, which may make
 * it code.
 */
function escapeStart(text: string): string {
  return text
    .trimStart()
    .replace(/^(?:[#+-]|\d+(?=[.)]))/, (mark) => (/\d/.test(mark) ? `${mark}\\` : `\\${mark}`));
}
