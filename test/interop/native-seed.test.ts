/**
 * Two clients bring a seed for the same new document, and the server is killed at any moment meanwhile. `CRASH_ROUNDS`
 * asks for more rounds, `CRASH_SEED` for those of an earlier run.
 */

import { setTimeout as delay } from "node:timers/promises";
import { create, int31 } from "lib0/prng";
import { expect, test } from "vitest";
import { TEXT } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { becomes, openClient, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Opening, seeding and storing take about this long. */
const MAX_DELAY_MS = 60;

test(`a seed enters a document once, though two bring one and the server is killed (CRASH_SEED=${SEED})`, async () => {
  const random = create(SEED);
  const stage = await openStage();
  for (let round = 1; round <= ROUNDS; round++) {
    const name = `new ${round}`;
    const clients = ["ann", "ben"].map(() => openClient({ url: stage.server.wsUrl }));
    const [ann, ben] = clients.map((client, i) =>
      client.open(name, {
        seed: async (doc) => {
          if (int31(random, 0, 1) === 0) await delay(int31(random, 0, 10));
          doc.getText(TEXT).insert(0, `<seed ${i}>`);
        },
      }),
    );
    if (!ann || !ben) throw new Error("there are two");
    await delay(int31(random, 0, MAX_DELAY_MS));
    await stage.server.kill();
    await stage.server.start();
    for (const client of clients) client.connect();
    for (const handle of [ann, ben]) {
      await becomes(
        handle,
        "synced with a seed",
        ({ synced, doc }) => synced && doc.getText(TEXT).length > 0,
      );
    }
    textOf(ann).insert(0, "edited ");
    await ann.whenSaved();

    const stranger = await stage.join(name).synced();
    expect(stranger.text.toString(), `round ${round}`).toMatch(/^edited <seed [01]>$/);
    await until("both to have it", () =>
      [ann, ben].every((handle) => textOf(handle).toString() === stranger.text.toString()),
    );
    // Whoever comes later brings none.
    const later = openClient({ url: stage.server.wsUrl }).open(name, {
      seed: (doc) => doc.getText(TEXT).insert(0, "<late seed>"),
    });
    await later.whenSynced();
    expect(textOf(later).toString()).toBe(stranger.text.toString());
    stranger.leave();
    for (const client of clients) await client.close();
  }
});

test("a document that exists is not seeded, and one that a y-websocket client began is not either", async () => {
  const stage = await openStage();
  const ben = await stage.join("notes").synced();
  ben.text.insert(0, "begun");
  await (await stage.join("notes").synced()).reads("begun");
  const ann = openClient({ url: stage.server.wsUrl }).open("notes", {
    seed: (doc) => doc.getText(TEXT).insert(0, "<seed>"),
  });
  await ann.whenSynced();
  expect(textOf(ann).toString()).toBe("begun");
  expect(ben.text.toString()).toBe("begun");
});
