import { DEFAULT_LIMITS, type JoineryError, type Limits } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";
import { type Sender, UnfinishedMessages } from "../../../server/src/transports/unfinished-messages.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const KIB = 1024;
/** What each piece is reckoned to cost besides its bytes. */
const PIECE = 300;

class Uploader implements Sender {
  isPaused = false;
  failure: JoineryError | null = null;

  fail(error: JoineryError): void {
    this.failure = error;
  }
}

function stage(changes: Partial<Limits> = {}) {
  const clock = new FakeClock();
  const hits = new LimitHits();
  const limits = { ...DEFAULT_LIMITS, messageTimeoutMs: 1_000, ...changes };
  return { clock, hits, unfinished: new UnfinishedMessages({ clock, limits, hits }) };
}

describe("a message that has begun", () => {
  test("has a time to end, and closes its connection when it does not", () => {
    const { clock, hits, unfinished } = stage();
    const ann = new Uploader();
    unfinished.grow(ann, 100);
    clock.advance(999);
    expect(ann.failure).toBeNull();
    clock.advance(1);
    expect(ann.failure).toMatchObject({ code: "TOO_SLOW", message: expect.stringContaining("1000 ms") });
    expect(hits.counts().messageTimeoutMs).toBe(1);
    expect([unfinished.count, unfinished.heldBytes, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  test("has its time from its beginning: a byte now and then does not help", () => {
    const { clock, unfinished } = stage();
    const ann = new Uploader();
    for (let i = 0; i < 10; i++) {
      unfinished.grow(ann, 1_000);
      clock.advance(100);
    }
    expect(ann.failure).not.toBeNull();
  });

  test("has that time again and again as long as 16 KiB come in each", () => {
    const { clock, unfinished } = stage();
    const ann = new Uploader();
    for (let i = 0; i < 64; i++) {
      unfinished.grow(ann, 8 * KIB);
      clock.advance(500);
    }
    expect(ann.failure).toBeNull();
    clock.advance(2_000);
    expect(ann.failure).not.toBeNull();
  });

  test("is not to blame while the server itself does not read", () => {
    const { clock, unfinished } = stage();
    const ann = new Uploader();
    unfinished.grow(ann, 10);
    ann.isPaused = true;
    clock.advance(10_000);
    ann.isPaused = false;
    clock.advance(900);
    // Paused for a moment only: that whole time is not counted.
    unfinished.excuse(ann);
    clock.advance(1_000);
    expect(ann.failure).toBeNull();
    clock.advance(1_100);
    expect(ann.failure).not.toBeNull();
  });

  test("is forgotten when it ends, and the next one has its own time", () => {
    const { clock, unfinished } = stage();
    const ann = new Uploader();
    unfinished.grow(ann, 10);
    expect([unfinished.has(ann), unfinished.count]).toEqual([true, 1]);
    clock.advance(900);
    unfinished.end(ann);
    unfinished.end(ann);
    expect([unfinished.has(ann), clock.pendingTimers]).toEqual([false, 0]);
    unfinished.grow(ann, 10);
    clock.advance(900);
    expect(ann.failure).toBeNull();
    clock.advance(100);
    expect(ann.failure).not.toBeNull();
  });
});

describe("all unfinished messages together", () => {
  test("are bounded: the one that began first goes, and others stay", () => {
    const { hits, unfinished } = stage({ maxUnfinishedBytes: 3 * KIB });
    const [ann, bob, cid] = [new Uploader(), new Uploader(), new Uploader()];
    unfinished.grow(ann, 100);
    unfinished.grow(bob, KIB - PIECE);
    unfinished.grow(cid, KIB - PIECE);
    expect(unfinished.heldBytes).toBe(2 * KIB + 100 + PIECE);
    unfinished.grow(bob, KIB - PIECE);
    expect(ann.failure).toMatchObject({ code: "TOO_SLOW" });
    expect([bob.failure, cid.failure]).toEqual([null, null]);
    expect(unfinished.heldBytes).toBe(3 * KIB);
    expect(hits.counts().maxUnfinishedBytes).toBe(1);
  });

  test("hold no more than the limit, however many grow", () => {
    const { unfinished } = stage({ maxUnfinishedBytes: 100 * KIB });
    const all = Array.from({ length: 200 }, () => new Uploader());
    for (let i = 0; i < 5; i++) {
      for (const sender of all) {
        if (sender.failure === null) unfinished.grow(sender, KIB);
        expect(unfinished.heldBytes).toBeLessThanOrEqual(100 * KIB);
      }
    }
    expect(unfinished.count).toBeGreaterThan(0);
    for (const sender of all) unfinished.end(sender);
    expect(unfinished.heldBytes).toBe(0);
  });

  test("count what many small pieces cost", () => {
    const { unfinished } = stage();
    const ann = new Uploader();
    for (let i = 0; i < 100; i++) unfinished.grow(ann, 1);
    expect(unfinished.heldBytes).toBeGreaterThan(100 * 200);
  });
});
