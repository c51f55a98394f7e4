import { randomBytes } from "node:crypto";
import { access, link, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type ContentRoot,
  contentOf,
  deltaOfRoots,
  hasMarkup,
  isText,
  type Moment,
  markdownOfRoots,
  markupOf,
  plainRoots,
  plainTextOfRoots,
  type StoredContent,
  updateOf,
  updateV2Of,
  xmlOf,
} from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, type Command, Option } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { size } from "../output/quantities.ts";
import { parseName, type ReadingFlags, readingCommand, withSource } from "../output/reading-command.ts";
import { printJson, writeOut } from "../output/terminal.ts";
import { printable, quotedName } from "../output/text.ts";
import { asOption, momentOption, type RootKinds, readOrTell, rootNamed, stateOf } from "./content-flags.ts";

const FORMATS = ["update", "update-v2", "json", "text", "xml", "markdown", "delta"] as const;

type Format = (typeof FORMATS)[number];

const PAGE: CommandPage = {
  description: "Write a document to a file, or to standard output.",
  more: `Formats: update (a Yjs update, as every Yjs program reads it), update-v2 (the same in Yjs' second format), json (the
values as the application has them; \`joinery show --json\` says everything), text, xml (roots that are XML or text),
markdown (as far as Markdown goes), delta (texts with their formatting).

An update takes up to four times the document's size in memory. The other formats take more: those with values or text
build the document, which takes about twelve times its size, and forty where it was typed in single words. A file that
is there is not overwritten without --force, and never half written.`,
  examples: [
    ["joinery export notes/today today.bin", "everything, as one Yjs update"],
    ["joinery export notes/today --format markdown > today.md", "its text, as Markdown"],
    ["joinery export notes/today --format json --at 2026-11-21T10:00", "its values as they were"],
    ["joinery export notes/today a.xml --format xml --root body", "one root as markup"],
  ],
  json: {
    isStream: false,
    fields: {
      document: ["string", "its name"],
      lineage: ["string", "which life of the name it is"],
      seq: ["number", "the last batch that is in it"],
      time: ["string | null", "when that batch was written, ISO 8601"],
      file: ["string", "what was written"],
      format: ["string", "as --format"],
      bytes: ["number", "size of the file"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

interface ExportFlags extends ReadingFlags {
  readonly format: Format;
  readonly at?: Moment;
  readonly as?: RootKinds;
  readonly root?: string;
  readonly force?: true;
}

export function exportCommand(): Command {
  return readingCommand("export", PAGE)
    .addArgument(new Argument("<document>", "its name").argParser(parseName))
    .addArgument(new Argument("[file]", "where to (default: standard output, if that is no terminal)"))
    .addOption(new Option("--format <format>", "what to write").choices(FORMATS).default("update"))
    .addOption(momentOption("--at <moment>", "as it was: a seq, a time, or how long ago"))
    .option("--root <name>", "only this root")
    .option("--force", "overwrite the file if there is one")
    .addOption(asOption())
    .action(exportDocument);
}

async function exportDocument(
  document: DocumentName,
  file: string | undefined,
  flags: ExportFlags,
): Promise<void> {
  const { format, root, at, json } = flags;
  if (file === "") throw invalid("the name of the file is empty");
  if (file === undefined && json) throw invalid("--json is about the file: name one");
  if (file === undefined && process.stdout.isTTY) {
    throw invalid(
      "name a file, or send the output to one: what is in a document could write to the terminal",
    );
  }
  if (root !== undefined && isUpdate(format))
    throw invalid(`an ${format} has all roots: --root is for other formats`);
  // Reading may take long, only to find out then.
  if (file !== undefined) await (flags.force ? replaceable(file) : requireNew(file));
  await withSource(flags, async (source) => {
    const stored = await readOrTell(source, document, at ?? null);
    if (stored === null) return;
    const bytes = encode(stored, flags);
    if (file === undefined) {
      await writeOut(bytes);
      return;
    }
    await writeWhole(flags.force ? await replaceable(file) : file, bytes, flags.force === true);
    if (json) await printJson({ ...stateOf(stored), file, format, bytes: bytes.length });
    else
      console.error(
        `${pc.green("✓")} ${printable(file)} ${pc.dim(`${size(bytes.length)}, seq ${stored.seq}`)}`,
      );
  });
}

function isUpdate(format: Format): boolean {
  return format === "update" || format === "update-v2";
}

function encode(stored: StoredContent, { format, as, root }: ExportFlags): Uint8Array {
  if (format === "update") return updateOf(stored);
  if (format === "update-v2") return updateV2Of(stored);
  const { roots } = contentOf(stored, as);
  return Buffer.from(
    textOf(root === undefined ? roots : [rootNamed(roots, root)], format, root !== undefined),
  );
}

/** @param isOne Whether there is one root, which is written without its name. */
function textOf(roots: readonly ContentRoot[], format: Format, isOne: boolean): string {
  switch (format) {
    case "json":
      return jsonText(plainRoots(roots), isOne);
    case "delta":
      tellLeftOut(
        roots.filter(({ node }) => !isText(node)),
        "are no texts",
      );
      return jsonText(deltaOfRoots(roots), isOne);
    case "xml": {
      tellLeftOut(
        roots.filter(({ node }) => !hasMarkup(node)),
        "are neither XML nor text",
      );
      const [root] = roots;
      return isOne && root && hasMarkup(root.node) ? `${markupOf(root.node)}\n` : xmlOf(roots);
    }
    case "markdown":
      return markdownOfRoots(roots);
    default:
      return withNewline(plainTextOfRoots(roots));
  }
}

function jsonText(byName: Readonly<Record<string, unknown>>, isOne: boolean): string {
  const value = isOne ? Object.values(byName)[0] : byName;
  return `${JSON.stringify(value ?? null, null, 2)}\n`;
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function tellLeftOut(roots: readonly ContentRoot[], why: string): void {
  const names = roots.filter(({ node }) => node.kind !== "empty").map(({ name }) => quotedName(name));
  if (names.length > 0) console.error(`${pc.yellow("left out:")} ${names.join(", ")}, which ${why}`);
}

async function requireNew(file: string): Promise<void> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) throw alreadyThere(file);
}

/**
 * The file that is overwritten: what a link leads to, not the link. A device or a pipe is none: a file in its place
 * would take it from all others.
 */
async function replaceable(file: string): Promise<string> {
  // What is not there, or cannot be looked at, is told when it is written.
  const target = await realpath(file).catch(() => file);
  const found = await stat(target).catch(() => null);
  if (found === null || found.isFile()) return target;
  throw invalid(
    found.isDirectory()
      ? `${printable(file)} is a folder`
      : `${printable(file)} is no regular file: send standard output there instead`,
  );
}

/**
 * Writes a file as a whole or not at all: beside it first, synced, then under its name. Nobody's file is lost, not even
 * one that came meanwhile.
 */
async function writeWhole(file: string, bytes: Uint8Array, mayOverwrite: boolean): Promise<void> {
  const beside = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  try {
    const handle = await open(beside, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await (mayOverwrite ? rename(beside, file) : renameToNew(beside, file));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") throw alreadyThere(file);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JoineryError("INVALID_OPTION", `cannot write ${printable(file)}: ${reason}`, { cause });
  } finally {
    await rm(beside, { force: true });
  }
}

/** A link fails where a file is there; a rename would replace it. */
async function renameToNew(beside: string, file: string): Promise<void> {
  try {
    await link(beside, file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (typeof code !== "string" || !NO_LINKS.includes(code)) throw error;
    // There are no links on this disk: the name is taken first.
    await (await open(file, "wx")).close();
    await rename(beside, file);
  }
}

const NO_LINKS: readonly string[] = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"];

function alreadyThere(file: string): JoineryError {
  return invalid(`${printable(file)} is there already; --force overwrites it`);
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
