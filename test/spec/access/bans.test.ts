/** Sending people away, and keeping them out. */

import { describe, expect, test } from "vitest";
import type { AccessTarget, BanOptions } from "../../../server/src/access/access-api.ts";
import { AccessStage } from "./stage.ts";

const DENIED = { code: "PERMISSION_DENIED" };
const INVALID = { code: "INVALID_OPTION" };

async function annAndBob(address = "192.0.2.1") {
  const stage = new AccessStage();
  stage.token("t1", "ann");
  stage.token("t2", "bob");
  const ann = await stage.visit("t1", { connection: stage.connection(address) });
  const bob = await stage.visit("t2", { document: "other", connection: stage.connection("192.0.2.2") });
  return { stage, ann, bob };
}

describe("kick", () => {
  test.each<[AccessTarget]>([
    [{ user: "ann" }],
    [{ token: "t1" }],
    [{ document: "notes" }],
    [{ address: "192.0.2.1" }],
    [{ address: "::ffff:192.0.2.1" }],
    [{ session: 1 }],
    [{ user: "ann", document: "notes", address: "192.0.2.1" }],
  ])("ends the sessions of %j, which may come again", async (target) => {
    const { stage, ann, bob } = await annAndBob();
    expect(stage.access.kick(target, "be nice")).toBe(1);
    expect(ann.closed).toMatchObject({ ...DENIED, message: "you were sent away: be nice" });
    expect(bob.isIn).toBe(true);
    expect(stage.eventsOf("access-ended")).toMatchObject([{ cause: "kicked", user: "ann" }]);
    expect((await stage.visit("t1")).isIn).toBe(true);
  });

  test("is about all that fits, and about nobody where something does not", async () => {
    const { stage } = await annAndBob();
    expect(stage.access.kick({ user: "ann", document: "other" }, "be nice")).toBe(0);
    for (const target of [{}, { user: "" }, { address: "" }]) {
      expect(() => stage.access.kick(target, "be nice")).toThrowError(expect.objectContaining(INVALID));
    }
  });
});

describe("ban", () => {
  test("of a user ends the sessions and holds for all documents and addresses", async () => {
    const { stage, ann, bob } = await annAndBob();
    const ban = await stage.access.ban({ user: "ann" }, { reason: "spam" });
    expect(ann.closed).toMatchObject({ ...DENIED, message: "you are banned: spam" });
    expect(bob.isIn).toBe(true);
    expect((await stage.visit("t1", { document: "x" })).refused).toMatchObject(DENIED);
    expect(stage.access.bans()).toEqual([
      { id: ban.id, user: "ann", reason: "spam", since: stage.now(), until: null },
    ]);
    expect(stage.eventsOf("banned")).toMatchObject([
      { ban: ban.id, user: "ann", reason: "spam", until: null },
    ]);
    expect(stage.eventsOf("access-refused")).toMatchObject([{ user: "ann", document: "x" }]);
  });

  test("in a document holds for that alone", async () => {
    const { stage, ann } = await annAndBob();
    const elsewhere = await stage.visit("t1", { document: "other" });
    await stage.access.ban({ user: "ann", document: "notes" }, { reason: "spam" });
    expect([ann.isIn, elsewhere.isIn]).toEqual([false, true]);
    expect((await stage.visit("t1")).refused).toMatchObject(DENIED);
    expect((await stage.visit("t1", { document: "other" })).isIn).toBe(true);
  });

  test.each([
    ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
    ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"],
    ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"],
    ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff::", "2001:db8:1:3::1"],
  ])("of %s keeps out %s, whoever it is, and not %s", async (banned, same, other) => {
    const { stage, ann, bob } = await annAndBob(same);
    await stage.access.ban({ address: banned }, { reason: "noise" });
    expect([ann.isIn, bob.isIn]).toEqual([false, true]);
    const asked = stage.application.admitted.length;
    expect((await stage.visit("t2", { connection: stage.connection(same) })).refused).toMatchObject(DENIED);
    // Nobody has to be asked who it is.
    expect(stage.application.admitted).toHaveLength(asked);
    expect((await stage.visit("t2", { connection: stage.connection(other) })).isIn).toBe(true);
  });

  test("of a user at an address needs both", async () => {
    const { stage, ann } = await annAndBob();
    await stage.access.ban({ user: "ann", address: "192.0.2.77" }, { reason: "spam" });
    expect(ann.isIn).toBe(true);
    const at = (address: string, token: string) =>
      stage.visit(token, { connection: stage.connection(address) });
    expect((await at("192.0.2.77", "t1")).isIn).toBe(false);
    expect((await at("192.0.2.77", "t2")).isIn).toBe(true);
  });

  test("ends by time", async () => {
    const { stage } = await annAndBob();
    await stage.access.ban({ user: "ann" }, { reason: "spam", durationMs: 60_000 });
    const until = new Date(stage.now() + 60_000).toISOString();
    await stage.advance(59_999);
    expect((await stage.visit("t1")).refused?.message).toBe(`you are banned until ${until}: spam`);
    await stage.advance(1);
    expect((await stage.visit("t1")).isIn).toBe(true);
    expect(stage.access.bans()).toEqual([]);
  });

  test("ends by unban", async () => {
    const { stage } = await annAndBob();
    const { id } = await stage.access.ban({ user: "ann" }, { reason: "spam" });
    await expect(stage.access.unban("nothing")).resolves.toBe(false);
    await expect(stage.access.unban(id)).resolves.toBe(true);
    await expect(stage.access.unban(id)).resolves.toBe(false);
    expect((await stage.visit("t1")).isIn).toBe(true);
    expect(stage.eventsOf("unbanned")).toMatchObject([{ ban: id, user: "ann" }]);
  });

  test("while an admission waits for its answer counts for that", async () => {
    const stage = new AccessStage();
    stage.token("t1", "ann");
    stage.application.hold();
    const ann = stage.arrive("t1");
    await stage.access.ban({ user: "ann" }, { reason: "spam" });
    stage.application.release();
    await stage.settle();
    expect(ann.refused).toMatchObject(DENIED);
  });

  test.each<[AccessTarget, BanOptions]>([
    [{}, { reason: "spam" }],
    [{ document: "notes" }, { reason: "spam" }],
    [{ user: "" }, { reason: "spam" }],
    [{ address: "" }, { reason: "spam" }],
    [{ user: "ann", document: "" }, { reason: "spam" }],
    [{ user: "ann" }, { reason: "spam", durationMs: 0 }],
    [{ user: "ann" }, { reason: "spam", durationMs: Number.NaN }],
    [{ user: "ann" }, { reason: "spam", durationMs: Number.POSITIVE_INFINITY }],
  ])("refuses %j, %j", async (target, options) => {
    const { stage, ann } = await annAndBob();
    await expect(stage.access.ban(target, options)).rejects.toMatchObject(INVALID);
    expect(ann.isIn).toBe(true);
    expect(stage.access.bans()).toEqual([]);
  });

  test("above the limit is refused, and the sessions end all the same", async () => {
    const stage = new AccessStage({ limits: { maxBans: 1 } });
    const ann = await stage.visit(stage.token("t1", "ann"));
    await stage.access.ban({ user: "bob" }, { reason: "spam", durationMs: 1_000 });
    await expect(stage.access.ban({ user: "ann" }, { reason: "spam" })).rejects.toMatchObject({
      code: "SERVER_FULL",
    });
    expect(ann.closed).toMatchObject(DENIED);
    expect(stage.hits).toEqual(["maxBans"]);
    expect(stage.eventsOf("banned")).toHaveLength(1);
    await stage.advance(1_000);
    await expect(stage.access.ban({ user: "ann" }, { reason: "spam" })).resolves.toMatchObject({
      user: "ann",
    });
  });
});

test("sessions says who is in documents, and what each may do", async () => {
  const { stage, ann } = await annAndBob();
  expect(stage.access.sessions({ user: "ann" })).toEqual([
    {
      session: ann.session.id,
      document: "notes",
      user: "ann",
      rights: ann.rights,
      dialect: "test",
      address: "192.0.2.1",
      connection: 1,
      correlation: "correlation-1",
      since: stage.now(),
      expiresAt: null,
    },
  ]);
  expect(stage.access.sessions()).toHaveLength(2);
  expect(stage.access.sessions({ token: "t2", document: "other" })).toHaveLength(1);
});

test("N6 who manages documents does not fill the place of bans from all", async () => {
  const stage = new AccessStage({ limits: { maxBans: 8 } });
  const ban = (user: string, document?: string) =>
    stage.access.ban({ user, ...(document !== undefined && { document }) }, { reason: "spam" });
  for (let i = 0; i < 6; i++) await ban(`user-${i}`, `mine-${i}`);
  await expect(ban("user-6", "mine-6")).rejects.toMatchObject({ code: "SERVER_FULL" });
  await ban("user-7");
  await ban("user-8");
  await expect(ban("user-9")).rejects.toMatchObject({ code: "SERVER_FULL" });
  expect(stage.hits).toEqual(["maxBans", "maxBans"]);
});
