import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { FaultyStorage } from "../../support/world.ts";
import { WritingStage } from "./writing-stage.ts";

function typed(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

function costly(): Uint8Array {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (let i = 0; i < 3000; i++) doc.getText("text").insert(0, "x");
  });
  return Y.encodeStateAsUpdate(doc);
}

describe("who asks and is gone", () => {
  test("while the document is loaded leaves no session, and nothing is written", async () => {
    const storage = new FaultyStorage();
    const stage = new WritingStage({ storage });
    storage.hold();
    const gone = new AbortController();
    const writing = stage.writing.write(stage.as("ann"), stage.name(), typed("a"), { signal: gone.signal });
    const told = expect(writing).rejects.toThrow();
    await stage.world.settle();
    gone.abort();
    storage.release();
    await stage.world.settle();
    await told;
    expect(stage.world.rooms.counts().sessions).toBe(0);
    expect(await storage.load(stage.name())).toBeNull();
  });

  test("while the update is tried is told so, and nothing is written", async () => {
    const replicas = new HeldReplicas();
    const stage = new WritingStage({ replicas });
    const gone = new AbortController();
    const writing = stage.writing.write(stage.as("ann"), stage.name(), costly(), { signal: gone.signal });
    await stage.world.settle();
    expect(replicas.tried).toHaveLength(1);
    gone.abort(new JoineryError("CONNECTION_LOST", "gone"));
    await expect(stage.until(writing)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(stage.world.rooms.counts().sessions).toBe(0);
    replicas.tried[0]?.done();
    await stage.world.settle();
    expect(await stage.world.storage.load(stage.name())).toBeNull();
  });
});

describe("a document that is deleted twice at once", () => {
  test("is there for one of both, and the other one is told so", async () => {
    const stage = new WritingStage();
    const who = stage.as("max");
    await stage.until(stage.writing.write(who, stage.name(), typed("a"), {}));
    const both = [1, 2, 3].map(() => stage.writing.delete(who, stage.name(), {}));
    const outcomes = await stage.until(Promise.allSettled(both));
    const codes = outcomes.map((one) => (one.status === "fulfilled" ? "deleted" : one.reason.code));
    expect(codes.filter((code) => code === "deleted")).toHaveLength(1);
    expect(codes).not.toContain("INTERNAL");
    expect(codes).not.toContain(undefined);
    expect(stage.world.rooms.counts()).toMatchObject({ sessions: 0 });
  });
});

test("a document that cannot be read is not deleted by who demands a revision of it", async () => {
  const storage = new FaultyStorage();
  const stage = new WritingStage({ storage });
  const who = stage.as("max");
  const first = await stage.until(stage.writing.write(who, stage.name(), typed("a"), {}));
  await stage.world.advance(60_000);
  storage.loadErrors.push(new JoineryError("DOCUMENT_DAMAGED", "nothing of it is sound"));
  const deleting = stage.writing.delete(who, stage.name(), { expected: [first] });
  await expect(stage.until(deleting)).rejects.toMatchObject({ code: "REVISION_CHANGED" });
  storage.loadErrors.push(new JoineryError("DOCUMENT_DAMAGED", "nothing of it is sound"));
  expect(await stage.until(stage.writing.delete(who, stage.name(), { expected: "any" }))).toMatchObject({
    number: 1,
  });
});

test("folding says of a revision that is on disk", async () => {
  const storage = new FaultyStorage();
  const stage = new WritingStage({ storage });
  const ann = await stage.world.join("notes");
  ann.type("a");
  await stage.world.settle();
  const compact = storage.compact.bind(storage);
  storage.compact = async (...args) => {
    storage.hold();
    ann.type("b");
    await stage.world.settle();
    await compact(...args);
  };
  let told: unknown = null;
  const folding = stage.writing.compact(stage.name()).then((revision) => {
    told = revision;
  });
  for (let i = 0; i < 5; i++) await stage.world.settle();
  expect(storage.compactions).toHaveLength(1);
  expect(told).toBeNull();
  storage.release();
  await stage.until(folding);
  expect(told).toMatchObject({ seq: 2 });
});
