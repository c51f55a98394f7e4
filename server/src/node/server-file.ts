import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const FILE = "server.json";

/** Who has a data folder open, and how its documents can be reached meanwhile. */
export interface ServerFile {
  readonly pid: number;
  readonly url: string;
  /** A token that lets its bearer do everything, as long as this process lives. */
  readonly key: string;
}

/**
 * Leaves word, beside the database, of who has the data folder open. The key in it is for whoever may read the folder
 * anyhow, so nobody else may read the file.
 */
export async function writeServerFile(folder: string, server: ServerFile): Promise<void> {
  const file = join(folder, FILE);
  // One that is there keeps its mode when it is written to.
  await rm(file, { force: true });
  await writeFile(file, `${JSON.stringify(server)}\n`, { mode: 0o600, flag: "wx" });
}

/** Nobody can guess it, and it is another one each time. */
export function newOperatorKey(): string {
  return `joinery-operator-${randomBytes(32).toString("base64url")}`;
}

/** Takes the word back. One that a killed process left behind is harmless: the lock tells whether it still holds. */
export async function removeServerFile(folder: string): Promise<void> {
  await rm(join(folder, FILE), { force: true });
}
