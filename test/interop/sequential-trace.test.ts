import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { encodeStateVector } from "yjs";
import { firstDifference, readSequentialTrace, replay } from "../support/traces.ts";
import { openStage } from "./stage.ts";

test("a paper that one client types is read by another meanwhile, and by a third after a restart", async () => {
  const trace = readSequentialTrace();
  const stage = await openStage({ args: ["--config", await unhurriedConfig()] });
  const writer = await stage.join("paper").synced();
  const reader = await stage.join("paper").synced();

  await replay(writer.text, trace);
  expect(firstDifference(writer.text.toString(), trace.endContent)).toBeNull();
  await reader.has(writer, { withinMs: 60_000 });
  expect(firstDifference(reader.text.toString(), trace.endContent)).toBeNull();
  const stateVector = encodeStateVector(writer.doc);
  expect(encodeStateVector(reader.doc)).toEqual(stateVector);
  expect([...writer.closeCodes, ...reader.closeCodes]).toEqual([]);

  writer.leave();
  reader.leave();
  expect(await stage.server.stop()).toMatchObject({ code: 0 });
  await stage.server.start();

  const stranger = await stage.join("paper").synced();
  expect(firstDifference(stranger.text.toString(), trace.endContent)).toBeNull();
  expect(encodeStateVector(stranger.doc)).toEqual(stateVector);
});

/** Of a server that takes edits as fast as it can: by default it takes months of typing for a flood, and slows it down. */
async function unhurriedConfig(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-config-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "joinery.config.mjs");
  const limits = {
    maxMessagesPerSecond: 1_000_000,
    maxAddressMessagesPerSecond: 1_000_000,
    maxCpuMsPerSecond: 1000,
    maxAddressCpuMsPerSecond: 1000,
  };
  await writeFile(file, `export default { limits: ${JSON.stringify(limits)} };\n`);
  return file;
}
