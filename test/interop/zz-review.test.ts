import { openFolderTools } from "@joinery/server";
import { expect, test } from "vitest";
import { keyOf, withDatabase } from "../contract/level-stage.ts";
import { encodeLoss } from "../../server/src/storage/losses.ts";
import { documentRange } from "../../server/src/storage/keys.ts";
import { openClient, reads, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";
test("unknown tail", async () => {
  const stage = await openStage();
  const { server } = stage;
  const ann = openClient({ url: server.wsUrl });
  const notes = ann.open("notes");
  for (const w of ["one ", "two ", "three ", "four ", "five "]) { textOf(notes).insert(textOf(notes).length, w); await notes.whenSaved(); }
  const peer = stage.join("notes");
  await peer.synced();
  ann.disconnect(); peer.leave;
  await server.stop();
  await withDatabase(server.dataFolder, (db) => db.batch([
    ...[3, 4, 5].map((s) => ({ type: "del" as const, key: keyOf("log", s) })),
    { type: "put" as const, ...encodeLoss({ keys: { gte: keyOf("log", 3), lt: documentRange("notes" as never).lt }, time: 1, reason: "block" }) },
  ], { sync: true }));
  const tools = await openFolderTools(server.dataFolder);
  for await (const r of tools.repair()) console.log(JSON.stringify(r));
  await tools.close();
  await server.start();
  ann.connect();
  await new Promise((r) => setTimeout(r, 3000));
  console.log(JSON.stringify(notes.status), notes.conflict, peer.doc.getText("text").toString());
  const cem = openClient({ url: server.wsUrl });
  const cems = cem.open("notes");
  await new Promise((r) => setTimeout(r, 1500));
  console.log("cem reads", textOf(cems).toString());
});
