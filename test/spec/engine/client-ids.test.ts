import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type Client, World } from "../../support/world.ts";
import { block, gc, textAfter, update } from "../shared/raw-update.ts";

/** Two people in a document, of whom the first has announced herself and typed. */
async function annAndBen() {
  const world = new World();
  const ann = await world.join("notes");
  ann.show({ name: "ann" });
  const ben = await world.join("notes");
  ann.type("hello");
  await world.settle();
  return { world, ann, ben };
}

/** Edits that a client makes while nothing reaches the server. */
function withoutServer(client: Client, edit: () => void): Uint8Array {
  const known = Y.encodeStateVector(client.doc);
  client.isMute = true;
  edit();
  client.isMute = false;
  return Y.encodeStateAsUpdate(client.doc, known);
}

describe("F74 a client id with a live owner", () => {
  test("is advanced by its owner only: what a stranger puts in place of the owner's next edit does no harm", async () => {
    const { world, ann, ben } = await annAndBen();
    const id = ann.doc.clientID;
    ben.session.update(update([block(id, 5, gc(1000))]));
    ben.session.update(update([block(id, 5, textAfter(id, 4, " forged"))]));
    await world.settle();
    expect(ben.text).toBe("hello");
    ann.type(" world");
    await world.settle();
    expect(ben.text).toBe("hello world");
    expect(ann.text).toBe("hello world");
    expect(await world.storedText("notes")).toBe("hello world");
  });

  test("costs a stranger that keeps to it its connection, in the end", async () => {
    const { world, ann, ben } = await annAndBen();
    ben.session.update(update([block(ann.doc.clientID, 5, gc(1000))]));
    await world.advance(world.rooms.counts().heldBytes > 0 ? 30_001 : 0);
    expect(ben.closed?.code).toBe("CLIENT_ID_IN_USE");
    expect(ann.closed).toBeNull();
    expect(world.rooms.counts().heldBytes).toBe(0);
  });

  test("does not keep others from passing on what its owner made: it waits for the owner's own", async () => {
    const { world, ann, ben } = await annAndBen();
    ben.show({ name: "ben" });
    const edit = withoutServer(ann, () => ann.type(" world"));
    // Ben has it from elsewhere, another provider say, and types on.
    Y.applyUpdate(ben.doc, edit, "elsewhere");
    ben.type("!");
    await world.settle();
    expect(await world.storedText("notes")).toBe("hello");
    ann.session.update(edit);
    await world.settle();
    expect(await world.storedText("notes")).toBe("hello world!");
    expect(ann.text).toBe("hello world!");
    expect(ben.closed).toBeNull();
  });

  test("is free when its owner leaves: then anyone brings what it made", async () => {
    const { world, ann, ben } = await annAndBen();
    const edit = withoutServer(ann, () => ann.type(" world"));
    Y.applyUpdate(ben.doc, edit, "elsewhere");
    await world.settle();
    expect(await world.storedText("notes")).toBe("hello");
    ann.vanish();
    await world.settle();
    expect(await world.storedText("notes")).toBe("hello world");
  });

  test("is free when its owner gives no sign of life, so that somebody who reconnects need not wait", async () => {
    const { world, ann } = await annAndBen();
    // Ann's connection is dead and nobody knows; she comes back on another one and types.
    ann.isMute = true;
    const again = await world.join("notes", { doc: ann.doc });
    again.type(" again");
    await world.settle();
    expect(await world.storedText("notes")).toBe("hello");
    expect(ann.onSilent).not.toBeNull();
    ann.onSilent?.();
    await world.settle();
    expect(ann.closed?.code).toBe("CONNECTION_LOST");
    expect(await world.storedText("notes")).toBe("hello again");
  });

  test("is the one that is announced as presence, whoever writes first", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.show({ name: "ann" });
    const ben = await world.join("notes");
    ben.session.update(update([block(ann.doc.clientID, 0, gc(1000))]));
    ann.type("mine");
    await world.settle();
    expect(await world.storedText("notes")).toBe("mine");
    // Nothing of the forged part came behind it either.
    const [sent] = ann.sent("update");
    expect(Y.decodeUpdate((sent as Uint8Array).subarray(1)).structs).toMatchObject([{ length: 4 }]);
  });
});

test("a client id of somebody without presence is free again when it was not written under for a while", async () => {
  const world = new World();
  const ann = await world.join("notes");
  const ben = await world.join("notes");
  ann.type("hello");
  await world.settle();
  ben.session.update(update([block(ann.doc.clientID, 5, textAfter(ann.doc.clientID, 4, " there"))]));
  await world.settle();
  expect(ben.text).toBe("hello");
  await world.advance(10_001);
  await world.advance(1000);
  expect(await world.storedText("notes")).toBe("hello there");
});

test("F66 what is held aside is bounded in bytes, number and time", async () => {
  const world = new World({ limits: { maxHeldBytes: 1000, maxHeldUpdates: 10 } });
  const ann = await world.join("notes");
  for (let clock = 1; clock < 50; clock++) {
    ann.session.update(update([block(9, clock * 2, textAfter(9, clock * 2 - 1, "x"))]));
  }
  expect(world.rooms.counts().heldBytes).toBeLessThan(200);
  expect(ann.closed).toBeNull();
  await world.advance(30_001);
  expect(world.rooms.counts().heldBytes).toBe(0);
  ann.type("still here");
  await world.settle();
  expect(await world.storedText("notes")).toBe("still here");
});
