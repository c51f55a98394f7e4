import type { Revision } from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { Storage } from "../../../../server/src/engine/ports.ts";
import { Rights } from "../../../../server/src/engine/rights.ts";
import {
  clientFrames,
  EMPTY,
  NativeStage,
  NOTHING,
  openFrame,
  Typist,
  textOf,
  type Wire,
} from "../../../support/native-wire.ts";
import { FaultyStorage } from "../../../support/world.ts";

/** What was said, without the bytes. */
function told(wire: Wire): string[] {
  return wire.take().map((frame) => {
    if (frame.type === "batch") return `batch ${frame.seq}, durable ${frame.durableSeq}`;
    if (frame.type === "ack") return `ack ${frame.number} at ${frame.seq}`;
    if (frame.type === "durable") return `durable ${frame.seq}`;
    if (frame.type === "close") return `close ${frame.code}, number ${frame.number}`;
    return frame.type;
  });
}

describe("an update", () => {
  test("[U2] [U4] is acknowledged when it is in the log, and durable when that is on disk", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const [ann, ben] = [await stage.joined(), await stage.joined()];
    const typist = new Typist(7);
    storage.hold();
    ann.say(1, clientFrames.update(2, typist.type("a")));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "ack 2 at 1"]);
    expect(told(ben)).toEqual(["batch 1, durable 0"]);
    storage.release();
    await stage.settle();
    expect(told(ann)).toEqual(["durable 1"]);
    expect(told(ben)).toEqual(["durable 1"]);
    ann.say(1, clientFrames.update(3, typist.type("b")));
    await stage.settle();
    expect(told(ben)).toEqual(["batch 2, durable 1", "durable 2"]);
  });

  test("[U10] goes to all who have the document open, its author too, as the same bytes", async () => {
    const stage = new NativeStage();
    const [ann, ben, eve] = [await stage.joined(), await stage.joined(), await stage.joined()];
    for (const wire of [ann, ben, eve]) wire.messages.length = 0;
    // Numbers are acknowledged by a frame of their own.
    ben.say(1, clientFrames.update(2, new Typist(7).type("a")));
    await stage.settle();
    expect(ann.messages[0]).toBe(eve.messages[0]);
    const [theirs] = ann.takeOf("batch");
    expect(ben.takeOf("batch")).toEqual([theirs]);
  });

  test("[U2] is acknowledged with all others of one window by one ACK", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const typist = new Typist(7);
    ann.say(1, clientFrames.update(2, typist.type("a")), clientFrames.update(3, typist.type("b")));
    ann.say(1, clientFrames.update(4, typist.type("c")));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "ack 4 at 1", "durable 1"]);
  });

  test("[U3] that brings nothing new is acknowledged with the batch that has it", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const update = new Typist(7).type("a");
    ann.say(1, clientFrames.update(2, update));
    await stage.settle();
    ann.take();
    ann.say(1, clientFrames.update(3, update));
    await stage.settle();
    expect(told(ann)).toEqual(["ack 3 at 1"]);
    const ben = await stage.joined();
    ann.say(1, clientFrames.update(4, new Typist(8).type("b")));
    ben.say(1, clientFrames.update(2, update));
    await stage.settle();
    expect(told(ben)).toEqual(["batch 2, durable 1", "ack 2 at 2", "durable 2"]);
  });

  test("that is large, and goes into the log alone, is acknowledged too", async () => {
    const stage = new NativeStage({ limits: { maxBatchBytes: 1024 } });
    const ann = await stage.joined();
    ann.say(1, clientFrames.update(2, new Typist(7).type("x".repeat(3000))));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "ack 2 at 1", "durable 1"]);
  });

  test("that is tried on a replica first is acknowledged after that, in order", async () => {
    const stage = new NativeStage({ limits: { maxUnrehearsed: 5 } });
    const ann = await stage.joined();
    const typist = new Typist(7);
    const pasted = new Y.Doc();
    pasted.clientID = 9;
    for (let i = 0; i < 50; i++) pasted.getArray("list").insert(0, [i]);
    ann.say(
      1,
      clientFrames.update(2, Y.encodeStateAsUpdate(pasted)),
      clientFrames.update(3, typist.type("a")),
    );
    await stage.settle();
    expect(told(ann).filter((word) => word.startsWith("ack"))).toEqual(["ack 2 at 1", "ack 3 at 2"]);
  });

  test("[U4] of a batch that is not stored is never called durable, and its document ends to come back", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await stage.joined();
    storage.appendErrors.push(new Error("EIO"));
    ann.say(1, clientFrames.update(2, new Typist(7).type("a")));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "ack 2 at 1", "close STORAGE_UNAVAILABLE, number 0"]);
    expect(ann.closed).toBeNull();
  });

  test.each([
    ["[U8] that is malformed", Uint8Array.of(1, 2, 3), "MALFORMED_UPDATE"],
    ["with a root name that is too long", rootOf("r".repeat(40)), "UPDATE_TOO_LARGE"],
  ])("%s ends its document with its number, and nobody else notices", async (_, update, code) => {
    const stage = new NativeStage({ limits: { maxRootNameBytes: 20 } });
    const [ann, ben] = [await stage.joined(), await stage.joined()];
    ann.say(1, clientFrames.update(2, new Typist(7).type("a")), clientFrames.update(3, update));
    ann.say(1, clientFrames.update(4, EMPTY));
    await stage.settle();
    expect(told(ann)).toEqual([`close ${code}, number 3`]);
    expect(ann.closed).toBeNull();
    expect(told(ben)).toEqual(["batch 1, durable 0", "durable 1"]);
  });

  test("[U8] [U9] of who may only read ends its document with its number", async () => {
    const stage = new NativeStage();
    const eve = await stage.joined("notes", { author: "", rights: Rights.READER });
    eve.say(1, clientFrames.update(2, new Typist(7).type("a")));
    await stage.settle();
    expect(told(eve)).toEqual(["close PERMISSION_DENIED, number 2"]);
  });

  test("[U8] to a document that is full ends its document with its number", async () => {
    const stage = new NativeStage({ limits: { maxDocumentBytes: 1024 } });
    const ann = await stage.joined();
    const typist = new Typist(7);
    ann.say(1, clientFrames.update(2, typist.type("x".repeat(1100))));
    await stage.settle();
    ann.take();
    ann.say(1, clientFrames.update(3, typist.type("y")));
    await stage.settle();
    expect(told(ann)).toEqual(["close DOCUMENT_FULL, number 3"]);
  });
});

describe("an update that cannot be added", () => {
  /** Ann has typed two updates, of which the server gets the second. */
  async function gap() {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const typist = new Typist(7);
    const first = typist.type("first ");
    const second = typist.type("second");
    ann.say(1, clientFrames.update(2, second));
    await stage.settle();
    return { stage, ann, typist, first, second };
  }

  test("[U6] is not acknowledged, nor is what comes after it, and its sender is asked", async () => {
    const { stage, ann } = await gap();
    expect(told(ann)).toEqual(["ask"]);
    ann.say(1, clientFrames.update(3, new Typist(8).type("other")));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "durable 1"]);
  });

  test("[U7] is acknowledged with all that came since, once the answer brings all", async () => {
    const { stage, ann, typist } = await gap();
    ann.take();
    ann.say(1, clientFrames.answer(3, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(ann)).toEqual(["batch 1, durable 0", "ack 3 at 1", "durable 1"]);
    expect(await storedText(stage)).toBe("first second");
  });

  test("[U7] is asked for again when others bring what was missing, if its sender could not", async () => {
    const { stage, ann, typist, first, second } = await gap();
    ann.take();
    // Ann does not have it herself: she passes on what she heard elsewhere.
    ann.say(1, clientFrames.answer(3, second));
    await stage.settle();
    expect(told(ann)).toEqual([]);
    const ben = await stage.joined();
    ben.say(1, clientFrames.answer(2, first));
    await stage.settle();
    expect(told(ann)).toEqual(["ask", "batch 1, durable 0", "durable 1"]);
    ann.say(1, clientFrames.answer(4, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(ann)).toContain("ack 4 at 1");
    expect(await storedText(stage)).toBe("first second");
  });

  test("[U7] and was held aside is asked for when what was missing came, and acknowledged then", async () => {
    const { stage, ann, typist, first } = await gap();
    ann.take();
    const ben = await stage.joined();
    ben.say(1, clientFrames.answer(2, first));
    await stage.settle();
    // It was added from what was held; the question from before is still open.
    expect(told(ann).filter((word) => !word.startsWith("durable"))).toEqual(["batch 1, durable 0"]);
    ann.say(1, clientFrames.answer(3, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(ann)).toEqual(["ack 3 at 1"]);
  });

  test("[U7] under a client id whose owner is there is acknowledged when the owner is gone", async () => {
    const stage = new NativeStage();
    const [ann, eve] = [await stage.joined(), await stage.joined()];
    const typist = new Typist(7);
    ann.say(1, clientFrames.presence(Uint8Array.of(1, 7, 1, 2, 0x7b, 0x7d)));
    await stage.settle();
    eve.take();
    eve.say(1, clientFrames.update(2, typist.type("under hers")));
    await stage.settle();
    expect(told(eve)).toEqual([]);
    ann.socket.close();
    await stage.settle();
    expect(told(eve)).toEqual(expect.arrayContaining(["ask", "batch 1, durable 0"]));
    eve.say(1, clientFrames.answer(3, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(eve)).toEqual(["ack 3 at 1"]);
  });

  test("[U6] [U7] deletes what is not there yet, is asked for once, and acknowledged when that is there", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const typist = new Typist(7);
    const typed = typist.type("gone");
    let deletion = EMPTY;
    typist.doc.once("update", (update: Uint8Array) => {
      deletion = update;
    });
    typist.doc.getText("text").delete(0, 4);
    ann.say(1, clientFrames.update(2, deletion));
    await stage.settle();
    expect(told(ann)).toEqual(["ask"]);
    ann.say(1, clientFrames.answer(3, Y.mergeUpdates([typed, deletion])));
    await stage.settle();
    expect(told(ann)).toContain("ack 3 at 1");
    expect(await storedText(stage)).toBe("");
  });
});

describe("an answer that lacks what many others have made", () => {
  const CLIENTS = 5;

  /** Of each client the second word, and with it the first. */
  function words() {
    return Array.from({ length: CLIENTS }, (_, i) => {
      const typist = new Typist(100 + i);
      return { first: typist.type("first "), second: typist.type("second ") };
    });
  }

  test.each([
    ["all of them are remembered", CLIENTS],
    ["some of them are forgotten", CLIENTS - 1],
  ])("[U7] is asked for again when any of that is there, where %s", async (_, maxMissingClients) => {
    for (const came of words().keys()) {
      const stage = new NativeStage({ limits: { maxMissingClients } });
      const ann = await stage.joined();
      const all = words();
      const lacking = Y.mergeUpdates(all.map(({ second }) => second));
      ann.say(1, clientFrames.update(2, lacking));
      await stage.settle();
      ann.say(1, clientFrames.answer(3, lacking));
      await stage.settle();
      expect(told(ann)).toEqual(["ask"]);
      const isForgotten = maxMissingClients < CLIENTS;
      expect(stage.eventsOf("limit-hit").map(({ limit }) => limit)).toEqual(
        isForgotten ? ["maxMissingClients"] : [],
      );
      // Nothing came that it could lack.
      await stage.advance(10_000);
      expect(told(ann)).toEqual([]);
      const ben = await stage.joined();
      ben.say(1, clientFrames.answer(2, all[came]?.first as Uint8Array));
      await stage.advance(5_000);
      expect(told(ann)).toContain("ask");
      ann.say(1, clientFrames.answer(4, Y.mergeUpdates(all.flatMap(({ first, second }) => [first, second]))));
      await stage.settle();
      expect(told(ann)).toContain("ack 4 at 2");
      for (const wire of [ann, ben]) wire.socket.close();
      await stage.advance(60_000);
      expect(stage.clock.pendingTimers).toBe(0);
    }
  });

  test("[U7] is asked for again when that was put into the log before its window was over", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const [word] = words();
    const { first, second } = word as { first: Uint8Array; second: Uint8Array };
    ann.say(1, clientFrames.answer(2, second));
    await stage.settle();
    ann.say(1, clientFrames.answer(3, second));
    await stage.settle();
    ann.take();
    const ben = await stage.joined();
    // What Ben says he has is compared with the log, so that what he has just brought has to be there.
    ben.say(1, clientFrames.answer(2, first), clientFrames.sync(Y.encodeStateVectorFromUpdate(first)));
    await stage.advance(5_000);
    expect(told(ann)).toContain("ask");
  });
});

describe("an answer that nobody asked for", () => {
  test("brings back after a crash what its sender and others had, and is acknowledged", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await stage.joined();
    const typist = new Typist(7);
    ann.say(1, clientFrames.update(2, typist.type("kept ")));
    await stage.settle();
    ann.socket.close();
    await stage.settle();
    const revision = await firstRevision(storage);
    // The tail: what a crash took, of hers and of somebody else's.
    const lost = Y.mergeUpdates([typist.type("hers "), new Typist(8).type("his ")]);
    const again = await stage.greeted();
    again.say(1, openFrame("notes", { revision }), clientFrames.answer(1, lost));
    await stage.settle();
    expect(told(again)).toEqual(["opened", "caughtUp", "batch 2, durable 1", "ack 1 at 2", "durable 2"]);
    const text = await storedText(stage);
    for (const word of ["kept", "hers", "his"]) expect(text).toContain(word);
  });

  test("and is not all is followed by a question", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const typist = new Typist(7);
    ann.say(1, clientFrames.update(2, typist.type("one ")));
    await stage.settle();
    ann.socket.close();
    await stage.settle();
    const revision = await firstRevision(stage.storage);
    typist.type("two ");
    const again = await stage.greeted();
    again.say(1, openFrame("notes", { revision }));
    again.say(1, clientFrames.answer(1, typist.type("three")));
    await stage.settle();
    expect(told(again)).toEqual(["opened", "caughtUp", "ask"]);
    again.say(1, clientFrames.answer(2, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(again)).toContain("ack 2 at 2");
  });
});

describe("a permission that changes", () => {
  test("[W3] is told, and the session goes on", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const [session] = stage.sessions;
    session?.setRights(Rights.READER, "the owner said so");
    await stage.settle();
    expect(ann.take()).toMatchObject([
      { type: "permission", permission: "read", reason: "the owner said so" },
    ]);
    session?.setRights(Rights.READER, "again");
    session?.setRights(Rights.WRITER, "she changed her mind");
    ann.say(1, clientFrames.update(2, new Typist(7).type("a")));
    await stage.settle();
    expect(told(ann)).toEqual(["permission", "batch 1, durable 0", "ack 2 at 1", "durable 1"]);
  });

  test("makes the server ask for what it would not take before", async () => {
    const stage = new NativeStage();
    const writer = await stage.joined();
    const typist = new Typist(7);
    writer.say(1, clientFrames.update(2, typist.type("some text")));
    await stage.settle();
    writer.socket.close();
    await stage.settle();
    // Deletes alone do not end a reader's session: an answer has everybody's. They are not in the log all the same.
    const eve = await stage.greeted({ author: "", rights: Rights.READER });
    eve.say(1, openFrame("notes", { stateVector: NOTHING }));
    typist.doc.getText("text").delete(0, 4);
    eve.say(1, clientFrames.answer(1, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(eve)).toEqual(["opened", "ask", "catchUp", "caughtUp"]);
    stage.sessions[0]?.setRights(Rights.WRITER, "");
    await stage.settle();
    expect(told(eve)).toEqual(["permission", "ask"]);
    eve.say(1, clientFrames.answer(2, Y.encodeStateAsUpdate(typist.doc)));
    await stage.settle();
    expect(told(eve)).toContain("ack 2 at 2");
    expect(await storedText(stage)).toBe(" text");
  });
});

describe("a permission that changes while the client is asked", () => {
  test("[U6] [U9] does not make an answer with nothing acknowledge what was held aside", async () => {
    for (const regained of [false, true]) {
      const stage = new NativeStage();
      const ann = await stage.joined();
      const typist = new Typist(7);
      typist.type("first ");
      ann.say(1, clientFrames.update(2, typist.type("second")));
      await stage.settle();
      expect(told(ann)).toEqual(["ask"]);
      stage.sessions[0]?.setRights(Rights.READER, "the owner said so");
      if (regained) stage.sessions[0]?.setRights(Rights.WRITER, "after all");
      await stage.settle();
      ann.take();
      // She was told that she may only read, and answers with nothing, whatever she has.
      ann.say(1, clientFrames.answer(3, EMPTY));
      await stage.settle();
      expect(told(ann)).toEqual(regained ? ["ask"] : []);
      if (!regained) stage.sessions[0]?.setRights(Rights.WRITER, "after all");
      await stage.settle();
      if (!regained) expect(told(ann)).toEqual(["permission", "ask"]);
      ann.say(1, clientFrames.answer(4, Y.encodeStateAsUpdate(typist.doc)));
      await stage.settle();
      expect(told(ann)).toEqual(expect.arrayContaining(["ack 4 at 1"]));
      expect(await storedText(stage)).toBe("first second");
    }
  });
});

function rootOf(name: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText(name).insert(0, "x");
  return Y.encodeStateAsUpdate(doc);
}

/** The revision of a client that has the first batch of the document. */
async function firstRevision(storage: Storage): Promise<Revision> {
  const stored = await storage.load("notes" as never);
  return { lineage: stored?.lineage ?? "", seq: 1, branch: stored?.branches[0]?.id ?? "" };
}

async function storedText(stage: NativeStage): Promise<string> {
  const stored = await stage.storage.load("notes" as never);
  return textOf(...(stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update)));
}
