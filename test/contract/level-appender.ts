/**
 * A process of its own that opens the data folder it is told, and appends to two documents until it is killed. Prints
 * a line `open`, then `document seq` for each entry once it is acknowledged; or the code and message of the error.
 */

import { writeSync } from "node:fs";
import { type DocumentName, toJoineryError } from "@joinery/shared";
import type { Lineage } from "../../server/src/engine/ports.ts";
import { LevelStorage } from "../../server/src/storage/level.ts";

const [folder = ""] = process.argv.slice(2);

const birth = { lineage: "0123456789abcdef0123456789abcdef" as Lineage, bornAt: 1 };
const storage = new LevelStorage({ folder });

// Written at once: what the parent reads was acknowledged, whenever this process dies.
const print = (line: string) => writeSync(1, `${line}\n`);

async function appendForever(document: DocumentName): Promise<never> {
  for (let seq = 1; ; seq++) {
    const entry = { seq, time: seq, parts: [{ author: "", update: new Uint8Array(200).fill(seq) }] };
    await storage.append({ document, entry, ...(seq === 1 && { birth }) });
    print(`${document} ${seq}`);
  }
}

try {
  await storage.open();
  print("open");
  await Promise.all(["left", "right"].map((name) => appendForever(name as DocumentName)));
} catch (error) {
  const { code, message } = toJoineryError(error);
  print(`${code} ${message}`);
  process.exitCode = 1;
}
