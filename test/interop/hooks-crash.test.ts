/**
 * What hooks promise when the process is killed at any moment: a document is filled once as far as anybody saw, and what
 * is on disk is stored in the end. `CRASH_ROUNDS` asks for more rounds, `CRASH_SEED` for those of an earlier run.
 */

import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { create, int31 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import { TEXT } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openClient, reads, textOf } from "./native-client.ts";
import { openStage, type Stage } from "./stage.ts";

const CACHE = fileURLToPath(new URL("../../.cache/hooks", import.meta.url));
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4);
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Opening, loading and storing take about this long. */
const MAX_DELAY_MS = 60;

/** A server whose application keeps texts in files, and gives each load another one. */
const CONFIG = `
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { defineConfig } from "@joinery/server";
import * as Y from "yjs";

const folder = process.env.KEPT;

export default defineConfig({
  storeDelayMs: 10,
  hooks: {
    async load({ document }) {
      if (!document.startsWith("new")) return null;
      const doc = new Y.Doc();
      doc.getText("${TEXT}").insert(0, "<" + Math.random() + ">");
      await setTimeout(5);
      return Y.encodeStateAsUpdate(doc);
    },
    async store({ document, state }) {
      const doc = new Y.Doc();
      Y.applyUpdate(doc, state);
      await setTimeout(5);
      writeFileSync(join(folder, document), doc.getText("${TEXT}").toString());
    },
  },
});
`;

async function openKept(): Promise<{ stage: Stage; kept: (document: string) => string }> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, "joinery.config.js");
  await writeFile(config, CONFIG);
  const stage = await openStage({ args: ["--config", config], env: { KEPT: folder } });
  const kept = (document: string) => {
    const file = join(folder, document);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  return { stage, kept };
}

test(`a document is filled once as far as anybody saw, though the server is killed (CRASH_SEED=${SEED})`, async () => {
  const random = create(SEED);
  const { stage } = await openKept();
  for (let round = 1; round <= ROUNDS; round++) {
    const name = `new ${round}`;
    const ann = openClient({ url: stage.server.wsUrl }).open(name);
    const ben = stage.join(name);
    await delay(int31(random, 0, MAX_DELAY_MS));
    const seen = [textOf(ann).toString(), ben.text.toString()].filter((text) => text !== "");
    await stage.server.kill();
    await stage.server.start();
    await until("both to have it", () => textOf(ann).length > 0 && ben.text.length > 0);
    const cid = await stage.join(name).synced();
    const text = cid.text.toString();
    expect(text, `round ${round}`).toMatch(/^<[^<>]+>$/);
    for (const earlier of seen) expect(text, `round ${round}`).toBe(earlier);
    await reads(ann, text);
    await ben.reads(text);
    cid.leave();
    ben.leave();
    await ann.close();
  }
});

test(`what is saved is stored in the end, though the server is killed (CRASH_SEED=${SEED})`, async () => {
  const random = create(SEED);
  const { stage, kept } = await openKept();
  let expected = "";
  for (let round = 1; round <= ROUNDS; round++) {
    const client = openClient({ url: stage.server.wsUrl });
    const ann = client.open("notes");
    await ann.whenSynced();
    textOf(ann).insert(textOf(ann).length, `${round} `);
    expected += `${round} `;
    await ann.whenSaved();
    await delay(int31(random, 0, MAX_DELAY_MS));
    await stage.server.kill();
    await client.close();
    await stage.server.start();
    // Whoever opens it next, to read only, has it stored.
    const ben = await stage.join("notes").synced();
    await until("it to be stored", () => kept("notes") === expected, { saw: () => kept("notes") });
    ben.leave();
  }
});

test("a server that is asked to stop stores what was written just before", async () => {
  const { stage, kept } = await openKept();
  const ann = openClient({ url: stage.server.wsUrl }).open("notes");
  await ann.whenSynced();
  textOf(ann).insert(0, "just now");
  await ann.whenSaved();
  expect((await stage.server.stop()).code).toBe(0);
  expect(kept("notes")).toBe("just now");
});
