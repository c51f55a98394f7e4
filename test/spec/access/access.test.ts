/** Coming in: what is asked, what is refused, and who is told. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { AccessStage } from "./stage.ts";

const DENIED = { code: "PERMISSION_DENIED" };
const UNAUTHENTICATED = { code: "UNAUTHENTICATED" };

describe("admission", () => {
  test.each([true, false])("lets in whom the application lets in, answered at once: %s", async (isSync) => {
    const stage = new AccessStage();
    stage.application.isSync = isSync;
    const ann = stage.arrive(stage.token("t1", "ann", "read"));
    if (isSync) expect(ann.isIn).toBe(true);
    await stage.settle();
    expect(ann.session.author).toBe("ann");
    expect(ann.rights.actions).toEqual(["read", "presence", "signal"]);
    expect(stage.events).toEqual([]);
  });

  test.each([true, false])(
    "reports a refusal with connection, document and correlation, at once: %s",
    async (isSync) => {
      const stage = new AccessStage();
      stage.application.isSync = isSync;
      stage.application.failure = new JoineryError("PERMISSION_DENIED", "not today");
      const connection = stage.connection();
      const ann = await stage.visit("t1", { connection });
      expect(ann.refused).toMatchObject({ ...DENIED, message: "not today" });
      expect(stage.events).toEqual([
        {
          type: "access-refused",
          document: "notes",
          user: null,
          address: "192.0.2.1",
          connection: connection.number,
          correlation: connection.id,
          dialect: "test",
          error: ann.refused,
        },
      ]);
    },
  );

  test("reports who it was where that is known", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit(stage.token("t1", "ann", "none"));
    expect(ann.refused).toMatchObject(DENIED);
    expect(stage.events).toMatchObject([{ type: "access-refused", user: "ann" }]);
  });

  test("makes a mistake of the application an error of the table", async () => {
    const stage = new AccessStage();
    const ann = await stage.visit("nobody knows it");
    expect(ann.refused).toMatchObject({ code: "INTERNAL" });
  });

  test("refuses what has expired by the time that it is looked at, and by the time that it is used", async () => {
    const stage = new AccessStage();
    stage.token("t1", "ann", "write", { expiresAt: stage.now() + 5_000 });
    stage.application.hold();
    const ann = stage.arrive("t1");
    await stage.advance(5_000);
    stage.application.release();
    await stage.settle();
    expect(ann.refused).toMatchObject(UNAUTHENTICATED);

    stage.token("t2", "ann", "write", { expiresAt: stage.now() + 5_000 });
    const request = { ...requestOf(stage), token: "t2" };
    const admission = await stage.access.admit(request);
    await stage.advance(5_000);
    expect(() =>
      admission.enter?.(() => {
        throw new Error("it was opened");
      }),
    ).toThrowError(expect.objectContaining(UNAUTHENTICATED));
    expect(stage.eventsOf("access-refused").map(({ user }) => user)).toEqual(["ann", "ann"]);
  });

  test("passes on whether a token is needed, and whether anybody is asked", () => {
    const stage = new AccessStage();
    expect([stage.access.needsToken, stage.access.isAuthenticating]).toEqual([true, true]);
    stage.application.needsToken = false;
    stage.application.isAuthenticating = false;
    expect([stage.access.needsToken, stage.access.isAuthenticating]).toEqual([false, false]);
  });

  test("takes an answer of which everything is in its class", async () => {
    const stage = new AccessStage();
    class Answer {
      get author() {
        return "ann";
      }
      get rights() {
        return answered.rights;
      }
    }
    const answered = await stage.application.admit({ ...requestOf(stage), token: stage.token("t1", "x") });
    stage.application.admit = () => new Answer();
    const ann = await stage.visit("t1");
    expect(ann.session.author).toBe("ann");
  });
});

describe("the doors without a session", () => {
  test("authorize asks for one action with one document", async () => {
    const stage = new AccessStage();
    const request = { connection: stage.connection(), token: stage.token("t1", "ann", "read") };
    const name = stage.world.name("notes");
    await expect(stage.access.authorize(request, name, "read")).resolves.toMatchObject({ author: "ann" });
    await expect(stage.access.authorize(request, name, "write")).rejects.toMatchObject(DENIED);
    await expect(stage.access.authorize(request, null, "manage")).rejects.toMatchObject(DENIED);
    expect(stage.application.admitted.map(({ document }) => document)).toEqual(["notes", "notes", ""]);
  });

  test("authorize refuses who is banned, and what was revoked or has expired", async () => {
    const stage = new AccessStage();
    const name = stage.world.name("notes");
    const ask = (token: string, address?: string) =>
      stage.access.authorize({ connection: stage.connection(address), token }, name, "read");
    stage.token("t1", "ann");
    stage.token("t2", "bob");
    stage.token("t3", "cid", "write", { expiresAt: stage.now() });
    await stage.access.ban({ user: "ann" }, { reason: "spam" });
    await stage.access.revoke({ token: "t2" });
    await stage.access.ban({ address: "192.0.2.9" }, { reason: "noise" });
    await expect(ask("t1")).rejects.toMatchObject(DENIED);
    await expect(ask("t2")).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(ask("t3")).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(ask("t3", "192.0.2.9")).rejects.toMatchObject(DENIED);
  });
});

test("N8 no token and no ticket is in any event, error or record, whatever happens to it", async () => {
  let saved = "";
  const store = {
    load: async () => null,
    save: async (records: object) => {
      saved += JSON.stringify(records);
    },
  };
  const stage = new AccessStage({ store, limits: { maxUserDocuments: 1 }, recheckMs: 1_000 });
  await stage.access.load();
  const secrets = ["secret-1", "secret-2", "secret-3", "secret-4"];
  const more = { tokenId: "name-of-it", expiresAt: stage.now() + 4_000 };
  const errors: unknown[] = [];
  const [one = "", two = "", three = "", four = ""] = secrets;
  stage.token(one, "ann", "write", more);
  stage.token(two, "ann", "read");
  stage.token(four, "bob");
  const ann = await stage.visit(one);
  errors.push((await stage.visit(two)).refused, (await stage.visit(three)).refused);
  ann.show(two);
  await stage.settle();
  await stage.access.revoke({ token: two });
  errors.push(ann.closed, (await stage.visit(two)).refused);
  const { ticket } = await stage.access.createTicket({ connection: stage.connection(), token: four }, null);
  secrets.push(ticket);
  const bob = await stage.visit(ticket);
  expect(bob.isIn).toBe(true);
  errors.push((await stage.visit(ticket)).refused);
  stage.application.failure = new JoineryError("HOOK_FAILED", "the database is down");
  await stage.advance(2_000);
  await stage.access.revoke({ user: "bob" });
  errors.push(bob.closed);
  expect(errors).not.toContain(null);
  const texts = errors.map((error) => String((error as Error).message));
  const all = JSON.stringify([stage.events, texts, stage.access.sessions()]) + saved;
  expect(saved).toContain("token");
  for (const secret of [...secrets, ticket.slice("joinery-ticket.".length)])
    expect(all).not.toContain(secret);
});

test("nothing is kept of clients that came and went", async () => {
  const stage = new AccessStage({ recheckMs: 10_000 });
  for (const end of ["leaves", "expires", "is kicked", "is refused"]) {
    stage.token(end, end, end === "is refused" ? "none" : "write", { expiresAt: stage.now() + 60_000 });
    for (let i = 0; i < 5; i++) {
      const visitor = await stage.visit(end, { document: `d${i}` });
      if (end === "leaves") visitor.leave();
    }
    if (end === "is kicked") stage.access.kick({ user: end }, "enough");
  }
  expect(stage.access.sessions()).toHaveLength(5);
  await stage.advance(61_000);
  expect(stage.access.sessions()).toEqual([]);
  expect(stage.access.users).toBe(0);
  expect([...stage.world.rooms.sessions()]).toEqual([]);
  // Without anybody to look after, there is no look.
  await stage.advance(600_000);
  expect(stage.clock.pendingTimers).toBe(0);
});

function requestOf(stage: AccessStage) {
  const connection = stage.connection();
  return {
    connection,
    document: stage.world.name("notes"),
    dialect: "test",
    token: null,
    agent: null,
    requestToken: () => undefined,
  };
}
