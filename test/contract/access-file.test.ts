/** Who was banned and what was revoked, in a file of a real folder. */

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AccessRecords } from "../../server/src/access/access-store.ts";
import { AccessFile } from "../../server/src/node/access-file.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const RECORDS: AccessRecords = {
  bans: [
    { id: "b1", user: "ann", document: "notes", reason: "spam\n\u202e", since: 1, until: null },
    { id: "b2", address: "192.0.2.1", reason: "noise", since: 2, until: 3 },
  ],
  revocations: [
    { user: "ann", at: 1, until: 2 },
    { token: "a".repeat(64), user: "bob", document: "notes", at: 3, until: 4 },
  ],
};

async function opened() {
  const folder = await temporaryFolder();
  return { folder, path: join(folder, "access.json"), file: new AccessFile(folder) };
}

describe("the file", () => {
  test("gives back what was saved last", async () => {
    const { folder, file } = await opened();
    await expect(file.load()).resolves.toBe(null);
    await file.save({ bans: [], revocations: [] });
    await file.save(RECORDS);
    await expect(new AccessFile(folder).load()).resolves.toEqual(RECORDS);
  });

  test("is what it was when it cannot be written, which is told", async () => {
    const { folder, path, file } = await opened();
    await file.save(RECORDS);
    await mkdir(`${path}.new`);
    await expect(file.save({ bans: [], revocations: [] })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    await expect(file.load()).resolves.toEqual(RECORDS);
    await rm(folder, { recursive: true });
    await expect(file.save(RECORDS)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("is not taken for none when it cannot be read", async () => {
    const { path, file } = await opened();
    await mkdir(path);
    await expect(file.load()).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
  });
});

describe("a file that is not as it was written", () => {
  const ban = RECORDS.bans[0];
  test.each<[string, string]>([
    ["is empty", ""],
    ["is cut off", JSON.stringify({ format: 1, ...RECORDS }).slice(0, -5)],
    ["is zeros", "\0".repeat(100)],
    ["is a list", "[]"],
    ["is nothing", "null"],
    ["is of another format", JSON.stringify({ format: 2, ...RECORDS })],
    ["has no bans", JSON.stringify({ format: 1, revocations: [] })],
    [
      "has a ban of nobody",
      JSON.stringify({ format: 1, bans: [{ ...ban, user: undefined }], revocations: [] }),
    ],
    [
      "has a ban without an end",
      JSON.stringify({ format: 1, bans: [{ ...ban, until: "x" }], revocations: [] }),
    ],
    [
      "has a ban to an end that is no moment",
      JSON.stringify({ format: 1, bans: [{ ...ban, until: 1e300 }], revocations: [] }),
    ],
    [
      "has a revocation at no moment",
      '{"format":1,"bans":[],"revocations":[{"user":"ann","at":-1e999,"until":4}]}',
    ],
    [
      "has a user who is no text",
      JSON.stringify({ format: 1, bans: [{ ...ban, user: 1 }], revocations: [] }),
    ],
    ["has a revocation without a time", JSON.stringify({ format: 1, bans: [], revocations: [{ until: 1 }] })],
    [
      "has a revocation of nothing",
      JSON.stringify({ format: 1, bans: [], revocations: [{ at: 1, until: 1 }] }),
    ],
  ])("and %s is refused with what to do, and left as it is", async (_, text) => {
    const { path, file } = await opened();
    await writeFile(path, text);
    const error: unknown = await file.load().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringMatching(/access\.json is not as it was written: .*restore it, or remove it/s),
    });
    await expect(readFile(path, "utf8")).resolves.toBe(text);
  });
});
