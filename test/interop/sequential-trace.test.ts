import { expect, test } from "vitest";
import { encodeStateVector } from "yjs";
import { firstDifference, readSequentialTrace, replay } from "../support/traces.ts";
import { openStage } from "./stage.ts";

test("a paper that one client types is read by another meanwhile, and by a third after a restart", async () => {
  const trace = readSequentialTrace();
  const stage = await openStage();
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
