import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces a file: there is the old one or the new one, never half of it, whenever the machine stops. */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const file = await open(`${path}.new`, "w");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(dirname(path));
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // Windows does not open folders, and logs their names itself.
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
