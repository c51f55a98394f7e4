/** What all commands that read documents have in common. */

import { constants } from "node:os";
import { openFolderSource, type RestorableSource } from "@joinery/server";
import { type DocumentName, JoineryError, parseDocumentName } from "@joinery/shared";
import { Command, InvalidArgumentError } from "commander";
import { HttpSource } from "../remote/http-source.ts";
import { addPlaceOptions, findPlace, type PlaceFlags } from "../remote/place.ts";
import { pc } from "./colours.ts";
import { type CommandPage, describeCommand } from "./command-page.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { surviveLostOutput } from "./terminal.ts";
import { printable, quotedName } from "./text.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface ReadingFlags extends PlaceFlags {
  readonly json?: true;
}

/** A command that reads documents: with where they are and `--json`, and with its examples behind its help. */
export function readingCommand(name: string, page: CommandPage): Command {
  const command = addPlaceOptions(
    new Command(name).description(page.description).allowExcessArguments(false),
  ).option("--json", page.json.isStream ? "print JSON, one document a line" : "print JSON");
  return describeCommand(command, page);
}

/**
 * Opens the documents that a command reads, and lets go of them when it has ended, however it ends: those of a server,
 * or of a folder that no server has open. What is wrong with all of them is told on standard error, and makes the exit
 * code 3.
 */
export async function withSource(
  flags: ReadingFlags,
  work: (source: RestorableSource) => Promise<void>,
): Promise<void> {
  await leavingOnSignals(async () => {
    const source = await openSource(flags);
    try {
      for (const found of source.damage) tellDamage(found);
      await work(source);
    } catch (error) {
      // Of such a document nothing is sound.
      if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
      tellDamage(error.message);
    } finally {
      await source.close();
    }
  });
}

/**
 * Does what writes nothing, and ends the process on Ctrl+C: at once, also while a folder is opened, which may take long:
 * its copy goes with the process. What is being done would only complain if the documents were closed before.
 */
export async function leavingOnSignals(work: () => Promise<void>): Promise<void> {
  surviveLostOutput();
  const leave = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal]);
  for (const signal of SIGNALS) process.once(signal, leave);
  try {
    await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}

async function openSource(flags: ReadingFlags): Promise<RestorableSource> {
  const place = await findPlace(flags);
  if (place.kind === "folder") return openFolderSource(place.folder);
  if (place.folder !== null) tellServer(place.connection.url, place.folder);
  return new HttpSource(place.connection);
}

/** Says, where somebody watches, that a folder is read through the server that has it open. */
export function tellServer(url: string, folder: string): void {
  if (!process.stderr.isTTY) return;
  console.error(pc.dim(`reading from the server ${url} that has ${printable(folder)} open`));
}

/** Says that something is damaged, on standard error, and in the exit code. */
export function tellDamage(found: string): void {
  process.exitCode = EXIT_CODES.damage;
  console.error(`${pc.red("damage:")} ${printable(found)}`);
}

/** Says that a document is not there, on standard error, and in the exit code. */
export function tellNoDocument(place: { describe(): string }, document: DocumentName): void {
  process.exitCode = EXIT_CODES.noDocument;
  console.error(`joinery: there is no document ${quotedName(document)} in the ${place.describe()}`);
}

/** Reads an argument that names a document. */
export function parseName(text: string): DocumentName {
  try {
    return parseDocumentName(text);
  } catch (error) {
    if (error instanceof JoineryError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

/** Makes a reader of whole numbers from `min` on. */
export function parseWhole(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number, at least ${min}.`);
  };
}
