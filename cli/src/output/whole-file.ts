/** Files that a command writes for somebody: as a whole or not at all, and over no other without being told to. */

import { randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync } from "node:fs";
import { access, link, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { JoineryError } from "@joinery/shared";
import { printable } from "./text.ts";

/** Rejects with INVALID_OPTION when a file is there. */
export async function requireNew(file: string): Promise<void> {
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
export async function replaceable(file: string): Promise<string> {
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
 * one that came meanwhile. Rejects with INVALID_OPTION, naming the file and what is wrong.
 */
export async function writeWhole(file: string, bytes: Uint8Array, mayOverwrite: boolean): Promise<void> {
  const beside = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  // Whoever presses Ctrl+C ends the process in the middle of it.
  const removeAtExit = () => rmSync(beside, { force: true });
  process.once("exit", removeAtExit);
  try {
    // At once: no end of the process comes between the file and what removes it.
    closeSync(openSync(beside, "wx"));
    const handle = await open(beside, "r+");
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
    process.off("exit", removeAtExit);
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
