import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { Rights } from "../../../server/src/engine/rights.ts";
import { Visit } from "../../../server/src/engine/visit.ts";
import { FaultyStorage, World } from "../../support/world.ts";

function deleting(world: World) {
  const told = new JoineryError("DOCUMENT_DELETED", "it was deleted");
  const name = world.name("notes");
  return world.rooms.withoutRoom(
    name,
    (stateVector) =>
      world.storage.delete(name, { time: 1, author: "", stateVector: stateVector ?? Uint8Array.of(0) }),
    told,
  );
}

const visiting = (world: World) =>
  Visit.open("http", (link) =>
    world.rooms.open({ document: world.name("notes"), author: "v", rights: Rights.WRITER, ...link }),
  );

describe("deleting while others come and write", () => {
  test("whoever joins while it is deleted, with a copy, does not bring it back", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    storage.hold();
    ann.type(" too");
    const work = deleting(world);
    const ben = world.open("notes", { doc: ann.doc });
    await world.settle();
    expect(ben.session.state).toBe("joining");
    storage.release();
    await work;
    for (let i = 0; i < 4; i++) await world.settle();
    expect(ben.closed?.code).toBe("DOCUMENT_DELETED");
    expect(await storage.load(world.name("notes"))).toBeNull();
    const [deletion] = await storage.deletionsOf(world.name("notes"));
    expect(deletion?.seq).toBe(2);
  });

  test("a write that was resolved is in what is deleted, one that is not is refused", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const visit = await visiting(world);
    const late = await visiting(world);
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "x");
    storage.hold();
    const write = visit.write(Y.encodeStateAsUpdate(doc));
    const work = deleting(world);
    const other = new Y.Doc();
    other.getText("text").insert(0, "y");
    const refused = expect(late.write(Y.encodeStateAsUpdate(other))).rejects.toMatchObject({
      code: "SERVER_DRAINING",
    });
    await world.settle();
    await refused;
    storage.release();
    expect(await write).toMatchObject({ seq: 1 });
    await work;
    await world.storage.restore(world.name("notes"), 1);
    expect(await world.storedText("notes")).toBe("x");
    expect(() => visit.whereItIs).toThrow("deleted");
  });

  test("who stays out of it keeps their own new document of another name", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    await deleting(world);
    const other = await world.join("copy", { doc: ann.doc });
    await world.settle();
    expect(other.closed).toBeNull();
    expect(await world.storedText("copy")).toBe("deleted");
  });

  test("held aside updates and presence of those who were there do not reach the next one", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    ann.show({ name: "ann" });
    await world.settle();
    ann.isMute = true;
    ann.type("gap");
    ann.isMute = false;
    ann.type("held");
    await deleting(world);
    const ben = await world.join("notes");
    expect(ben.text).toBe("");
    expect(ben.people).not.toContain("ann");
    expect(world.rooms.counts().heldBytes).toBe(0);
  });

  test("the last one of many who delete at once leaves nothing behind", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const all = await Promise.all([deleting(world), deleting(world), deleting(world)]);
    expect(all.map((one) => one?.number ?? null)).toEqual([1, null, null]);
    const ben = await world.join("notes");
    ben.type("b");
    await world.settle();
    expect((await deleting(world))?.number).toBe(2);
    await world.settle();
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0, uncommittedBytes: 0 });
  });
});
