import { DEFAULT_LIMITS, JoineryError } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { Access } from "../../../server/src/access/access.ts";
import type { Clock } from "../../../server/src/engine/ports.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import type { Admissions } from "../../../server/src/protocols/admission.ts";
import { FaultyStorage } from "../../support/world.ts";
import { LiveWorld, NEVER, Reader, type } from "./live-world.ts";

describe("the end", () => {
  test("whoever is sent away is told why, and nothing after that", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const events = await world.follow("doc");
    const [session] = [...world.rooms.sessions()].filter(({ dialect }) => dialect.name === "events");
    session?.close(new JoineryError("PERMISSION_DENIED", "you were sent away: spam"));
    await type(world, bob, 1);
    await events.ended();
    expect(events.kinds).toEqual(["hello", "presence", "closed"]);
    expect(events.of("closed")).toEqual([
      { code: "PERMISSION_DENIED", retry: "never", message: "you were sent away: spam" },
    ]);
  });

  test("a token that expires ends it with the reason", async () => {
    const admitted: Access[] = [];
    const world = new LiveWorld({
      admissions: ({ clock }) => {
        const expiresAt = clock.now() + 60_000;
        const access = accessOn(clock, {
          admit: () => ({ author: "ann", rights: Rights.READER, expiresAt }),
        });
        admitted.push(access);
        return access;
      },
    });
    const [access] = admitted;
    const events = await world.follow("doc");
    expect(access?.sessions()).toMatchObject([{ user: "ann", dialect: "events", document: "doc" }]);
    await world.advance(59_000);
    expect(events.kinds).toEqual(["hello", "presence"]);
    await world.advance(2_000);
    await events.ended();
    expect(events.of("closed")[0]).toMatchObject({ code: "UNAUTHENTICATED", retry: "after-auth" });
    expect(access?.sessions()).toEqual([]);
  });

  test("what was read for whoever is sent away meanwhile is not told", async () => {
    const world = new LiveWorld({ compaction: NEVER });
    const bob = await world.join("doc");
    bob.type("x".repeat(80_000));
    await world.advance(1000);
    const after = `${"0".repeat(32)}.${"0".repeat(16)}.0`;
    const reader = new Reader(await world.following("doc", { hasUpdates: true, after }));
    expect(await reader.next()).toContain("event: hello");
    for (const session of [...world.rooms.sessions()])
      session.close(new JoineryError("PERMISSION_DENIED", "no"));
    expect(await reader.next()).toMatch(/^event: closed\n/);
    expect(await reader.next()).toBe("over");
  });

  test("who may not see the history any more is told no more of what was written", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const events = await world.follow("doc", { hasUpdates: true });
    const [session] = [...world.rooms.sessions()].filter(({ dialect }) => dialect.name === "events");
    session?.setRights(Rights.READER, "decided anew");
    await type(world, bob, 1);
    await events.ended();
    expect(events.of("batch")).toEqual([]);
    expect(events.of("closed")[0].code).toBe("PERMISSION_DENIED");
  });

  test("a document that is deleted says so", async () => {
    const world = new LiveWorld();
    const events = await world.follow("doc");
    for (const session of [...world.rooms.sessions()])
      session.close(new JoineryError("DOCUMENT_DELETED", "gone"));
    await events.ended();
    expect(events.of("deleted")).toEqual([{ code: "DOCUMENT_DELETED", retry: "never", message: "gone" }]);
  });

  test("a server that stops says when to come back", async () => {
    const world = new LiveWorld();
    const events = await world.follow("doc");
    await world.rooms.drain(1000);
    await events.ended();
    expect(events.of("closed")[0]).toMatchObject({ code: "SERVER_DRAINING", retry: "backoff" });
    expect(events.retryMs).toBe(1000);
    await expect(world.following("doc")).rejects.toMatchObject({ code: "SERVER_DRAINING" });
  });

  test("a log that cannot be read ends it with the reason", async () => {
    const storage = new FaultyStorage();
    const world = new LiveWorld({ storage });
    const bob = await world.join("doc");
    const events = await world.follow("doc");
    storage.read = () => Promise.reject(new JoineryError("DOCUMENT_DAMAGED", "its log is damaged at 1"));
    await type(world, bob, 1);
    await events.ended();
    expect(events.of("closed")[0].code).toBe("DOCUMENT_DAMAGED");
  });

  test("a document that cannot be loaded is refused before anything is told", async () => {
    const storage = new FaultyStorage();
    storage.loadErrors.push(new JoineryError("STORAGE_UNAVAILABLE", "the disk is gone"));
    const world = new LiveWorld({ storage });
    await expect(world.following("doc")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(world.sessions).toBe(0);
  });

  test("who is gone leaves nothing behind, whenever that is", async () => {
    const storage = new FaultyStorage();
    const world = new LiveWorld({ storage });
    const gone = new AbortController();
    await world.follow("doc", { signal: gone.signal });
    const loading = new AbortController();
    storage.hold();
    const second = world.following("other", { signal: loading.signal });
    second.catch(() => undefined);
    await world.settle();
    expect(world.sessions).toBe(2);
    gone.abort();
    loading.abort();
    await expect(second).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(world.sessions).toBe(0);
    storage.release();
    await world.advance(120_000);
    expect(world.rooms.counts().rooms).toBe(0);
  });

  test("one more than may follow a document is refused, until one goes", async () => {
    const world = new LiveWorld({ limits: { maxDocumentFollowers: 2 } });
    const first = await world.following("doc");
    await world.following("doc");
    await expect(world.following("doc")).rejects.toMatchObject({
      code: "TOO_MANY_CONNECTIONS",
      limit: "maxDocumentFollowers",
    });
    expect(world.hits).toEqual(["maxDocumentFollowers"]);
    await world.following("other");
    first.leave();
    await world.following("doc");
  });

  test("who may not see the history is refused the updates", async () => {
    const world = new LiveWorld({ rights: "read" });
    await expect(world.following("doc", { hasUpdates: true })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    await world.following("doc");
  });
});

function accessOn(clock: Clock, { admit }: Pick<Admissions, "admit">): Access {
  const access = new Access({
    admissions: { admit, needsToken: true, isAuthenticating: true },
    clock,
    random: { bytes: (length) => new Uint8Array(length) },
    limits: DEFAULT_LIMITS,
    recheckMs: 0,
    revocationMs: 86_400_000,
    operatorKey: null,
    store: null,
    report: () => undefined,
    onLimit: () => undefined,
  });
  onTestFinished(() => access.close());
  return access;
}
