/** What all commands that write documents have in common. */

import { constants } from "node:os";
import { type FolderToolsOptions, loadConfig, openFolderTools } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { Command } from "commander";
import { pc } from "../output/colours.ts";
import { type CommandPage, describeCommand } from "../output/command-page.ts";
import { tellDamage } from "../output/reading-command.ts";
import { printable } from "../output/text.ts";
import { addPlaceOptions, findPlace, type PlaceFlags } from "../remote/place.ts";
import type { DocumentStore } from "./document-store.ts";
import { FolderStore } from "./folder-store.ts";
import { RemoteStore } from "./remote-store.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface WritingFlags extends PlaceFlags {
  readonly json?: true;
}

/** A command that writes documents: with where they are and `--json`, and with its examples behind its help. */
export function writingCommand(name: string, page: CommandPage): Command {
  const command = addPlaceOptions(
    new Command(name).description(page.description).allowExcessArguments(false),
  ).option("--json", page.json.isStream ? "print JSON, one document a line" : "print JSON");
  return describeCommand(command, page);
}

/**
 * Opens the documents that a command writes: those of a server, or of a folder that no server has open, which is then
 * held as a server would. They are let go of however the command ends; at a signal what is being written is finished.
 */
export async function withStore(
  flags: WritingFlags,
  work: (store: DocumentStore) => Promise<void>,
  options: Pick<FolderToolsOptions, "createIfMissing"> = {},
): Promise<void> {
  await closing(await openStore(flags, options), async (store) => {
    for (const found of store.damage) tellDamage(found);
    try {
      await work(store);
    } catch (error) {
      // Nothing is written to such a document.
      if (!(error instanceof JoineryError) || error.code !== "DOCUMENT_DAMAGED") throw error;
      tellDamage(error.message);
    }
  });
}

async function openStore(
  flags: WritingFlags,
  options: Pick<FolderToolsOptions, "createIfMissing">,
): Promise<DocumentStore> {
  const place = await findPlace(flags);
  if (place.kind === "folder") {
    return new FolderStore(await openFolderTools(place.folder, { ...options, ...(await limitsOf(flags)) }));
  }
  if (place.folder !== null && process.stderr.isTTY) {
    const { url } = place.connection;
    console.error(pc.dim(`writing by the server ${url} that has ${printable(place.folder)} open`));
  }
  return new RemoteStore(place.connection);
}

/** The limits of the config file: what is written here, a server has to take. */
export async function limitsOf({
  config,
}: Pick<PlaceFlags, "config">): Promise<Pick<FolderToolsOptions, "limits">> {
  const { limits } = await loadConfig(config);
  return limits === undefined ? {} : { limits };
}

/** Does some work with what has to be closed, however that ends: by a signal, too. A second signal does not wait. */
export async function closing<T extends { close(): Promise<void> }>(
  opened: T,
  work: (opened: T) => Promise<void>,
): Promise<void> {
  let isLeaving = false;
  const leave = (signal: NodeJS.Signals) => {
    const code = 128 + constants.signals[signal];
    if (isLeaving) process.exit(code);
    isLeaving = true;
    void opened.close().finally(() => process.exit(code));
  };
  for (const signal of SIGNALS) process.on(signal, leave);
  try {
    await work(opened);
  } catch (error) {
    // It could only complain that what it works on was closed.
    if (isLeaving) await new Promise(() => undefined);
    throw error;
  } finally {
    await opened.close();
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}
