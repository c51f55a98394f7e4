import {
  type Authorship,
  authorshipOf,
  compareContents,
  type Difference,
  type DocumentContent,
  type DocumentSource,
  describeDifference,
  linesOfDifferences,
  type Moment,
} from "@joinery/server";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, type Command } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { counted, isoTime, localTime, size } from "../output/quantities.ts";
import { parseName, type ReadingFlags, readingCommand, withSource } from "../output/reading-command.ts";
import { outputWidth, print, printJson } from "../output/terminal.ts";
import { printable, shownName } from "../output/text.ts";
import {
  asOption,
  contentOrTell,
  momentOption,
  printLines,
  type RootKinds,
  stateOf,
} from "./content-flags.ts";

/** As of diff(1). */
const DIFFERENT = 1;
const ERROR = 2;

const PAGE: CommandPage = {
  description: "Show how two documents differ, or one at two times.",
  more: `It ends as diff(1) does: 0 when they are equal, 1 when they differ, and 2 or more when that could not be found out.

What is shown is compared, not how it came about. Texts are compared line by line and then word by word; those with more
than 1,000 changes are shown as replaced from the first to the last one. Of two times of one document it is said who made
each change, as far as the log knows. Both are
kept in memory while they are compared: 15 to 40 times the size of a large document.`,
  examples: [
    ["joinery diff notes/today notes/copy", "two documents"],
    ["joinery diff notes/today --from '1 minute ago'", "what the last minute changed, and who did it"],
    ["joinery diff notes/today --from 120 --to 130", "what batches 121 to 130 changed"],
  ],
  json: {
    isStream: false,
    fields: {
      isEqual: ["boolean", "whether there is no difference"],
      from: ["object", "document, lineage, seq and time of what is compared"],
      to: ["object", "the same of what it is compared with"],
      authors: ["array", "of two times of one document: who wrote between them"],
      "authors[].author": ["string", "empty for nobody in particular"],
      "authors[].batches": ["number", "batches of the log that they are in"],
      "authors[].bytes": ["number", "bytes of their updates"],
      "authors[].first": ["string", "when the first of these was written, ISO 8601"],
      "authors[].last": ["string", "when the last one was"],
      differences: ["array", "in the order of their paths"],
      "differences[].path": ["array", "a root, then keys and positions; an attribute has an @ before it"],
      "differences[].change": ["string", "added, removed or changed"],
      "differences[].before": ["object", "what was there, as show --json has it; not of texts that changed"],
      "differences[].after": ["object", "what is there"],
      "differences[].text": [
        "array",
        "of a text that changed: kind, text, from, to and by of what was added and removed",
      ],
      "differences[].formats": ["array", "of a text: where only the formatting changed, before and after"],
      "differences[].by": ["array", "who did it; of two times of one document"],
    },
  },
  exits: "0 equal; 1 different; 2 an error, or bad usage",
  exitCodes: ["damage", "noDocument"],
};

interface DiffFlags extends ReadingFlags {
  readonly from?: Moment;
  readonly to?: Moment;
  readonly as?: RootKinds;
  readonly full?: true;
}

export function diffCommand(): Command {
  return readingCommand("diff", PAGE)
    .addArgument(new Argument("<a>", "a document").argParser(parseName))
    .addArgument(new Argument("[b]", "another one").argParser(parseName))
    .addOption(
      momentOption("--from <moment>", "of one document: the time before: a seq, a time, or how long ago"),
    )
    .addOption(momentOption("--to <moment>", "of one document: the time after (default: now)"))
    .option("--full", "show all changes of a text, and long ones to their end")
    .addOption(asOption())
    .action(async (a: DocumentName, b: DocumentName | undefined, flags: DiffFlags) => {
      try {
        requireTwo(b, flags);
        await withSource(flags, (source) => diff(source, { a, b: b ?? a, isOne: b === undefined }, flags));
      } catch (error) {
        // 1 is taken.
        if (!(error instanceof JoineryError)) throw error;
        console.error(`joinery: ${printable(error.message)}`);
        process.exitCode = ERROR;
      }
    });
}

function requireTwo(b: DocumentName | undefined, { from, to }: DiffFlags): void {
  if (b === undefined && from === undefined) {
    throw new BadUsage("what is it to be compared with? Name another document, or a time with --from");
  }
  if (b !== undefined && (from !== undefined || to !== undefined)) {
    throw new BadUsage("--from and --to are for one document at two times");
  }
}

interface Sides {
  readonly a: DocumentName;
  readonly b: DocumentName;
  /** Whether it is one document at two times. */
  readonly isOne: boolean;
}

async function diff(source: DocumentSource, { a, b, isOne }: Sides, flags: DiffFlags): Promise<void> {
  const { as } = flags;
  const before = await contentOrTell(source, a, { at: flags.from, as: isOne ? undefined : as });
  const after = before && (await contentOrTell(source, b, { at: flags.to, as }));
  if (!before || !after) return;
  const differences = compareContents(before.roots, after.roots, isOne);
  const isForward = isOne && before.seq <= after.seq;
  const authorship = isForward ? await authorshipOf(source, a, { from: before.seq, to: after.seq }) : null;
  const comparison = { before, after, differences, authorship };
  await (flags.json ? printJson(describe(comparison)) : printComparison(comparison, flags));
  // Damage says more than that they differ.
  if (differences.length > 0 && process.exitCode !== EXIT_CODES.damage) process.exitCode = DIFFERENT;
}

interface Comparison {
  readonly before: DocumentContent;
  readonly after: DocumentContent;
  readonly differences: readonly Difference[];
  readonly authorship: Authorship | null;
}

function describe({ before, after, differences, authorship }: Comparison): object {
  const authors = authorship?.contributions.map(({ author, batches, bytes, firstTime, lastTime }) => {
    return { author, batches, bytes, first: isoTime(firstTime), last: isoTime(lastTime) };
  });
  return {
    isEqual: differences.length === 0,
    from: stateOf(before),
    to: stateOf(after),
    ...(authors && { authors }),
    differences: differences.map((difference) => describeDifference(difference, authorship)),
  };
}

async function printComparison(
  { before, after, differences, authorship }: Comparison,
  { full }: DiffFlags,
): Promise<void> {
  // As of diff(1): of what is equal there is nothing to say.
  if (differences.length === 0) return;
  await print(`${pc.red("---")} ${sideOf(before)}\n${pc.green("+++")} ${sideOf(after)}`);
  for (const { author, batches, bytes, firstTime, lastTime } of authorship?.contributions ?? []) {
    const who = author === "" ? pc.dim("nobody in particular") : pc.bold(printable(author));
    const times = new Set([localTime(firstTime), localTime(lastTime)]);
    await print(
      `    ${who}  ${pc.dim(`${counted(batches, "batch", "batches")}, ${size(bytes)}, ${[...times].join(" – ")}`)}`,
    );
  }
  await print("");
  const options = { width: outputWidth() - 1, isFull: full === true, authorship };
  await printLines(linesOfDifferences(differences, options));
}

function sideOf({ document, seq, time }: DocumentContent): string {
  const when = time === 0 ? [] : [localTime(time)];
  return `${pc.bold(shownName(document))}  ${pc.dim([`seq ${seq}`, ...when].join(" · "))}`;
}
