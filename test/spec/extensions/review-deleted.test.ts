import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import { FaultyStorage } from "../../support/world.ts";
import { HookStage, typed } from "./hooks-stage.ts";

test("what load gives for a document that was deleted begins another one of that name", async () => {
  const storage = new FaultyStorage();
  const elsewhere = typed("from elsewhere");
  const stage = new HookStage({ storage, hooks: { load: async () => elsewhere } });
  const name = stage.world.name("notes");
  await stage.join("notes");
  await stage.settle();
  const deleting = stage.world.rooms.withoutRoom(
    name,
    (stateVector) => {
      return storage.delete(name, { time: 1, author: "", stateVector: stateVector ?? Uint8Array.of(0) });
    },
    new JoineryError("DOCUMENT_DELETED", "it was deleted"),
  );
  await stage.settle();
  await deleting;
  const ben = await stage.join("notes");
  await stage.settle();
  expect([ben.session.state, ben.text]).toEqual(["live", "from elsewhere"]);
  expect(stage.troubles).toEqual([]);
});
