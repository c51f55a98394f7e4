import type { DocumentName } from "@joinery/shared";
import { expect, test } from "vitest";
import { MemoryStorage } from "../../server/src/storage/memory.ts";
import { storageContract } from "./storage.contract.ts";
import { appendEntries, entryOf } from "./storage-content.ts";
import { deletionsContract } from "./storage-deletions.contract.ts";

const driver = { name: "memory", create: async () => new MemoryStorage() };

storageContract(driver);
deletionsContract(driver);

test("a caller that leaves a hole in the log is told", async () => {
  const storage = new MemoryStorage();
  await storage.open();
  const document = "notes" as DocumentName;
  await expect(storage.append({ document, entry: entryOf(1) })).rejects.toThrow("without its birth");
  await appendEntries(storage, document, 1, 2);
  await expect(storage.append({ document, entry: entryOf(4) })).rejects.toThrow("append of seq 4 after 2");
});
