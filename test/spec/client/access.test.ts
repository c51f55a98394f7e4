import { type ClientOptions, JoineryClient, type TokenSource } from "@joinery/client";
import { JoineryError } from "@joinery/shared";
import { serverFrames } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import type * as Y from "yjs";
import { Door } from "../../support/client-door.ts";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { type ScriptedLink, ScriptedServer } from "../../support/client-scripted-server.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";

const EXPIRED = { code: "UNAUTHENTICATED", retry: "after-auth", message: "the token has expired" } as const;
const DENIED = { code: "PERMISSION_DENIED", retry: "never", message: "you may only read" } as const;

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;

  constructor(options: Partial<ClientOptions> = {}) {
    // Every pause is as long as it may be, but for the time that a test takes by itself.
    this.environment.chance = 0.99;
    this.client = new JoineryClient({ url: "ws://test", environment: this.environment, ...options });
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  settle(): Promise<void> {
    return this.environment.advance(0);
  }

  /** Opens documents, and lets the client into them. */
  async open(names: readonly string[], token?: TokenSource) {
    const handles = names.map((name) => this.client.open(name, token === undefined ? {} : { token }));
    await this.settle();
    for (const name of names) this.link.welcome(name);
    await this.settle();
    return handles;
  }

  /** Says the same on the channels of several documents, in one message. */
  say(names: readonly string[], frame: Uint8Array): void {
    const frames = names.flatMap((name) => [serverFrames.select(this.link.channelOf(name)), frame]);
    this.link.say(...frames);
  }
}

/** A function that gives another token each time, and counts how often it was asked. */
function counting(prefix = "token") {
  const source = Object.assign(() => `${prefix} ${++source.asked}`, { asked: 0 });
  return source;
}

describe("a token that is about to expire", () => {
  test("[W5] is replaced in place, once for all documents that are told, and the application hears nothing", async () => {
    const token = counting();
    const stage = new Stage({ token });
    const names = Array.from({ length: 200 }, (_, i) => `notes ${i}`);
    // Documents on one connection are bounded by the server, which this one does not do.
    const handles = await stage.open(names);
    const notices: string[] = [];
    for (const handle of handles) handle.on("notice", ({ code }) => notices.push(code));
    stage.say(names.slice(0, 120), serverFrames.notice(EXPIRED));
    stage.say(names.slice(120), serverFrames.notice(EXPIRED));
    await stage.settle();
    expect(stage.link.all("token")).toEqual([{ type: "token", channel: 0, token: "token 2" }]);
    expect(notices).toEqual([]);
    expect(stage.server.links).toHaveLength(1);
    // The next one expires, too.
    await stage.environment.advance(60_000);
    stage.say(names, serverFrames.notice(EXPIRED));
    await stage.settle();
    expect(token.asked).toBe(3);
  });

  test("[W5] is replaced for its document alone, if that has one of its own", async () => {
    const stage = new Stage({ token: counting("connection") });
    const [first] = await stage.open(["first"], counting("first"));
    await stage.open(["second"], counting("second"));
    stage.say(["second", "first"], serverFrames.notice(EXPIRED));
    await stage.settle();
    const given = stage.link.all("token").map(({ channel, token }) => ({ channel, token }));
    expect(given).toHaveLength(2);
    expect(given).toContainEqual({ channel: stage.link.channelOf("first"), token: "first 2" });
    expect(given).toContainEqual({ channel: stage.link.channelOf("second"), token: "second 2" });
    expect(first?.status.kind).toBe("online");
  });

  test("[W5] is got once at a time, however often a server says so", async () => {
    const own = counting("own");
    const token = counting();
    const stage = new Stage({ token });
    await stage.open(["notes"], own);
    await stage.open(["plain"]);
    const before = [token.asked, own.asked];
    const names = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? "notes" : "plain"));
    stage.say(names, serverFrames.notice(EXPIRED));
    await stage.settle();
    expect([token.asked, own.asked]).toEqual(before.map((asked) => asked + 1));
    await stage.environment.advance(1_000);
    stage.say(names, serverFrames.notice(EXPIRED));
    await stage.settle();
    expect([token.asked, own.asked]).toEqual(before.map((asked) => asked + 2));
  });

  test("[W5] and is a text, or cannot be got, is told by the event notice", async () => {
    const fails = counting();
    const failing = () => {
      if (fails.asked > 0) throw new Error("no network");
      return fails();
    };
    for (const token of ["a text", failing]) {
      const stage = new Stage({ token });
      const [notes] = await stage.open(["notes"]);
      const notices: string[] = [];
      notes?.on("notice", ({ message }) => notices.push(message));
      stage.say(["notes"], serverFrames.notice(EXPIRED));
      await stage.settle();
      expect(notices).toEqual(["the token has expired"]);
      expect(stage.link.all("token")).toEqual([]);
      expect(notes?.status.kind).toBe("online");
    }
  });

  test("and is got when the connection is another one already, is not used", async () => {
    const answers: ((token: string) => void)[] = [];
    const token = () => new Promise<string>((resolve) => answers.push(resolve));
    const stage = new Stage({ token });
    stage.client.open("notes");
    await stage.settle();
    answers[0]?.("first");
    await stage.settle();
    stage.link.welcome("notes");
    stage.say(["notes"], serverFrames.notice(EXPIRED));
    await stage.settle();
    stage.link.lose();
    await stage.environment.advance(1_000);
    answers[2]?.("third");
    await stage.settle();
    answers[1]?.("second");
    await stage.settle();
    expect(answers).toHaveLength(3);
    expect(stage.server.links).toHaveLength(2);
    expect(stage.link.last("hello").token).toBe("third");
    expect(stage.link.all("token")).toEqual([]);
  });
});

describe("a token that is no good any more", () => {
  test("[W7] is replaced before documents come back, at once, and once for all of them", async () => {
    const token = counting();
    const stage = new Stage({ token });
    const names = ["a", "b", "c"];
    const handles = await stage.open(names);
    stage.say(names, serverFrames.close(EXPIRED, 0, null));
    await stage.settle();
    expect(token.asked).toBe(2);
    const after = stage.link.types().slice(-4);
    expect(after).toEqual(["token", "open", "open", "open"]);
    for (const name of names) stage.link.welcome(name);
    await stage.settle();
    expect(handles.map(({ status }) => status.kind)).toEqual(["online", "online", "online"]);
  });

  test("[W7] that is refused again and again is asked for with growing pauses", async () => {
    const stage = new Stage({ token: counting("same") });
    const [notes] = await stage.open(["notes"]);
    const pauses: number[] = [];
    for (let i = 0; i < 5; i++) {
      stage.say(["notes"], serverFrames.close(EXPIRED, 0, null));
      const { status } = notes?.getSnapshot() ?? {};
      expect(status).toMatchObject({ kind: "offline", code: "UNAUTHENTICATED", reason: EXPIRED.message });
      const pauseMs = (status?.retryAtMs ?? Number.NaN) - stage.environment.clock.now();
      pauses.push(pauseMs);
      await stage.environment.advance(pauseMs);
      expect(stage.link.all("open")).toHaveLength(i + 2);
    }
    expect(pauses).toEqual([0, 1_980, 3_960, 7_920, 15_840]);
    expect(stage.server.links).toHaveLength(1);
  });

  test("[W7] ends a connection, which comes back at once the first time, then after pauses", async () => {
    const token = counting();
    const stage = new Stage({ token });
    await stage.open(["notes"]);
    stage.link.say(serverFrames.failed(EXPIRED));
    stage.link.lose(4401, "");
    await stage.settle();
    expect(stage.server.links).toHaveLength(2);
    expect(stage.link.last("hello").token).toBe("token 2");
    stage.link.lose(4401, "the token has expired");
    await stage.environment.advance(1_000);
    expect(stage.server.links).toHaveLength(2);
    expect(stage.client.status).toMatchObject({ kind: "offline", reason: "the token has expired" });
    await stage.environment.advance(1_000);
    expect(stage.server.links).toHaveLength(3);
  });

  test("[W7] and that is a text, refuses its document and says so, until the application asks again", async () => {
    const stage = new Stage({ token: "a text" });
    const [notes] = await stage.open(["notes"]);
    stage.say(["notes"], serverFrames.close(EXPIRED, 0, null));
    await stage.environment.advance(20_000);
    expect(notes?.status).toMatchObject({
      kind: "refused",
      code: "UNAUTHENTICATED",
      reason: EXPIRED.message,
    });
    expect(stage.link.all("open")).toHaveLength(1);
    notes?.retry();
    await stage.settle();
    expect(stage.link.all("open")).toHaveLength(2);
  });

  test("of one document says nothing of another's, or of the connection's", async () => {
    const connection = counting("connection");
    const stage = new Stage({ token: connection });
    const mine = counting("mine");
    await stage.open(["mine"], mine);
    const [theirs] = await stage.open(["theirs"], "theirs");
    const [plain] = await stage.open(["plain"]);
    stage.say(["mine", "theirs"], serverFrames.close(EXPIRED, 0, null));
    await stage.settle();
    expect(stage.link.last("open")).toMatchObject({ document: "mine", token: "mine 2" });
    expect(theirs?.status.kind).toBe("refused");
    expect(plain?.status.kind).toBe("online");
    expect(connection.asked).toBe(1);
  });
});

describe("a function that gives no token", () => {
  const functions: [string, () => Promise<string>][] = [
    ["rejects", () => Promise.reject(new Error("signed out"))],
    [
      "throws",
      () => {
        throw new Error("signed out");
      },
    ],
    ["never answers", () => new Promise(() => undefined)],
    // reason: in JavaScript nobody stops it.
    ["gives nothing", () => Promise.resolve(undefined as unknown as string)],
  ];

  test.each(functions)("because it %s, is asked again after a pause by the connection", async (_, fails) => {
    let token = fails;
    const stage = new Stage({ token: () => token() });
    stage.client.open("notes");
    await stage.environment.advance(20_000);
    expect(stage.client.status).toMatchObject({
      kind: "offline",
      reason: expect.stringMatching(/signed out|no token/),
    });
    expect(stage.server.links).toHaveLength(0);
    token = async () => "token";
    await stage.environment.advance(60_000);
    expect(stage.client.status.kind).toBe("online");
  });

  test.each(functions)("because it %s, is asked again after a pause by a document", async (_, fails) => {
    let token = fails;
    const stage = new Stage();
    const own = stage.client.open("own", { token: () => token() });
    const [other] = await stage.open(["other"]);
    await stage.environment.advance(20_000);
    expect(own.status).toMatchObject({
      kind: "offline",
      reason: expect.stringMatching(/signed out|no token/),
    });
    expect(other?.status.kind).toBe("online");
    token = async () => "token";
    await stage.environment.advance(60_000);
    expect(stage.link.last("open")).toMatchObject({ document: "own", token: "token" });
  });

  test("for a document that was refused does not open it with the old one", async () => {
    const asked = counting();
    const token = () => {
      if (asked.asked === 1) throw new Error(`signed out ${asked()}`);
      return asked();
    };
    const stage = new Stage({ token });
    await stage.open(["notes"]);
    stage.say(["notes"], serverFrames.close(EXPIRED, 0, null));
    await stage.settle();
    expect(asked.asked).toBe(2);
    expect(stage.link.all("open")).toHaveLength(1);
    await stage.environment.advance(2_000);
    expect(stage.link.last("token").token).toBe("token 3");
    expect(stage.link.all("open")).toHaveLength(2);
  });
});

describe("an edit that is denied", () => {
  test("[W10] makes its author come back once, as a reader whose edits wait", async () => {
    const stage = new Stage();
    const [notes] = await stage.open(["notes"]);
    notes?.doc.getText("text").insert(0, "typed before it was known");
    await stage.settle();
    const { number } = stage.link.last("update");
    stage.say(["notes"], serverFrames.close(DENIED, number, null));
    await stage.environment.advance(1_000);
    const channel = stage.link.welcome("notes", { permission: "read", beginning: "continue" });
    await stage.settle();
    expect(notes?.getSnapshot()).toMatchObject({
      status: { kind: "online" },
      permission: "read",
      unsaved: { count: 1 },
    });
    const said = stage.link.received.filter((one) => one.channel === channel).map(({ frame }) => frame.type);
    expect(said).not.toContain("answer");
    expect(said).not.toContain("update");
    // It is sent when it may be.
    stage.link.on(channel, serverFrames.permission("write", "promoted"));
    await stage.settle();
    expect(stage.link.all("answer").at(-1)?.number).toBe(1);
    // Another time it is worth coming back again.
    stage.link.on(channel, serverFrames.ack(1, 2), serverFrames.durable(2));
    notes?.doc.getText("text").insert(0, "again ");
    await stage.settle();
    stage.say(["notes"], serverFrames.close(DENIED, stage.link.last("update").number, null));
    expect(notes?.status.kind).toBe("offline");
  });

  test("[W10] again, though its author may write, refuses the document", async () => {
    const stage = new Stage();
    const [notes] = await stage.open(["notes"]);
    notes?.doc.getText("text").insert(0, "not this");
    await stage.settle();
    stage.say(["notes"], serverFrames.close(DENIED, stage.link.last("update").number, null));
    await stage.environment.advance(1_000);
    stage.link.welcome("notes", { beginning: "continue" });
    await stage.settle();
    stage.say(["notes"], serverFrames.close(DENIED, stage.link.last("answer").number, null));
    await stage.environment.advance(20_000);
    expect(notes?.status).toMatchObject({ kind: "refused", reason: "you may only read" });
    expect(notes?.unsaved.count).toBe(1);
    expect(stage.link.all("open")).toHaveLength(2);
  });

  test("is not meant when somebody is sent away: that is for good, until the application asks again", async () => {
    const stage = new Stage();
    const [notes] = await stage.open(["notes"]);
    const reason = { ...DENIED, message: "you were banned for an hour" };
    stage.say(["notes"], serverFrames.close(reason, 0, null));
    await stage.environment.advance(20_000);
    expect(notes?.status).toMatchObject({ kind: "refused", reason: reason.message });
    expect(stage.link.all("open")).toHaveLength(1);
    notes?.retry();
    await stage.settle();
    expect(stage.link.all("open")).toHaveLength(2);
  });
});

describe("with the real engine", () => {
  function world(): { stage: ClientWorld; door: Door } {
    const door = new Door();
    const stage = new ClientWorld({ admissions: door });
    onTestFinished(() => stage.close());
    return { stage, door };
  }

  async function join(stage: ClientWorld, token: TokenSource, document = "notes"): Promise<Person> {
    const client = stage.client({ token });
    const person = new Person(client, client.open(document));
    await stage.advance(0);
    return person;
  }

  test("[W5] the server says that a token is about to expire, and takes the next one", async () => {
    const { stage, door } = world();
    for (const token of ["ann 1", "ann 2", "ben"]) door.good.set(token, "write");
    const ann = await join(stage, counting("ann"));
    const ben = await join(stage, "ben");
    const notices: string[] = [];
    for (const { notes } of [ann, ben]) notes.on("notice", ({ code }) => notices.push(code));
    door.remind();
    await stage.settle();
    expect(door.shown).toEqual(["ann 1", "ben", "ann 2"]);
    expect(notices).toEqual(["UNAUTHENTICATED"]);
    ann.type("still here");
    await stage.settle();
    expect(ben.text).toBe("still here");
  });

  test("[W6] [W8] F89 edits outlive an expiry, and none is there twice", async () => {
    const { stage, door } = world();
    door.good.set("ann 1", "write").set("ann 2", "write").set("ben", "write");
    const ann = await join(stage, counting("ann"));
    const ben = await join(stage, "ben");
    ann.type("before ");
    await stage.settle();
    stage.disk.hold();
    ann.type("on its way ");
    await stage.settle();
    door.expire("ann 1");
    ann.type("while away");
    stage.disk.release();
    await stage.advance(0);
    await stage.advance(1_000);
    expect(ann.notes.status.kind).toBe("online");
    expect(ann.notes.saved).toBe(true);
    expect(ben.text).toBe("before on its way while away");
    expect(ann.text).toBe(ben.text);
  });

  test("[W7] [W8] edits wait while there is no good token, however long", async () => {
    const { stage, door } = world();
    door.good.set("old", "write").set("ben", "write");
    let token = "old";
    const ann = await join(stage, () => token);
    const ben = await join(stage, "ben");
    door.expire("old");
    ann.type("kept");
    for (let i = 0; i < 60; i++) await stage.advance(10_000);
    expect(ann.notes.status).toMatchObject({ kind: "offline", reason: "the token has expired" });
    expect(ann.notes.unsaved.count).toBe(1);
    // In ten minutes, with pauses of up to half a minute.
    expect(door.shown.length).toBeLessThan(120);
    expect(door.shown.length).toBeGreaterThan(10);
    token = "new";
    door.good.set("new", "write");
    await stage.advance(30_000);
    expect(ann.notes.saved).toBe(true);
    expect(ben.text).toBe("kept");
  });

  test("[W7] the other documents of the connection go on, and use the new token from then on", async () => {
    const { stage, door } = world();
    door.good.set("ann 1", "write").set("ann 2", "write");
    const ann = await join(stage, counting("ann"));
    const plans = stage.person("plans", {}, ann.client);
    await stage.settle();
    door.good.delete("ann 1");
    const more = stage.person("more", {}, ann.client);
    await stage.advance(0);
    await stage.advance(0);
    expect(more.notes.status.kind).toBe("online");
    // It is the new one that all are here with.
    door.expire("ann 1");
    await stage.settle();
    for (const { notes } of [ann, plans, more]) expect(notes.status.kind).toBe("online");
    expect(door.shown.filter((token) => token === "ann 2")).toHaveLength(3);
  });

  test("[W9] who may only read from now on is told, keeps what is typed, and sends it when that changes", async () => {
    const { stage, door } = world();
    door.good.set("ann", "write").set("ben", "write");
    const ann = await join(stage, "ann");
    const ben = await join(stage, "ben");
    const told: string[] = [];
    ann.notes.on("permission", ({ permission, reason }) => told.push(`${permission}: ${reason}`));
    door.change("ann", "read", "the meeting has begun");
    await stage.settle();
    expect(ann.notes.permission).toBe("read");
    ann.type("typed as a reader");
    ben.type("others go on ");
    await stage.settle();
    expect(ann.notes.unsaved.count).toBe(1);
    expect(ben.text).toBe("others go on ");
    expect(ann.text).toContain("others go on ");
    door.change("ann", "write", "questions, please");
    await stage.settle();
    expect(told).toEqual(["read: the meeting has begun", "write: questions, please"]);
    expect(ann.notes.saved).toBe(true);
    expect(ben.text).toBe(ann.text);
  });

  test("[W9] [W10] an edit that crosses the downgrade is neither lost nor the end", async () => {
    const { stage, door } = world();
    door.good.set("ann", "write").set("ben", "write");
    const ann = await join(stage, "ann");
    const ben = await join(stage, "ben");
    ann.type("too late");
    door.change("ann", "read", "the meeting has begun");
    await stage.settle();
    await stage.advance(1_000);
    expect(ann.notes.getSnapshot()).toMatchObject({
      status: { kind: "online" },
      permission: "read",
      unsaved: { count: 1 },
    });
    expect(ben.text).toBe("");
    door.change("ann", "write", "questions, please");
    await stage.advance(1_000);
    expect(ann.notes.saved).toBe(true);
    expect(ben.text).toBe("too late");
  });

  test("[S8] a seed that crosses the downgrade is dropped, and asked for again when its author may write", async () => {
    const { stage, door } = world();
    door.good.set("ann", "write");
    const asked = Promise.withResolvers<void>();
    let made = 0;
    const seed = async (doc: Y.Doc) => {
      made++;
      await asked.promise;
      doc.getText("text").insert(0, "welcome");
    };
    const client = stage.client({ token: "ann" });
    const ann = stage.person("notes", { seed }, client);
    await stage.settle();
    expect(made).toBe(1);
    door.change("ann", "read", "the meeting has begun");
    asked.resolve();
    await stage.advance(1_000);
    expect(ann.notes.getSnapshot()).toMatchObject({ status: { kind: "online" }, permission: "read" });
    expect(ann.text).toBe("");
    door.change("ann", "write", "questions, please");
    await stage.advance(1_000);
    expect(ann.text).toBe("welcome");
    expect(ann.notes.saved).toBe(true);
  });

  test("[S8] who may only read by now is not asked for a seed, but who may write, and goes on", async () => {
    const { stage, door } = world();
    door.good.set("ann", "write").set("ben", "write").set("eva", "write");
    const seeding = (name: string) => (doc: Y.Doc) => {
      if (name === "ann") return new Promise<void>(() => undefined);
      doc.getText("text").insert(0, name);
      return;
    };
    const [ann, ben, eva] = ["ann", "ben", "eva"].map((name) =>
      stage.person("notes", { seed: seeding(name) }, stage.client({ token: name })),
    ) as [Person, Person, Person];
    await stage.settle();
    door.change("ben", "read", "the meeting has begun");
    await ann.leave();
    await stage.advance(1_000);
    expect([ben.notes.status.kind, ben.text, eva.text]).toEqual(["online", "eva", "eva"]);
  });

  test("two documents with different tokens know nothing of each other's", async () => {
    const { stage, door } = world();
    door.good.set("notes 1", "write").set("notes 2", "write").set("plans 1", "read");
    const client = stage.client({ token: "nobody's" });
    const notes = stage.person("notes", { token: counting("notes") }, client);
    const plans = stage.person("plans", { token: counting("plans") }, client);
    await stage.settle();
    expect([notes.notes.permission, plans.notes.permission]).toEqual(["write", "read"]);
    door.expire("notes 1");
    await stage.advance(0);
    await stage.settle();
    expect(door.shown).toEqual(["notes 1", "plans 1", "notes 2"]);
    expect([notes.notes.status.kind, plans.notes.status.kind]).toEqual(["online", "online"]);
  });
});

test("an error of the door that passes by itself is no question of tokens", async () => {
  const token = counting();
  const stage = new Stage({ token });
  await stage.open(["notes"]);
  const error = new JoineryError("HOOK_FAILED", "ask again");
  stage.say(
    ["notes"],
    serverFrames.close({ code: error.code, retry: error.row.retry, message: "" }, 0, null),
  );
  await stage.environment.advance(1_000);
  expect(token.asked).toBe(1);
  expect(stage.link.all("open")).toHaveLength(2);
});
