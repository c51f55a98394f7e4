import {
  type DocumentContent,
  describeRoot,
  type Moment,
  plainTextOfRoots,
  printableLines,
  treeOf,
} from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import { Argument, type Command, Option } from "commander";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { counted, localTime } from "../output/quantities.ts";
import {
  parseName,
  parseWhole,
  type ReadingFlags,
  readingCommand,
  withSource,
} from "../output/reading-command.ts";
import { outputWidth, print, printJson } from "../output/terminal.ts";
import { shownName } from "../output/text.ts";
import {
  asOption,
  contentOrTell,
  momentOption,
  printLines,
  type RootKinds,
  rootNamed,
  stateOf,
} from "./content-flags.ts";

const DEFAULT_DEPTH = 6;

const PAGE: CommandPage = {
  description: "Show what a document contains.",
  more: `Yjs does not store what type a root is; it is told from the content: strings make a text, keys a map, XML nodes an
XML fragment, anything else an array. Where that is wrong, say so with --as. Dates are {}: that is what Yjs makes of them.

The tree takes at most four times the document's size in memory (measured: 0.8 to 2.3 times, whatever is in it). --text,
--full and --json put together all that they print: 3 to 9 times, and --json 36 times where there are many small values.
Control characters are escaped, also with --text and in pipes; \`joinery export\` writes them as they are.`,
  examples: [
    ["joinery show notes/today", "a tree of its roots, keys and values"],
    ["joinery show notes/today --text body", "the plain text of the root body"],
    ["joinery show notes/today --at 1234", "as it was after batch 1234 of its log"],
    ["joinery show notes/today --at '5 minutes ago' --json", "everything that was there then, as JSON"],
  ],
  json: {
    isStream: false,
    fields: {
      document: ["string", "its name"],
      lineage: ["string", "which life of the name it is"],
      seq: ["number", "the last batch that is in it; 0 for none"],
      time: ["string | null", "when that batch was written, ISO 8601"],
      roots: ["array", "in the order of their names"],
      "roots[].name": ["string", "the name of the root"],
      "roots[].type": ["string", "text, map, array, xml-fragment, or empty where all of it is deleted"],
      "roots[].hidden": [
        "string",
        "what is in it that a root of its type does not show; absent where that is nothing",
      ],
      "roots[].length": ["number", "of a text in UTF-16 units, of an array in items"],
      "roots[].delta": ["array", "of a text: pieces with insert and, where it is formatted, attributes"],
      "roots[].entries": ["object", "of a map: nodes by key, each with its type"],
      "roots[].items": ["array", "of an array: nodes, each with its type"],
      "roots[].children": ["array", "of XML: nodes, each with its type"],
      "roots[].attributes": ["object", "of a text or XML: nodes by name; absent where there are none"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

interface ShowFlags extends ReadingFlags {
  readonly at?: Moment;
  readonly as?: RootKinds;
  readonly depth: number;
  readonly full?: true;
  /** A root, or `true` for all. */
  readonly text?: string | true;
}

export function showCommand(): Command {
  return readingCommand("show", PAGE)
    .addArgument(new Argument("<document>", "its name").argParser(parseName))
    .addOption(momentOption("--at <moment>", "as it was: a seq, a time, or how long ago"))
    .addOption(
      new Option("--depth <levels>", "how many levels are shown")
        .argParser(parseWhole(0))
        .default(DEFAULT_DEPTH),
    )
    .option("--full", "cut nothing")
    .option("--text [root]", "print plain text: of a root, or of all")
    .addOption(asOption())
    .action(async (document: DocumentName, flags: ShowFlags) => {
      await withSource(flags, async (source) => {
        const content = await contentOrTell(source, document, flags);
        if (content !== null) await show(content, flags);
      });
    });
}

async function show(content: DocumentContent, { json, text, depth, full }: ShowFlags): Promise<void> {
  if (text !== undefined) {
    const roots = text === true ? content.roots : [rootNamed(content.roots, text)];
    const plain = printableLines(plainTextOfRoots(roots));
    if (json) await printJson({ ...stateOf(content), text: plainTextOfRoots(roots) });
    else if (plain !== "") await print(plain);
  } else if (json) {
    await printJson({ ...stateOf(content), roots: content.roots.map(describeRoot) });
  } else {
    await print(headOf(content) + (content.roots.length > 0 ? "\n" : ""));
    // The last column of a terminal stays free: some wrap when it is written to.
    const options = { width: outputWidth() - 1, maxDepth: depth, isFull: full === true };
    await printLines(treeOf(content.roots, options));
  }
}

function headOf({ document, seq, time, roots }: DocumentContent): string {
  const facts = [`seq ${seq}`, ...(time === 0 ? [] : [localTime(time)]), counted(roots.length, "root")];
  return `${pc.bold(shownName(document))}  ${pc.dim(facts.join(" · "))}`;
}
