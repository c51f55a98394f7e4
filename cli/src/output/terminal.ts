/** Where output goes to: a terminal, which has a width, or a pipe or file, which has none. */

import { printable, printableLines } from "@joinery/server";
import { JoineryError } from "@joinery/shared";

/** Below this nothing can be told apart. */
const MIN_WIDTH = 40;

/** Columns of standard output; infinite where it is no terminal, so that nothing is cut, unless COLUMNS says so. */
export function outputWidth(): number {
  const named = Number(process.env.COLUMNS);
  const columns = process.stdout.isTTY ? process.stdout.columns || 80 : 0;
  const width = Number.isInteger(named) && named > 0 ? named : columns;
  return width === 0 ? Number.POSITIVE_INFINITY : Math.max(width, MIN_WIDTH);
}

/**
 * Keeps the process from ending where output cannot be written. Of standard output {@link writeOut} and
 * {@link requireWritten} tell; of standard error nobody could be told.
 */
export function surviveLostOutput(): void {
  if (!process.stdout.listeners("error").includes(noteLoss)) process.stdout.on("error", noteLoss);
  if (!process.stderr.listeners("error").includes(nobodyToTell)) process.stderr.on("error", nobodyToTell);
}

/** Why standard output could not be written, and whether that was told. */
const loss = { error: null as NodeJS.ErrnoException | null, isTold: false };

function noteLoss(error: NodeJS.ErrnoException): void {
  loss.error ??= error;
}

function nobodyToTell(): void {
  // See above.
}

/** After `head` has what it wants; and what comes after the first write that told so. */
const READER_IS_GONE: readonly unknown[] = ["EPIPE", "ERR_STREAM_DESTROYED"];

/**
 * Writes to standard output, and waits until it is written: whoever reads may be slower.
 *
 * @returns Whether anybody reads on: after `head` has what it wants, nobody does, and that is no mistake.
 * Rejects with INVALID_OPTION where it cannot be written for another reason: the disk is full.
 */
export function writeOut(output: string | Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(output, (error?: NodeJS.ErrnoException | null) => {
      if (!error) resolve(true);
      else if (READER_IS_GONE.includes(error.code)) resolve(false);
      else {
        loss.isTold = true;
        reject(cannotWrite(error));
      }
    });
  });
}

/**
 * Waits until all that was printed is written, also what others than {@link writeOut} print, as help is.
 *
 * Rejects as {@link writeOut}, unless that has told so already.
 */
export async function requireWritten(): Promise<void> {
  if (loss.isTold) return;
  await writeOut("");
  const { error } = loss;
  if (error !== null && !READER_IS_GONE.includes(error.code)) throw cannotWrite(error);
}

function cannotWrite(cause: Error): JoineryError {
  const message = `cannot write to standard output: ${cause.message}`;
  return new JoineryError("INVALID_OPTION", message, { cause });
}

/** Prints a line. @returns As {@link writeOut}. */
export function print(line: string): Promise<boolean> {
  return writeOut(`${line}\n`);
}

/** Prints one JSON document. What a terminal would obey is escaped, which JSON itself does only in part. */
export async function printJson(value: unknown): Promise<boolean> {
  return print(printableLines(JSON.stringify(value, null, 2)));
}

/** Prints one of several JSON documents, in a line. */
export async function printJsonLine(value: unknown): Promise<boolean> {
  return print(printable(JSON.stringify(value)));
}
