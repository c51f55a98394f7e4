/** A document lost edits to damage and was repaired: who has them brings them back, and nobody is left without. */

import type { DocumentHandle } from "@joinery/client";
import { type DocumentRepair, openFolderTools } from "@joinery/server";
import { expect, test } from "vitest";
import { damageRecord, keyOf, withDatabase } from "../contract/level-stage.ts";
import { becomes, openClient, reads, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

/** Makes edits of which each is a batch of its own. */
async function write(notes: DocumentHandle, ...words: readonly string[]): Promise<void> {
  for (const word of words) {
    textOf(notes).insert(textOf(notes).length, word);
    await notes.whenSaved();
  }
}

test.each([
  ["its last edits", 3, "one two "],
  ["all that it had", 1, ""],
])(
  "a repaired document that lost %s has them again from a client that knew them to be saved",
  async (_, seq, left) => {
    const { server } = await openStage();
    const ann = openClient({ url: server.wsUrl });
    const notes = ann.open("notes");
    await write(notes, "one ", "two ");
    const ben = openClient({ url: server.wsUrl });
    const bens = ben.open("notes");
    await reads(bens, "one two ");
    await bens.whenSaved();
    ben.disconnect();
    await write(notes, "three ", "four ");
    // So that nobody waits for a pause between attempts.
    ann.disconnect();
    await server.stop();

    await withDatabase(server.dataFolder, (database) =>
      damageRecord(database, keyOf("log", seq), (value) => value.with(-1, 0xff)),
    );
    const tools = await openFolderTools(server.dataFolder);
    const repairs: DocumentRepair[] = [];
    for await (const repair of tools.repair()) repairs.push(repair);
    await tools.close();
    expect(repairs).toMatchObject([
      { document: "notes", kept: { seq: seq - 1 }, seq: 4, lost: { fromSeq: seq, toSeq: 4 } },
    ]);
    expect(repairs[0]?.savedAs).toMatch(/^damaged/);

    await server.start();
    const cem = openClient({ url: server.wsUrl });
    const cems = cem.open("notes");
    await becomes(cems, "online", ({ status, synced }) => status.kind === "online" && synced);
    await reads(cems, left);
    await write(cems, "new ");
    ann.connect();
    await becomes(notes, "online", ({ status, synced }) => status.kind === "online" && synced);
    await notes.whenSaved();
    const text = textOf(notes).toString();
    for (const word of ["one ", "two ", "three ", "four ", "new "]) expect(text).toContain(word);
    await reads(cems, text);
    // Who had seen less goes on, and gets all of it.
    ben.connect();
    await reads(bens, text);
    await bens.whenSaved();
    for (const handle of [notes, bens, cems]) expect(handle.conflict).toBeNull();
    // It is on disk, too.
    await server.stop();
    await server.start();
    const dee = openClient({ url: server.wsUrl }).open("notes");
    await reads(dee, text);
  },
);
