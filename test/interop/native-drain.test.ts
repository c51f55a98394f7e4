import { setTimeout as delay } from "node:timers/promises";
import type { DocumentHandle } from "@joinery/client";
import { create, int31 } from "lib0/prng";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { openClient, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

const WRITERS = 4;

test("[R4] SIGTERM while people type: they come back by themselves, and nothing is lost or left unsaved", async () => {
  const stage = await openStage();
  const writers = Array.from({ length: WRITERS }, () => openClient({ url: stage.server.wsUrl }).open("busy"));
  await Promise.all(writers.map((writer) => writer.whenSynced()));
  const typing = Promise.all(writers.map((writer, index) => typeUntilOffline(writer, index)));
  await until("the load", () => writers.every((writer) => textOf(writer).length > 400));

  const goneAtMs = Date.now();
  expect(await stage.server.stop()).toMatchObject({ code: 0, signal: null });
  const typed = await typing;
  for (const { status } of writers) {
    expect(status).toMatchObject({ kind: "offline", code: "SERVER_DRAINING" });
    // As the server asked: not all at once, and not before it can be there again.
    expect(status.retryAtMs).toBeGreaterThanOrEqual(goneAtMs + 900);
  }
  for (const [index, writer] of writers.entries()) textOf(writer).insert(0, letterOf(index));

  await stage.server.start();
  await until("everybody to be back", () => writers.every(({ saved, synced }) => saved && synced));
  const stranger = await stage.join("busy").synced();
  for (const writer of writers) expect(textOf(writer).toString()).toBe(stranger.text.toString());
  for (const [index, count] of typed.entries()) {
    expect(stranger.text.toString().split(letterOf(index))).toHaveLength(count + 2);
  }
});

function letterOf(index: number): string {
  return String.fromCharCode(97 + index);
}

/** Types a character here and there, 200 a second, until the server has gone. @returns How many. */
async function typeUntilOffline(writer: DocumentHandle, index: number): Promise<number> {
  const random = create(index);
  const text = textOf(writer);
  let count = 0;
  for (; writer.status.kind === "online"; count++) {
    text.insert(int31(random, 0, text.length), letterOf(index));
    await delay(5);
  }
  return count;
}
