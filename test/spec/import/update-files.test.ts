import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { openUpdateFiles } from "../../../server/src/import/update-files.ts";
import { readSource, temporaryFolder } from "./read-source.ts";
import { stateOf, updatesWhile, written } from "./stage.ts";

const read = (folder: string, maxBytes?: number) => readSource(openUpdateFiles, folder, maxBytes);

function makePipe(path: string): void {
  execFileSync("sh", ["-c", 'mkfifo "$0"', path]);
}

describe("a folder of update files", () => {
  test("has a document a file, named after it without the ending, percent-decoded", async () => {
    const folder = await temporaryFolder();
    for (const name of [
      "plain",
      "a.bin",
      "b.yjs",
      "c.update",
      "d.v1",
      "e.v1.bin",
      "notes%2Ftoday.ydoc",
      "100%.bin",
      "f.txt",
    ])
      await writeFile(join(folder, name), stateOf(written(name, 1)));
    expect(await read(folder)).toEqual({
      count: 9,
      texts: {
        plain: "plain",
        a: "a.bin",
        b: "b.yjs",
        c: "c.update",
        d: "d.v1",
        e: "e.v1.bin",
        "notes/today": "notes%2Ftoday.ydoc",
        "100%": "100%.bin",
        "f.txt": "f.txt",
      },
    });
  });

  test("has a document a folder in it, made of all updates in there, of both formats and in any order", async () => {
    const folder = await temporaryFolder();
    const doc = new Y.Doc();
    const updates = updatesWhile(doc, () => {
      for (const [i, letter] of [..."Hello, world"].entries()) doc.getText("text").insert(i, letter);
    });
    await mkdir(join(folder, "notes%2Ftoday"));
    for (const [i, update] of updates.entries()) {
      const bytes = i % 2 === 0 ? update : Y.convertUpdateFormatV1ToV2(update);
      await writeFile(join(folder, "notes%2Ftoday", `${i}.bin`), bytes);
    }
    await mkdir(join(folder, "empty"));
    expect((await read(folder)).texts).toEqual({ "notes/today": "Hello, world", empty: "" });
  });

  test("tells Yjs' two formats apart by what is in the files", async () => {
    const folder = await temporaryFolder();
    const doc = written("Hello", 1);
    const deletes = updatesWhile(doc, () => doc.getText("text").delete(0, 4))[0] as Uint8Array;
    expect(deletes[0]).toBe(0); // As an update in the second format begins.
    const files: Record<string, Uint8Array> = {
      first: stateOf(doc),
      second: Y.encodeStateAsUpdateV2(doc),
      "deletes.v1": deletes,
      "deletes-second": Y.convertUpdateFormatV1ToV2(deletes),
      nothing: stateOf(new Y.Doc()),
      "nothing-second": Y.encodeStateAsUpdateV2(new Y.Doc()),
      "named.v2": Y.encodeStateAsUpdateV2(doc),
    };
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
    await mkdir(join(folder, "both"));
    await writeFile(join(folder, "both/1"), stateOf(written("Hello", 1)));
    await writeFile(join(folder, "both/2"), deletes);
    expect((await read(folder)).texts).toEqual({
      first: "o",
      second: "o",
      deletes: "",
      "deletes-second": "",
      nothing: "",
      "nothing-second": "",
      named: "o",
      both: "o",
    });
  });

  test("passes over hidden files, and follows links", async () => {
    const folder = await temporaryFolder();
    const elsewhere = await temporaryFolder();
    await writeFile(join(elsewhere, "1"), stateOf(written("linked", 1)));
    await writeFile(join(folder, ".DS_Store"), "no update");
    await symlink(elsewhere, join(folder, "notes"));
    expect(await read(folder)).toEqual({ count: 1, texts: { notes: "linked" } });
  });

  test("says of each document that cannot be read why, and goes on", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "nested/deeper"), { recursive: true });
    await writeFile(join(folder, "large"), stateOf(written("x".repeat(500), 1)));
    await mkdir(join(folder, "many"));
    for (const i of [1, 2, 3])
      await writeFile(join(folder, `many/${i}`), stateOf(written("x".repeat(40), i)));
    await writeFile(join(folder, "garbage"), Uint8Array.of(0, 255, 255, 1));
    await writeFile(join(folder, "zeros.v2"), new Uint8Array(3));
    await writeFile(join(folder, "sound"), stateOf(written("Hello", 1)));
    const { texts } = await read(folder, 130);
    expect(texts).toEqual({
      nested: expect.stringMatching(/^DOCUMENT_DAMAGED: it has a folder in it, "deeper"/),
      large: expect.stringMatching(/^DOCUMENT_FULL: it has \d+ bytes/),
      many: expect.stringMatching(/^DOCUMENT_FULL/),
      garbage: expect.stringMatching(/^MALFORMED_UPDATE: update: it is not in Yjs' second format/),
      zeros: expect.stringMatching(/^MALFORMED_UPDATE/),
      sound: "Hello",
    });
  });

  test("has links that lead nowhere, pipes and devices said of, and waits for none of them", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "sound"), stateOf(written("Hello", 1)));
    await symlink("/nowhere/at/all", join(folder, "dangling"));
    await symlink("circle", join(folder, "circle"));
    await symlink("/dev/zero", join(folder, "zeros"));
    makePipe(join(folder, "pipe.bin"));
    await mkdir(join(folder, "several"));
    makePipe(join(folder, "several/pipe.bin"));
    expect(await read(folder)).toEqual({
      count: 6,
      texts: {
        sound: "Hello",
        dangling: expect.stringMatching(/^DOCUMENT_DAMAGED: ENOENT/),
        circle: expect.stringMatching(/^DOCUMENT_DAMAGED: ELOOP/),
        zeros: "DOCUMENT_DAMAGED: it is no file but a pipe, a socket or a device",
        pipe: "DOCUMENT_DAMAGED: it is no file but a pipe, a socket or a device",
        several: "DOCUMENT_DAMAGED: it is no file but a pipe, a socket or a device",
      },
    });
  });

  test("gives the others when the folder of a document goes while it is read", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "a"));
    await mkdir(join(folder, "b"));
    const source = await openUpdateFiles(folder, { convert: () => Promise.reject(new Error("not called")) });
    const outcomes: string[] = [];
    for await (const { read: readDocument } of source.documents()) {
      await rm(join(folder, "a"), { recursive: true, force: true });
      outcomes.push(await readDocument(1000).then(String, (error: { code: string }) => error.code));
    }
    expect(outcomes.toSorted()).toEqual(["", "DOCUMENT_DAMAGED"]);
  });

  test("has no document that several files would be: which of them came last nobody can tell", async () => {
    const folder = await temporaryFolder();
    for (const name of ["notes.v1", "notes.bin", "a%2Fb", "a%2fb.bin", "other.v1.v1"])
      await writeFile(join(folder, name), stateOf(written(name, 1)));
    const twin = expect.stringMatching(/^DOCUMENT_DAMAGED: ".*" is not the only one that gives this name/);
    expect(await read(folder)).toEqual({
      count: 5,
      texts: { notes: twin, "a/b": twin, "other.v1": "other.v1.v1" },
    });
  });

  test("has files refused that have something behind an update of the second format", async () => {
    const folder = await temporaryFolder();
    const update = Y.encodeStateAsUpdateV2(written("Hello", 1));
    await writeFile(join(folder, "two.v2"), Buffer.concat([update, update]));
    await writeFile(join(folder, "byte"), Buffer.concat([update, Uint8Array.of(0)]));
    expect((await read(folder)).texts).toEqual({
      two: expect.stringContaining(`${update.length} bytes left over`),
      byte: expect.stringContaining("1 bytes left over"),
    });
  });

  test("that is not there is refused", async () => {
    await expect(read("/nowhere/at/all")).rejects.toMatchObject({ code: "SOURCE_UNUSABLE" });
  });
});
