/** How much one user may have at once, over all tabs and devices. */

import { describe, expect, test } from "vitest";
import { AccessStage } from "./stage.ts";

const CONNECTIONS = { code: "TOO_MANY_CONNECTIONS" };
const DOCUMENTS = { code: "TOO_MANY_DOCUMENTS" };

describe("connections of a user", () => {
  test("are counted by connection, however many documents each has", async () => {
    const stage = new AccessStage({ limits: { maxUserConnections: 2 } });
    stage.token("t1", "ann");
    stage.token("t2", "bob");
    const first = stage.connection();
    const one = await stage.visit("t1", { connection: first, document: "a" });
    const two = await stage.visit("t1", { connection: first, document: "b" });
    expect((await stage.visit("t1")).isIn).toBe(true);
    expect((await stage.visit("t1")).refused).toMatchObject(CONNECTIONS);
    expect((await stage.visit("t1", { connection: first, document: "c" })).isIn).toBe(true);
    expect((await stage.visit("t2")).isIn).toBe(true);
    expect(stage.hits).toEqual(["maxUserConnections"]);
    expect(stage.eventsOf("access-refused")).toMatchObject([{ user: "ann", error: CONNECTIONS }]);
    expect(stage.access.users).toBe(2);

    one.leave();
    two.leave();
    expect((await stage.visit("t1")).refused).toMatchObject(CONNECTIONS);
  });

  test("are free again when the last document of one is left", async () => {
    const stage = new AccessStage({ limits: { maxUserConnections: 1 } });
    stage.token("t1", "ann");
    const connection = stage.connection();
    const visits = [
      await stage.visit("t1", { connection, document: "a" }),
      await stage.visit("t1", { connection, document: "b" }),
    ];
    for (const visit of visits) {
      expect((await stage.visit("t1")).refused).toMatchObject(CONNECTIONS);
      visit.leave();
      visit.leave();
    }
    expect(stage.access.users).toBe(0);
    expect((await stage.visit("t1")).isIn).toBe(true);
  });
});

describe("documents of a user", () => {
  test("are counted over all connections, and free when they are left", async () => {
    const stage = new AccessStage({ limits: { maxUserDocuments: 2 } });
    stage.token("t1", "ann");
    const ann = await stage.visit("t1");
    await stage.visit("t1");
    expect((await stage.visit("t1", { document: "b" })).refused).toMatchObject(DOCUMENTS);
    expect(stage.hits).toEqual(["maxUserDocuments"]);
    ann.leave();
    expect((await stage.visit("t1", { document: "b" })).isIn).toBe(true);
  });

  test("do not count where they could not be opened", async () => {
    const stage = new AccessStage({ limits: { maxUserDocuments: 1 } });
    stage.token("t1", "ann");
    await stage.world.rooms.drain(1_000);
    for (let i = 0; i < 3; i++) {
      expect((await stage.visit("t1")).refused).toMatchObject({ code: "SERVER_DRAINING" });
    }
    expect(stage.access.users).toBe(0);
    expect(stage.access.sessions()).toEqual([]);
  });
});

test("nobody in particular has no limits", async () => {
  const stage = new AccessStage({ limits: { maxUserDocuments: 1, maxUserConnections: 1 } });
  stage.token("", "");
  for (let i = 0; i < 5; i++) expect((await stage.visit(null)).isIn).toBe(true);
  expect(stage.access.users).toBe(0);
  expect(stage.access.sessions({ user: "" })).toHaveLength(5);
});

test("N11 a user may be named as something that every object has", async () => {
  const stage = new AccessStage({ limits: { maxUserDocuments: 1 } });
  for (const user of ["__proto__", "constructor"]) {
    stage.token(user, user);
    expect((await stage.visit(user)).isIn).toBe(true);
    expect((await stage.visit(user)).refused).toMatchObject(DOCUMENTS);
  }
});
