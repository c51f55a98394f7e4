/**
 * A process of its own that deletes a document of the data folder it is told and restores it, until it is killed. Prints a
 * line `open`, then `deleted` or `restored` each time.
 */

import { writeSync } from "node:fs";
import type { DocumentName } from "@joinery/shared";
import { LevelStorage } from "../../server/src/storage/level.ts";

const [folder = "", name = ""] = process.argv.slice(2);
const document = name as DocumentName;
const storage = new LevelStorage({ folder, minFreeBytes: 0 });
await storage.open();
const print = (line: string) => writeSync(1, `${line}\n`);
print("open");
const [deletion] = await storage.deletionsOf(document);
if (deletion !== undefined) await storage.restore(document, deletion.number);
for (;;) {
  await storage.delete(document, { time: 1, author: "", stateVector: Uint8Array.of(0) });
  print("deleted");
  await storage.restore(document, 1);
  print("restored");
}
