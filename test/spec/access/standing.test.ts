/** What was banned and revoked outlives the process. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { AccessRecords, AccessStore } from "../../../server/src/access/access-store.ts";
import { AccessStage } from "./stage.ts";

const UNAUTHENTICATED = { code: "UNAUTHENTICATED" };
const DENIED = { code: "PERMISSION_DENIED" };

/** Keeps records for the next life; what it is asked waits while it is held. */
class Shelf implements AccessStore {
  records: AccessRecords | null = null;
  failure: Error | null = null;
  saves = 0;
  gate: Promise<void> | null = null;

  async load(): Promise<AccessRecords | null> {
    await this.gate;
    if (this.failure) throw this.failure;
    return this.records;
  }

  async save(records: AccessRecords): Promise<void> {
    this.saves++;
    const { failure } = this;
    await this.gate;
    if (failure) throw failure;
    this.records = records;
  }
}

async function started(store: Shelf, options: ConstructorParameters<typeof AccessStage>[0] = {}) {
  const stage = new AccessStage({ ...options, store });
  await stage.access.load();
  return stage;
}

describe("after a restart", () => {
  test("F89 what was banned and revoked is refused", async () => {
    const shelf = new Shelf();
    const before = await started(shelf);
    const issuedAt = before.now() - 1;
    const grants = (stage: AccessStage) => {
      for (const user of ["ann", "bob", "cid", "dan"]) stage.token(user, user, "write", { issuedAt });
    };
    grants(before);
    const { id } = await before.access.ban({ user: "ann" }, { reason: "spam", durationMs: 60_000 });
    await before.access.revoke({ user: "bob" });
    await before.access.revoke({ token: "cid" });

    const stage = await started(shelf);
    grants(stage);
    expect((await stage.visit("ann")).refused).toMatchObject(DENIED);
    expect((await stage.visit("bob")).refused).toMatchObject(UNAUTHENTICATED);
    expect((await stage.visit("cid")).refused).toMatchObject(UNAUTHENTICATED);
    expect((await stage.visit("dan")).isIn).toBe(true);
    expect(stage.access.bans()).toMatchObject([{ id, user: "ann" }]);

    await stage.access.unban(id);
    expect((await started(shelf)).access.bans()).toEqual([]);
  });

  test("holds also when the limits are smaller than what was kept", async () => {
    const shelf = new Shelf();
    const before = await started(shelf);
    for (const user of ["ann", "bob"]) await before.access.ban({ user }, { reason: "spam" });
    for (const token of ["t1", "t2"]) await before.access.revoke({ token });
    const stage = await started(shelf, { limits: { maxBans: 1, maxRevocations: 1 } });
    stage.token("t1", "cid");
    expect((await stage.visit("t1")).refused).toMatchObject(UNAUTHENTICATED);
    expect(stage.access.bans()).toHaveLength(2);
  });
});

describe("before it is known what was kept", () => {
  test("nobody is let in, and nobody asked", async () => {
    const shelf = new Shelf();
    await (await started(shelf)).access.ban({ user: "ann" }, { reason: "spam" });
    const stage = new AccessStage({ store: shelf });
    stage.token("t1", "ann");
    stage.token("t2", "bob");
    const ann = stage.arrive("t1");
    const bob = stage.arrive("t2");
    await stage.settle();
    expect(stage.application.admitted).toEqual([]);
    await stage.access.load();
    await stage.settle();
    expect(ann.refused).toMatchObject(DENIED);
    expect(bob.isIn).toBe(true);
  });

  test("what is banned and revoked is added to it", async () => {
    const shelf = new Shelf();
    const before = await started(shelf);
    await before.access.ban({ user: "ann" }, { reason: "spam" });
    await before.access.revoke({ user: "cid" });
    const stage = new AccessStage({ store: shelf });
    await stage.advance(1_000);
    const banning = stage.access.ban({ user: "bob" }, { reason: "spam" });
    const revoking = stage.access.revoke({ user: "cid" });
    await stage.access.load();
    await banning;
    await revoking;
    expect(shelf.records?.bans.map(({ user }) => user).sort()).toEqual(["ann", "bob"]);
    expect(shelf.records?.revocations).toMatchObject([{ user: "cid", at: stage.now() }]);
  });

  test("nobody is let in when it cannot be read", async () => {
    const shelf = new Shelf();
    shelf.failure = new JoineryError("DATA_FOLDER_UNUSABLE", "it is damaged");
    const stage = new AccessStage({ store: shelf });
    const ann = stage.arrive(stage.token("t1", "ann"));
    await expect(stage.access.load()).rejects.toBe(shelf.failure);
    await stage.settle();
    expect(ann.refused).toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    await expect(stage.access.ban({ user: "ann" }, { reason: "spam" })).rejects.toBe(shelf.failure);
    expect(shelf.saves).toBe(0);
  });
});

describe("what cannot be kept", () => {
  test("is told, holds all the same, and is kept with the next that can", async () => {
    const shelf = new Shelf();
    const stage = await started(shelf);
    const ann = await stage.visit(stage.token("t1", "ann"));
    shelf.failure = new JoineryError("STORAGE_UNAVAILABLE", "the disk is full");
    await expect(stage.access.ban({ user: "ann" }, { reason: "spam" })).rejects.toBe(shelf.failure);
    await expect(stage.access.revoke({ user: "bob" })).rejects.toBe(shelf.failure);
    expect(ann.isIn).toBe(false);
    expect((await stage.visit("t1")).refused).toMatchObject(DENIED);
    expect(stage.eventsOf("banned")).toHaveLength(1);
    shelf.failure = null;
    await stage.access.revoke({ document: "other" });
    expect(shelf.records).toMatchObject({ bans: [{ user: "ann" }], revocations: [{}, {}] });
  });

  test("does not fail what is kept after it", async () => {
    const shelf = new Shelf();
    const stage = await started(shelf);
    const failure = new JoineryError("STORAGE_UNAVAILABLE", "the disk is full");
    shelf.failure = failure;
    const gate = Promise.withResolvers<void>();
    shelf.gate = gate.promise;
    const first = stage.access.revoke({ user: "ann" });
    await stage.settle();
    shelf.failure = null;
    const second = stage.access.revoke({ user: "bob" });
    gate.resolve();
    await expect(first).rejects.toBe(failure);
    await expect(second).resolves.toBe(0);
    expect(shelf.records?.revocations.map(({ user }) => user)).toEqual(["ann", "bob"]);
  });
});

test("many changes at once are written together", async () => {
  const shelf = new Shelf();
  const stage = await started(shelf);
  const gate = Promise.withResolvers<void>();
  shelf.gate = gate.promise;
  const users = Array.from({ length: 50 }, (_, i) => `user ${i}`);
  const banning = users.map((user) => stage.access.ban({ user }, { reason: "spam" }));
  await stage.settle();
  const late = stage.access.ban({ user: "late" }, { reason: "spam" });
  gate.resolve();
  await Promise.all([...banning, late]);
  expect(shelf.saves).toBeLessThanOrEqual(3);
  expect(shelf.records?.bans).toHaveLength(51);
});
