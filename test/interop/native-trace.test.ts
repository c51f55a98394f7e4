import { expect, test } from "vitest";
import { encodeStateVector } from "yjs";
import { firstDifference, readSequentialTrace, replay } from "../support/traces.ts";
import { until } from "../support/until.ts";
import { openClient, textOf } from "./native-client.ts";
import { openStage } from "./stage.ts";

const WITHIN = { withinMs: 60_000 };

test("a paper that a native client types is read by another meanwhile, and by a third after a restart", async () => {
  const trace = readSequentialTrace();
  const stage = await openStage();
  const join = () => openClient({ url: stage.server.wsUrl }).open("paper");
  const writer = join();
  const reader = join();
  await Promise.all([writer.whenSynced(), reader.whenSynced()]);

  let read = 0;
  textOf(reader).observe(() => read++);
  await replay(textOf(writer), trace);
  expect(firstDifference(textOf(writer).toString(), trace.endContent)).toBeNull();
  await until("the paper to be saved", () => writer.saved, WITHIN);
  const stateVector = encodeStateVector(writer.doc);
  const isRead = () => Buffer.compare(encodeStateVector(reader.doc), stateVector) === 0;
  await until("the paper to be read", isRead, WITHIN);
  expect(firstDifference(textOf(reader).toString(), trace.endContent)).toBeNull();
  expect(read).toBeGreaterThan(1);

  await Promise.all([writer.close(), reader.close()]);
  expect(await stage.server.stop()).toMatchObject({ code: 0 });
  await stage.server.start();
  const stranger = join();
  await stranger.whenSynced();
  expect(firstDifference(textOf(stranger).toString(), trace.endContent)).toBeNull();
  expect(encodeStateVector(stranger.doc)).toEqual(stateVector);
});
