import { encodeAwareness, JoineryError } from "@joinery/shared";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { mergeUpdates } from "yjs";
import { Rights } from "../../../../server/src/engine/rights.ts";
import {
  type Admission,
  type AdmissionRequest,
  type Admissions,
  ANONYMOUS,
  admitAs,
  type Renewal,
} from "../../../../server/src/protocols/admission.ts";
import { HocuspocusWire, joinedBy, providerMessages as say } from "../../../support/hocuspocus-wire.ts";
import { EMPTY, NativeStage, Typist, textOf } from "../../../support/native-wire.ts";

const GOOD = { ...ANONYMOUS, author: "ann" };
const READER = admitAs({ ...ANONYMOUS, rights: Rights.READER });

/** Decides when the test does. */
class Slow implements Admissions {
  readonly needsToken: boolean;
  readonly isAuthenticating = true;
  readonly asked: AdmissionRequest[] = [];
  readonly answers: PromiseWithResolvers<Admission>[] = [];

  constructor(needsToken = true) {
    this.needsToken = needsToken;
  }

  admit(request: AdmissionRequest): Promise<Admission> {
    this.asked.push(request);
    const answer = Promise.withResolvers<Admission>();
    this.answers.push(answer);
    return answer.promise;
  }
}

const denied = (message: string): JoineryError => new JoineryError("PERMISSION_DENIED", message);
const presenceOf = (name: string): Uint8Array =>
  encodeAwareness([{ clientId: 7, clock: 1, state: new TextEncoder().encode(JSON.stringify({ name })) }]);

describe("a provider", () => {
  test("is told that it is let in before all else, asked what the server misses, and sent everything", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage);
    await wire.send(say.auth("notes", "any"), say.step1("notes"), say.awareness("notes", presenceOf("ann")));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2", "awareness"]);
    expect(stage.sessions).toHaveLength(1);
  });

  test("of version 2 without a token opens its document by asking", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage);
    await wire.send(say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
  });

  test("gets its edits acknowledged when they are on disk, one by one, and not before", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    const ann = new Typist(7);
    stage.storage.hold();
    await wire.send(say.update("notes", ann.type("a")), say.update("notes", ann.type("b")));
    expect(wire.takeSaid()).toEqual([]);
    stage.storage.release();
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["saved", "saved"]);
  });

  test("has the answer to its question acknowledged, with news or without, and an update that is known", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage);
    const update = new Typist(7).type("a");
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    wire.take();
    await wire.send(say.step2("notes", update));
    expect(wire.takeSaid()).toEqual(["saved"]);
    await wire.send(say.update("notes", update));
    expect(wire.takeSaid()).toEqual(["saved"]);
    await wire.send(say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["update", "step2", "step1"]);
    await wire.send(say.step2("notes", update));
    expect(wire.takeSaid()).toEqual(["saved"]);
  });

  test("that is asked for what is missing has the update acknowledged and not what it answers", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    const ann = new Typist(7);
    const first = ann.type("a");
    const second = ann.type("b");
    await wire.send(say.update("notes", second));
    expect(wire.takeSaid()).toEqual(["step1"]);
    await wire.send(say.step2("notes", mergeUpdates([first, second])));
    expect(wire.takeSaid()).toEqual(["saved"]);
  });

  test("is answered presence that it asks for", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(say.awareness("notes", presenceOf("ann")));
    wire.take();
    await wire.send(say.query("notes"));
    expect(wire.take()).toMatchObject([{ to: "notes", say: "awareness" }]);
  });

  test("has several documents on a connection, and its own address for each", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(say.step1("plans\0id"), say.step1("notes\0id"));
    expect(wire.take().map(({ to, say: what }) => `${to} ${what}`)).toEqual(
      ["notes\0id", "plans\0id"].flatMap((to) => [`${to} authenticated`, `${to} step1`, `${to} step2`]),
    );
    await wire.send(say.step2("notes\0id"));
    wire.take();
    await wire.send(say.update("notes", new Typist(7).type("a")));
    expect(wire.take().map(({ to, say: what }) => `${to} ${what}`)).toEqual([
      "notes\0id update",
      "notes saved",
    ]);
    await wire.send(say.close("notes"));
    expect(stage.sessions).toHaveLength(2);
    expect(wire.closed).toBeNull();
    // Version 2 says this after its goodbye.
    await wire.send(say.awareness("notes", presenceOf("ann")));
    expect(stage.sessions).toHaveLength(2);
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    expect(wire.takeSaid()).toContain("authenticated read-write");
  });

  test("hears stateless messages of the application, and texts of others, and no other signals", async () => {
    const stage = new NativeStage();
    const heard: unknown[] = [];
    stage.signalHandlers.set("stateless", {
      schema: v.string(),
      handle: (payload, { send }) => {
        heard.push(payload);
        send("stateless", `not ${String(payload)}`);
        send("stateless", { not: "a text" });
        send("other", "name");
      },
    });
    const [wire, other] = [await joinedBy(stage), await joinedBy(stage)];
    await wire.send(say.stateless("notes", 'ü"'));
    expect(heard).toEqual(['ü"']);
    expect(wire.takeSaid()).toEqual(['stateless not ü"']);
    expect(other.take()).toEqual([]);
    await wire.send(say.stateless("notes", "x".repeat(20_000)));
    expect(wire.take()).toEqual([]);
    expect(wire.closed).toBeNull();
  });

  test("is answered a ping, and says nothing by a pong", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(Uint8Array.of(9), Uint8Array.of(10));
    expect(wire.takeSaid()).toEqual(["pong"]);
    expect(wire.closed).toBeNull();
  });

  test("hears of the server now and then, also when it was refused", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    wire.connection.keepAlive();
    await stage.settle();
    expect(wire.take()).toEqual([{ to: "notes", say: "awareness", bytes: Uint8Array.of(0) }]);
    const refused = new HocuspocusWire(stage);
    await refused.send(say.auth("a\nb", ""));
    expect(refused.takeSaid()).toEqual(["denied document name has control characters"]);
    refused.connection.keepAlive();
    await stage.settle();
    expect(refused.take()).toMatchObject([{ to: "a\nb", say: "awareness" }]);
  });
});

describe("what is refused", () => {
  test("an edit of who may only read is answered, and the session goes on", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, READER);
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["authenticated readonly", "step1", "step2"]);
    await wire.send(say.step2("notes"));
    expect(wire.takeSaid()).toEqual(["saved"]);
    await wire.send(say.update("notes", new Typist(7).type("a")));
    expect(wire.takeSaid()).toEqual(["unsaved"]);
    const writer = await joinedBy(stage);
    await writer.send(say.update("notes", new Typist(8).type("b")));
    expect(wire.takeSaid()).toEqual(["update"]);
  });

  test("the answer of who may only read is, if it has news", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, READER);
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    wire.take();
    await wire.send(say.step2("notes", new Typist(7).type("a")));
    expect(wire.takeSaid()).toEqual(["unsaved"]);
  });

  test("an edit that is no update ends its document, with the reason, and no other", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(say.step1("plans"));
    wire.take();
    await wire.send(say.update("notes", Uint8Array.of(1, 2, 3)));
    expect(wire.take()).toMatchObject([
      { to: "notes", say: "unsaved" },
      { to: "notes", say: "denied", text: expect.stringMatching(/^update: /) },
    ]);
    await wire.send(say.update("notes", new Typist(7).type("a")), say.step1("notes"), say.step2("notes"));
    expect(wire.take()).toEqual([]);
    expect(stage.sessions).toHaveLength(1);
    await wire.send(say.update("plans", new Typist(8).type("a")));
    expect(wire.takeSaid()).toEqual(["saved"]);
    await wire.send(say.auth("notes", ""), say.step1("notes"));
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
  });

  test("presence that is none ends its document", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(say.awareness("notes", Uint8Array.of(5)));
    expect(wire.takeSaid()).toEqual([expect.stringMatching(/^denied awareness update: /)]);
  });

  test("a storage that fails ends the connection: the provider comes back only then", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    stage.storage.appendErrors.push(new JoineryError("STORAGE_UNAVAILABLE", "EIO"));
    await wire.send(say.update("notes", new Typist(7).type("a")));
    expect(wire.takeSaid()).toEqual([]);
    expect(wire.closed).toMatchObject({ code: 4503 });
  });

  test("a broken message ends the connection, and all its documents are told why", async () => {
    const stage = new NativeStage();
    const wire = await joinedBy(stage);
    await wire.send(say.step1("plans"));
    wire.take();
    await wire.send(say.kind("notes", 6, 0));
    expect(wire.take()).toMatchObject([
      { to: "notes", say: "denied", text: expect.stringMatching(/for servers/) },
      { to: "plans", say: "denied" },
    ]);
    expect(wire.closed).toMatchObject({ code: 4422 });
    expect(stage.sessions).toEqual([]);
  });

  test("one document more than allowed is, and the others go on", async () => {
    const stage = new NativeStage({ limits: { maxDocumentsPerConnection: 2 } });
    const wire = await joinedBy(stage);
    await wire.send(say.step1("plans"), say.step1("third"));
    expect(wire.take().filter(({ to }) => to === "third")).toMatchObject([{ say: "denied" }]);
    expect(stage.sessions).toHaveLength(2);
    expect(stage.limitHits).toEqual(["maxDocumentsPerConnection"]);
  });
});

describe("who may open a document", () => {
  test("is asked once, with what the provider shows; what it sends meanwhile waits, in order", async () => {
    const stage = new NativeStage();
    const admissions = new Slow();
    const wire = new HocuspocusWire(stage, admissions);
    const ann = new Typist(7);
    await wire.send(say.auth("notes", "secret", "4.8.0"), say.step1("notes"));
    await wire.send(say.update("notes", ann.type("a")), say.update("notes", ann.type("b")));
    expect(admissions.asked).toMatchObject([
      { document: "notes", dialect: "hocuspocus", token: "secret", agent: "4.8.0" },
    ]);
    expect(wire.take()).toEqual([]);
    admissions.answers[0]?.resolve(GOOD);
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2", "saved", "saved"]);
    expect(stage.sessions[0]?.author).toBe("ann");
    const stored = await stage.storage.load("notes" as never);
    expect(textOf(...(stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update)))).toBe(
      "ab",
    );
  });

  test("is not asked before there is a token, where one is needed, but only for so long", async () => {
    const stage = new NativeStage();
    const admissions = new Slow();
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.step1("notes"), say.awareness("notes", presenceOf("ann")));
    expect(admissions.asked).toEqual([]);
    await wire.send(say.auth("notes", "late"));
    expect(admissions.asked).toHaveLength(1);
    admissions.answers[0]?.resolve(GOOD);
    await wire.send(say.step1("plans"));
    await stage.advance(stage.limits.admissionTimeoutMs);
    expect(wire.take().filter(({ to }) => to === "plans")).toMatchObject([
      { say: "denied", text: expect.stringMatching(/showed no token/) },
    ]);
  });

  test("says no with a reason; another token on the same connection is a new beginning", async () => {
    const stage = new NativeStage();
    const admissions = new Slow(false);
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.auth("notes", "bad"), say.step1("notes"));
    admissions.answers[0]?.reject(denied("not you"));
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["denied not you"]);
    await wire.send(say.step1("notes"), say.update("notes", new Typist(7).type("a")));
    expect(admissions.asked).toHaveLength(1);
    expect(wire.take()).toEqual([]);
    await wire.send(say.auth("notes", "good"), say.step1("notes"));
    admissions.answers[1]?.resolve(GOOD);
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["authenticated read-write", "step1", "step2"]);
    expect(stage.sessions).toHaveLength(1);
  });

  test("may say no at once, and what comes behind opens nothing", async () => {
    const stage = new NativeStage();
    const admit = () => {
      throw denied("nobody");
    };
    const wire = new HocuspocusWire(stage, { admit, needsToken: false, isAuthenticating: false });
    await wire.send(say.auth("notes", "bad"), say.step1("notes"), say.awareness("notes", EMPTY));
    expect(wire.takeSaid()).toEqual(["denied nobody"]);
    expect(wire.closed).toBeNull();
  });

  test("opens nothing for a connection that is gone by then", async () => {
    const stage = new NativeStage();
    const admissions = new Slow();
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.auth("notes", "a"), say.step1("notes"));
    wire.socket.close();
    await stage.settle();
    admissions.answers[0]?.resolve(GOOD);
    await stage.settle();
    expect(stage.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("lets in what a provider sent that has left the document by then", async () => {
    const stage = new NativeStage();
    const admissions = new Slow();
    const wire = new HocuspocusWire(stage, admissions);
    const update = new Typist(7).type("a");
    await wire.send(say.auth("notes", "a"), say.update("notes", update), say.close("notes"));
    admissions.answers[0]?.resolve(GOOD);
    await stage.settle();
    expect(stage.sessions).toEqual([]);
    const other = new HocuspocusWire(stage);
    await other.send(say.step1("notes"));
    expect(other.take().find(({ say: what }) => what === "update")).toMatchObject({ bytes: update });
  });

  test("has so much time; then the provider is told to come back", async () => {
    const stage = new NativeStage();
    const wire = new HocuspocusWire(stage, new Slow());
    await wire.send(say.auth("notes", "a"));
    await stage.advance(stage.limits.admissionTimeoutMs - 1);
    expect(wire.closed).toBeNull();
    await stage.advance(1);
    expect(wire.closed).toMatchObject({ code: 4508 });
  });

  test("is not made to keep more than so much meanwhile", async () => {
    const stage = new NativeStage({ limits: { maxUnadmittedBytes: 2_000 } });
    const admissions = new Slow();
    const wire = new HocuspocusWire(stage, admissions);
    await wire.send(say.auth("notes", "a"));
    for (let i = 0; i < 4; i++) await wire.send(say.update("notes", new Uint8Array(600)));
    // The third one was one too many: the fourth is not read.
    expect(wire.socket.bufferedBytes).toBeGreaterThan(0);
    expect(stage.limitHits).toEqual(["maxUnadmittedBytes"]);
    admissions.answers[0]?.reject(denied("no"));
    await stage.settle();
    expect(wire.socket.bufferedBytes).toBe(0);
    await wire.send(say.auth("plans", "a"), say.update("plans", new Uint8Array(3_000)));
    expect(wire.take().filter(({ to }) => to === "plans")).toMatchObject([{ say: "denied" }]);
  });

  test("looks at a new token while the session goes on, at one at a time, and the newest counts", async () => {
    const stage = new NativeStage();
    const renewals: { token: string; answer: PromiseWithResolvers<Renewal> }[] = [];
    const renew = (token: string) => {
      const answer = Promise.withResolvers<Renewal>();
      renewals.push({ token, answer });
      return answer.promise;
    };
    const requests: AdmissionRequest[] = [];
    const admit = (request: AdmissionRequest) => {
      requests.push(request);
      return { ...GOOD, renew };
    };
    const wire = await joinedBy(stage, "notes", { admit, needsToken: true, isAuthenticating: true });
    requests[0]?.requestToken();
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["token?"]);
    await wire.send(say.auth("notes", "1"), say.auth("notes", "2"), say.auth("notes", "3", "4.8.0"));
    expect(renewals.map(({ token }) => token)).toEqual(["1"]);
    renewals[0]?.answer.reject(denied("old"));
    await stage.settle();
    expect(renewals.map(({ token }) => token)).toEqual(["1", "3"]);
    renewals[1]?.answer.resolve({ rights: Rights.READER });
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["authenticated readonly"]);
    await wire.send(say.update("notes", new Typist(7).type("a")));
    expect(wire.takeSaid()).toEqual(["unsaved"]);
    await wire.send(say.auth("notes", "4"));
    renewals[2]?.answer.reject(denied("revoked"));
    await stage.settle();
    expect(wire.takeSaid()).toEqual(["denied revoked"]);
    expect(stage.sessions).toEqual([]);
    expect(requests).toHaveLength(1);
  });
});

test("one that does not read gets all its acknowledgements when it does", async () => {
  const stage = new NativeStage({ limits: { maxBufferedBytes: 1024 } });
  const wire = await joinedBy(stage);
  const ann = new Typist(7);
  wire.connection.stall();
  for (let i = 0; i < 200; i++) await wire.send(say.update("notes", ann.type("some words ")));
  expect(wire.take()).toEqual([]);
  wire.connection.readAgain();
  await stage.settle();
  await stage.settle();
  const said = wire.takeSaid();
  expect(said.filter((what) => what === "saved")).toHaveLength(200);
  expect(said).not.toContain("unsaved");
});
