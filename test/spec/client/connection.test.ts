import { type ClientOptions, type DocumentHandle, JoineryClient } from "@joinery/client";
import { serverFrames } from "@joinery/shared/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { type ScriptedLink, ScriptedServer } from "../../support/client-scripted-server.ts";

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;

  constructor(options: Partial<ClientOptions> = {}) {
    this.environment.chance = 0.5;
    this.client = new JoineryClient({ url: "ws://test", environment: this.environment, ...options });
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  /** How often it has tried to connect. */
  get tries(): number {
    return this.server.links.length;
  }

  settle(): Promise<void> {
    return this.environment.settle();
  }

  async connected(): Promise<this> {
    this.client.connect();
    await this.settle();
    expect(this.client.status.kind).toBe("online");
    return this;
  }

  /** The pause until the next try, in milliseconds. */
  get pauseMs(): number {
    return (this.client.status.retryAtMs ?? Number.NaN) - this.environment.clock.now();
  }
}

describe("a client", () => {
  test("connects when the first document is opened", async () => {
    const stage = new Stage();
    await stage.settle();
    expect(stage.tries).toBe(0);
    expect(stage.client.status.kind).toBe("offline");
    stage.client.open("notes");
    expect(stage.client.status.kind).toBe("connecting");
    await stage.settle();
    expect(stage.client.status.kind).toBe("online");
  });

  test("tells of each change, once a turn, with a snapshot that stays the same in between", async () => {
    const stage = new Stage();
    const kinds: string[] = [];
    stage.client.subscribe(() => kinds.push(stage.client.getSnapshot().status.kind));
    await stage.connected();
    expect(kinds).toEqual(["connecting", "online"]);
    expect(stage.client.getSnapshot()).toBe(stage.client.getSnapshot());
    stage.link.lose();
    await stage.settle();
    expect(kinds).toEqual(["connecting", "online", "offline"]);
  });

  test("gives the same document again, and closes it when it was closed as often", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    expect(stage.client.open("notes")).toBe(notes);
    await notes.close();
    expect(notes.status.kind).not.toBe("closed");
    await notes.close();
    expect(notes.status.kind).toBe("closed");
    expect(stage.client.open("notes")).not.toBe(notes);
  });

  test("does not open a document with two Y.Docs", async () => {
    const { Doc } = await import("yjs");
    const stage = new Stage();
    stage.client.open("notes");
    expect(() => stage.client.open("notes", { doc: new Doc() })).toThrow(/notes cannot be opened/);
  });

  test("opens nothing after it was closed", async () => {
    const stage = new Stage();
    await stage.client.close();
    expect(stage.client.status.kind).toBe("closed");
    expect(() => stage.client.open("notes")).toThrow(/closed/);
  });

  test("leaves nothing behind when it is closed", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    await stage.settle();
    stage.link.welcome("notes");
    notes.typing();
    await stage.settle();
    await stage.client.close();
    expect(stage.environment.clock.pendingTimers).toBe(0);
    expect(stage.link.closedWith).toBe(1000);
  });
});

describe("a connection that is lost", () => {
  test("is told from one that never was", async () => {
    const stage = new Stage();
    stage.server.isWelcoming = false;
    stage.client.connect();
    stage.link.lose();
    await stage.settle();
    const unreached = {
      kind: "offline",
      code: "CONNECTION_LOST",
      reason: "There is no connection to the server.",
    };
    expect(stage.client.status).toMatchObject(unreached);
    stage.server.isWelcoming = true;
    await stage.connected();
    stage.server.isWelcoming = false;
    stage.link.lose();
    await stage.settle();
    expect(stage.client.status.reason).toBe("There is no connection to the server.");
    stage.client.connect();
    stage.link.lose();
    await stage.settle();
    expect(stage.client.status).toMatchObject(unreached);
  });

  test("[R1] comes back after at most 1, 2, 4 … 30 s, a random part of it", async () => {
    const stage = await new Stage().connected();
    stage.server.isWelcoming = false;
    stage.link.lose();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      await stage.settle();
      pauses.push(stage.pauseMs);
      await stage.environment.advance(stage.pauseMs);
      stage.link.lose();
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    stage.environment.chance = 0.1;
    stage.client.disconnect();
    await stage.settle();
    stage.client.connect();
    stage.link.lose();
    await stage.settle();
    expect(stage.pauseMs).toBeCloseTo(3_000);
  });

  test("[R1] begins with short pauses again when it has held for a while", async () => {
    const stage = await new Stage().connected();
    for (const [heldMs, pauseMs] of [
      [0, 500],
      [1_000, 1_000],
      [4_999, 2_000],
      [5_000, 500],
    ] as const) {
      await stage.environment.advance(heldMs);
      stage.link.lose();
      await stage.settle();
      expect(stage.pauseMs).toBe(pauseMs);
      await stage.environment.advance(pauseMs);
      expect(stage.client.status.kind).toBe("online");
    }
  });

  test("[R2] comes back at once when the network does, or the page is visible", async () => {
    const stage = await new Stage().connected();
    stage.link.lose();
    await stage.settle();
    expect(stage.tries).toBe(1);
    stage.environment.wake();
    await stage.settle();
    expect(stage.tries).toBe(2);
    expect(stage.client.status.kind).toBe("online");
  });

  test("[R4] comes back when a server that goes away asked for it, and not before", async () => {
    const stage = await new Stage().connected();
    stage.link.say(serverFrames.goaway(3_000, 4_000));
    await stage.settle();
    // The server closes when it has written everything.
    expect(stage.client.status.kind).toBe("online");
    stage.link.lose(1012, "draining");
    await stage.settle();
    expect(stage.pauseMs).toBe(5_000);
    stage.environment.wake();
    await stage.environment.advance(4_999);
    expect(stage.tries).toBe(1);
    await stage.environment.advance(1);
    expect(stage.tries).toBe(2);
  });

  test("[R4] is left alone from when it ends, and for some minutes at most", async () => {
    const stage = await new Stage().connected();
    stage.link.say(serverFrames.goaway(3_000, 4_000));
    await stage.environment.advance(14_000);
    stage.link.lose(1012, "draining");
    await stage.settle();
    expect(stage.pauseMs).toBe(5_000);
    await stage.environment.advance(5_000);
    stage.link.say(serverFrames.goaway(2 ** 50, 2 ** 50));
    stage.link.lose(1012, "draining");
    await stage.settle();
    expect(stage.pauseMs).toBe(450_000);
  });

  test.each([4400, 4403, 4422, 4426, 4499, 1009])(
    "stops at the permanent close code %i, and says why",
    async (code) => {
      const stage = await new Stage().connected();
      const notes = stage.client.open("notes");
      stage.link.lose(code, "because");
      await stage.environment.advance(60_000);
      expect(stage.client.status).toMatchObject({ kind: "refused", reason: "because", retryAtMs: null });
      expect(notes.status).toMatchObject({ kind: "refused", reason: "because" });
      expect(stage.tries).toBe(1);
      stage.client.connect();
      await stage.settle();
      expect(stage.client.status).toMatchObject({ kind: "online", reason: null });
    },
  );

  test.each([1001, 1006, 1011, 1012, 4503, 4529])(
    "comes back after the transient close code %i",
    async (code) => {
      const stage = await new Stage().connected();
      stage.link.lose(code);
      await stage.environment.advance(1_000);
      expect(stage.client.status.kind).toBe("online");
    },
  );

  test("says what the server said before it closed", async () => {
    const stage = await new Stage().connected();
    const error = { code: "SERVER_FULL", retry: "backoff", message: "too many people" } as const;
    stage.link.say(serverFrames.failed(error));
    stage.link.lose(1013);
    await stage.settle();
    expect(stage.client.status).toMatchObject({
      kind: "offline",
      code: "SERVER_FULL",
      reason: "too many people",
    });
  });

  test("[C12] is given up after 15 s of silence and 10 s without an answer", async () => {
    const stage = await new Stage().connected();
    const { link } = stage;
    await stage.environment.advance(14_999);
    expect(link.all("ping")).toHaveLength(0);
    await stage.environment.advance(1);
    expect(link.all("ping")).toHaveLength(1);
    await stage.environment.advance(9_999);
    expect(stage.client.status.kind).toBe("online");
    await stage.environment.advance(1);
    expect(stage.client.status.kind).toBe("offline");
    expect(link.closedWith).toBe(1000);
  });

  test("[C12] stays while anything at all comes", async () => {
    const stage = await new Stage().connected();
    for (let i = 0; i < 10; i++) {
      await stage.environment.advance(10_000);
      stage.link.say(serverFrames.ping());
    }
    await stage.settle();
    expect(stage.link.all("ping")).toHaveLength(0);
    expect(stage.link.all("pong")).toHaveLength(10);
    await stage.environment.advance(15_000);
    stage.link.say(serverFrames.pong());
    await stage.environment.advance(14_000);
    expect(stage.client.status.kind).toBe("online");
    expect(stage.tries).toBe(1);
  });

  test("is asked for a sign of life at once when the device wakes", async () => {
    const stage = await new Stage().connected();
    stage.environment.wake();
    await stage.settle();
    expect(stage.link.all("ping")).toHaveLength(1);
    await stage.environment.advance(10_000);
    expect(stage.client.status.kind).toBe("offline");
  });

  test("is asked for a sign of life when the platform takes the network for gone, and given up after 2 s", async () => {
    const stage = await new Stage().connected();
    await stage.environment.advance(15_000);
    expect(stage.link.all("ping")).toHaveLength(1);
    stage.environment.goOffline();
    await stage.environment.advance(1_999);
    expect(stage.link.all("ping")).toHaveLength(2);
    expect(stage.client.status.kind).toBe("online");
    await stage.environment.advance(1);
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "CONNECTION_LOST" });
  });

  test("stays when the platform is wrong about that", async () => {
    const stage = await new Stage().connected();
    stage.environment.goOffline();
    await stage.environment.advance(1_000);
    stage.link.say(serverFrames.pong());
    await stage.environment.advance(5_000);
    expect(stage.client.status.kind).toBe("online");
  });

  test("is tried again when the server does not greet", async () => {
    const stage = new Stage();
    stage.server.isWelcoming = false;
    stage.client.connect();
    stage.link.open();
    await stage.environment.advance(20_000);
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "CONNECTION_LOST" });
    expect(stage.link.closedWith).toBe(1000);
  });

  test("hears nothing of a socket that it gave up", async () => {
    const stage = await new Stage().connected();
    const old = stage.link;
    stage.client.disconnect();
    stage.client.connect();
    await stage.settle();
    old.lose(4403, "late");
    old.say(serverFrames.goaway(1, 1));
    await stage.settle();
    expect(stage.client.status.kind).toBe("online");
  });

  test("[H3] is refused by a server of another version, which is named", async () => {
    const stage = new Stage();
    stage.server.hello = { ...stage.server.hello, version: 2 };
    stage.client.connect();
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "refused", code: "VERSION_UNSUPPORTED" });
    expect(stage.client.status.reason).toMatch(/version 2 .* version 1/);
  });

  test.each([
    ["bytes that are no frame", Uint8Array.of(0x3f, 0)],
    ["a frame that only a client sends", Uint8Array.of(0x10, 0)],
  ])("is tried again when the server sends %s", async (_what, message) => {
    const stage = await new Stage().connected();
    stage.link.say(message);
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
  });

  test("is tried again when a server speaks before its HELLO", async () => {
    const stage = new Stage();
    stage.server.isWelcoming = false;
    stage.client.connect();
    stage.link.open();
    stage.link.say(serverFrames.ping());
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", code: "MALFORMED_FRAME" });
  });
});

describe("a token", () => {
  test("is asked for at each connection", async () => {
    let asked = 0;
    const stage = await new Stage({ token: async () => `token ${++asked}` }).connected();
    expect(stage.link.last("hello").token).toBe("token 1");
    stage.link.lose(4401, "expired");
    await stage.environment.advance(1_000);
    expect(stage.link.last("hello").token).toBe("token 2");
    expect(stage.client.status.kind).toBe("online");
  });

  test("that is a text and was not taken is not tried again", async () => {
    const stage = await new Stage({ token: "fixed" }).connected();
    stage.link.lose(4401, "expired");
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "refused", reason: "expired" });
  });

  test("that cannot be got is tried again", async () => {
    let fails = true;
    const token = () => {
      if (fails) throw new Error("no network");
      return "token";
    };
    const stage = new Stage({ token });
    stage.client.connect();
    await stage.settle();
    expect(stage.client.status).toMatchObject({ kind: "offline", reason: "no network" });
    fails = false;
    await stage.environment.advance(1_000);
    expect(stage.client.status.kind).toBe("online");
  });

  test("[W2] is refreshed in place", async () => {
    let asked = 0;
    const stage = await new Stage({ token: () => `token ${++asked}` }).connected();
    await stage.client.refreshToken();
    await stage.settle();
    expect(stage.link.last("token")).toMatchObject({ channel: 0, token: "token 2" });
    expect(stage.tries).toBe(1);
  });

  test("of a document is asked for anew when the server does not take it", async () => {
    let asked = 0;
    const stage = await new Stage().connected();
    const notes = stage.client.open("notes", { token: async () => `notes ${++asked}` });
    await stage.settle();
    expect(stage.link.last("open").token).toBe("notes 1");
    const error = { code: "TOKEN_EXPIRED", retry: "after-auth", message: "expired" } as const;
    stage.link.on(stage.link.channelOf("notes"), serverFrames.close(error, 0, null));
    await stage.environment.advance(1_000);
    expect(stage.link.last("open").token).toBe("notes 2");
    const channel = stage.link.channelOf("notes");
    await notes.refreshToken();
    await stage.settle();
    expect(stage.link.last("token")).toMatchObject({ channel, token: "notes 3" });
  });
});

describe("what is sent", () => {
  async function two(): Promise<{ stage: Stage; notes: DocumentHandle; other: DocumentHandle }> {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    const other = stage.client.open("other");
    await stage.settle();
    stage.link.welcome("notes");
    stage.link.welcome("other");
    await stage.settle();
    return { stage, notes, other };
  }

  test("in one turn, by all documents, is one message", async () => {
    const { stage, notes, other } = await two();
    const before = stage.link.messages.length;
    notes.doc.getText("text").insert(0, "a");
    other.doc.getText("text").insert(0, "b");
    notes.doc.getText("text").insert(1, "c");
    other.setPresence({ name: "ann" });
    await stage.settle();
    expect(stage.link.messages).toHaveLength(before + 1);
    const sent = stage.link.received.slice(-3).map(({ channel, frame }) => `${channel} ${frame.type}`);
    expect(sent).toEqual([
      `${stage.link.channelOf("notes")} update`,
      `${stage.link.channelOf("other")} presence`,
      `${stage.link.channelOf("other")} update`,
    ]);
  });

  test("fits into the messages that the server takes", async () => {
    const { server, client, environment } = new Stage();
    server.hello = { ...server.hello, maxMessageBytes: 1_000, fragmentBytes: 1_000 };
    const handles = Array.from({ length: 40 }, (_, i) => client.open(`document ${i}`));
    await environment.settle();
    for (const { name } of handles) server.link.welcome(name);
    await environment.settle();
    const before = server.link.messages.length;
    for (const { doc } of handles) doc.getText("text").insert(0, "x".repeat(100));
    handles[0]?.doc.getText("text").insert(0, "y".repeat(5_000));
    await environment.settle();
    const sizes = server.link.messages.slice(before).map(({ length }) => length);
    expect(server.link.all("update").length).toBe(39);
    expect(server.link.all("fragment").length).toBeGreaterThan(9);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
  });

  test("[C6] selects a channel only when it changes", async () => {
    const { stage, notes } = await two();
    notes.doc.getText("text").insert(0, "a");
    await stage.settle();
    notes.doc.getText("text").insert(0, "b");
    await stage.settle();
    const selects = stage.link.messages.slice(-2).map((message) => message[0] === 0);
    expect(selects[1]).toBe(false);
  });

  test("waits while the socket is full, and is merged meanwhile", async () => {
    const { stage, notes } = await two();
    stage.link.bufferedBytes = 600 * 1024;
    for (const letter of "waiting") {
      notes.doc.getText("text").insert(0, letter);
      await stage.environment.advance(100);
    }
    expect(stage.link.all("update")).toHaveLength(0);
    expect(notes.signal("hello", null)).toBe(false);
    stage.link.bufferedBytes = 0;
    await stage.environment.advance(100);
    expect(stage.link.all("update")).toHaveLength(1);
    expect(notes.unsaved.count).toBe(7);
  });

  test("[P8] is said before a page goes, that we go", async () => {
    const { stage, notes } = await two();
    notes.setPresence({ name: "ann" });
    await stage.settle();
    notes.doc.getText("text").insert(0, "last words");
    stage.environment.hide();
    // At once: there is no later.
    const types = stage.link.received.slice(-3).map(({ frame }) => frame.type);
    expect(types).toContain("presence");
    expect(types).toContain("update");
    expect(notes.awareness.getLocalState()).toBeNull();
    stage.environment.wake();
    await stage.settle();
    expect(notes.awareness.getLocalState()).toEqual({ name: "ann" });
  });
});
