/** Whom the server takes people for, in the presence of dialects that have no word for it. */

import { decodeAwareness, encodeAwareness } from "@joinery/shared";
import { CAPABILITIES } from "@joinery/shared/protocol";
import * as decoding from "lib0/decoding";
import { describe, expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { type Admissions, ANONYMOUS } from "../../../server/src/protocols/admission.ts";
import { bySubprotocol } from "../../../server/src/protocols/by-subprotocol.ts";
import { withVerifiedUsers } from "../../../server/src/protocols/verified-users.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { Loopback, type Socket } from "../../../server/src/transports/loopback.ts";
import { hear, providerMessages as say } from "../../support/hocuspocus-wire.ts";
import { NativeStage, NOTHING } from "../../support/native-wire.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null | undefined): string => new TextDecoder().decode(bytes ?? NOTHING);

/** What becomes of one state. */
function shown(state: string, user?: string): string {
  const update = encodeAwareness([{ clientId: 7, clock: 1, state: utf8(state) }]);
  const users = new Map(user === undefined ? [] : [[7, user]]);
  return textOf(decodeAwareness(withVerifiedUsers(update, users))[0]?.state);
}

describe("a state", () => {
  test.each([
    ['{"name":"ann"}', '{"name":"ann","verifiedUser":"ann"}'],
    ["{}", '{"verifiedUser":"ann"}'],
    [" {\n\t} \r\n", ' {\n\t"verifiedUser":"ann"}'],
    ['{"a":{} }', '{"a":{} ,"verifiedUser":"ann"}'],
    ['{"a":"{"}', '{"a":"{","verifiedUser":"ann"}'],
    ['{"a":"}"}\n', '{"a":"}","verifiedUser":"ann"}'],
    ['{"a":[{}]}', '{"a":[{}],"verifiedUser":"ann"}'],
    ['{"verifiedUser":"eve"}', '{"verifiedUser":"eve","verifiedUser":"ann"}'],
  ])("%j says last whose it is", (state, expected) => {
    expect(shown(state, "ann")).toBe(expected);
  });

  test.each([
    '{"verifiedUser":"eve"}',
    '{"verified\\u0055ser":"eve"}',
    '{"__proto__":{"verifiedUser":"eve"}}',
    '{"verifiedUser":{"toString":"eve"}}',
  ])("cannot say itself whose it is: %s", (state) => {
    expect(JSON.parse(shown(state, "ann"))).toHaveProperty("verifiedUser", "ann");
    expect(JSON.parse(shown(state))).toHaveProperty("verifiedUser", null);
  });

  test.each(["ann", 'a"b\\c', "ä\n\u2028", "🙂", "\ud800", "__proto__"])(
    "of a user with any name is JSON: %j",
    (user) => {
      const state = JSON.parse(shown('{"name":1}', user)) as object;
      expect(state).toEqual({ name: 1, verifiedUser: user });
    },
  );

  test.each(["[]", '"{}"', "7", "", "}", "{"])("that is no object stays as it is: %j", (state) => {
    expect(shown(state, "ann")).toBe(state);
  });

  test("is made once for all who are sent it, whatever dialect they speak", () => {
    const update = encodeAwareness([{ clientId: 7, clock: 1, state: utf8("{}") }]);
    const users = new Map([[7, "ann"]]);
    expect(withVerifiedUsers(update, users)).toBe(withVerifiedUsers(update, users));
  });
});

/** Lets in whoever shows a token, as the user whom it names. */
const BY_TOKEN: Admissions = {
  needsToken: false,
  isAuthenticating: true,
  admit: ({ token }) => ({ ...ANONYMOUS, author: token ?? "" }),
};

/** One of y-websocket or a provider of Hocuspocus, with a real Awareness that sends all its changes, echoes too. */
class Person {
  readonly doc = new Y.Doc();
  readonly awareness = new Awareness(this.doc);
  /** Awareness updates that it sent and got. */
  sent = 0;
  readonly got: Uint8Array[] = [];
  closed: string | null = null;
  readonly #socket: Socket;
  readonly #isProvider: boolean;

  constructor(stage: NativeStage, dialect: "y-websocket" | "hocuspocus", user: string, showsUsers = true) {
    // It renews itself by a timer of its own, on the real clock.
    clearInterval(this.awareness._checkInterval);
    const { rooms, clock, limits } = stage;
    const start = bySubprotocol({
      clock,
      limits,
      agent: "joinery",
      keepAliveMs: 15_000,
      capabilities: CAPABILITIES.deflate,
      onLimit: () => undefined,
      showsUsers,
    });
    const admissions: Admissions = {
      ...BY_TOKEN,
      admit: (request) => BY_TOKEN.admit({ ...request, token: user }),
    };
    const loopback = new Loopback({ rooms, clock, limits, start, admissions });
    this.#isProvider = dialect === "hocuspocus";
    this.#socket = loopback.connect("ws://server/notes", "", {
      opened: () => undefined,
      message: (message) => this.#hear(message),
      closed: (_code, reason) => {
        this.closed = reason;
      },
    });
    this.#socket.send(this.#isProvider ? say.auth("notes", user) : Y_WEBSOCKET.ask(NOTHING));
    if (this.#isProvider) this.#socket.send(say.step1("notes"));
    this.awareness.on("update", ({ added, updated, removed }: Record<string, number[]>) => {
      this.announce([...(added ?? []), ...(updated ?? []), ...(removed ?? [])]);
    });
  }

  announce(clients: number[]): void {
    this.sent++;
    const update = encodeAwarenessUpdate(this.awareness, clients);
    this.#socket.send(this.#isProvider ? say.awareness("notes", update) : Y_WEBSOCKET.presence(update));
  }

  #hear(message: Uint8Array): void {
    const update = this.#isProvider ? ofProvider(message) : ofYWebsocket(message);
    if (update === null) return;
    this.got.push(update);
    applyAwarenessUpdate(this.awareness, update, "server");
  }

  /** What it sees of somebody. */
  sees({ doc }: Person): unknown {
    return this.awareness.getStates().get(doc.clientID);
  }
}

function ofProvider(message: Uint8Array): Uint8Array | null {
  const heard = hear(message);
  return heard.say === "awareness" ? heard.bytes : null;
}

function ofYWebsocket(message: Uint8Array): Uint8Array | null {
  const decoder = decoding.createDecoder(message);
  return decoding.readVarUint(decoder) === 1 ? decoding.readVarUint8Array(decoder) : null;
}

const DIALECTS = ["y-websocket", "hocuspocus"] as const;

describe.each(DIALECTS)("presence that %s clients see", (dialect) => {
  test("says whom the server takes each for, whatever they say themselves, and whoever is nobody in particular", async () => {
    const stage = new NativeStage();
    const [ann, eve, nobody] = [
      new Person(stage, dialect, "ann"),
      new Person(stage, dialect === "hocuspocus" ? "y-websocket" : "hocuspocus", "eve"),
      new Person(stage, dialect, ""),
    ];
    await stage.settle();
    ann.awareness.setLocalState({ name: "Ann" });
    eve.awareness.setLocalState({ name: "Ann", verifiedUser: "ann" });
    nobody.awareness.setLocalState({ verifiedUser: "ann" });
    for (let i = 0; i < 3; i++) await stage.settle();
    for (const onlooker of [ann, nobody]) {
      expect(onlooker.sees(eve)).toEqual({ name: "Ann", verifiedUser: "eve" });
    }
    expect(eve.sees(ann)).toEqual({ name: "Ann", verifiedUser: "ann" });
    expect(ann.sees(nobody)).toEqual({ verifiedUser: null });
    const late = new Person(stage, dialect, "late");
    await stage.settle();
    expect(late.sees(eve)).toEqual({ name: "Ann", verifiedUser: "eve" });
  });

  test("does not go round: echoes are dropped, and nobody is sent their own state as news", async () => {
    const stage = new NativeStage();
    const [ann, ben] = [new Person(stage, dialect, "ann"), new Person(stage, dialect, "ben")];
    await stage.settle();
    ann.awareness.setLocalState({ name: "Ann" });
    ben.awareness.setLocalState({ name: "Ben" });
    for (let i = 0; i < 10; i++) await stage.settle();
    expect(ann.awareness.getLocalState()).toEqual({ name: "Ann" });
    expect(stage.rooms.counts().foreignPresence).toBeGreaterThan(0);
    expect(stage.eventsOf("id-spoofed")).toEqual([]);
    const told = [ann, ben].map(({ sent, got }) => [sent, got.length]);
    // Asked for all that it knows, it sends what the server added, too.
    ben.announce([...ben.awareness.getStates().keys()]);
    ann.announce([...ann.awareness.getStates().keys()]);
    for (let i = 0; i < 10; i++) await stage.settle();
    expect([ann, ben].map(({ sent, got }) => [sent - 1, got.length])).toEqual(told);
    expect([ann.closed, ben.closed]).toEqual([null, null]);
    expect(ben.sees(ann)).toEqual({ name: "Ann", verifiedUser: "ann" });
  });

  test("is taken back as ever, and is not longer for being shown again", async () => {
    const stage = new NativeStage();
    const [ann, ben] = [new Person(stage, dialect, "ann"), new Person(stage, dialect, "ben")];
    await stage.settle();
    // What a client takes for its own state, from whatever it heard, has the property once.
    ann.awareness.setLocalState({ name: "Ann", verifiedUser: "ann" });
    await stage.settle();
    const [{ length }] = ben.got.slice(-1) as [Uint8Array];
    for (let i = 0; i < 3; i++) {
      ann.awareness.setLocalState(ben.sees(ann) as object);
      await stage.settle();
    }
    expect(ben.got.at(-1)?.length).toBe(length);
    ann.awareness.setLocalState(null);
    await stage.settle();
    expect(ben.sees(ann)).toBeUndefined();
  });

  test("is as it came, to the byte, where nobody asked for it", async () => {
    const stage = new NativeStage();
    const ann = new Person(stage, dialect, "ann", false);
    const ben = new Person(stage, dialect, "ben", false);
    await stage.settle();
    ben.got.length = 0;
    ann.awareness.setLocalState({ name: "Ann" });
    await stage.settle();
    expect(ben.got).toEqual([encodeAwarenessUpdate(ann.awareness, [ann.doc.clientID])]);
  });
});
