/** What was shown is not good any more, though nothing in it says so. */

import { describe, expect, test } from "vitest";
import type { AccessTarget } from "../../../server/src/access/access-api.ts";
import { AccessStage } from "./stage.ts";

const UNAUTHENTICATED = { code: "UNAUTHENTICATED" };
const INVALID = { code: "INVALID_OPTION" };

/** Ann and Bob, each in two documents with a token of their own. */
async function four() {
  const stage = new AccessStage();
  const tokens: string[] = [];
  for (const user of ["ann", "bob"]) {
    for (const document of ["a", "b"]) {
      const token = `${user} in ${document}`;
      stage.token(token, user, "write", { tokenId: `id of ${token}`, issuedAt: stage.now() - 60_000 });
      tokens.push(token);
    }
  }
  const enter = (token: string) => stage.visit(token, { document: token.slice(-1) });
  const visitors = new Map(
    await Promise.all(tokens.map(async (token) => [token, await enter(token)] as const)),
  );
  await stage.advance(10_000);
  return { stage, tokens, visitors, enter };
}

describe("F89 revoke", () => {
  test.each<[string, AccessTarget, string[]]>([
    ["a user", { user: "ann" }, ["ann in a", "ann in b"]],
    ["a document", { document: "a" }, ["ann in a", "bob in a"]],
    ["a user in a document", { user: "ann", document: "a" }, ["ann in a"]],
    ["a token", { token: "ann in a" }, ["ann in a"]],
    ["a token by its name", { token: "id of bob in b" }, ["bob in b"]],
    ["a token in a document", { token: "ann in a", document: "a" }, ["ann in a"]],
    ["a token in another document", { token: "ann in a", document: "b" }, []],
    ["a token of a user", { token: "id of ann in a", user: "ann" }, ["ann in a"]],
    ["a token of another user", { token: "ann in a", user: "bob" }, []],
    ["all that can be said", { token: "ann in a", user: "ann", document: "a" }, ["ann in a"]],
    ["somebody who is not here", { user: "cid" }, []],
  ])("%s ends those sessions at once and refuses what they showed", async (_, target, ended) => {
    const { stage, tokens, visitors, enter } = await four();
    const revoking = stage.access.revoke(target);
    const isEnded = (token: string) => ended.includes(token);
    for (const [token, { closed }] of visitors) {
      if (isEnded(token)) expect(closed, token).toMatchObject(UNAUTHENTICATED);
      else expect(closed, token).toBe(null);
    }
    await expect(revoking).resolves.toBe(ended.length);
    expect(stage.eventsOf("access-ended").map(({ cause }) => cause)).toEqual(ended.map(() => "revoked"));
    expect(stage.eventsOf("access-revoked")).toMatchObject([{ sessions: ended.length }]);
    for (const token of tokens) expect((await enter(token)).isIn, token).toBe(!isEnded(token));
  });

  test("lets in who has a token that was issued later", async () => {
    const { stage } = await four();
    await stage.access.revoke({ user: "ann" });
    await stage.access.revoke({ document: "a" });
    const issued = (issuedAt: number) =>
      stage.visit(stage.token(`t${issuedAt}`, "ann", "write", { issuedAt }), { document: "a" });
    expect((await issued(stage.now() - 1)).refused).toMatchObject(UNAUTHENTICATED);
    // Tokens count whole seconds: it may be older than it says.
    expect((await issued(stage.now())).refused).toMatchObject(UNAUTHENTICATED);
    expect((await issued(stage.now() + 1)).isIn).toBe(true);
  });

  test("says why, in words that were given", async () => {
    const { stage, visitors } = await four();
    await stage.access.revoke({ user: "ann" }, "you changed your password");
    expect(visitors.get("ann in a")?.closed?.message).toBe("you changed your password: show a new token");
  });

  test.each<[AccessTarget]>([
    [{}],
    [{ user: "" }],
    [{ token: "" }],
    [{ document: "" }],
    [{ document: "a", token: "" }],
    [{ user: "ann", document: "" }],
    [{ session: 1, address: "192.0.2.1" }],
  ])("refuses %j, which names nobody", async (target) => {
    const { stage, visitors } = await four();
    await expect(stage.access.revoke(target)).rejects.toMatchObject(INVALID);
    expect([...visitors.values()].every(({ isIn }) => isIn)).toBe(true);
  });

  test("refuses a token whose issue time nobody knows when it was shown before", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit(stage.token("t1", "ann"));
    await stage.advance(1_000);
    await stage.access.revoke({ user: "ann" });
    expect(ann.closed).toMatchObject(UNAUTHENTICATED);
    await stage.advance(1_000);
    expect((await stage.visit("t1")).refused).toMatchObject(UNAUTHENTICATED);
    expect((await stage.visit(stage.token("t2", "ann"))).isIn).toBe(true);
    // Another user's that looks the same is another one.
    expect((await stage.visit(stage.token("t1", "bob"))).isIn).toBe(true);
  });

  test("does not take a token without a name for one whose name is empty", async () => {
    const stage = new AccessStage();
    await stage.access.revoke({ document: "notes" });
    await stage.advance(1_000);
    const issuedAt = stage.now();
    const ann = await stage.visit(stage.token("t1", "ann", "write", { tokenId: "", issuedAt }));
    expect(ann.isIn).toBe(true);
  });

  test.each([{ issuedAt: 1 }, {}])(
    "while an admission waits for its answer counts for that, with %j",
    async (more) => {
      const stage = new AccessStage();
      stage.token("t1", "ann", "write", more);
      stage.application.hold();
      const ann = stage.arrive("t1");
      await stage.advance(1_000);
      await expect(stage.access.revoke({ user: "ann" })).resolves.toBe(0);
      stage.application.release();
      await stage.settle();
      expect(ann.refused).toMatchObject(UNAUTHENTICATED);
      expect(stage.eventsOf("access-refused")).toMatchObject([{ user: "ann" }]);
    },
  );

  test.each([{ issuedAt: 1 }, {}])(
    "between the answer and the session counts for that, with %j",
    async (more) => {
      const stage = new AccessStage();
      const admission = await stage.access.admit({
        connection: stage.connection(),
        document: stage.world.name("notes"),
        dialect: "test",
        token: stage.token("t1", "ann", "write", more),
        agent: null,
        requestToken: () => undefined,
      });
      await stage.access.revoke({ user: "ann" });
      const open = () => {
        throw new Error("it was opened");
      };
      expect(() => admission.enter?.(open)).toThrowError(expect.objectContaining(UNAUTHENTICATED));
      expect(stage.access.users).toBe(0);
    },
  );

  test.each([{ token: "t1" }, { token: "t2" }, { user: "ann" }])(
    "of %j while another token is looked at ends the session",
    async (target) => {
      const stage = new AccessStage();
      const ann = await stage.visit(stage.token("t1", "ann"));
      stage.application.hold();
      ann.show(stage.token("t2", "ann"));
      await stage.settle();
      await stage.access.revoke(target);
      stage.application.release();
      await stage.settle();
      expect(ann.closed).toMatchObject(UNAUTHENTICATED);
      expect(stage.access.sessions()).toEqual([]);
    },
  );

  test("of a token that was replaced leaves the session alone", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit(stage.token("t1", "ann"));
    ann.show(stage.token("t2", "ann"));
    await stage.settle();
    await expect(stage.access.revoke({ token: "t1" })).resolves.toBe(0);
    expect(ann.isIn).toBe(true);
    await expect(stage.access.revoke({ token: "t2" })).resolves.toBe(1);
  });
});

test("what was revoked stays so when clocks are set back", async () => {
  const stage = new AccessStage();
  stage.token("t1", "ann", "write", { issuedAt: stage.now() });
  await stage.access.revoke({ user: "ann" });
  stage.skewMs = -3_600_000;
  await stage.access.revoke({ user: "ann" });
  expect((await stage.visit("t1")).refused).toMatchObject(UNAUTHENTICATED);
});

test("too many revocations are refused, and the sessions end all the same", async () => {
  const stage = new AccessStage({ limits: { maxRevocations: 1 }, revocationMs: 60_000 });
  const ann = await stage.visit(stage.token("t1", "ann"));
  await stage.access.revoke({ user: "bob" });
  await stage.access.revoke({ user: "bob" });
  await expect(stage.access.revoke({ token: "t1" })).rejects.toMatchObject({ code: "SERVER_FULL" });
  expect(ann.closed).toMatchObject(UNAUTHENTICATED);
  expect(stage.hits).toEqual(["maxRevocations"]);
  // When tokens of that time have expired, it is forgotten.
  await stage.advance(60_000);
  await expect(stage.access.revoke({ token: "t1" })).resolves.toBe(0);
});

describe("F89 a revoked token", () => {
  test("is known by what was signed: another signature of it is as bad", async () => {
    const stage = new AccessStage();
    const [first, other] = ["head.claims.signature", "head.claims.another-one"];
    for (const token of [first, other]) stage.token(token, "ann", "write", { issuedAt: stage.now() });
    await stage.visit(first);
    expect(await stage.access.revoke({ token: first })).toBe(1);
    expect((await stage.visit(other)).refused).toMatchObject(UNAUTHENTICATED);
    stage.token("head.others.signature", "ann", "write", { issuedAt: stage.now() });
    expect((await stage.visit("head.others.signature")).isIn).toBe(true);
  });
});

describe("F89 clocks that differ", () => {
  test("do not keep a token good that was shown before, and says that it was issued later", async () => {
    const stage = new AccessStage();
    const ahead = stage.token("t1", "ann", "write", { issuedAt: stage.now() + 4_000 });
    expect((await stage.visit(ahead)).isIn).toBe(true);
    await stage.advance(1_000);
    await stage.access.revoke({ user: "ann" });
    expect((await stage.visit(ahead)).refused).toMatchObject(UNAUTHENTICATED);
    const newer = stage.token("t2", "ann", "write", { issuedAt: stage.now() + 4_000 });
    expect((await stage.visit(newer)).isIn).toBe(true);
  });
});

test("N6 who manages documents does not fill the place of what is revoked for all", async () => {
  const stage = new AccessStage({ limits: { maxRevocations: 8 } });
  const full = { code: "SERVER_FULL" };
  for (let i = 0; i < 6; i++) await stage.access.revoke({ token: `t${i}`, document: "mine" });
  await expect(stage.access.revoke({ token: "t6", document: "mine" })).rejects.toMatchObject(full);
  await stage.access.revoke({ token: "t0", document: "mine" });
  await stage.access.revoke({ user: "ann" });
  await stage.access.revoke({ token: "t7" });
  await expect(stage.access.revoke({ token: "t8" })).rejects.toMatchObject(full);
  expect(stage.hits).toEqual(["maxRevocations", "maxRevocations"]);
});
