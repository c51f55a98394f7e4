import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { BreakableDialect, FaultyStorage, sayingDialect, World } from "../../support/world.ts";

describe("typing together", () => {
  test("what one types, the other has at the end of the turn", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ann.type("Hi");
    ben.type("Ho", 0);
    await world.settle();
    expect(ann.text).toBe(ben.text);
    expect([...ann.text].sort().join("")).toBe("HHio");
  });

  test("documents are apart", async () => {
    const world = new World();
    const ann = await world.join("one");
    const ben = await world.join("two");
    ann.type("mine");
    await world.settle();
    expect(ben.text).toBe("");
  });

  test("what is typed before the document has loaded waits for it", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    const ann = world.open("notes");
    ann.type("early");
    await world.settle();
    expect(ann.session.state).toBe("joining");
    expect(ann.pauses).toBe(1);
    storage.release();
    await world.settle();
    expect(ann.session.state).toBe("live");
    expect(ann.pauses).toBe(0);
    expect(await world.storedText("notes")).toBe("early");
  });

  test("all updates of one window go out as one frame, and everybody gets the same bytes", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    const eve = await world.join("notes");
    for (const letter of "word") ann.type(letter);
    ben.type("!");
    await world.settle();
    expect(eve.sent("update")).toHaveLength(1);
    expect(eve.sent("update")[0]).toBe(ben.sent("update")[0]);
    expect(eve.text).toBe(ann.text);
  });

  test("each dialect is encoded for once a flush", async () => {
    const world = new World();
    let encoded = 0;
    const dialect = sayingDialect("other");
    const counting = {
      ...dialect,
      update(update: Uint8Array) {
        encoded++;
        return dialect.update(update);
      },
    };
    const clients = await Promise.all([1, 2, 3].map(() => world.join("notes", { dialect: counting })));
    clients[0]?.type("x");
    await world.settle();
    expect(encoded).toBe(1);
  });

  test("a client that has not said what it has is sent no updates", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const ben = await world.join("notes", { syncs: false });
    ann.type("x");
    await world.settle();
    expect(ben.sent("update")).toHaveLength(0);
    ben.sync();
    expect(ben.text).toBe("x");
  });
});

describe("saved", () => {
  test("durable is told after the commit, and updates do not wait for it", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    storage.hold();
    ann.type("x");
    await world.settle();
    expect(ben.text).toBe("x");
    expect(ann.durable).toEqual([]);
    storage.release();
    await world.settle();
    expect(ann.durable).toEqual([1]);
    expect(ben.durable).toEqual([1]);
  });

  test("a batch is handed to the storage before anybody is sent it", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const order: string[] = [];
    const dialect = sayingDialect("watching");
    const ann = await world.join("notes", {
      dialect: {
        ...dialect,
        update(update) {
          order.push(`sent after ${storage.appends.length}`);
          return dialect.update(update);
        },
      },
    });
    ann.type("x");
    await world.settle();
    expect(order).toEqual(["sent after 1"]);
  });

  test("the log keeps updates by author, and time and lineage at birth", async () => {
    const world = new World();
    const ann = await world.join("notes", { author: "ann" });
    const ben = await world.join("notes", { author: "ben" });
    ann.type("a");
    ben.type("b");
    ann.type("c");
    await world.settle();
    const stored = await world.storage.load(world.name("notes"));
    expect(stored?.tail.map(({ seq, parts }) => [seq, parts.map((part) => part.author)])).toEqual([
      [1, ["ann", "ben"]],
    ]);
    expect(stored?.lineage).toMatch(/^[0-9a-f]{32}$/);
    expect(stored?.bornAt).toBe(world.clock.now());
  });

  test("a document that nobody wrote to leaves no trace", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.vanish();
    await world.advance(60_000);
    expect(await world.storage.load(world.name("notes"))).toBeNull();
  });
});

describe("a commit that fails", () => {
  test("tells nobody saved, sends everybody away to come back, and loses nothing", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    ann.type("kept ");
    await world.settle();
    storage.appendErrors.push(new JoineryError("STORAGE_UNAVAILABLE", "disk full"));
    ann.type("lost?");
    await world.settle();
    expect(ann.durable).toEqual([1]);
    expect(ann.closed?.code).toBe("STORAGE_UNAVAILABLE");
    expect(world.eventsOf("commit-failed")).toHaveLength(1);
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, uncommittedBytes: 0 });
    // The client comes back with what it has.
    const again = await world.join("notes", { doc: ann.doc });
    expect(again.closed).toBeNull();
    await world.settle();
    expect(await world.storedText("notes")).toBe("kept lost?");
  });

  test("fails the batches behind it too, so the log has no hole", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, flush: { kind: "fixed", windowMs: 0 } });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("a");
    world.clock.turn();
    ann.type("b");
    world.clock.turn();
    storage.appendErrors.push(new Error("io"), new Error("io"));
    storage.release();
    await world.settle();
    expect(world.eventsOf("commit-failed")).toHaveLength(1);
    expect(ann.durable).toEqual([]);
  });
});

describe("a room that fails while its batches are being written", () => {
  test("is followed by the next one only when they are written, so that the log has one writer", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, flush: { kind: "fixed", windowMs: 0 } });
    const breakable = new BreakableDialect();
    const ann = await world.join("notes", breakable);
    ann.type("a");
    await world.settle();
    storage.hold();
    ann.type("b");
    await world.settle();
    breakable.isBroken = true;
    ann.type("c");
    await world.settle();
    expect(ann.closed?.code).toBe("INTERNAL");
    const again = await world.join("notes", { doc: ann.doc });
    again.type("d");
    await world.settle();
    expect(again.session.state).toBe("joining");
    expect(storage.loads).toBe(1);
    storage.release();
    await world.settle();
    await world.settle();
    expect(storage.appends.map(({ entry }) => entry.seq)).toEqual([1, 2, 3, 4]);
    expect(await world.storedText("notes")).toBe("abcd");
  });
});

describe("loading", () => {
  test("is done once for all who come meanwhile", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    const clients = [world.open("notes"), world.open("notes"), world.open("notes")];
    storage.release();
    await world.settle();
    expect(storage.loads).toBe(1);
    expect(clients.map((client) => client.session.state)).toEqual(["live", "live", "live"]);
  });

  test("that fails refuses the joiners with the reason, leaves nothing behind, and is tried again", async () => {
    const storage = new FaultyStorage();
    storage.loadErrors.push(new JoineryError("DOCUMENT_DAMAGED", 'document "notes" is damaged at seq 7'));
    const world = new World({ storage });
    const ann = await world.join("notes");
    expect(ann.closed?.code).toBe("DOCUMENT_DAMAGED");
    expect(world.rooms.counts().rooms).toBe(0);
    const ben = await world.join("notes");
    expect(ben.session.state).toBe("live");
  });

  test("refuses a stored update that would never have been let in", async () => {
    const world = new World();
    const birth = { lineage: "00".repeat(16) as never, bornAt: 1 };
    // A deleted struct without a length: Yjs applies it and then never emits an update again.
    const poison = Uint8Array.of(1, 1, 5, 0, 1, 1, 1, 0x61, 0, 0);
    await world.storage.append({
      document: world.name("notes"),
      entry: { seq: 1, time: 1, parts: [{ author: "", update: poison }] },
      birth,
    });
    const ann = await world.join("notes");
    expect(ann.closed?.code).toBe("DOCUMENT_DAMAGED");
    expect(ann.closed?.message).toContain("seq 1");
  });

  test("a client that leaves while the document loads is forgotten", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    world.open("notes").vanish();
    storage.release();
    await world.advance(60_000);
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
    expect(world.clock.pendingTimers).toBe(0);
  });
});

describe("what may not come in", () => {
  test("a malformed update closes its sender; nobody else notices", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const eve = await world.join("notes");
    eve.session.update(Uint8Array.of(1, 1, 5, 0, 1, 1, 1, 0x61, 0, 0));
    expect(eve.closed?.code).toBe("MALFORMED_UPDATE");
    ann.type("fine");
    await world.settle();
    expect(await world.storedText("notes")).toBe("fine");
    expect(ann.closed).toBeNull();
  });

  test("a session that may only read is told so, and its edits are nowhere", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const eve = await world.join("notes", { permission: "read" });
    eve.type("graffiti");
    await world.settle();
    expect(eve.sent("refused")).toHaveLength(1);
    expect(eve.closed).toBeNull();
    expect(ann.text).toBe("");
    ann.type("fine");
    await world.settle();
    expect(eve.text).toContain("fine");
  });

  test("a mistake while serving one client ends that client, not its document and not the process", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    const broken = { ...sayingDialect("broken"), catchUp: () => expect.fail("a bug") };
    const eve = world.open("notes", { dialect: broken });
    const ann = world.open("notes");
    storage.release();
    await world.settle();
    expect(eve.closed?.code).toBe("INTERNAL");
    ann.type("fine");
    await world.settle();
    expect(await world.storedText("notes")).toBe("fine");
  });

  test("nothing that a client sent is let in after what it sent before ended it", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    const eve = world.open("notes");
    eve.session.update(Uint8Array.of(9, 9, 9));
    eve.type("too late");
    eve.show({ name: "ghost" });
    storage.release();
    await world.advance(60_000);
    expect(eve.closed?.code).toBe("MALFORMED_UPDATE");
    expect(eve.pauses).toBe(0);
    expect(await world.storedText("notes")).toBe("");
    expect(world.clock.pendingTimers).toBe(0);
  });

  test("an update does not keep the frame alive that it came in", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 100 } });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "b");
    const frame = Buffer.from(Y.encodeStateAsUpdate(doc));
    ann.session.update(frame);
    frame.fill(0);
    await world.advance(100);
    expect(await world.storedText("notes")).toContain("b");
  });

  test("a mistake while flushing ends the document's room, and its clients come back with what they have", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const breakable = new BreakableDialect();
    breakable.isBroken = true;
    const eve = await world.join("notes", breakable);
    ann.type("x");
    await world.settle();
    expect(ann.closed?.code).toBe("INTERNAL");
    expect(eve.closed?.code).toBe("INTERNAL");
    expect(world.eventsOf("room-failed")).toHaveLength(1);
    breakable.isBroken = false;
    const again = await world.join("notes", { doc: ann.doc });
    expect(again.text).toBe("x");
    expect(await world.storedText("notes")).toBe("x");
  });

  test("the number of rooms is bounded", async () => {
    const world = new World({ limits: { maxRooms: 1 } });
    await world.join("one");
    expect(() => world.open("two")).toThrow(expect.objectContaining({ code: "SERVER_FULL" }));
  });
});

describe("gaps", () => {
  test("an update that builds upon something missing is not stored; its sender is asked and brings all of it", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "offline ");
    const late = await world.join("notes", { doc, syncs: false });
    // As if the answer to the first question were still on its way: the edit comes before it.
    await world.settle();
    const other = new Y.Doc();
    other.getText("text").insert(0, "never sent ");
    const before = Y.encodeStateVector(other);
    other.getText("text").insert(11, "sent");
    late.session.update(Y.encodeStateAsUpdate(other, before));
    expect(world.eventsOf("held-aside")).toHaveLength(1);
    expect(late.sent("ask")).toHaveLength(2);
    await world.settle();
    expect(ann.text).toBe("offline ");
    expect(await world.storedText("notes")).toBe("offline ");
  });

  test("edits typed before the server has asked arrive with the answer, once", async () => {
    const world = new World();
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "offline ");
    const ann = world.open("notes", { doc });
    ann.type("and early ");
    await world.settle();
    ann.type("and live");
    await world.settle();
    expect(await world.storedText("notes")).toBe("offline and early and live");
  });

  test("an answer with a part that nobody can place gives what can be placed", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("base ");
    await world.settle();
    // Somebody's second edit without the first: it stays pending in ben's document.
    const stranger = new Y.Doc();
    stranger.getText("text").insert(0, "1");
    const first = Y.encodeStateVector(stranger);
    stranger.getText("text").insert(1, "2");
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(stranger, first));
    doc.getText("text").insert(0, "sound ");
    await world.join("notes", { doc });
    expect(ann.text.length).toBe("base sound ".length);
    expect(ann.text).toContain("sound ");
    const stored = await world.storage.load(world.name("notes"));
    const replayed = new Y.Doc();
    for (const { parts } of stored?.tail ?? [])
      for (const { update } of parts) Y.applyUpdate(replayed, update);
    expect(replayed.store.pendingStructs).toBeNull();
  });
});

describe("reconnecting", () => {
  test("with nothing new stores nothing and sends nobody anything, deletes included", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ann.type("0123456789");
    for (let i = 0; i < 5; i++) ann.erase(i, 1);
    await world.settle();
    const seq = (await world.storage.load(world.name("notes")))?.tail.at(-1)?.seq;
    const frames = ben.frames.length;
    ann.vanish();
    await world.join("notes", { doc: ann.doc });
    expect((await world.storage.load(world.name("notes")))?.tail.at(-1)?.seq).toBe(seq);
    expect(ben.frames).toHaveLength(frames);
  });

  test("does not flush before its time, so that a crowd coming back costs one flush", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 100 } });
    const ann = await world.join("notes");
    ann.type("0123456789");
    ann.erase(0, 1);
    await world.advance(200);
    const crowd = await Promise.all([1, 2, 3].map(() => world.join("notes")));
    for (const client of crowd) client.vanish();
    ann.show({ name: "ann" });
    await world.advance(1000);
    ann.show({ name: "ann again" });
    await world.settle();
    const before = ann.frames.length;
    for (const client of crowd) {
      const again = await world.join("notes", { doc: client.doc });
      again.show({ name: "again" });
    }
    await world.advance(100);
    expect(ann.frames.length - before).toBeLessThanOrEqual(2);
  });

  test("with an answer that builds upon what is not flushed yet loses nothing", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 100 } });
    const ann = await world.join("notes");
    ann.type("base ");
    ann.erase(0, 1);
    await world.advance(200);
    const ben = await world.join("notes");
    ann.type("waiting ");
    ben.vanish();
    Y.applyUpdate(ben.doc, Y.encodeStateAsUpdate(ann.doc), ben);
    ben.type("on top");
    ben.erase(0, 1);
    await world.join("notes", { doc: ben.doc });
    await world.advance(200);
    expect(ann.text).toBe(ben.text);
    expect(await world.storedText("notes")).toBe(ben.text);
    expect(world.eventsOf("held-aside")).toHaveLength(0);
  });

  test("as somebody who may only read is no attempt to write", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("0123456789");
    ann.erase(0, 5);
    await world.settle();
    const eve = await world.join("notes", { permission: "read" });
    eve.vanish();
    const again = await world.join("notes", { doc: eve.doc, permission: "read" });
    expect(again.sent("refused")).toHaveLength(0);
    expect(again.closed).toBeNull();
  });

  test("with deletes made offline brings them", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ann.type("0123456789");
    await world.settle();
    ann.vanish();
    ann.erase(0, 5);
    await world.join("notes", { doc: ann.doc });
    await world.settle();
    expect(ben.text).toBe("56789");
    expect(await world.storedText("notes")).toBe("56789");
  });
});

describe("leaving memory", () => {
  test("an idle room goes, and comes back as it was", async () => {
    const world = new World({ idleRoomMs: 1000 });
    const ann = await world.join("notes");
    ann.type("still here");
    await world.settle();
    ann.vanish();
    await world.advance(999);
    expect(world.rooms.counts().rooms).toBe(1);
    await world.advance(2);
    expect(world.rooms.counts().rooms).toBe(0);
    expect(world.clock.pendingTimers).toBe(0);
    const ben = await world.join("notes");
    expect(ben.text).toBe("still here");
  });

  test("a room waits for its last commit, and somebody who comes meanwhile keeps it", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, idleRoomMs: 1000 });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("x");
    await world.settle();
    ann.vanish();
    await world.advance(2000);
    expect(world.rooms.counts().rooms).toBe(1);
    const ben = world.open("notes");
    expect(ben.session.state).toBe("live");
    expect(ben.text).toBe("x");
    storage.release();
    await world.settle();
    expect(world.rooms.counts()).toMatchObject({ rooms: 1, sessions: 1 });
    expect(storage.loads).toBe(1);
    ben.type("y");
    await world.settle();
    expect(await world.storedText("notes")).toBe("xy");
  });
});

describe("a storage that falls behind", () => {
  test("stops the reading from writers until half of what waits is stored", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, limits: { maxUncommittedBytes: 1024 } });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    storage.hold();
    ann.type("x".repeat(2000));
    await world.settle();
    ann.type("y");
    expect(ann.pauses).toBe(1);
    expect(ben.pauses).toBe(0);
    storage.release();
    await world.settle();
    expect(ann.pauses).toBe(0);
    expect(ben.text).toContain("y");
  });
});

test("a document that has reached its size takes deletes only, and is read as before", async () => {
  const world = new World({ limits: { maxDocumentBytes: 1024 } });
  const ann = await world.join("notes");
  ann.type("x".repeat(1100));
  await world.settle();
  ann.type("more");
  await world.settle();
  expect(ann.sent("refused")).toHaveLength(1);
  expect(ann.closed).toBeNull();
  const ben = await world.join("notes");
  expect(ben.text.length).toBe(1100);
  ben.erase(0, 500);
  await world.settle();
  expect((await world.storedText("notes")).length).toBe(600);
});
