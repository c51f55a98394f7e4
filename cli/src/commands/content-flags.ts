/** What the commands that show a document's content have in common. */

import {
  type ContentRoot,
  contentOf,
  type DocumentContent,
  type DocumentSource,
  type Moment,
  parseMoment,
  ROOT_KINDS,
  type RootKind,
  readPacked,
  readStored,
  type StoredContent,
  type TreeLine,
  type TreePiece,
} from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { InvalidArgumentError, Option } from "commander";
import { pc } from "../output/colours.ts";
import { isoTime } from "../output/quantities.ts";
import { tellDamage, tellNoDocument } from "../output/reading-command.ts";
import { writeOut } from "../output/terminal.ts";
import { quotedName } from "../output/text.ts";

/** What roots are said to be, by name. */
export type RootKinds = ReadonlyMap<string, RootKind>;

export function asOption(): Option {
  return new Option(
    "--as <root=type>",
    `what a root is, where its content tells it wrong: ${ROOT_KINDS.join(", ")}; repeatable`,
  ).argParser((text: string, before?: RootKinds): RootKinds => {
    const at = text.lastIndexOf("=");
    const kind = ROOT_KINDS.find((known) => known === text.slice(at + 1));
    if (at < 0 || kind === undefined) {
      throw new InvalidArgumentError(`It must be a root, "=", and one of ${ROOT_KINDS.join(", ")}.`);
    }
    return new Map([...(before ?? []), [text.slice(0, at), kind]]);
  });
}

/** Reads an argument that names a file: `undefined` for the standard input or output, which is `-` by custom. */
export function parseFile(text: string): string | undefined {
  return text === "-" ? undefined : text;
}

/** An option that takes a moment: a `seq`, a time, or how long ago. */
export function momentOption(flags: string, meaning: string): Option {
  return new Option(flags, meaning).argParser((text): Moment => {
    try {
      return parseMoment(text, Date.now());
    } catch (error) {
      if (error instanceof JoineryError) throw new InvalidArgumentError(`${error.message}.`);
      throw error;
    }
  });
}

/** Reads what is stored of a document, and tells of damage; that it is not there, too, and returns `null`. */
export async function readOrTell(
  source: DocumentSource,
  document: DocumentName,
  at: Moment | null,
): Promise<StoredContent | null> {
  return told(source, document, await readStored(source, document, at));
}

function told<T extends Pick<StoredContent, "damage">>(
  source: DocumentSource,
  document: DocumentName,
  stored: T | null,
): T | null {
  if (stored === null) tellNoDocument(source, document);
  else if (stored.damage !== null) tellDamage(stored.damage.message);
  return stored;
}

/** As {@link readOrTell}, and what it shows. */
export async function contentOrTell(
  source: DocumentSource,
  document: DocumentName,
  { at, as }: { readonly at?: Moment | undefined; readonly as?: RootKinds | undefined },
): Promise<DocumentContent | null> {
  const stored = told(source, document, await readPacked(source, document, at ?? null));
  return stored && contentOf(stored, as);
}

/** Finds a root that somebody named. */
export function rootNamed(roots: readonly ContentRoot[], name: string): ContentRoot {
  const root = roots.find((each) => each.name === name);
  if (root !== undefined) return root;
  const names = roots.map((each) => quotedName(each.name)).join(", ");
  const there = names === "" ? "it has none" : `it has ${names}`;
  throw new JoineryError("INVALID_OPTION", `there is no root ${quotedName(name)}: ${there}`);
}

/** Says which state of a document something is of, for JSON. */
export function stateOf({ document, lineage, seq, time }: Omit<DocumentContent, "roots">): object {
  return { document, lineage, seq, time: isoTime(time) };
}

/** Characters of lines that are written at once. */
const LINES_AT_ONCE = 64 * 1024;

/** Prints lines until nobody reads on. */
export async function printLines(lines: Iterable<TreeLine>): Promise<void> {
  let text = "";
  for (const line of lines) {
    text += `${line.map(painted).join("").trimEnd()}\n`;
    if (text.length < LINES_AT_ONCE) continue;
    if (!(await writeOut(text))) return;
    text = "";
  }
  if (text !== "") await writeOut(text);
}

const PAINTS: Readonly<Record<TreePiece["style"], (text: string) => string>> = {
  name: pc.bold,
  kind: pc.cyan,
  string: pc.green,
  value: pc.yellow,
  tag: pc.magenta,
  note: pc.dim,
  plain: (text) => text,
  added: pc.green,
  removed: pc.red,
};

function painted({ text, style }: TreePiece): string {
  return PAINTS[style](text);
}
