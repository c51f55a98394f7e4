import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import * as Y from "yjs";
import type { StoredDocument } from "../../../server/src/engine/ports.ts";
import { FaultyStorage, World } from "../../support/world.ts";

/** Storage that says of every document that there was more of it. */
class DamagedStorage extends FaultyStorage {
  readonly damage = new JoineryError("DOCUMENT_DAMAGED", 'document "notes" is damaged at seq 2');

  override async load(...[document]: Parameters<FaultyStorage["load"]>): Promise<StoredDocument | null> {
    const stored = await super.load(document);
    return stored && { ...stored, damage: this.damage };
  }
}

async function damaged() {
  const storage = new DamagedStorage();
  const world = new World({ storage, idleRoomMs: 0, compaction: { minTailBytes: 0, maxTailEntries: 0 } });
  const first = await world.join("notes");
  first.type("sound ");
  await world.settle();
  first.vanish();
  await world.advance(10);
  storage.compactions.length = 0;
  return { world, storage };
}

test("a damaged document is served as far as it is sound, and takes no edits", async () => {
  const { world, storage } = await damaged();
  const ann = await world.join("notes");
  const ben = await world.join("notes");
  expect(ann.text).toBe("sound ");
  expect(world.eventsOf("document-damaged")).toHaveLength(1);
  ann.show({ name: "ann" });
  ann.type("edit");
  await world.settle();
  expect(ann.sent("refused")).toHaveLength(1);
  expect(ann.closed).toBeNull();
  expect(ben.text).toBe("sound ");
  expect(ben.people).toContain("ann");
  expect(storage.appends).toHaveLength(1);
  expect(storage.compactions).toHaveLength(0);
  expect(await world.storedText("notes")).toBe("sound ");
});

test("others go on", async () => {
  const { world, storage } = await damaged();
  const doc = new Y.Doc();
  const ann = await world.join("plans", { doc });
  ann.type("x");
  await world.settle();
  expect(ann.closed).toBeNull();
  expect(storage.appends.at(-1)?.document).toBe("plans");
});

test("a stored update that would never have been let in is damage too: what comes before it is served", async () => {
  const world = new World();
  const doc = new Y.Doc();
  doc.getText("text").insert(0, "sound");
  // A deleted struct without a length: Yjs applies it and then never emits an update again.
  const poison = Uint8Array.of(1, 1, 5, 0, 1, 1, 1, 0x61, 0, 0);
  for (const [i, update] of [Y.encodeStateAsUpdate(doc), poison].entries()) {
    const entry = { seq: i + 1, time: 1, parts: [{ author: "", update }] };
    const birth = { lineage: "00".repeat(16) as never, bornAt: 1 };
    await world.storage.append({ document: world.name("notes"), entry, ...(i === 0 && { birth }) });
  }
  const ann = await world.join("notes");
  expect(ann.text).toBe("sound");
  expect(world.eventsOf("document-damaged")[0]?.error.message).toContain("seq 2");
  ann.type("edit");
  await world.settle();
  expect(ann.sent("refused")).toHaveLength(1);
});
