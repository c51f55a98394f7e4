/** What is read from LevelDB's files is what LevelDB reads. */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CursorRange, type Database, openLevelDatabase } from "../../../server/src/storage/database.ts";
import { openFiles } from "../../../server/src/storage/leveldb/files-database.ts";
import { openReadOnly } from "../../../server/src/storage/read-only-database.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "joinery-files-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const keyOf = (number: number) => Buffer.from(`key ${String(number).padStart(6, "0")}`);

const NOISE = Uint8Array.from(
  { length: 200_000 },
  (
    (random) => () =>
      random(256)
  )(randomOf(9)),
);

/** Writes and deletes in several lives, so that there are tables on all levels, and a log. */
async function write(path: string, seed: number): Promise<void> {
  const random = randomOf(seed);
  for (let life = 0; life < 4; life++) {
    const database = await openLevelDatabase(path, { createIfMissing: true });
    for (let batch = 0; batch < 12; batch++) {
      const operations = Array.from({ length: 100 }, () => {
        const key = keyOf(random(3000));
        if (random(4) === 0) return { type: "del", key } as const;
        // What compresses well and what does not; now and then larger than a block can be.
        const length = random(300) === 0 ? 200_000 : random(300);
        const value = random(2) === 0 ? new Uint8Array(length).fill(random(256)) : NOISE.subarray(-length);
        return { type: "put", key, value } as const;
      });
      await database.batch(operations, { sync: false });
    }
    await database.close();
  }
}

type Reading = Pick<Database, "get" | "iterator">;

async function rowsOf(database: Reading, range: CursorRange): Promise<string[]> {
  const rows: string[] = [];
  const cursor = database.iterator(range);
  for (let some = await cursor.nextv(50); some.length > 0; some = await cursor.nextv(50)) {
    for (const [key, value] of some) {
      const text = range.values === false ? "" : createHash("sha256").update(value).digest("base64");
      rows.push(`${Buffer.from(key).toString()} ${text}`);
    }
  }
  await cursor.close();
  return rows;
}

describe.each([1, 2])("a database of many lives, seed %i", (seed) => {
  test("has the same rows, forwards and backwards, in any range, and the same values", async () => {
    const path = join(folder, `database ${seed}`);
    await write(path, seed);
    const files = await openFiles(path);
    const all = { gte: Buffer.from(""), lt: Buffer.from("z") };
    const random = randomOf(seed);
    const ranges: CursorRange[] = [
      all,
      { ...all, reverse: true, limit: 50 },
      { ...all, values: false, limit: 10 },
    ];
    for (let i = 0; i < 12; i++) {
      const from = random(3000);
      const range = { gte: keyOf(from), lt: keyOf(from + random(400)) };
      ranges.push(range, { ...range, reverse: true, limit: 3 }, { ...range, reverse: true, values: false });
    }
    const byFiles = await Promise.all(ranges.map((range) => rowsOf(files, range)));
    const keys = Array.from({ length: 100 }, () => keyOf(random(3100)));
    const values = await Promise.all(keys.map((key) => files.get(key)));
    const seeking = files.iterator(all);
    await seeking.next();
    seeking.seek(keyOf(1500));
    const sought = await seeking.next();
    await seeking.close();

    const level = await openLevelDatabase(path, { createIfMissing: false });
    try {
      expect(byFiles[0]?.length).toBeGreaterThan(1000);
      for (const [i, range] of ranges.entries()) expect(byFiles[i]).toEqual(await rowsOf(level, range));
      for (const [i, key] of keys.entries()) {
        const value = await level.get(key);
        expect(value === undefined ? values[i] : Buffer.compare(value, values[i] ?? NOISE)).toBe(
          value === undefined ? undefined : 0,
        );
      }
      const [first] = await rowsOf(level, { gte: keyOf(1500), lt: all.lt, values: false });
      expect(`${Buffer.from(sought?.[0] ?? "").toString()} `).toBe(first);
    } finally {
      await level.close();
    }
  });
});

test("nothing is written to a database that is opened to be read", async () => {
  const path = join(folder, "read");
  const database = await openLevelDatabase(path, { createIfMissing: true });
  await database.batch([{ type: "put", key: keyOf(1), value: Uint8Array.of(1) }], { sync: true });
  await database.close();
  const before = await readdir(path);
  const reading = await openReadOnly(path, { createIfMissing: false });
  expect(await reading.get(keyOf(1))).toEqual(Uint8Array.of(1));
  const view = reading.view();
  expect(await view.get(keyOf(2))).toBeUndefined();
  await view.close();
  await expect(reading.batch([], { sync: true })).rejects.toThrow("opened to be read");
  await expect(reading.compactRange(keyOf(1), keyOf(2))).rejects.toThrow("opened to be read");
  await reading.close();
  expect(await readdir(path)).toEqual(before);
});
