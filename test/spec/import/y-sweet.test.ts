import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openYSweet } from "../../../server/src/import/y-sweet.ts";
import { encodeYSweet, writeYSweet, ySweetRecords } from "../../support/y-sweet-store.ts";
import { readSource, temporaryFolder } from "./read-source.ts";
import { stateOf, updatesWhile, written } from "./stage.ts";

const read = (folder: string, maxBytes?: number) => readSource(openYSweet, folder, maxBytes);

describe("Y-Sweet's file store", () => {
  test("is read byte for byte as bincode and yrs-kvstore lay it out", async () => {
    const folder = await temporaryFolder();
    const state = Buffer.from(stateOf(written("Hi", 1))).toString("hex");
    const file = [
      "0200000000000000", // two records
      "0600000000000000 0000 646f63 00", // "doc"
      "0400000000000000 00000001", // has the id 1
      "0700000000000000 0001 00000001 00", // the state of the document with that id
      `${Buffer.of(state.length / 2).toString("hex")}00000000000000 ${state}`,
    ];
    const bytes = Buffer.from(file.join("").replaceAll(" ", ""), "hex");
    expect(encodeYSweet(ySweetRecords({ state: stateOf(written("Hi", 1)) }).slice(0, 2))).toEqual(bytes);
    await writeYSweet(folder, "hex", bytes);
    expect(await read(folder)).toEqual({ count: 1, texts: { hex: "Hi" } });
  });

  test("gives the state of each document with the updates that were not folded into it yet", async () => {
    const folder = await temporaryFolder();
    const doc = written("Hello", 1);
    const state = stateOf(doc);
    const updates = updatesWhile(doc, () => {
      doc.getText("text").insert(5, ", world");
      doc.getText("text").delete(0, 1);
    });
    await writeYSweet(folder, "folded", encodeYSweet(ySweetRecords({ state })));
    await writeYSweet(folder, "both", encodeYSweet(ySweetRecords({ state, updates })));
    await writeYSweet(folder, "fresh", encodeYSweet(ySweetRecords({ updates: [state] })));
    await writeYSweet(folder, "never-written", encodeYSweet([]));
    await mkdir(join(folder, "not-a-document"));
    await writeFile(join(folder, "a-file"), "");
    expect((await read(folder)).texts).toEqual({
      folded: "Hello",
      both: "ello, world",
      fresh: "Hello",
      "never-written": "",
    });
  });

  test("says of each document that cannot be read why, and goes on", async () => {
    const folder = await temporaryFolder();
    const sound = encodeYSweet(ySweetRecords({ state: stateOf(written("Hello", 1)) }));
    const files: Record<string, Uint8Array> = {
      cut: sound.subarray(0, -3),
      "cut-in-a-length": sound.subarray(0, 12),
      empty: new Uint8Array(0),
      longer: Buffer.concat([sound, Buffer.of(0)]),
      "count-lies": Buffer.concat([Buffer.alloc(8, 0xff), sound.subarray(8)]),
      nameless: encodeYSweet(ySweetRecords({ state: stateOf(written("Hello", 1)) }).slice(1)),
      "other-key": encodeYSweet([
        ...ySweetRecords({ state: stateOf(written("Hello", 1)) }),
        [[0, 1, 0, 0, 0, 1, 6, 0, 0, 0, 1, 0], stateOf(written("lost", 2))],
      ]),
      "other-id": encodeYSweet([
        ...ySweetRecords({ state: stateOf(written("Hello", 1)) }),
        [[0, 1, 0, 0, 0, 9, 0], stateOf(written("lost", 2))],
      ]),
      sound,
    };
    for (const [name, bytes] of Object.entries(files)) await writeYSweet(folder, name, bytes);
    await writeYSweet(
      folder,
      "large",
      encodeYSweet(ySweetRecords({ state: stateOf(written("x".repeat(2000), 1)) })),
    );
    const { texts } = await read(folder, 1000);
    expect(texts).toEqual({
      cut: expect.stringMatching(/^DOCUMENT_DAMAGED: data\.ysweet ends too early at byte \d+$/),
      "cut-in-a-length": expect.stringMatching(/^DOCUMENT_DAMAGED/),
      empty: "DOCUMENT_DAMAGED: data.ysweet ends too early at byte 0",
      longer: expect.stringContaining("goes on behind its end"),
      "count-lies": expect.stringContaining("says more than it has at byte 0"),
      nameless: expect.stringContaining("does not say where its document is"),
      "other-key": expect.stringContaining("has the key 000100000001060000000100, which is none of"),
      "other-id": expect.stringContaining("which is none of"),
      sound: "Hello",
      large: expect.stringMatching(/^DOCUMENT_FULL/),
    });
  });
});
