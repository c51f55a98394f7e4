/** What was shown is good for a time: who is told before its end, and what comes then. */

import { describe, expect, test } from "vitest";
import { AccessStage } from "./stage.ts";

const UNAUTHENTICATED = { code: "UNAUTHENTICATED" };

async function joined(lifeMs: number) {
  const stage = new AccessStage();
  const expiring = (token: string, ms: number) =>
    stage.token(token, "ann", "write", { expiresAt: stage.now() + ms });
  const ann = await stage.visit(expiring("t1", lifeMs));
  return { stage, ann, expiring };
}

describe("F88 a token that expires while its client is there", () => {
  test.each([
    ["30 s before", 3_600_000, 30_000],
    ["a tenth of its life before", 100_000, 10_000],
    ["three seconds before, where that is more", 12_000, 3_000],
  ])("is asked to be replaced once, %s", async (_, lifeMs, noticeMs) => {
    const { stage, ann } = await joined(lifeMs);
    await stage.advance(lifeMs - noticeMs - 1_000);
    expect(ann.notices).toBe(0);
    await stage.advance(1_000);
    expect(ann.notices).toBe(1);
    await stage.advance(noticeMs - 1_000);
    expect(ann.notices).toBe(1);
    expect(ann.isIn).toBe(true);
  });

  test("ends the session within a second", async () => {
    const { stage, ann } = await joined(9_500);
    await stage.advance(9_000);
    expect(ann.isIn).toBe(true);
    await stage.advance(1_000);
    expect(ann.closed).toMatchObject(UNAUTHENTICATED);
    expect(stage.eventsOf("access-ended")).toMatchObject([
      { cause: "expired", user: "ann", document: "notes", correlation: "correlation-1", connection: 1 },
    ]);
  });

  test("is good for longer by another one, which is asked to be replaced in its turn", async () => {
    const { stage, ann, expiring } = await joined(100_000);
    await stage.advance(90_000);
    ann.show(expiring("t2", 200_000));
    await stage.settle();
    expect(stage.access.sessions()).toMatchObject([{ expiresAt: stage.now() + 200_000 }]);
    await stage.advance(179_000);
    expect(ann.notices).toBe(1);
    await stage.advance(1_000);
    expect(ann.notices).toBe(2);
    await stage.advance(20_000);
    expect(ann.closed).toMatchObject(UNAUTHENTICATED);
  });

  test("is not followed by one that has expired", async () => {
    const { stage, ann, expiring } = await joined(100_000);
    ann.show(expiring("t2", 0));
    await stage.settle();
    expect(ann.closed).toMatchObject(UNAUTHENTICATED);
    expect(stage.eventsOf("access-refused")).toMatchObject([{ user: "ann", document: "notes" }]);
  });

  test("is not followed by one that the application does not know", async () => {
    const { stage, ann } = await joined(100_000);
    ann.show("t2");
    await stage.settle();
    expect(ann.isIn).toBe(false);
  });

  test("may be followed by one that never expires", async () => {
    const { stage, ann } = await joined(100_000);
    ann.show(stage.token("t2", "ann"));
    await stage.advance(1_000_000);
    expect(ann.isIn).toBe(true);
  });
});

test("a session that began without an end gets one by another token", async () => {
  const stage = new AccessStage();
  stage.application.canRecheck = false;
  const ann = await stage.visit(stage.token("t1", "ann"));
  ann.show(stage.token("t2", "ann", "write", { expiresAt: stage.now() + 2_000 }));
  await stage.advance(2_000);
  expect(ann.closed).toMatchObject(UNAUTHENTICATED);
});

test("a clock that is set forward ends what has expired by it; one that is set back ends nothing", async () => {
  const { stage, ann } = await joined(100_000);
  stage.skewMs = -50_000;
  await stage.advance(100_000);
  expect(ann.isIn).toBe(true);
  stage.skewMs = 3_600_000;
  await stage.advance(1_000);
  expect(ann.closed).toMatchObject(UNAUTHENTICATED);
});

describe("rights that come with another token", () => {
  test("hold at once, and the client is told", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit(stage.token("t1", "ann"));
    ann.show(stage.token("t2", "ann", "read"));
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
    expect(ann.permissions).toEqual(["read"]);
    expect(stage.eventsOf("access-changed")).toMatchObject([{ cause: "renewed", user: "ann" }]);
  });

  test("hold also when the next token is given before they are known", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit(stage.token("t1", "ann", "write", { expiresAt: stage.now() + 5_000 }));
    const next = () => stage.token("t2", "ann", "read", { expiresAt: stage.now() + 60_000 });
    stage.application.hold();
    ann.show(next());
    for (let i = 0; i < 10; i++) {
      await stage.settle();
      // Whoever always has another one ready would keep what the first one gave.
      ann.show(next());
      stage.application.release(1);
      await stage.advance(1_000);
    }
    expect(ann.isIn).toBe(true);
    expect(ann.rights.mayWrite).toBe(false);
  });
});

test("a token that is looked at while its session ends is nobody's business any more", async () => {
  const { stage, ann, expiring } = await joined(100_000);
  stage.application.hold();
  ann.show(expiring("t2", 50_000));
  await stage.settle();
  ann.leave();
  stage.application.release();
  await stage.settle();
  expect(stage.access.sessions()).toEqual([]);
  // No look is taken for nobody.
  await stage.advance(40_000);
  expect(ann.notices).toBe(0);
  await stage.advance(600_000);
  expect(stage.clock.pendingTimers).toBe(0);
});
