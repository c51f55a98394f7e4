import { createInterface } from "node:readline/promises";
import { DEFAULT_LIMITS, type DocumentName, JoineryError } from "@joinery/shared";
import { Argument, type Command } from "commander";
import { BadUsage } from "../output/bad-usage.ts";
import { pc } from "../output/colours.ts";
import type { CommandPage } from "../output/command-page.ts";
import { EXIT_CODES } from "../output/exit-codes.ts";
import { counted, isoTime, size } from "../output/quantities.ts";
import { parseName } from "../output/reading-command.ts";
import { print, printJsonLine } from "../output/terminal.ts";
import { printable, quotedName, shownName } from "../output/text.ts";
import type { DocumentStore } from "../writing/document-store.ts";
import { type WritingFlags, withStore, writingCommand } from "../writing/writing-command.ts";

const KEPT_DAYS = DEFAULT_LIMITS.keepDeletedMs / 86_400_000;

const PAGE: CommandPage = {
  description: "Delete documents, so that they can be restored for a while.",
  more: `It asks before, unless --yes is given; without a terminal it has to be. Who has a document open is sent away. It can be
restored (\`joinery restore\`) until the server erases it: ${KEPT_DAYS} days, if limits.keepDeletedMs says nothing else. With
--forever it is erased now, and so is what was deleted under its name before; that takes a folder that no server has open.
LevelDB keeps erased bytes in its files for a while: \`joinery compact --reclaim\` has them written anew without them.`,
  examples: [
    ["joinery rm notes/old", "after a question"],
    ["joinery rm --yes notes/old notes/older", "two of them, in a script"],
    ["joinery rm --forever notes/secret", "for good, with what was deleted under this name before"],
  ],
  json: {
    isStream: true,
    fields: {
      document: ["string", "its name"],
      isErased: ["boolean", "whether it is gone for good"],
      deletion: ["number", "which one of its name; not of what is erased"],
      lineage: ["string", "which life of the name it was; not of what is erased"],
      seq: ["number", "the last batch of its log; not of what is erased"],
      bytes: ["number", "of its records; not of what is erased"],
      deletedAt: ["string or null", "ISO 8601; not of what is erased"],
    },
  },
  exitCodes: ["damage", "noDocument"],
};

interface RmFlags extends WritingFlags {
  readonly yes?: true;
  readonly forever?: true;
}

export function rmCommand(): Command {
  const collect = (text: string, others?: readonly DocumentName[]) => [...(others ?? []), parseName(text)];
  return writingCommand("rm", PAGE)
    .addArgument(new Argument("<document...>", "names of documents").argParser(collect))
    .option("-y, --yes", "do not ask")
    .option("--forever", "erase them now, with what was deleted under their names before")
    .action(async (documents: readonly DocumentName[], flags: RmFlags) => {
      const wanted = [...new Set(documents)];
      if (!flags.yes && !(await isMeant(wanted, flags))) return;
      await withStore(flags, async (store) => {
        for (const document of wanted) await remove(store, document, flags).catch(tellFailed(document));
      });
    });
}

/** What keeps one document from being deleted, and none of the others. */
const ABOUT_DOCUMENT: readonly string[] = ["DOCUMENT_DAMAGED", "PERMISSION_DENIED"];

/** @throws What is about more than the document. */
function tellFailed(document: DocumentName): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof JoineryError) || !ABOUT_DOCUMENT.includes(error.code)) throw error;
    process.exitCode = EXIT_CODES.error;
    console.error(`joinery: ${quotedName(document)} is not deleted: ${printable(error.message)}`);
  };
}

/** Asks whoever is at the terminal. */
async function isMeant(documents: readonly DocumentName[], { forever }: RmFlags): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new BadUsage("there is no terminal to ask at: say --yes if this is meant");
  }
  const names = documents.slice(0, MAX_NAMES).map(quotedName).join(", ");
  const more = documents.length > MAX_NAMES ? ` and ${documents.length - MAX_NAMES} more` : "";
  const question = forever
    ? `Erase ${names}${more} for good? Nothing brings ${documents.length > 1 ? "them" : "it"} back. [y/N] `
    : `Delete ${names}${more}? [y/N] `;
  // Standard output is for what is done.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const isYes = /^y(es)?$/i.test((await terminal.question(question)).trim());
    if (!isYes) {
      process.exitCode = EXIT_CODES.error;
      console.error("joinery: nothing was deleted");
    }
    return isYes;
  } finally {
    terminal.close();
  }
}

/** Of names in a question. */
const MAX_NAMES = 5;

async function remove(
  store: DocumentStore,
  document: DocumentName,
  { json, forever }: RmFlags,
): Promise<void> {
  const isDone = forever ? await erase(store, document, json) : await deleteOne(store, document, json);
  if (isDone) return;
  // What failed is told before what was not there.
  process.exitCode ??= EXIT_CODES.noDocument;
  console.error(`joinery: there is no document ${quotedName(document)} in the ${store.describe()}`);
}

async function erase(store: DocumentStore, document: DocumentName, json: true | undefined): Promise<boolean> {
  if (!(await store.erase(document))) return false;
  if (json) await printJsonLine({ document, isErased: true });
  else await print(`${pc.green("✓")} ${pc.bold(shownName(document))}  ${pc.dim("erased for good")}`);
  return true;
}

async function deleteOne(
  store: DocumentStore,
  document: DocumentName,
  json: true | undefined,
): Promise<boolean> {
  const deletion = await store.delete(document);
  if (deletion === null) return false;
  const { number, lineage, seq, bytes, deletedAt } = deletion;
  if (json) {
    const known = { deletion: number, lineage, seq, bytes, deletedAt: isoTime(deletedAt) };
    await printJsonLine({ document, isErased: false, ...known });
    return true;
  }
  const what = `deleted: ${counted(seq, "batch", "batches")}, ${size(bytes)}`;
  await print(`${pc.green("✓")} ${pc.bold(shownName(document))}  ${pc.dim(what)}`);
  await print(`  ${pc.dim("bring it back with")} joinery restore ${shellWord(document)}`);
  return true;
}

/** As a shell reads it back. Names have no control characters. */
function shellWord(name: string): string {
  const word = /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
  return name.startsWith("-") ? `-- ${word}` : word;
}
