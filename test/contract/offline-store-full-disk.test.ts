/** The offline store on a disk that fills up and is freed again. Takes Linux and root; elsewhere it says so. */

import { join } from "node:path";
import type { JoineryError } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../client/src/offline/level-store.ts";
import type { OfflineDocument } from "../../client/src/offline/ports.ts";
import { BRANCH } from "../support/branch.ts";
import { CANNOT_MOUNT, mountSmallDisk } from "../support/small-disk.ts";
import { LINEAGE } from "./offline-store.contract.ts";

const DISK_BYTES = 12 * 1024 * 1024;
const EDIT_BYTES = 4096;
const ROUNDS = 5;

test("a full disk is told, loses nothing, and is written to again when it has room", async ({ skip }) => {
  const disk = await mountSmallDisk(DISK_BYTES);
  if (disk === null) return skip(CANNOT_MOUNT);
  onTestFinished(() => disk.unmount());
  const folder = join(disk.folder, "store");
  const states: (JoineryError | null)[] = [];
  let written = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const store = await openLevelStore(folder);
    const document = await store.open("notes", (error) => states.push(error));
    expect(document.copy.unsaved.length, "what was flushed is there, and what waited too").toBe(written);
    for (let i = 0; i < 10; i++) document.addLocal(edit(written++));
    await document.flush();
    await disk.fill(round * 8192);
    written += await editUntilRefused(document, written);
    expect(states.length, "told once, however often it was tried").toBe(2 * round - 1);
    expect(states.at(-1)).toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    document.setRevision({ lineage: LINEAGE, seq: round, branch: BRANCH }, LINEAGE);
    await expect(document.flush()).rejects.toMatchObject({ code: "OFFLINE_STORE_FAILED" });
    await disk.free();
    await document.flush();
    expect(states.at(-1), "and once that it is over").toBeNull();
    await store.close();
    const again = await openLevelStore(folder);
    const { copy } = await again.open("notes", (error) => states.push(error));
    expect(copy.unsaved).toEqual(Array.from({ length: written }, (_, n) => edit(n)));
    expect(copy.revision).toEqual({ lineage: LINEAGE, seq: round, branch: BRANCH });
    expect(await again.pending()).toMatchObject([{ document: "notes", unsaved: written }]);
    const document2 = await again.open("notes", (error) => states.push(error));
    document2.saved(written);
    document2.compact(edit(0));
    await document2.flush();
    await again.close();
    written = 0;
  }
  expect(states.length).toBe(2 * ROUNDS);
});

/** @returns How many edits it made. */
async function editUntilRefused(document: OfflineDocument, first: number): Promise<number> {
  for (let count = 0; count < 1000; ) {
    document.addLocal(edit(first + count++));
    const isRefused = await document.flush().then(
      () => false,
      () => true,
    );
    if (!isRefused) continue;
    for (let i = 0; i < 3; i++) document.addLocal(edit(first + count++));
    return count;
  }
  throw new Error("the disk took a thousand edits");
}

function edit(n: number): Uint8Array {
  return new Uint8Array(EDIT_BYTES).fill(n & 0xff);
}
