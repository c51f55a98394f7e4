/** Tickets stand for a token where that would be in a URL. */

import { describe, expect, test } from "vitest";
import { AccessStage, type StageOptions } from "./stage.ts";

const DENIED = { code: "PERMISSION_DENIED" };
const UNAUTHENTICATED = { code: "UNAUTHENTICATED" };

async function ticketed(document: string | null = null, options: StageOptions = {}) {
  const stage = new AccessStage(options);
  stage.token("t1", "ann");
  const name = document === null ? null : stage.world.name(document);
  const get = (token: string | null = "t1", address?: string) =>
    stage.access.createTicket({ connection: stage.connection(address), token }, name);
  return { stage, get, ...(await get()) };
}

describe("N8 a ticket", () => {
  test("is good for one connection, and all documents of it", async () => {
    const { stage, ticket } = await ticketed();
    const connection = stage.connection();
    for (const document of ["a", "b"]) {
      const ann = await stage.visit(ticket, { connection, document });
      expect(ann.session.author).toBe("ann");
    }
    expect(stage.application.admitted.slice(-2).map(({ token }) => token)).toEqual(["t1", "t1"]);
    expect((await stage.visit(ticket)).refused).toMatchObject(UNAUTHENTICATED);
    expect(stage.access.tickets).toBe(0);
  });

  test("is good for one connection also when two show it at once", async () => {
    const { stage, ticket } = await ticketed();
    stage.application.hold();
    const both = [stage.arrive(ticket), stage.arrive(ticket)];
    stage.application.release();
    await stage.settle();
    expect(both.map(({ isIn }) => isIn)).toEqual([true, false]);
  });

  test("is good for half a minute, whatever clocks are set to", async () => {
    const { stage, get } = await ticketed();
    const { ticket, expiresAt } = await get();
    expect(expiresAt).toBe(stage.now() + 30_000);
    const late = await get();
    await stage.advance(29_999);
    expect((await stage.visit(ticket)).isIn).toBe(true);
    stage.skewMs = -3_600_000;
    await stage.advance(1);
    expect((await stage.visit(late.ticket)).refused).toMatchObject(UNAUTHENTICATED);
  });

  test("may be for one document alone", async () => {
    const { stage, ticket } = await ticketed("notes");
    const connection = stage.connection();
    expect((await stage.visit(ticket, { connection, document: "other" })).refused).toMatchObject(DENIED);
    expect((await stage.visit(ticket, { connection })).isIn).toBe(true);
  });

  test("is not guessed, and not used up by guesses", async () => {
    const { stage, ticket, get } = await ticketed();
    expect(ticket).toMatch(/^joinery-ticket\.[\w-]{43}$/);
    expect((await get()).ticket).not.toBe(ticket);
    for (const guess of ["joinery-ticket.", `${ticket}A`, ticket.slice(0, -1)]) {
      expect((await stage.visit(guess)).refused).toMatchObject(UNAUTHENTICATED);
    }
    expect((await stage.visit(ticket)).isIn).toBe(true);
  });

  test("is not used up by who is banned", async () => {
    const { stage, ticket } = await ticketed();
    await stage.access.ban({ address: "192.0.2.66" }, { reason: "noise" });
    const connection = stage.connection("192.0.2.66");
    expect((await stage.visit(ticket, { connection })).refused).toMatchObject(DENIED);
    expect((await stage.visit(ticket)).isIn).toBe(true);
  });

  test("is a token too where one is replaced", async () => {
    const { stage, ticket, get } = await ticketed();
    const ann = await stage.visit(stage.token("t2", "ann", "read"));
    ann.show(ticket);
    await stage.settle();
    expect(ann.rights.mayWrite).toBe(true);
    await get();
    ann.show("joinery-ticket.none");
    await stage.settle();
    expect(ann.closed).toMatchObject(UNAUTHENTICATED);
  });

  test("is good for one request of HTTP", async () => {
    const { stage, ticket } = await ticketed();
    const name = stage.world.name("notes");
    const ask = () =>
      stage.access.authorize({ connection: stage.connection(), token: ticket }, name, "write");
    await expect(ask()).resolves.toMatchObject({ author: "ann" });
    await expect(ask()).rejects.toMatchObject(UNAUTHENTICATED);
  });

  test("dies with the token that it stands for", async () => {
    const { stage, ticket } = await ticketed();
    await stage.access.revoke({ token: "t1" });
    expect((await stage.visit(ticket)).refused).toMatchObject(UNAUTHENTICATED);
  });
});

describe("making a ticket", () => {
  test("takes a token that is good", async () => {
    const { stage, get, ticket } = await ticketed();
    await expect(get(null)).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(get(ticket)).rejects.toMatchObject(UNAUTHENTICATED);
    await expect(get("nobody knows it")).rejects.toThrow("no such token");
    stage.token("t3", "cid", "write", { expiresAt: stage.now() });
    await expect(get("t3")).rejects.toMatchObject(UNAUTHENTICATED);
  });

  test("takes no right to the server as a whole, but one to the document that it is for", async () => {
    const { stage, get } = await ticketed();
    stage.token("t2", "bob", "none");
    await expect(get("t2")).resolves.toMatchObject({ ticket: expect.any(String) });
    const request = { connection: stage.connection(), token: "t2" };
    await expect(stage.access.createTicket(request, stage.world.name("notes"))).rejects.toMatchObject(DENIED);
  });

  test("is not for who is banned", async () => {
    const { stage, get } = await ticketed();
    await stage.access.ban({ address: "192.0.2.66" }, { reason: "noise" });
    await expect(get("t1", "192.0.2.66")).rejects.toMatchObject(DENIED);
    await stage.access.ban({ user: "ann" }, { reason: "spam" });
    await expect(get("t1")).rejects.toMatchObject(DENIED);
  });

  test("is refused when there are too many, until some are used or too old", async () => {
    const { stage, get, ticket } = await ticketed(null, { limits: { maxTickets: 2 } });
    await stage.advance(10_000);
    await get();
    await expect(get()).rejects.toMatchObject({ code: "SERVER_FULL" });
    expect(stage.hits).toEqual(["maxTickets"]);
    await stage.visit(ticket);
    await get();
    await expect(get()).rejects.toMatchObject({ code: "SERVER_FULL" });
    await stage.advance(30_000);
    await get();
    expect(stage.access.tickets).toBe(1);
  });

  test("is of no use to a connection that showed sixteen", async () => {
    const { stage, get } = await ticketed();
    const connection = stage.connection();
    for (let i = 0; i < 16; i++) {
      const { ticket } = await get();
      expect((await stage.visit(ticket, { connection })).isIn).toBe(true);
    }
    expect((await stage.visit((await get()).ticket, { connection })).refused).toMatchObject(UNAUTHENTICATED);
  });
});

test("F89 a ticket stands for what was shown when it was made, and is revoked with it", async () => {
  const { stage, get, ticket } = await ticketed();
  await stage.advance(1_000);
  await stage.access.revoke({ user: "ann" });
  await stage.advance(1_000);
  expect((await stage.visit(ticket)).refused).toMatchObject(UNAUTHENTICATED);
  expect((await stage.visit((await get()).ticket)).isIn).toBe(true);
});

test("N6 one token has so many tickets at once: who has it keeps others from none", async () => {
  const { stage, get, ticket } = await ticketed();
  for (let i = 1; i < 200; i++) await get();
  await expect(get()).rejects.toMatchObject({ code: "SERVER_FULL" });
  stage.token("t2", "bob");
  await get("t2");
  await stage.visit(ticket);
  await get();
  await expect(get()).rejects.toMatchObject({ code: "SERVER_FULL" });
  await stage.advance(30_000);
  for (let i = 0; i < 200; i++) await get();
  expect(stage.access.tickets).toBe(200);
});
