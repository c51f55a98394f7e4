import { type Moment, render, type StoredContent } from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import { Argument, type Command, Option } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { size } from "../output/quantities.ts";
import { parseName, type ReadingFlags, readingCommand, withSource } from "../output/reading-command.ts";
import { printJson, writeOut } from "../output/terminal.ts";
import { printable, quotedName } from "../output/text.ts";
import { replaceable, requireNew, writeWhole } from "../output/whole-file.ts";
import { asOption, momentOption, parseFile, type RootKinds, readOrTell, stateOf } from "./content-flags.ts";

const FORMATS = ["update", "update-v2", "json", "text", "xml", "markdown", "delta"] as const;

type Format = (typeof FORMATS)[number];

const PAGE: CommandPage = {
  description: "Write a document to a file, or to standard output.",
  more: `Formats: update (a Yjs update, as every Yjs program reads it), update-v2 (the same in Yjs' second format), json (the
values as the application has them; \`joinery show --json\` says everything), text, xml (roots that are XML or text),
markdown (as far as Markdown goes), delta (texts with their formatting).

An update takes at most four times the document's size in memory. The other formats are put together as a whole: 2 to 11
times, and json 21 times where there are many small values. A file that is there is not overwritten without --force, and
never half written.`,
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
    .addArgument(
      new Argument("[file]", "where to, or - (default: standard output, if that is no terminal)").argParser(
        parseFile,
      ),
    )
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
  if (file === "") throw new BadUsage("the name of the file is empty");
  if (file === undefined && json) throw new BadUsage("--json is about the file: name one");
  if (file === undefined && process.stdout.isTTY) {
    throw new BadUsage(
      "name a file, or send the output to one: what is in a document could write to the terminal",
    );
  }
  if (root !== undefined && isUpdate(format))
    throw new BadUsage(`an ${format} has all roots: --root is for other formats`);
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

/** What roots are that a format has no form for. */
const LEFT_OUT: Readonly<Partial<Record<Format, string>>> = {
  delta: "are no texts",
  xml: "are neither XML nor text",
};

function encode(stored: StoredContent, { format, as, root }: ExportFlags): Uint8Array {
  const { bytes, leftOut } = render(stored, { format, root: root ?? null, ...(as && { as }) });
  if (leftOut.length > 0) {
    const names = leftOut.map(quotedName).join(", ");
    console.error(`${pc.yellow("left out:")} ${names}, which ${LEFT_OUT[format] ?? "have no such form"}`);
  }
  return bytes;
}
