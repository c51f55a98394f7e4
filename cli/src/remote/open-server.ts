/** The server that has a data folder open, found by the word that it left there. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { JoineryError } from "@joinery/shared";
import { ServerConnection } from "./connection.ts";
import { Fields } from "./fields.ts";

const FILE = "server.json";

/** It is on this machine. */
const ANSWER_MS = 5000;

/**
 * Finds the server that has a folder open: it leaves a file there with its process, its address, and a key that lets
 * whoever may read the folder do everything.
 *
 * @returns `null` where there is none: no such file, or one that a killed process left, whoever listens there now.
 */
export async function findOpenServer(folder: string): Promise<ServerConnection | null> {
  const word = await readWord(join(folder, FILE));
  if (word === null || !isRunning(word.pid)) return null;
  const connection = connectionOf(word);
  return connection !== null && (await isServer(connection, word.pid)) ? connection : null;
}

interface Word {
  readonly pid: number;
  readonly url: string;
  readonly key: string;
}

/** What cannot be read, or is half written, is no word. */
async function readWord(file: string): Promise<Word | null> {
  const text = await readFile(file, "utf8").catch(() => null);
  if (text === null) return null;
  try {
    const word = new Fields(JSON.parse(text), FILE);
    return { pid: word.whole("pid"), url: word.text("url"), key: word.text("key") };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof JoineryError) return null;
    throw error;
  }
}

function connectionOf({ url, key }: Word): ServerConnection | null {
  try {
    return new ServerConnection({ url: reachable(url), token: key });
  } catch (error) {
    if (error instanceof JoineryError) return null;
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Nobody can be reached at "all addresses of this machine". */
function reachable(url: string): string {
  return url.replace(/\/\/0\.0\.0\.0(?=[:/]|$)/, "//127.0.0.1").replace(/\/\/\[::\](?=[:/]|$)/, "//[::1]");
}

/** Whether it is that process that answers: another server may have its port by now, and take any key. */
async function isServer(connection: ServerConnection, pid: number): Promise<boolean> {
  try {
    const call = { path: ["stats"], firstByteMs: ANSWER_MS, idleMs: ANSWER_MS };
    const stats = new Fields(await connection.json(call), "the state of a server");
    return stats.whole("pid") === pid;
  } catch (error) {
    if (error instanceof JoineryError) return false;
    throw error;
  }
}
