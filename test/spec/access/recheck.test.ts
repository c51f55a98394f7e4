/** What somebody may do is decided anew, when it is asked for and when the decision is old. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { RightsSpec } from "../../../server/src/engine/rights.ts";
import { AccessStage, type StageOptions } from "./stage.ts";

const DOWN = new JoineryError("HOOK_FAILED", "the database is down");

async function joined(rights: RightsSpec = "write", options: StageOptions = {}) {
  const stage = new AccessStage(options);
  const ann = await stage.visit(stage.token("t1", "ann", rights));
  const grant = (next: RightsSpec) => stage.token("t1", "ann", next);
  return { stage, ann, grant };
}

describe("recheck", () => {
  test("keeps a session that may do less, and tells its client", async () => {
    const { stage, ann, grant } = await joined("write");
    grant("read");
    await expect(stage.access.recheck()).resolves.toBe(1);
    expect(ann.isIn).toBe(true);
    expect(ann.rights.mayWrite).toBe(false);
    expect(ann.permissions).toEqual(["read"]);
    expect(stage.eventsOf("access-changed")).toMatchObject([{ cause: "rechecked", user: "ann" }]);
  });

  test("keeps a session that may do more, and tells its client", async () => {
    const { stage, ann, grant } = await joined("read");
    grant("write");
    await stage.access.recheck({ document: "notes" });
    expect(ann.permissions).toEqual(["write"]);
  });

  test("says nothing when nothing changed", async () => {
    const { stage, ann } = await joined();
    await stage.access.recheck();
    expect(ann.permissions).toEqual([]);
    expect(stage.events).toEqual([]);
  });

  test("ends a session that may do nothing any more", async () => {
    const { stage, ann, grant } = await joined();
    grant("none");
    await stage.access.recheck({ user: "ann" });
    expect(ann.closed).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(stage.eventsOf("access-ended")).toMatchObject([{ cause: "rechecked" }]);
  });

  test.each(["UNAUTHENTICATED", "PERMISSION_DENIED"] as const)("ends a session upon %s", async (code) => {
    const { stage, ann } = await joined();
    stage.application.failure = new JoineryError(code, "no more");
    await expect(stage.access.recheck()).resolves.toBe(0);
    expect(ann.closed).toMatchObject({ code });
  });

  test("is about those that are meant, and about nobody where there is nobody to ask", async () => {
    const { stage } = await joined();
    await stage.visit(stage.token("t2", "bob"), { document: "other" });
    stage.application.canRecheck = false;
    await stage.visit(stage.token("t3", "cid"));
    await expect(stage.access.recheck({ user: "bob" })).resolves.toBe(1);
    await expect(stage.access.recheck({ user: "bob", document: "notes" })).resolves.toBe(0);
    await expect(stage.access.recheck({ user: "cid" })).resolves.toBe(0);
    await expect(stage.access.recheck()).resolves.toBe(2);
    expect(stage.application.rechecks).toBe(3);
  });

  test("asks again when it is called while it is asked, once for all who call", async () => {
    const { stage, ann, grant } = await joined();
    stage.application.hold();
    const first = stage.access.recheck();
    await stage.settle();
    grant("read");
    const others = [stage.access.recheck(), stage.access.recheck(), stage.access.recheck()];
    await stage.settle();
    expect(stage.application.rechecks).toBe(1);
    stage.application.release(1);
    await first;
    expect(ann.rights.mayWrite).toBe(true);
    await stage.settle();
    expect(stage.application.rechecks).toBe(2);
    stage.application.release();
    await expect(Promise.all(others)).resolves.toEqual([1, 1, 1]);
    expect(stage.application.rechecks).toBe(2);
    expect(ann.rights.mayWrite).toBe(false);
  });

  test("resolves when the session ends meanwhile, whatever is answered then", async () => {
    const { stage, ann } = await joined();
    stage.application.hold();
    const recheck = stage.access.recheck();
    await stage.settle();
    const waiting = stage.access.recheck();
    ann.leave();
    await expect(Promise.all([recheck, waiting])).resolves.toEqual([0, 0]);
    stage.application.release();
    await stage.settle();
    expect(stage.application.rechecks).toBe(1);
    expect(stage.events).toEqual([]);
  });

  test("resolves when the server closes", async () => {
    const { stage } = await joined();
    stage.application.hold();
    const recheck = stage.access.recheck();
    await stage.settle();
    stage.access.close();
    await expect(recheck).resolves.toBe(0);
    await expect(stage.access.recheck()).resolves.toBe(0);
  });
});

describe("an answer", () => {
  test("does not count once a token was given later, and looked at", async () => {
    const { stage, ann } = await joined("write");
    stage.application.hold();
    const recheck = stage.access.recheck();
    await stage.settle();
    ann.show(stage.token("t2", "ann", "read"));
    await stage.settle();
    stage.application.releaseLast();
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
    stage.application.release();
    await recheck;
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
  });

  test("counts when the token that was looked at meanwhile had been given before", async () => {
    const { stage, ann } = await joined("write");
    stage.application.hold();
    ann.show(stage.token("t2", "ann", "write"));
    await stage.settle();
    stage.token("t2", "ann", "read");
    stage.token("t1", "ann", "read");
    const recheck = stage.access.recheck();
    await stage.settle();
    // The token first, then the question that was asked after it.
    stage.application.release(1);
    await stage.settle();
    stage.application.release();
    await recheck;
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
  });

  test("about a token is no more than was decided since, until that is asked again", async () => {
    const { stage, ann } = await joined("write");
    stage.application.hold();
    ann.show(stage.token("t2", "ann", "write"));
    await stage.settle();
    stage.token("t2", "ann", "read");
    stage.token("t1", "ann", "read");
    const recheck = stage.access.recheck();
    await stage.settle();
    stage.application.releaseLast();
    await stage.settle();
    await recheck;
    expect(ann.rights.mayWrite).toBe(false);
    stage.token("t2", "ann", "write");
    stage.application.release(1);
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
    stage.application.release();
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(true);
  });

  test("that does not come is a failure, and others are asked meanwhile", async () => {
    const { stage, ann } = await joined("write", { recheckMs: 20_000 });
    stage.application.hold();
    const recheck = stage.access.recheck();
    await stage.advance(30_000);
    await expect(recheck).resolves.toBe(0);
    expect(stage.eventsOf("recheck-failed")).toMatchObject([{ error: { code: "HOOK_FAILED" } }]);
    await stage.advance(60_000);
    expect(ann.closed).toMatchObject({ code: "HOOK_FAILED" });
  });
});

describe("a failure", () => {
  test("keeps the session, and is followed by another try", async () => {
    const { stage, ann, grant } = await joined("write", { recheckMs: 100_000 });
    stage.application.failure = DOWN;
    await expect(stage.access.recheck()).resolves.toBe(0);
    expect(ann.isIn).toBe(true);
    expect(stage.eventsOf("recheck-failed")).toMatchObject([{ user: "ann", error: DOWN }]);
    stage.application.failure = null;
    grant("read");
    await stage.advance(9_000);
    expect(ann.rights.mayWrite).toBe(true);
    await stage.advance(1_000);
    expect(ann.rights.mayWrite).toBe(false);
  });

  test("is followed by another try also where decisions may be of any age", async () => {
    const { stage, ann, grant } = await joined();
    stage.application.failure = DOWN;
    await stage.access.recheck();
    stage.application.failure = null;
    grant("read");
    await stage.advance(10_000);
    expect(ann.rights.mayWrite).toBe(false);
    expect(stage.application.rechecks).toBe(2);
    await stage.advance(100_000);
    expect(stage.application.rechecks).toBe(2);
  });

  test("for longer than a decision may be old ends the session, which may come back", async () => {
    const { stage, ann } = await joined("write", { recheckMs: 60_000 });
    stage.application.failure = new TypeError("a mistake of the application");
    await stage.advance(119_000);
    expect(ann.isIn).toBe(true);
    await stage.advance(11_000);
    expect(ann.closed?.row.retry).toBe("backoff");
    expect(stage.eventsOf("access-ended")).toMatchObject([{ cause: "rechecked" }]);
  });
});

describe("the age of decisions", () => {
  test("is what is said at most", async () => {
    const { stage, ann, grant } = await joined("write", { recheckMs: 60_000 });
    grant("read");
    await stage.advance(44_000);
    expect(ann.rights.mayWrite).toBe(true);
    await stage.advance(17_000);
    expect(ann.rights.mayWrite).toBe(false);
  });

  test("begins anew with another token", async () => {
    const { stage, ann } = await joined("write", { recheckMs: 60_000 });
    await stage.advance(40_000);
    ann.show(stage.token("t2", "ann"));
    await stage.advance(40_000);
    expect(stage.application.rechecks).toBe(0);
  });

  test("of many that came at once is looked at one after the other", async () => {
    const stage = new AccessStage({ recheckMs: 100_000 });
    stage.token("t1", "ann");
    for (let i = 0; i < 100; i++) stage.arrive("t1", { document: `d${i}` });
    await stage.settle();
    let most = 0;
    for (let second = 0, before = 0; second < 101; second++) {
      await stage.advance(1_000);
      most = Math.max(most, stage.application.rechecks - before);
      before = stage.application.rechecks;
    }
    expect(stage.application.rechecks).toBe(100);
    expect(most).toBeLessThan(12);
  });

  test("has its end also for those who wait to be asked about, behind others that are not answered", async () => {
    const stage = new AccessStage({ recheckMs: 60_000 });
    stage.token("t1", "ann");
    for (let i = 0; i < 200; i++) stage.arrive("t1", { document: `d${i}` });
    await stage.settle();
    stage.application.hold();
    await stage.advance(119_000);
    expect(stage.access.sessions()).toHaveLength(200);
    await stage.advance(45_000);
    expect(stage.access.sessions()).toEqual([]);
    expect(new Set(stage.eventsOf("access-ended").map(({ cause }) => cause))).toEqual(new Set(["rechecked"]));
  });

  test("leaves who was asleep with the machine the time to be asked about", async () => {
    const stage = new AccessStage({ recheckMs: 60_000 });
    stage.token("t1", "ann");
    for (let i = 0; i < 100; i++) stage.arrive("t1", { document: `d${i}` });
    await stage.settle();
    stage.sleep(3_600_000);
    stage.application.hold();
    for (let second = 0; second < 5; second++) {
      await stage.advance(1_000);
      stage.application.release(32);
    }
    stage.application.release();
    await stage.settle();
    expect(stage.access.sessions()).toHaveLength(100);
  });

  test("is asked about for 32 at once", async () => {
    const stage = new AccessStage();
    stage.token("t1", "ann");
    for (let i = 0; i < 100; i++) stage.arrive("t1", { document: `d${i}` });
    await stage.settle();
    stage.application.maxAsked = 0;
    stage.application.hold();
    const recheck = stage.access.recheck();
    // Twice, some of them while they are asked about.
    const again = stage.access.recheck();
    for (let i = 0; i < 4; i++) {
      await stage.settle();
      stage.application.release(32);
    }
    stage.application.release();
    await expect(Promise.all([recheck, again])).resolves.toEqual([100, 100]);
    expect(stage.application.maxAsked).toBe(32);
    expect(stage.application.rechecks).toBe(132);
  });
});

describe("F89 what is decided while somebody comes in or gives another token", () => {
  test("is decided anew once somebody is in who was let in before a recheck", async () => {
    const stage = new AccessStage();
    stage.application.hold();
    const ann = stage.arrive(stage.token("t1", "ann", "write"));
    stage.token("t1", "ann", "read");
    await expect(stage.access.recheck()).resolves.toBe(0);
    stage.application.release();
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
    expect(stage.application.rechecks).toBe(1);
    await stage.visit("t1");
    expect(stage.application.rechecks).toBe(1);
  });

  test("gives nobody the rights of a token before it was taken, though the application took it", async () => {
    const { stage, ann } = await joined("read");
    await stage.access.revoke({ token: stage.token("t2", "ann", "write") });
    stage.application.hold();
    ann.show("t2");
    void stage.access.recheck();
    stage.application.releaseLast();
    await stage.settle();
    expect([ann.isIn, ann.rights.mayWrite]).toEqual([true, false]);
    stage.application.release();
    await stage.settle();
    expect(ann.closed).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("gives nobody the rights of a token that was refused, while a later one is looked at", async () => {
    const { stage, ann } = await joined("read");
    await stage.access.revoke({ token: stage.token("t2", "ann", "write") });
    stage.application.hold();
    ann.show("t2");
    void stage.access.recheck();
    ann.show("no such token");
    stage.application.release(1);
    await stage.settle();
    stage.application.release(1);
    await stage.settle();
    expect([ann.isIn, ann.rights.mayWrite]).toEqual([true, false]);
  });

  test("may still take rights away while another token is looked at", async () => {
    const { stage, ann, grant } = await joined("write");
    stage.application.hold();
    grant("read");
    void stage.access.recheck();
    ann.show(stage.token("t2", "ann", "write"));
    stage.application.release(1);
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
    stage.application.release();
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(true);
  });

  test.each([...Array(12).keys()])("is what holds in the end, however close they are: %i", async (turns) => {
    const { stage, ann } = await joined("write");
    stage.application.hold();
    ann.show(stage.token("t2", "ann", "write"));
    stage.token("t2", "ann", "read");
    void stage.access.recheck();
    stage.application.releaseLast();
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    stage.application.release(1);
    await stage.settle();
    stage.application.release();
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(false);
  });
});
