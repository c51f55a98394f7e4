import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const FILE = "server.json";

/** Leaves word, beside the database, of who has the data folder open: for whoever finds it locked. */
export async function writeServerFile(folder: string, server: { pid: number; url: string }): Promise<void> {
  await writeFile(join(folder, FILE), `${JSON.stringify(server)}\n`);
}

/** Takes the word back. One that a killed process left behind is harmless: the lock tells whether it still holds. */
export async function removeServerFile(folder: string): Promise<void> {
  await rm(join(folder, FILE), { force: true });
}
