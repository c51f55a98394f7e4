import { createReadStream } from "node:fs";
import {
  type AppendedUpdate,
  type PartSummary,
  resolveOptions,
  SecondFormat,
  summarizeEntry,
  updateOfPlain,
  updateOfText,
} from "@joinery/server";
import { type DocumentName, inspectUpdate, JoineryError, type Limits } from "@joinery/shared";
import { Argument, type Command, Option } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { count, counted, size } from "../output/quantities.ts";
import { parseName } from "../output/reading-command.ts";
import { print, printJson } from "../output/terminal.ts";
import { printable, shownName } from "../output/text.ts";
import type { DocumentStore } from "../writing/document-store.ts";
import { limitsOf, type WritingFlags, withStore, writingCommand } from "../writing/writing-command.ts";
import { asOption, parseFile, type RootKinds } from "./content-flags.ts";

const FORMATS = ["update", "update-v2", "json", "text"] as const;

type Format = (typeof FORMATS)[number];

const PAGE: CommandPage = {
  description: "Merge a file, or standard input, into a document.",
  more: `Formats: update (a Yjs update, as \`joinery export\` and every Yjs program writes it), update-v2 (the same in Yjs' second
format), json (what \`export --format json\` writes), text (into the root that --root names).

An update is merged as an edit of a client is: what the document has already stays as it is, and what builds upon edits
that it does not have is refused. Of JSON and text the document is made to say what the file says, by few and small
changes: maps get its keys, and keep others; in lists what is the same at both ends stays; texts are changed where they
differ. Roots that are not there become maps, arrays and texts, as their values are; below that they are plain values.
A document that is not there begins with it; so does a data folder. What came in is one batch of the log.`,
  examples: [
    ["joinery import notes/today today.bin", "an update, as of joinery export"],
    ["joinery export a --data old | joinery import a", "from one data folder into another"],
    ["joinery import settings s.json --format json", "values, into maps and arrays"],
    ["joinery import notes/today today.md --format text --root body", "a text that was changed elsewhere"],
  ],
  json: {
    isStream: false,
    fields: {
      document: ["string", "its name"],
      outcome: ["string", "created, changed, or unchanged: it had all of it already"],
      bytes: ["number", "of what was read"],
      seq: ["number or null", "the batch that it is now; null where nothing was new, as all that follows"],
      lineage: ["string or null", "which life of the name it is"],
      newBytes: ["number or null", "of what was new, as an update"],
      structs: ["number or null", "Yjs structs in that"],
      inserted: ["number or null", "characters and values that it inserted"],
      deleted: ["number or null", "characters and values that it deleted"],
    },
  },
  exitCodes: ["damage"],
};

interface ImportFlags extends WritingFlags {
  readonly format: Format;
  readonly root?: string;
  readonly as?: RootKinds;
  readonly new?: true;
  readonly author?: string;
}

export function importCommand(): Command {
  const as = asOption();
  as.description = "of json: what a root that is not there becomes: text, map, array; repeatable";
  return writingCommand("import", PAGE)
    .addArgument(new Argument("<document>", "its name").argParser(parseName))
    .addArgument(new Argument("[file]", "what to read, or - (default: standard input)").argParser(parseFile))
    .addOption(new Option("--format <format>", "what it is").choices(FORMATS).default("update"))
    .option("--root <name>", "of text: the root that it goes into")
    .addOption(as)
    .option("--new", "only where there is no document of that name yet")
    .option(
      "--author <name>",
      "who is said to have written it; of a data folder, as a server knows that by the token (default: operator)",
    )
    .action(importDocument);
}

async function importDocument(
  document: DocumentName,
  file: string | undefined,
  flags: ImportFlags,
): Promise<void> {
  const { format, root, as, author, json } = flags;
  if ((format === "text") !== (root !== undefined)) {
    throw new BadUsage("--root names the root that a text goes into: it goes with --format text");
  }
  if (as !== undefined && format !== "json") throw new BadUsage("--as is for --format json");
  if (file === undefined && process.stdin.isTTY)
    throw new BadUsage("name a file, or send it to standard input");
  const { limits } = resolveOptions(await limitsOf(flags));
  const given = await readWhole(file, limits.maxDocumentBytes);
  await withStore(
    flags,
    async (store) => {
      const update = await updateIn(given, { store, document, flags, limits });
      inspectUpdate(update, limits);
      const appended = await store.append(document, {
        update,
        author: author ?? null,
        mustBeNew: flags.new === true,
      });
      const brought = appended && (await summaryOf(store, document, appended));
      const outcome = { document, bytes: given.length, appended, brought };
      await (json ? printAsJson(outcome) : printOutcome(outcome));
    },
    { createIfMissing: true },
  );
}

interface Target {
  readonly store: DocumentStore;
  readonly document: DocumentName;
  readonly flags: ImportFlags;
  readonly limits: Limits;
}

/** What was read as a Yjs v1 update. */
async function updateIn(given: Uint8Array, { store, document, flags, limits }: Target): Promise<Uint8Array> {
  const { format, root = "", as = new Map() } = flags;
  if (format === "update") return looksLikeText(given) ? refuseText(given, limits) : given;
  if (format === "update-v2") return converted(given, limits);
  const text = decoded(given);
  const stored = await store.load(document);
  if (stored?.damage) throw stored.damage;
  if (stored !== null && flags.new) throw existing(document);
  try {
    if (format === "text") return updateOfText({ document, stored }, root, text);
    return updateOfPlain({ document, stored }, parsed(text), as);
  } catch (error) {
    if (error instanceof RangeError) throw invalid("the JSON is nested too deeply");
    throw error;
  }
}

async function converted(given: Uint8Array, limits: Limits): Promise<Uint8Array> {
  const secondFormat = new SecondFormat(limits);
  try {
    return await secondFormat.convert(given);
  } finally {
    await secondFormat.close();
  }
}

/** Few updates begin as JSON and text do; whoever forgot to say what it is should be told. */
function looksLikeText(bytes: Uint8Array): boolean {
  return (
    bytes.length > 0 &&
    bytes.subarray(0, 64).every((byte) => byte === 0x0a || byte === 0x0d || byte === 0x09 || byte >= 0x20)
  );
}

function refuseText(given: Uint8Array, limits: Limits): Uint8Array {
  try {
    inspectUpdate(given, limits);
    return given;
  } catch (cause) {
    throw new JoineryError(
      "MALFORMED_UPDATE",
      "it is no Yjs update, but text: say --format json, or --format text",
      { cause },
    );
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid("it is no text in UTF-8", cause);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(
      `it is no JSON: ${printable(cause instanceof Error ? cause.message : String(cause))}`,
      cause,
    );
  }
}

/** @param file `undefined` for standard input. */
async function readWhole(file: string | undefined, maxBytes: number): Promise<Uint8Array> {
  const what = file === undefined ? "standard input" : printable(file);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === undefined ? process.stdin : createReadStream(file)) {
      // reason: neither of the two has an encoding.
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
      if (bytes > maxBytes) break;
    }
  } catch (cause) {
    throw invalid(`cannot read ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (bytes > maxBytes) {
    const message = `${what} has more than ${size(maxBytes)} (limits.maxDocumentBytes)`;
    throw new JoineryError("UPDATE_TOO_LARGE", message, { limit: "maxDocumentBytes" });
  }
  const { buffer, byteOffset, length } = Buffer.concat(chunks);
  // A Buffer's `slice` is another one than what Yjs and lib0 know.
  return new Uint8Array(buffer, byteOffset, length);
}

type Brought = Pick<PartSummary, "structs" | "inserted" | "deleted">;

/** What was new, as the log has it. Over HTTP others' edits of the same moment may be in it too. */
async function summaryOf(
  store: DocumentStore,
  document: DocumentName,
  { seq }: AppendedUpdate,
): Promise<Brought> {
  const entry = await store.entry(document, seq);
  const parts = entry === null ? [] : summarizeEntry(entry).parts;
  const sum = (field: keyof Brought) => parts.reduce((total, part) => total + part[field], 0);
  return { structs: sum("structs"), inserted: sum("inserted"), deleted: sum("deleted") };
}

interface Outcome {
  readonly document: DocumentName;
  readonly bytes: number;
  /** `null` where nothing was new; then `brought` is, too. */
  readonly appended: AppendedUpdate | null;
  readonly brought: Brought | null;
}

async function printAsJson({ document, bytes, appended, brought }: Outcome): Promise<void> {
  await printJson({
    document,
    outcome: appended === null ? "unchanged" : appended.isNew ? "created" : "changed",
    bytes,
    seq: appended?.seq ?? null,
    lineage: appended?.lineage ?? null,
    newBytes: appended?.bytes ?? null,
    structs: brought?.structs ?? null,
    inserted: brought?.inserted ?? null,
    deleted: brought?.deleted ?? null,
  });
}

async function printOutcome({ document, bytes, appended, brought }: Outcome): Promise<void> {
  const name = pc.bold(shownName(document));
  if (appended === null || brought === null) {
    await print(`${pc.green("✓")} ${name}  ${pc.dim(`nothing new: it has all of ${size(bytes)} already`)}`);
    return;
  }
  const { isNew, seq, bytes: newBytes } = appended;
  const { structs, inserted, deleted } = brought;
  await print(`${pc.green("✓")} ${name}  ${isNew ? "created" : "changed"}, now at batch ${count(seq)}`);
  const news = `${size(newBytes)} new of ${size(bytes)}: ${counted(structs, "struct")}, ${count(inserted)} inserted, ${count(deleted)} deleted`;
  await print(`  ${pc.dim(news)}`);
}

function existing(document: DocumentName): JoineryError {
  return new JoineryError("DOCUMENT_EXISTS", `there is a document ${JSON.stringify(document)} already`);
}

function invalid(message: string, cause?: unknown): JoineryError {
  return new JoineryError("INVALID_OPTION", message, { cause });
}
