/** Where the documents of a command are: in a data folder, or in a running server. */

import { readFileSync } from "node:fs";
import { loadConfig } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { type Command, Option } from "commander";
import { printable } from "../output/text.ts";
import { ServerConnection } from "./connection.ts";
import { lost } from "./failures.ts";
import { findOpenServer } from "./open-server.ts";

const DEFAULT_FOLDER = "./data";

/** A token has at most a few kilobytes. */
const MAX_TOKEN_BYTES = 64 * 1024;

export interface PlaceFlags {
  readonly data?: string;
  readonly server?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly config?: string;
}

export type Place = { readonly kind: "folder"; readonly folder: string } | ServerPlace;

export interface ServerPlace {
  readonly kind: "server";
  readonly connection: ServerConnection;
  /** The data folder that it was found by; `null` where somebody named the server. */
  readonly folder: string | null;
}

/** Gives a command the options of {@link PlaceFlags}. */
export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--data <folder>",
        `data folder; if a server has it open, that server is asked (default: the config file's, else ${DEFAULT_FOLDER})`,
      ).env("JOINERY_DATA"),
    )
    .addOption(new Option("--server <url>", "a running server, instead of a folder").env("JOINERY_SERVER"))
    .addOption(
      new Option(
        "--token <token>",
        "what the server is shown; others on this machine can see it: better in JOINERY_TOKEN, or in a file",
      ).env("JOINERY_TOKEN"),
    )
    .option("--token-file <file>", "file with the token")
    .option(
      "--config <file>",
      "config file of the server (default: joinery.config.ts, .js or .mjs if there is one)",
    )
    .hook("preAction", (_, acting) => settle(acting));
}

/** Of two that say different things, what was typed wins over what is in the environment. */
function settle(command: Command): void {
  for (const name of ["data", "server", "token"]) {
    // An empty variable counts as none.
    if (sourceOf(command, name) === "env" && command.getOptionValue(name) === "") drop(command, name);
  }
  decide(command, ["server", "--server (JOINERY_SERVER)"], ["data", "--data (JOINERY_DATA)"]);
  decide(command, ["token", "--token (JOINERY_TOKEN)"], ["tokenFile", "--token-file"]);
}

type Named = readonly [name: string, shown: string];

function decide(command: Command, [one, oneShown]: Named, [other, otherShown]: Named): void {
  const [ofOne, ofOther] = [sourceOf(command, one), sourceOf(command, other)];
  if (ofOne === undefined || ofOther === undefined) return;
  if (ofOne === ofOther)
    command.error(`error: ${oneShown} and ${otherShown} are given: which of the two is it to be?`);
  drop(command, ofOne === "env" ? one : other);
}

/** `undefined` where it was not given. */
function sourceOf(command: Command, name: string): string | undefined {
  return command.getOptionValue(name) === undefined ? undefined : command.getOptionValueSource(name);
}

function drop(command: Command, name: string): void {
  command.setOptionValue(name, undefined);
}

/**
 * Finds out where a command's documents are.
 *
 * Rejects with INVALID_OPTION (never) for what is no URL, token, or config file; with whatever the config file rejects.
 */
export async function findPlace(flags: PlaceFlags): Promise<Place> {
  const { server } = flags;
  if (server !== undefined) {
    return {
      kind: "server",
      connection: new ServerConnection({ url: server, token: tokenOf(flags) }),
      folder: null,
    };
  }
  const folder = flags.data ?? (await folderOfConfig(flags.config));
  const connection = await findOpenServer(folder);
  return connection === null ? { kind: "folder", folder } : { kind: "server", connection, folder };
}

/**
 * For who goes on with a server for longer: the one that was found, and later the one that has the folder open by then.
 * Started again, it may be elsewhere, and has another key. The function rejects with CONNECTION_LOST (backoff) where none
 * has.
 */
export function connectTo({ connection, folder }: ServerPlace): () => Promise<ServerConnection> {
  if (folder === null) return async () => connection;
  let isFirst = true;
  return async () => {
    if (isFirst) {
      isFirst = false;
      return connection;
    }
    const found = await findOpenServer(folder);
    if (found === null) throw lost(`no server has ${folder} open`);
    return found;
  };
}

async function folderOfConfig(file: string | undefined): Promise<string> {
  const { data, storage } = await loadConfig(file);
  if (storage === undefined) return data ?? DEFAULT_FOLDER;
  throw invalid("the config file keeps documents in a storage of its own: name the server with --server");
}

function tokenOf({ token, tokenFile }: PlaceFlags): string | null {
  return tokenFile === undefined ? (token ?? null) : readToken(tokenFile);
}

function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalid(`--token-file: cannot read the token: ${printable(reason)}`, cause);
  }
  const token = text.trim();
  if (token === "") throw invalid(`--token-file: ${printable(file)} is empty`);
  if (token.length > MAX_TOKEN_BYTES)
    throw invalid(`--token-file: ${printable(file)} is too large for a token`);
  return token;
}

function invalid(message: string, cause?: unknown): JoineryError {
  return new JoineryError("INVALID_OPTION", message, { cause });
}
