import { expect, test } from "vitest";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { World } from "../../support/world.ts";

test("a log that is just being folded is not folded once more because somebody asks", async () => {
  const replicas = new InlineReplicas();
  const gate = Promise.withResolvers<void>();
  const fold = replicas.fold.bind(replicas);
  replicas.fold = async (...args) => {
    await gate.promise;
    return await fold(...args);
  };
  const world = new World({ replicas, compaction: { minTailBytes: 1, maxTailEntries: 1000 } });
  const ann = await world.join("notes");
  ann.type("a");
  await world.settle();
  const compacting = world.rooms.compact(world.name("notes"));
  const again = world.rooms.compact(world.name("notes"));
  gate.resolve();
  await world.settle();
  await Promise.all([compacting, again]);
  expect(world.eventsOf("compacted")).toHaveLength(1);
});
