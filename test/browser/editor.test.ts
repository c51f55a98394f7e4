/**
 * The example page's text as two people see it, each in a browser profile of their own: they type at the same time,
 * lose the server, and go on when it is back. Uses the system's Chromium.
 */

import { expect, test } from "vitest";
import { openStage } from "../interop/stage.ts";
import { findChromium, openBrowser, Person } from "./person.ts";

test("two people type at once, see each other, and go on after the server was killed", async ({ skip }) => {
  const chromium = findChromium();
  if (chromium === undefined) return skip("there is no Chromium in /usr/bin");
  const stage = await openStage();
  const profile = await openBrowser(chromium);
  const { url } = stage.server;
  const ann = await Person.open(await profile(), "Ann", url, "notes/two people");
  const bob = await Person.open(await profile(), "Bob", url, "notes/two people");
  for (const person of [ann, bob]) await person.seesPeople(["Ann", "Bob"]);

  await ann.goesToText();
  await bob.goesToText();
  await ann.types("Start of the text\nEnd of the text");
  await bob.reads("Start of the text\nEnd of the text");
  await ann.goesToText("ControlOrMeta+Home");
  await bob.goesToText("ControlOrMeta+End");
  await Promise.all([ann.types("The front grows here. "), bob.types(", and the back grows there.")]);
  for (const person of [ann, bob]) {
    await person.reads("The front grows here. Start of the text\nEnd of the text, and the back grows there.");
    await person.isTold("Saved");
  }
  await ann.seesCursorOf("Bob");
  await bob.seesCursorOf("Ann");

  await stage.server.kill();
  for (const person of [ann, bob]) await person.seesState("offline");
  await Promise.all([ann.types("(Ann, offline) "), bob.types(" (Bob, offline)")]);
  await ann.isTold("Offline, 15 edits not yet saved");

  await stage.server.start();
  const merged =
    "The front grows here. (Ann, offline) Start of the text\nEnd of the text, and the back grows there. (Bob, offline)";
  for (const person of [ann, bob]) {
    await person.reads(merged);
    await person.isTold("Saved");
    await person.seesPeople(["Ann", "Bob"]);
  }
  await bob.types(" Done.");
  await ann.reads(`${merged} Done.`);
  await ann.seesCursorOf("Bob");
  await ann.types("Yes. ");
  await bob.seesCursorOf("Ann");

  for (const person of [ann, bob]) {
    expect(person.errors).toEqual([]);
    expect(person.requests.filter((request) => !request.startsWith(url))).toEqual([]);
  }
});
