/** Providers that leave and come back by the same address, and what a client can do with addresses to the server. */

import { encodeAwareness, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { ANONYMOUS } from "../../../../server/src/protocols/admission.ts";
import { HocuspocusWire, joinedBy, providerMessages as say } from "../../../support/hocuspocus-wire.ts";
import { EMPTY, NativeStage, Typist } from "../../../support/native-wire.ts";
import { SlowAdmissions } from "../../../support/slow-admissions.ts";

describe("a provider that comes right after another has left", () => {
  test("is let in while the one before it still waits, and hears nothing of that one's", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    const update = new Typist(7).type("a");
    await wire.send(say.auth("notes", "1"), say.step1("notes"), say.step2("notes"));
    await wire.send(say.update("notes", update), say.close("notes"));
    await wire.send(say.auth("notes", "2"), say.step1("notes"));
    expect(admissions.asked.map(({ token }) => token)).toEqual(["1", "2"]);
    admissions.answers[0]?.resolve(ANONYMOUS);
    await stage.settle();
    expect(wire.take()).toEqual([]);
    admissions.answers[1]?.resolve(ANONYMOUS);
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "update", "step2"]);
    expect(stage.sessions).toHaveLength(1);
    await wire.send(say.step2("notes"));
    expect(wire.takeSaid()).toEqual(["saved"]);
  });

  test("is let in while the document is being loaded for both", async () => {
    const stage = new NativeStage();
    stage.storage.hold();
    const wire = new HocuspocusWire(stage);
    await wire.send(say.auth("notes", ""), say.step1("notes"), say.close("notes"));
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    stage.storage.release();
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
    expect(stage.sessions).toHaveLength(1);
    wire.socket.close();
    await stage.settle();
    expect(stage.sessions).toHaveLength(0);
  });

  test("goes on when nobody decides about the one before it", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.auth("notes", "1"), say.close("notes"));
    await stage.advance(stage.limits.admissionTimeoutMs - 1);
    await wire.send(say.auth("notes", "2"), say.step1("notes"));
    admissions.answers[1]?.resolve(ANONYMOUS);
    await stage.advance(1);
    expect(wire.closed).toBeNull();
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
  });

  test("does not make room for more: those who leave count until they have left", async () => {
    const stage = new NativeStage({ limits: { maxDocumentsPerConnection: 3 } });
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    for (let i = 0; i < 4; i++) await wire.send(say.auth("notes", "a"), say.close("notes"));
    expect(admissions.asked).toHaveLength(3);
    expect(stage.limitHits).toEqual(["maxDocumentsPerConnection"]);
  });
});

describe("what waits for a token", () => {
  test("never keeps the token from being read", async () => {
    const stage = new NativeStage({ limits: { maxUnadmittedBytes: 2_000 } });
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.update("notes", new Uint8Array(1_950)), say.auth("notes", "a"));
    expect(admissions.asked).toHaveLength(1);
  });

  test("is bounded for all documents of the connection together; the one that is too much is refused", async () => {
    const stage = new NativeStage({ limits: { maxUnadmittedBytes: 2_000 } });
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    for (const name of ["a", "b", "c"]) await wire.send(say.update(name, new Uint8Array(900)));
    expect(wire.take()).toMatchObject([{ to: "c", say: "denied" }]);
    await wire.send(say.auth("a", ""), say.auth("b", ""));
    expect(admissions.asked).toHaveLength(2);
    // Both are gone again: what they kept waiting is not counted any more.
    await wire.send(say.close("a"), say.close("b"));
    for (const answer of admissions.answers) answer.reject(new JoineryError("PERMISSION_DENIED", "no"));
    await stage.settle();
    await wire.send(say.update("d", new Uint8Array(1_800)), say.auth("d", ""));
    expect(admissions.asked).toHaveLength(3);
  });
});

describe("a client that reads nothing", () => {
  const LIMITS = { maxBufferedBytes: 1024, maxOpensPerSecond: 10_000, maxDocumentsPerConnection: 20 };

  async function stalled(stage: NativeStage): Promise<HocuspocusWire> {
    const wire = await joinedBy(stage);
    wire.connection.stall();
    const state = new TextEncoder().encode(JSON.stringify({ name: "x".repeat(2_000) }));
    await wire.send(say.awareness("notes", encodeAwareness([{ clientId: 7, clock: 1, state }])));
    return wire;
  }

  test("is let into no further document before it reads, and is then", async () => {
    const stage = new NativeStage({ limits: LIMITS });
    const wire = await stalled(stage);
    await wire.send(say.auth("plans", ""), say.step1("plans"));
    await stage.advance(stage.limits.admissionTimeoutMs);
    expect(stage.sessions).toHaveLength(1);
    wire.connection.readAgain();
    await stage.settle();
    expect(wire.take().filter(({ to }) => to === "plans")).toMatchObject([
      { say: "authenticated" },
      { say: "step1" },
      { say: "step2" },
    ]);
  });

  test("does not fill the server's memory by opening, leaving, and asking for what there cannot be", async () => {
    const stage = new NativeStage({ limits: LIMITS });
    const wire = await stalled(stage);
    const refused = "x\n".repeat(100);
    for (let i = 0; i < 100 && wire.closed === null; i++) {
      await wire.send(say.auth("plans", ""), say.step1("plans"), say.close("plans"), say.auth(refused, ""));
    }
    wire.connection.readAgain();
    await stage.settle();
    expect(wire.closed).toMatchObject({ code: 4508 });
    expect(wire.messages.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(6_000);
  });
});

describe("an address", () => {
  test("that is too long for any document is answered, not the end of the connection", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    const long = "é".repeat(400);
    await wire.send(say.auth(long, ""), say.awareness(long, EMPTY), say.update(long, EMPTY));
    expect(wire.take()).toMatchObject([{ to: long, say: "denied", text: expect.stringMatching(/bytes/) }]);
    expect(wire.closed).toBeNull();
    await wire.send(say.auth("x".repeat(100_000), ""));
    expect(wire.closed).toMatchObject({ code: 4422 });
  });

  test("tells whom it admits which of several sessions asks", async () => {
    const stage = new NativeStage();
    const admissions = new SlowAdmissions({ needsToken: true });
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.auth("notes", ""), say.auth("notes\0abc", ""));
    expect(admissions.asked.map(({ document, session }) => [document, session])).toEqual([
      ["notes", undefined],
      ["notes", "abc"],
    ]);
  });
});

test("a session ends with its channel, whatever went wrong in it", async () => {
  const stage = new NativeStage();
  const wire = await joinedBy(stage);
  const [session] = stage.sessions;
  if (!session) throw new Error("nobody is there");
  session.queryPresence = () => {
    throw new JoineryError("MALFORMED_UPDATE", "a bug");
  };
  await wire.send(say.query("notes"));
  expect(stage.sessions).toEqual([]);
});
