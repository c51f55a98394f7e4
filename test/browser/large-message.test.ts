/** Browsers send a large message in many frames, which servers of programs alone never see. */

import { existsSync } from "node:fs";
import { createServer, MemoryStorage } from "@joinery/server";
import { chromium } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { Peer } from "../support/peer.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
/** Just below the largest message. */
const LENGTH = 16 * 1024 * 1024 - 1024;

test("the largest message arrives from a browser", async ({ skip }) => {
  if (CHROMIUM === undefined) {
    // A build server that lost its browser must not turn this test off unseen.
    if (process.env.CI === "true") throw new Error("there is no Chromium in /usr/bin");
    return skip("there is no Chromium in /usr/bin");
  }
  const server = createServer({ storage: new MemoryStorage() });
  onTestFinished(async () => {
    await server.close();
  });
  const { url } = await server.listen({ port: 0 });
  const wsUrl = url.replace("http:", "ws:");
  const reader = new Peer(wsUrl, "large");
  onTestFinished(() => reader.leave());
  await reader.synced();
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(url);

  const { head, tail } = messageAround(LENGTH);
  await page.evaluate(
    ({ address, head, tail, length }) => {
      const message = new Uint8Array(head.length + length + tail.length).fill("x".charCodeAt(0));
      message.set(head);
      message.set(tail, head.length + length);
      const socket = new WebSocket(address);
      socket.onopen = () => socket.send(message);
    },
    { address: `${wsUrl}/large`, head, tail, length: LENGTH },
  );
  await reader.reads("x".repeat(LENGTH), { withinMs: 60_000 });
  const { maxMessageFragments, maxMessageChunks, maxMessageBytes } = server.counts().limitHits;
  expect({ maxMessageFragments, maxMessageChunks, maxMessageBytes }).toEqual({
    maxMessageFragments: 0,
    maxMessageChunks: 0,
    maxMessageBytes: 0,
  });
});

/** What comes before and after the text in a message that brings one of that many `x`. */
function messageAround(length: number): { head: number[]; tail: number[] } {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, "x".repeat(length));
  const message = Buffer.from(Y_WEBSOCKET.update(Y.encodeStateAsUpdate(doc)));
  const start = message.indexOf("xxxx");
  return { head: [...message.subarray(0, start)], tail: [...message.subarray(start + length)] };
}
