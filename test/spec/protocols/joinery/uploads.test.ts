import { DEFAULT_LIMITS, type Limits } from "@joinery/shared";
import { inFragments } from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import { Rights } from "../../../../server/src/engine/rights.ts";
import { Uploads } from "../../../../server/src/protocols/joinery/uploads.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import {
  clientFrames,
  NativeStage,
  openFrame,
  Typist,
  textOf,
  type Wire,
} from "../../../support/native-wire.ts";

const idOf = (number: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, number);

const fragment = (number: number, total: number, offset: number, length: number) => ({
  type: "fragment" as const,
  id: idOf(number),
  total,
  offset,
  bytes: new Uint8Array(length).fill(number),
});

function stage(changes: Partial<Limits> = {}) {
  const clock = new FakeClock();
  const hits: string[] = [];
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const uploads = new Uploads({ clock, limits, onLimit: (limit) => hits.push(limit) });
  return { clock, hits, uploads };
}

describe("an upload", () => {
  const [ann, ben] = [{}, {}];

  test("is whole when its last fragment is there, and nothing of it is kept then", () => {
    const { uploads, clock } = stage();
    expect(uploads.take(ann, "notes", fragment(1, 10, 0, 6))).toEqual({ have: 6, frame: null });
    expect(uploads.bytes).toBeGreaterThan(6);
    const { have, frame } = uploads.take(ann, "notes", fragment(1, 10, 6, 4));
    expect(have).toBe(10);
    expect(frame).toEqual(new Uint8Array(10).fill(1));
    expect([uploads.bytes, clock.pendingTimers]).toEqual([0, 0]);
  });

  test("[B6] goes on on another connection from what is here", () => {
    const { uploads } = stage();
    uploads.take(ann, "notes", fragment(1, 10, 0, 6));
    expect(uploads.take(ben, "notes", fragment(1, 10, 0, 0))).toEqual({ have: 6, frame: null });
    expect(uploads.take(ben, "notes", fragment(1, 10, 6, 4)).frame).not.toBeNull();
  });

  test("of one document is not another's", () => {
    const { uploads } = stage();
    uploads.take(ann, "notes", fragment(1, 10, 0, 6));
    expect(uploads.take(ann, "plans", fragment(1, 10, 0, 0)).have).toBe(0);
  });

  test("that is asked for and not here costs nothing", () => {
    const { uploads, clock } = stage();
    expect(uploads.take(ann, "notes", fragment(1, 10, 0, 0)).have).toBe(0);
    expect([uploads.bytes, clock.pendingTimers]).toEqual([0, 0]);
  });

  test("[B5] of which the beginning is gone is begun again", () => {
    const { uploads } = stage();
    expect(uploads.take(ann, "notes", fragment(1, 10, 6, 4))).toEqual({ have: 0, frame: null });
    expect(uploads.bytes).toBe(0);
  });

  test("[B4] larger than one may be is refused", () => {
    const { uploads } = stage({ maxUploadBytes: 1024 });
    expect(() => uploads.take(ann, "notes", fragment(1, 1025, 0, 6))).toThrow(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE", limit: "maxUploadBytes" }),
    );
  });

  test("[B4] counts all the memory that it takes, that for what may come next too", () => {
    const { uploads } = stage();
    const before = uploads.bytes;
    for (let offset = 0; offset < 900; offset += 300)
      uploads.take(ann, "notes", fragment(1, 2000, offset, 300));
    const nothing = uploads.bytes - before;
    // Twice what was there when the third part came.
    expect(nothing).toBeGreaterThanOrEqual(1700);
    uploads.take(ann, "notes", fragment(1, 2000, 900, 1100));
    expect(uploads.bytes).toBe(before);
  });

  test("[B4] is let go by what it takes, and not by what has come of it", () => {
    const { uploads } = stage({ maxUnfinishedUploadBytes: 5000 });
    for (const offset of [0, 600, 1200]) uploads.take(ann, "notes", fragment(1, 9000, offset, 600));
    // 1,800 bytes came, for which there is room for 2,400; of the other as well.
    for (const offset of [0, 600, 1200]) uploads.take(ben, "notes", fragment(2, 9000, offset, 600));
    const left = [1, 2].map((number) => uploads.take(ann, "notes", fragment(number, 9000, 0, 0)).have);
    expect(left).toEqual([0, 1800]);
    expect(uploads.bytes).toBeLessThanOrEqual(5000);
  });

  test("that grew least recently is let go where a connection has too many", () => {
    const { uploads, hits } = stage({ maxUploadBytes: 2000 });
    for (const number of [1, 2]) uploads.take(ann, "notes", fragment(number, 1000, 0, 200));
    uploads.take(ann, "notes", fragment(1, 1000, 200, 200));
    uploads.take(ben, "notes", fragment(3, 1000, 0, 200));
    expect(hits).toEqual([]);
    uploads.take(ann, "notes", fragment(4, 1000, 0, 200));
    expect(hits).toEqual(["maxUploadBytes"]);
    const left = [1, 2, 3, 4].map((number) => uploads.take(ann, "notes", fragment(number, 1000, 0, 0)).have);
    expect(left).toEqual([400, 0, 200, 200]);
  });

  test("that grew least recently is let go where all connections together have too many", () => {
    const { uploads, hits } = stage({ maxUnfinishedUploadBytes: 2000 });
    for (const number of [1, 2, 3]) uploads.take({}, "notes", fragment(number, 1000, 0, 200));
    expect(hits).toEqual(["maxUnfinishedUploadBytes"]);
    expect(uploads.bytes).toBeLessThanOrEqual(2000);
    expect(uploads.take(ann, "notes", fragment(1, 1000, 0, 0)).have).toBe(0);
  });

  test("[B6] is let go when nothing came for long", () => {
    const { uploads, clock, hits } = stage({ uploadTimeoutMs: 1000 });
    uploads.take(ann, "notes", fragment(1, 10, 0, 2));
    clock.advance(600);
    uploads.take(ann, "notes", fragment(2, 10, 0, 2));
    clock.advance(600);
    expect(uploads.take(ann, "notes", fragment(1, 10, 0, 0)).have).toBe(0);
    expect(uploads.take(ann, "notes", fragment(2, 10, 0, 0)).have).toBe(2);
    clock.advance(600);
    expect([uploads.bytes, clock.pendingTimers]).toEqual([0, 0]);
    expect(hits).toEqual(["uploadTimeoutMs", "uploadTimeoutMs"]);
  });
});

describe("an edit in fragments", () => {
  const FRAGMENT = 100;

  function inParts(frame: Uint8Array, number = 1): Uint8Array[] {
    return [...inFragments(frame, idOf(number), FRAGMENT)];
  }

  function progress(wire: Wire): [number, number][] {
    return wire.takeOf("progress").map(({ id, have }) => [id[7] as number, have]);
  }

  test("[B1] [B5] is taken when it is whole, and each part is confirmed", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const frame = clientFrames.update(2, new Typist(7).type("x".repeat(250)));
    for (const part of inParts(frame)) ann.say(1, part);
    await stage.settle();
    const said = ann.take();
    expect(said.filter(({ type }) => type === "progress")).toMatchObject([
      { on: 1, id: idOf(1), have: 100 },
      { on: 1, id: idOf(1), have: 200 },
      { on: 1, id: idOf(1), have: frame.length },
    ]);
    expect(said).toContainEqual(expect.objectContaining({ type: "ack", number: 2, seq: 1 }));
  });

  test("[B6] goes on after the line broke from where it was", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    const typist = new Typist(7);
    const parts = inParts(clientFrames.answer(1, typist.type("x".repeat(250))));
    const first = await stage.greeted();
    first.say(1, openFrame("notes"), ...parts.slice(0, 2));
    await stage.settle();
    first.connection.cut();
    await stage.settle();
    const again = await stage.greeted();
    const probe = clientFrames.fragment({
      id: idOf(1),
      total: totalOf(parts),
      offset: 0,
      bytes: new Uint8Array(),
    });
    again.say(1, openFrame("notes"), probe);
    await stage.settle();
    expect(progress(again)).toEqual([[1, 200]]);
    again.say(1, ...parts.slice(2));
    await stage.settle();
    expect(again.takeOf("ack")).toMatchObject([{ number: 1, seq: 1 }]);
    expect(textOf(...ann.takeOf("batch").map(({ update }) => update))).toBe(typist.text);
  });

  test("of somebody else is not theirs to go on with", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined("notes", { author: "ann", rights: Rights.WRITER });
    const eve = await stage.joined("notes", { author: "eve", rights: Rights.WRITER });
    const parts = inParts(clientFrames.update(2, new Typist(7).type("x".repeat(250))));
    ann.say(1, parts[0] as Uint8Array);
    await stage.settle();
    eve.say(1, parts[1] as Uint8Array);
    await stage.settle();
    expect(progress(eve)).toEqual([[1, 0]]);
  });

  test("that is larger than one may be ends the connection", async () => {
    const stage = new NativeStage({ limits: { maxUploadBytes: 1024 } });
    const ann = await stage.joined();
    ann.say(1, clientFrames.fragment({ id: idOf(1), total: 2000, offset: 0, bytes: Uint8Array.of(1) }));
    await stage.settle();
    expect(ann.closed?.code).toBe(1009);
    expect(ann.takeOf("failed")).toMatchObject([{ code: "MESSAGE_TOO_LARGE", retry: "never" }]);
  });

  function totalOf(parts: readonly Uint8Array[]): number {
    const overhead =
      clientFrames.fragment({ id: idOf(1), total: 300, offset: 200, bytes: new Uint8Array(1) }).length - 1;
    return 200 + (parts[2]?.length as number) - overhead;
  }
});
