import { type DocumentName, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { NO_OPENING } from "../../../server/src/engine/opening.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { FaultyStorage, sayingDialect, World } from "../../support/world.ts";
import { deltas, textOf, typed, Witness } from "./observer-stage.ts";

/** Counts what is put together away from the event loop. */
class CountingReplicas extends InlineReplicas {
  folds = 0;

  override fold(document: DocumentName, updates: readonly Uint8Array[]): Promise<Uint8Array> {
    this.folds++;
    return super.fold(document, updates);
  }
}

describe("what the server writes", () => {
  test("is sent and kept as what clients write, and told as nobody's", async () => {
    const witness = new Witness();
    const world = new World({ observer: witness });
    const ann = await world.join("notes", { author: "ann" });
    witness.take();
    expect(witness.room.write(typed("by the server"))).toBeNull();
    await witness.room.whenDurable();
    expect(ann.text).toBe("by the server");
    expect(await world.storedText("notes")).toBe("by the server");
    expect(witness.take()).toEqual(["appended 1 of ", "durable 1"]);
  });

  test("is taken as a whole or not at all: what builds upon something missing is not kept for later", async () => {
    const witness = new Witness();
    const world = new World({ observer: witness });
    const ann = await world.join("notes");
    const [first, second] = deltas("one ", "two ") as [Uint8Array, Uint8Array];
    expect(() => witness.room.write(second)).toThrow(/builds upon what the document has not/);
    expect(world.rooms.counts().heldBytes).toBe(0);
    expect(witness.room.write(first)).toBeNull();
    await world.advance(10_000);
    expect(ann.text).toBe("one ");
  });

  test("is inspected", async () => {
    const witness = new Witness();
    const world = new World({ observer: witness });
    await world.join("notes");
    expect(() => witness.room.write(Uint8Array.of(1, 2, 3))).toThrow(
      expect.objectContaining({ code: "MALFORMED_UPDATE" }),
    );
    expect(witness.room.seq).toBe(0);
  });

  test("leaves the client ids in it to whom they belong", async () => {
    const witness = new Witness();
    const world = new World({ observer: witness });
    await world.join("notes");
    const doc = new Y.Doc();
    const ids: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => ids.push(update));
    doc.getText("text").insert(0, "imported");
    expect(witness.room.write(ids[0] as Uint8Array)).toBeNull();
    // Whoever made it comes back, and writes on at once.
    const ben = await world.join("notes", { doc });
    ben.type(", and edited");
    await world.settle();
    expect(world.eventsOf("held-aside")).toEqual([]);
    expect(await world.storedText("notes")).toBe("imported, and edited");
  });

  test("is rehearsed when it may be costly; the refusal is the promise's, and so is the end of the room", async () => {
    const replicas = new HeldReplicas();
    const witness = new Witness();
    const world = new World({ replicas, observer: witness, limits: { maxUnrehearsed: 4 } });
    await world.join("notes");
    const doc = new Y.Doc();
    for (let i = 0; i < 20; i++) doc.getMap("map").set(`key ${i}`, i);
    const update = Y.encodeStateAsUpdate(doc);
    const refused = witness.room.write(update);
    await world.settle();
    replicas.tried[0]?.done(new JoineryError("UPDATE_TOO_COSTLY", "takes too long"));
    await expect(refused).rejects.toThrow("takes too long");

    const written = witness.room.write(update);
    await world.settle();
    replicas.tried[1]?.done();
    await written;
    expect(witness.room.seq).toBe(0);
    await witness.room.whenDurable();
    expect(witness.room.seq).toBe(1);

    for (let i = 0; i < 20; i++) doc.getMap("map").set(`more ${i}`, i);
    const interrupted = witness.room.write(Y.encodeStateAsUpdate(doc));
    await world.settle();
    const room = witness.room;
    await world.rooms.drain(1000);
    replicas.tried[2]?.done();
    await expect(interrupted).rejects.toThrow(/restarting/);
    expect(() => room.write(update)).toThrow(/restarting/);
  });

  test("is refused while the document is damaged", async () => {
    const storage = new FaultyStorage();
    const first = new World({ storage });
    (await first.join("notes")).type("sound");
    await first.settle();
    const load = storage.load.bind(storage);
    const damage = new JoineryError("DOCUMENT_DAMAGED", "a record is damaged");
    storage.load = async (document) => {
      const stored = await load(document);
      return stored && { ...stored, damage };
    };
    const witness = new Witness();
    const world = new World({ storage, observer: witness });
    await world.join("notes");
    expect(witness.room.damage).toBe(damage);
    expect(() => witness.room.write(typed("more"))).toThrow("a record is damaged");
  });

  test("is durable when that is said, and it is said when it never will be", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer: witness, flush: { kind: "fixed", windowMs: 1000 } });
    const ann = await world.join("notes");
    await witness.room.whenDurable();
    storage.hold();
    ann.type("x");
    let isDurable = false;
    const durable = witness.room.whenDurable().then(() => {
      isDurable = true;
    });
    await world.settle();
    expect(isDurable).toBe(false);
    storage.release();
    await durable;
    expect(await world.storedText("notes")).toBe("x");

    storage.appendErrors.push(new Error("disk full"));
    ann.type("y");
    await expect(witness.room.whenDurable()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(witness.room.whenDurable()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("is durable after what a new document is filled with, which it waits for", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer: witness });
    const dialect = { ...sayingDialect("filling"), seed: () => Uint8Array.of(253) };
    const ann = await world.join("notes", { dialect, opening: { ...NO_OPENING, offersSeed: true } });
    expect(ann.frames).toContainEqual(Uint8Array.of(253));
    storage.hold();
    ann.session.seed(typed("seed"));
    await world.settle();
    expect(witness.room.write(typed("more"))).toBeNull();
    let durableSeq = 0;
    const durable = witness.room.whenDurable().then(() => {
      durableSeq = witness.room.durableSeq;
    });
    storage.release();
    await durable;
    expect(durableSeq).toBe(2);
  });

  test("can be read back: all of it, and as one update what is on disk", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const replicas = new CountingReplicas();
    const world = new World({ storage, replicas, observer: witness });
    const ann = await world.join("notes");
    expect(textOf((await witness.room.encodeDurable()).update)).toBe("");
    ann.type("saved");
    await world.settle();
    storage.hold();
    ann.type(", sent");
    await world.settle();
    ann.type(", typed");
    expect(textOf(...witness.room.allUpdates())).toBe("saved, sent, typed");
    const { seq, update } = await witness.room.encodeDurable();
    expect([seq, textOf(update)]).toEqual([1, "saved"]);
    expect(replicas.folds).toBe(0);
    storage.release();
    await world.settle();
    ann.type("!".repeat(100_000));
    await world.settle();
    const large = await witness.room.encodeDurable();
    expect(large.seq).toBe(witness.room.durableSeq);
    expect(textOf(large.update)).toBe(ann.text);
    expect(replicas.folds).toBeGreaterThan(0);
  });
});

test("a signal of the server's goes to those for whom it is, and to nobody after the end", async () => {
  const witness = new Witness();
  const world = new World({ observer: witness });
  const dialect = { ...sayingDialect("hearing"), signal: () => Uint8Array.of(254) };
  const people = await Promise.all(["ann", "ben"].map((author) => world.join("notes", { author, dialect })));
  const heard = () => people.map(({ frames }) => frames.filter((frame) => frame[0] === 254).length);
  const signal = { name: "news", payload: new TextEncoder().encode("1") };
  witness.room.signal(signal);
  expect(heard()).toEqual([1, 1]);
  witness.room.signal(signal, ({ author }) => author === "ben");
  expect(heard()).toEqual([1, 2]);
  const { room } = witness;
  await world.rooms.drain(1000);
  room.signal(signal);
  expect(heard()).toEqual([1, 2]);
});
