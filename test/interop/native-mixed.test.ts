/** Native clients and the published providers of y-websocket and Hocuspocus in one document, both ways. */

import { create, int31 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import type * as Y from "yjs";
import { HocuspocusPeer } from "../support/hocuspocus-peer.ts";
import { until } from "../support/until.ts";
import { becomes, openClient, reads, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

const EDITS = 300;

test("clients of all protocols type at once and end with the same text", async () => {
  const stage = await openStage();
  const ann = openClient({ url: stage.server.wsUrl }).open("notes");
  const cid = openClient({ url: stage.server.wsUrl }).open("notes");
  const ben = await stage.join("notes").synced();
  const dot = await new HocuspocusPeer(4, stage.server.wsUrl, "notes").synced();
  onTestFinished(() => dot.leave());
  await Promise.all([ann.whenSynced(), cid.whenSynced()]);

  const texts = [textOf(ann), ben.text, textOf(cid), dot.text];
  await Promise.all(texts.map((text, i) => type(text, "abcd".charAt(i))));
  await Promise.all([ann.whenSaved(), cid.whenSaved(), dot.saved()]);
  await until("everything to arrive", () => texts.every((text) => text.length === 4 * EDITS));
  const stranger = await stage.join("notes").synced();
  for (const text of texts) {
    expect(text.toString()).toBe(stranger.text.toString());
  }
  const newcomer = openClient({ url: stage.server.wsUrl }).open("notes");
  await newcomer.whenSynced();
  expect(textOf(newcomer).toString()).toBe(stranger.text.toString());
});

test("[P2] clients of different protocols see each other come, change and go, and nobody has a verified name", async () => {
  const stage = await openStage();
  const ann = openClient({ url: stage.server.wsUrl }).open("notes");
  const ben = stage.join("notes");
  ann.setPresence({ name: "Ann" });
  ben.awareness.setLocalState({ name: "Ben" });
  const benAsSeen = { clientId: ben.doc.clientID, user: null, state: { name: "Ben" }, isTyping: false };
  await until("Ann to see Ben", () => ann.others().length === 1);
  expect(ann.others()).toEqual([benAsSeen]);
  expect(ann.user).toBeNull();
  await ben.sees(ann.doc.clientID, ({ name }) => name === "Ann");

  ann.setPresence({ name: "Anna" });
  ben.awareness.setLocalStateField("name", "Benno");
  await ben.sees(ann.doc.clientID, ({ name }) => name === "Anna");
  await until("Ann to see Benno", () => ann.others()[0]?.state.name === "Benno");

  ben.leave();
  await until("Ben to be gone", () => ann.others().length === 0);
  const dot = await stage.join("notes").synced();
  await dot.sees(ann.doc.clientID, ({ name }) => name === "Anna");
  await ann.close();
  await dot.seesNo(ann.doc.clientID);
});

test("somebody is seen typing, and no longer when they stop", async () => {
  const stage = await openStage();
  const ann = openClient({ url: stage.server.wsUrl }).open("notes");
  const ben = openClient({ url: stage.server.wsUrl }).open("notes");
  ann.setPresence({ name: "Ann" });
  await until("Ben to see Ann", () => ben.others().length === 1);
  ann.typing();
  await until("Ben to see Ann type", () => ben.others()[0]?.isTyping === true);
  await until("Ben to see Ann stop", () => ben.others()[0]?.isTyping === false);
});

test("documents of one connection do not mix, and one that is closed leaves the other alone", async () => {
  const stage = await openStage();
  const client = openClient({ url: stage.server.wsUrl });
  const notes = client.open("notes");
  const plans = client.open("plans/ünïcode & spaces");
  textOf(notes).insert(0, "notes");
  textOf(plans).insert(0, "plans");
  await Promise.all([notes.whenSaved(), plans.whenSaved()]);
  await (await stage.join("notes").synced()).reads("notes");
  const reader = await stage.join("plans/ünïcode & spaces").synced();
  await reader.reads("plans");
  await notes.close();
  reader.text.insert(5, " of both");
  await reads(plans, "plans of both");
  textOf(plans).insert(0, "new ");
  await becomes(plans, "saved", ({ saved }) => saved);
  await reader.reads("new plans of both");
});

async function type(text: Y.Text, letter: string): Promise<void> {
  const random = create(letter.charCodeAt(0));
  for (let i = 0; i < EDITS; i++) {
    text.insert(int31(random, 0, text.length), letter);
    if (int31(random, 0, 3) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}
