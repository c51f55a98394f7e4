/** Real LevelDB on a real disk that is full: nothing that was acknowledged is lost, and it recovers by itself. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DocumentName, type ErrorCode, toJoineryError } from "@joinery/shared";
import { fromBase64 } from "lib0/buffer";
import { expect, onTestFinished, type TestContext, test, vi } from "vitest";
import type { LogEntry } from "../../server/src/engine/ports.ts";
import { encodeKey } from "../../server/src/storage/keys.ts";
import { LevelStorage, type StorageEvent } from "../../server/src/storage/level.ts";
import { RemovedRecords } from "../../server/src/storage/removed-records.ts";
import { CANNOT_MOUNT, mountSmallDisk, type SmallDisk } from "../support/small-disk.ts";
import { entryOf, FIRST, soundDocument, UNAVAILABLE } from "./storage-content.ts";
import { byAnn } from "./storage-deletions.contract.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const DOCUMENTS = ["left", "middle", "right"] as DocumentName[];
const entry = (seq: number): LogEntry => entryOf(seq, new Uint8Array(40 * KIB).fill(seq));

async function smallDisk({ skip }: TestContext, bytes: number): Promise<SmallDisk> {
  const disk = await mountSmallDisk(bytes);
  if (disk === null) return skip(CANNOT_MOUNT);
  onTestFinished(() => disk.unmount());
  return disk;
}

async function openOn(disk: SmallDisk, minFreeBytes: number) {
  const events: StorageEvent[] = [];
  const folder = join(disk.folder, "data");
  const storage = new LevelStorage({ folder, minFreeBytes, report: (event) => events.push(event) });
  onTestFinished(() => storage.close());
  await storage.open();
  return { storage, events };
}

/** What is known to be acknowledged of each document's log: up to which entry. */
type Acknowledged = Map<DocumentName, number>;

/** Appends to all documents at once until one append is refused, and says with what. */
async function appendUntilRefused(storage: LevelStorage, acknowledged: Acknowledged): Promise<ErrorCode> {
  const writers = DOCUMENTS.map(async (document): Promise<ErrorCode> => {
    for (;;) {
      const seq = (acknowledged.get(document) ?? 0) + 1;
      try {
        await storage.append({ document, entry: entry(seq), ...(seq === 1 && FIRST) });
      } catch (error) {
        return toJoineryError(error).code;
      }
      acknowledged.set(document, seq);
    }
  });
  const codes = new Set(await Promise.all(writers));
  expect(codes.size).toBe(1);
  return [...codes][0] as ErrorCode;
}

/** Checks that all is there that was acknowledged, and goes on from what is there. */
async function checkNothingLost(storage: LevelStorage, acknowledged: Acknowledged): Promise<void> {
  for (const document of DOCUMENTS) {
    const stored = await storage.load(document);
    // What was refused may have happened all the same.
    const last = stored?.tail.at(-1)?.seq ?? 0;
    expect(last).toBeGreaterThanOrEqual(acknowledged.get(document) ?? 0);
    if (stored === null) continue;
    expect(stored).toEqual(
      soundDocument(
        null,
        Array.from({ length: last }, (_, i) => entry(i + 1)),
      ),
    );
    acknowledged.set(document, last);
  }
}

test("a disk that fills up in the middle of writes loses nothing acknowledged, however often", async (context) => {
  const disk = await smallDisk(context, 48 * MIB);
  const { storage, events } = await openOn(disk, 0);
  const acknowledged: Acknowledged = new Map();
  for (const leaveBytes of [3 * MIB, 900 * KIB, 250 * KIB, 100 * KIB, 30 * KIB, 0]) {
    await disk.fill(leaveBytes);
    expect(await appendUntilRefused(storage, acknowledged)).toBe("STORAGE_UNAVAILABLE");
    expect(events.map(({ type }) => type)).toContain("storage-unavailable");
    await disk.free();
    await vi.waitFor(() => expect(events.at(-1)?.type).toBe("storage-recovered"), { timeout: 20_000 });
    await checkNothingLost(storage, acknowledged);
    // What was cut off was not acknowledged: that is no damage.
    expect(events.map(({ type }) => type)).not.toContain("storage-damaged");
    events.length = 0;
  }
  await storage.close();
  const again = await openOn(disk, 0);
  expect(again.events).toEqual([]);
  await checkNothingLost(again.storage, acknowledged);
}, 60_000);

test("a disk that is nearly full is not written to, documents are read, and it goes on by itself", async (context) => {
  const disk = await smallDisk(context, 64 * MIB);
  await disk.fill(20 * MIB);
  const { storage, events } = await openOn(disk, 16 * MIB);
  const acknowledged: Acknowledged = new Map();
  await storage.append({ document: "small" as DocumentName, entry: entryOf(1), ...FIRST });
  expect(await appendUntilRefused(storage, acknowledged)).toBe("STORAGE_UNAVAILABLE");
  expect(await disk.freeBytes()).toBeGreaterThan(8 * MIB);
  expect(events).toMatchObject([
    { type: "storage-unavailable", error: { message: expect.stringContaining("the disk is nearly full") } },
  ]);
  await checkNothingLost(storage, acknowledged);
  // What makes room is done; what makes room later, as long as there is enough to do it in.
  await disk.fill(9 * MIB);
  const small = "small" as DocumentName;
  const [erased, tooLarge] = DOCUMENTS as [DocumentName, DocumentName];
  await expect(storage.delete(tooLarge, byAnn(1))).rejects.toEqual(UNAVAILABLE);
  expect(await storage.delete(small, byAnn(1))).toMatchObject({ document: small, number: 1 });
  await expect(storage.restore(small, 1)).rejects.toEqual(UNAVAILABLE);
  await storage.erase(erased);
  await storage.erase(small);
  acknowledged.delete(erased);
  await disk.free();
  const born = { document: "new" as DocumentName, entry: entry(1), ...FIRST };
  await vi.waitFor(() => storage.append(born), { timeout: 20_000 });
  expect(events.map(({ type }) => type)).toEqual(["storage-unavailable", "storage-recovered"]);
  await checkNothingLost(storage, acknowledged);
}, 60_000);

test("what is damaged is saved aside whole, or it is said that it is not, and nothing is left of it", async (context) => {
  const disk = await smallDisk(context, 2 * MIB);
  const key = encodeKey({ document: "small" as DocumentName, kind: "log", seq: 1 });
  const damaged = {
    key,
    place: null,
    problem: "the checksum does not match",
    bytes: MIB,
    time: 0,
    authors: [],
  };
  const database = { get: async () => new Uint8Array(MIB) };
  const removed = new RemovedRecords(disk.folder, 0);
  await disk.fill(MIB);
  const refused = removed.keep(null, [damaged], database);
  await expect(refused).rejects.toMatchObject({
    code: "STORAGE_UNAVAILABLE",
    message: expect.stringContaining("saved aside"),
  });
  expect(await disk.freeBytes()).toBeGreaterThan(MIB / 2);
  await disk.free();
  const [, line] = (
    await readFile(join(disk.folder, await removed.keep(null, [damaged], database)), "utf8")
  ).split("\n") as [string, string];
  expect(fromBase64((JSON.parse(line) as { value: string }).value)).toHaveLength(MIB);
});
