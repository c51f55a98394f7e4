/** A page that is reloaded or closed in the moment of an edit, in Chromium: the edit is kept, and its author is gone at once. */

import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { openStage } from "../interop/stage.ts";
import { until } from "../support/until.ts";
import { servePages } from "./example-pages.ts";
import { findChromium, openBrowser } from "./person.ts";

const NO_CHROMIUM = "there is no Chromium in /usr/bin";
const ROUNDS = 10;

const NOTES = `import { JoineryClient } from "@joinery/client";
  const notes = new JoineryClient({ url: URL_OF_SERVER, offline: "notes" }).open("notes");
  globalThis.text = notes.doc.getText("content");
  globalThis.others = () => notes.others().map(({ state }) => state.name);
  globalThis.isOnline = () => notes.synced;
  notes.setPresence({ name: location.hash });
  await notes.whenLoaded();
  globalThis.isLoaded = true;`;

/** What the page's script has put there. */
declare const text: { length: number; insert(at: number, words: string): void; toString(): string };
declare const others: () => string[];
declare const isOnline: () => boolean;

async function openPages(wsUrl: string) {
  const chromium = findChromium();
  if (chromium === undefined) return null;
  const url = await servePages({ notes: NOTES.replace("URL_OF_SERVER", JSON.stringify(wsUrl)) }, wsUrl);
  const context = await (await openBrowser(chromium))();
  return async (name: string): Promise<Page> => {
    const page = await context.newPage();
    const errors: Error[] = [];
    page.on("pageerror", (error) => errors.push(error));
    onTestFinished(() => expect(errors).toEqual([]));
    await page.goto(`${url}/notes#${name}`);
    await page.waitForFunction(() => "isLoaded" in globalThis);
    return page;
  };
}

test.for([
  { how: "with nothing under way", earlier: 0, length: 5 },
  { how: "while earlier edits are being written", earlier: 3, length: 5 },
  { how: "after large ones", earlier: 2, length: 100_000 },
])(
  "[D9] an edit that is made in the moment of a reload is there afterwards: $how",
  async ({ earlier, length }, { skip }) => {
    const open = await openPages("ws://127.0.0.1:1");
    if (open === null) return skip(NO_CHROMIUM);
    const page = await open("ann");
    let expected = "";
    for (let round = 0; round < ROUNDS; round++) {
      const edits = Array.from({ length: earlier + 1 }, (_, n) => `${round}.${n}`.padEnd(length));
      expected += edits.join("");
      await Promise.all([
        page.waitForEvent("load"),
        page.evaluate((edits) => {
          const type = () => {
            const words = edits.shift();
            if (words === undefined) return location.reload();
            text.insert(text.length, words);
            // In a turn of its own, so that the write of the one before has begun.
            if (edits.length > 0) setTimeout(type);
            else type();
          };
          // Not now: nobody is left to answer when the page is reloaded.
          setTimeout(type);
        }, edits),
      ]);
      await page.waitForFunction(() => "isLoaded" in globalThis);
      expect((await page.evaluate(() => text.toString())) === expected, `round ${round}`).toBe(true);
    }
  },
);

test("[P8] who closes a page, or leaves it for another one, is gone at once for others", async ({ skip }) => {
  const stage = await openStage();
  const open = await openPages(stage.server.wsUrl);
  if (open === null) return skip(NO_CHROMIUM);
  const ann = await open("ann");
  const seen = (names: string[]) =>
    until(
      `ann to see ${names.join()}`,
      async () => (await ann.evaluate(() => others().join())) === names.join(),
    );
  for (const leave of [
    (page: Page) => page.close({ runBeforeUnload: false }),
    (page: Page) => page.goto("about:blank"),
  ]) {
    const ben = await open("ben");
    await ben.waitForFunction(() => isOnline());
    await seen(["#ben"]);
    await leave(ben);
    await seen([]);
  }
});
