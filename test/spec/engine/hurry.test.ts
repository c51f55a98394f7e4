import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { NO_OPENING } from "../../../server/src/engine/opening.ts";
import type { Append } from "../../../server/src/engine/ports.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { Visit } from "../../../server/src/engine/visit.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { type Client, sayingDialect, World } from "../../support/world.ts";

/** Appends wait for each other until somebody is in a hurry. */
class GatheringStorage extends MemoryStorage {
  readonly #waiting: (() => void)[] = [];
  /** Whether it cannot be hurried. */
  isSlow = false;

  get waiting(): number {
    return this.#waiting.length;
  }

  override async append(append: Append): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return super.append(append);
  }

  hurry(): void {
    if (this.isSlow) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function update(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

describe("who waits for the disk does not wait for others", () => {
  test("what is typed by clients, who are told when it is saved, may gather", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    ann.type("b");
    await world.settle();
    expect(storage.waiting).toBe(2);
    storage.hurry();
    await world.settle();
    expect(await world.storedText("notes")).toBe("ab");
  });

  test("a write without a socket, before it is in the log and after", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    const here = await Visit.open("http", (link) =>
      world.rooms.open({
        document: world.name("notes"),
        author: "ben",
        rights: Rights.from("write"),
        ...link,
      }),
    );
    const written = here.write(update("from afar"));
    await world.settle();
    expect(await written).toMatchObject({ seq: 1 });
    // It is over with that: what comes then gathers again.
    ann.type("!");
    await world.settle();
    expect(storage.waiting).toBe(1);
    const saved = here.whenDurable();
    await world.settle();
    expect(await saved).toMatchObject({ seq: 2 });
  });

  test("a seed, which is shown to nobody before", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const dialect = { ...sayingDialect("filling"), seed: () => Uint8Array.of(253) };
    const ann = await world.join("notes", { dialect, opening: { ...NO_OPENING, offersSeed: true } });
    const ben = await world.join("notes");
    ann.session.seed(update("seed"));
    await world.settle();
    expect(ben.text).toBe("seed");
  });
});

describe("clients who go on only when they are told that what they wrote is on disk", () => {
  /** Each writes, and some time later all are told. Once more, and they have done so often enough. */
  async function play(world: World, storage: GatheringStorage, clients: readonly Client[]) {
    for (let round = 1; round <= 3; round++) {
      for (const client of clients) client.type("x");
      await world.advance(200);
      storage.hurry();
      await world.settle();
    }
  }

  /** Two who have. */
  async function twoWhoWait() {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    await play(world, storage, [ann, ben]);
    return { storage, world, ann, ben };
  }

  /** All do, and are told at once. */
  async function writeAgain(world: World, clients: readonly Client[]) {
    for (const client of clients) client.type("x");
    await world.settle();
  }

  test("wait for nobody any more when all of them have done so a few times and written again", async () => {
    const { storage, world, ann, ben } = await twoWhoWait();
    ann.type("x");
    await world.advance(5);
    expect(storage.waiting).toBe(1);
    storage.hurry();
    await world.settle();
    ben.type("x");
    ann.type("x");
    await world.settle();
    expect(storage.waiting).toBe(0);
    expect(await world.storedText("notes")).toBe("x".repeat(9));
  });

  test("are waited for a little beyond the window, and then all have one batch", async () => {
    const { storage, world, ann, ben } = await twoWhoWait();
    await writeAgain(world, [ann, ben]);
    const updates = ben.sent("update").length;
    ann.type("y");
    await world.advance(4);
    expect(ben.text).not.toContain("y");
    ben.type("z");
    await world.settle();
    expect(ben.text).toContain("y");
    expect(ben.sent("update")).toHaveLength(updates + 1);
    expect(storage.waiting).toBe(0);
  });

  test("are waited for no longer than that", async () => {
    const { storage, world, ann, ben } = await twoWhoWait();
    await writeAgain(world, [ann, ben]);
    ann.type("y");
    await world.advance(4);
    expect(ben.text).not.toContain("y");
    await world.advance(1);
    expect(ben.text).toContain("y");
    storage.hurry();
    await world.advance(40);
    // Who was waited for did not come: nobody is, until all go on at once again.
    for (const text of ["1", "2"]) {
      ann.type(text);
      await world.settle();
      storage.hurry();
      await world.advance(40);
    }
    ann.type("3");
    await world.settle();
    expect(ben.text).toContain("3");
  });

  test("are flushed when all have written, though flushing costs so much that the window is long", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    const send = ben.send.bind(ben);
    ben.send = (frames) => {
      world.clock.pass(1);
      send(frames);
    };
    await play(world, storage, [ann, ben]);
    ann.type("x");
    ben.type("x");
    await world.settle();
    ann.type("y");
    await world.settle();
    expect(ben.text).not.toContain("y");
    ben.type("z");
    await world.settle();
    expect(ben.text).toContain("y");
    expect(storage.waiting).toBe(0);
  });

  test("are sent what all wrote together with the word that it is on disk", async () => {
    const { world, ann, ben } = await twoWhoWait();
    const sent: number[] = [];
    const send = ben.send.bind(ben);
    ben.send = (frames) => {
      sent.push(frames.length);
      send(frames);
    };
    const [updates, seqs] = [ben.sent("update").length, ben.durable.length];
    ann.type("x");
    ben.type("x");
    await world.settle();
    expect(sent).toEqual([2]);
    expect(ben.sent("update")).toHaveLength(updates + 1);
    expect(ben.durable).toHaveLength(seqs + 1);
  });

  test("are told in the same go, and in order, that what they wrote is in the log", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const ack = (number: number, seq: number) => Uint8Array.of(252, number, seq);
    const dialect = { ...sayingDialect("acknowledging"), ack };
    const ann = await world.join("notes", { dialect });
    let number = 0;
    ann.isMute = true;
    ann.doc.on("update", (edit: Uint8Array) => ann.session.update(edit, ++number));
    await play(world, storage, [ann]);
    const from = ann.frames.length;
    ann.type("x");
    await world.settle();
    expect(ann.frames.slice(from).map(([kind]) => kind)).toEqual([0, 252, 5]);
    expect(ann.frames.at(-2)).toEqual(ack(4, 4));
  });

  test("are sent it before that where the disk takes longer", async () => {
    const { storage, world, ann, ben } = await twoWhoWait();
    storage.isSlow = true;
    ann.type("y");
    ben.type("z");
    await world.advance(4);
    expect(ben.text).not.toContain("y");
    await world.advance(1);
    expect(ben.text).toContain("y");
    expect(ben.durable).toEqual([1, 2, 3]);
    storage.isSlow = false;
    storage.hurry();
    await world.settle();
    expect(ben.durable).toEqual([1, 2, 3, 4]);
  });

  test("are sent it, and told that it is on disk, before the server stops", async () => {
    const { world, ann, ben } = await twoWhoWait();
    ann.type("y");
    ben.type("z");
    const drained = world.rooms.drain(1000);
    await world.settle();
    expect(await drained).toEqual([]);
    expect(ann.closed?.code).toBe("SERVER_DRAINING");
    expect(ann.text).toBe(ben.text);
    expect(ann.durable).toEqual([1, 2, 3, 4]);
  });

  test("are sent it before the document is taken from them, to be deleted for example", async () => {
    const { storage, world, ann, ben } = await twoWhoWait();
    ann.type("y");
    ben.type("z");
    const changed = world.rooms.withoutRoom(world.name("notes"), async () => undefined);
    expect(ben.text).toBe(ann.text);
    storage.hurry();
    await changed;
    expect(ben.closed?.code).toBe("SERVER_DRAINING");
  });

  test("do not wait for who has left, whose update was tried meanwhile", async () => {
    const storage = new GatheringStorage();
    const replicas = new HeldReplicas();
    const world = new World({ storage, replicas, limits: { maxUnrehearsed: 20 } });
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    const cat = await world.join("notes");
    await play(world, storage, [ann, ben]);
    const large = new Y.Doc();
    for (let i = 0; i < 21; i++) large.getText("text").insert(0, "large");
    cat.session.update(Y.encodeStateAsUpdate(large));
    await world.settle();
    cat.vanish();
    for (const { done } of replicas.tried) done();
    await world.settle();
    storage.hurry();
    await world.settle();
    expect(ann.text).toContain("large");
    ann.type("x");
    ben.type("x");
    await world.settle();
    expect(storage.waiting).toBe(0);
  });

  test("do not end a window that was set to a fixed length", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage, flush: { kind: "fixed", windowMs: 200 } });
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    await play(world, storage, [ann, ben]);
    ann.type("x");
    ben.type("x");
    await world.settle();
    ann.type("y");
    ben.type("z");
    await world.settle();
    expect(ben.text).not.toContain("y");
  });
});
