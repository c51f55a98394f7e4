import { encodeAwareness, type JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { type Awareness, encodeAwarenessUpdate } from "y-protocols/awareness";
import {
  AccessDenied,
  type Hooks,
  type PresenceChange,
  type SignalMessage,
} from "../../../server/src/extensions/hooks/hooks.ts";
import { HookGuest } from "../../../server/src/extensions/hooks/visitors.ts";
import { sayingDialect } from "../../support/world.ts";
import { Held, HookStage, TIMEOUT_MS } from "./hooks-stage.ts";

type Shown = Readonly<Record<string, unknown>> | null;

/** Hooks that write down what they are told. */
function noting(): { told: unknown[]; hooks: Hooks } {
  const told: unknown[] = [];
  const hooks: Hooks = {
    connect: ({ user }) => void told.push(`${user} came`),
    disconnect: ({ user }) => void told.push(`${user} went`),
    presence: ({ user, state }) => void told.push(state ? { [user]: state } : `${user} hides`),
  };
  return { told, hooks };
}

describe("connect and disconnect", () => {
  test("tell who came and went, with what authenticate gave", async () => {
    const told: unknown[] = [];
    const stage = new HookStage({
      hooks: { connect: (who) => void told.push(who), disconnect: (who) => void told.push(who) },
    });
    const ann = await stage.join("notes", "ann", { team: 7 });
    const who = { document: "notes", user: "ann", context: { team: 7 }, session: ann.session.id };
    expect(told).toEqual([who]);
    ann.vanish();
    await stage.settle();
    expect(told).toEqual([who, who]);
  });

  test("come one after the other, also when the first fails or takes long", async () => {
    const connect = new Held<unknown>();
    const gone: unknown[] = [];
    const hooks = { connect: connect.hook, disconnect: () => void gone.push("gone") };
    const stage = new HookStage({ hooks });
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    ann.vanish();
    ben.vanish();
    await stage.settle();
    expect(gone).toEqual([]);
    connect.fail(new Error("no log"), 0);
    await stage.settle();
    expect(gone).toEqual(["gone"]);
    await stage.advance(TIMEOUT_MS);
    expect(gone).toEqual(["gone", "gone"]);
    expect(stage.reported.map(({ type }) => type)).toEqual(["hook-failed", "hook-timed-out"]);
  });

  test("hold nobody up", async () => {
    const stage = new HookStage({ hooks: { connect: new Held<unknown>().hook } });
    const ann = await stage.join("notes");
    ann.type("x");
    await stage.settle();
    expect(await stage.world.storedText("notes")).toBe("x");
  });

  test("tell of everybody when the server stops, before it has closed", async () => {
    const { told, hooks } = noting();
    const stage = new HookStage({ hooks });
    await stage.join("notes", "ann");
    const ben = await stage.join("other", "ben");
    ben.show({ name: "Ben" });
    await stage.settle();
    await stage.world.rooms.drain(1000);
    await stage.plugin.close?.();
    expect(told).toEqual([
      "ann came",
      "ben came",
      { ben: { name: "Ben" } },
      "ann went",
      "ben hides",
      "ben went",
    ]);
  });
});

describe("presence", () => {
  test("tells what somebody shows of themselves, not what they echo or only repeat, and that they are gone", async () => {
    const { told, hooks } = noting();
    const stage = new HookStage({ hooks });
    const ann = await stage.join("notes", "ann");
    const ben = await stage.join("notes", "ben");
    ben.awareness.setLocalState(null);
    told.length = 0;
    ann.show({ name: "Ann" });
    await stage.settle();
    // Both say again what is known.
    ann.show({ name: "Ann" });
    ben.session.presence(encodeAll(ben));
    await stage.settle();
    ann.show({ name: "Ann", cursor: 4 });
    await stage.settle();
    ann.show(null);
    await stage.settle();
    expect(told).toEqual([{ ann: { name: "Ann" } }, { ann: { name: "Ann", cursor: 4 } }, "ann hides"]);
    ann.show({ name: "Ann" });
    await stage.settle();
    ann.vanish();
    await stage.settle();
    expect(told.slice(3)).toEqual([{ ann: { name: "Ann" } }, "ann hides", "ann went"]);
  });

  test("tells the newest when it changes while the hook is busy", async () => {
    const held = new Held<PresenceChange<unknown>>();
    const stage = new HookStage({ hooks: { presence: held.hook } });
    const ann = await stage.join("notes", "ann", 5);
    for (let cursor = 0; cursor < 10; cursor++) ann.show({ cursor });
    held.end(undefined);
    await stage.settle();
    expect(held.calls.map(({ state }) => state)).toEqual([{ cursor: 0 }, { cursor: 9 }]);
    expect(held.last).toMatchObject({
      document: "notes",
      user: "ann",
      context: 5,
      session: ann.session.id,
      clientId: ann.doc.clientID,
    });
  });

  test("tells no faster than others are told", async () => {
    const states: Shown[] = [];
    const stage = new HookStage({
      hooks: { presence: ({ state }) => void states.push(state) },
      limits: { maxPresenceChangesPerSecond: 10, maxBurstMs: 1 },
    });
    const ann = await stage.join("notes");
    for (let i = 0; i < 50; i++) {
      ann.show({ i });
      await stage.advance(10);
    }
    expect(states.length).toBeGreaterThan(3);
    expect(states.length).toBeLessThan(8);
    await stage.advance(100);
    expect(states.at(-1)).toEqual({ i: 49 });
    ann.show({ i: 50 });
    await stage.settle();
    ann.show({ i: 51 });
    await stage.settle();
    ann.vanish();
    await stage.settle();
    // Whoever has gone shows nothing more.
    expect(states.at(-1)).toBeNull();
    // Others are told when the window is over; what she was sent when she came is kept for a while for who comes next.
    await stage.advance(10_000);
    expect(stage.world.clock.pendingTimers).toBe(1);
  });

  test("tells what was shown, whatever becomes of the bytes, and nothing of who has gone before it could", async () => {
    const connect = new Held<unknown>();
    const states: Shown[] = [];
    const stage = new HookStage({
      hooks: { connect: connect.hook, presence: ({ state }) => states.push(state) },
    });
    const ann = await stage.join("notes");
    const ben = await stage.join("notes");
    for (const [clientId, { session }] of [ann, ben].entries()) {
      const state = new TextEncoder().encode(`{"id":${clientId}}`);
      const update = encodeAwareness([{ clientId, clock: 1, state }]);
      session.presence(update);
      update.fill(0);
    }
    ben.vanish();
    connect.end(undefined, 0);
    connect.end(undefined, 1);
    await stage.settle();
    expect(states).toEqual([{ id: 0 }]);
  });

  test("that fails is told the next all the same", async () => {
    const held = new Held<PresenceChange<unknown>>();
    const stage = new HookStage({ hooks: { presence: held.hook } });
    const ann = await stage.join("notes");
    ann.show({ cursor: 1 });
    await stage.settle();
    held.fail(new Error("no one listens"));
    ann.show({ cursor: 2 });
    await stage.settle();
    expect(held.calls).toHaveLength(2);
    expect(stage.troubles).toEqual(["hook-failed presence notes no one listens"]);
  });
});

describe("signal", () => {
  const dialect = {
    ...sayingDialect("hearing"),
    signal: ({ name }: { name: string }) => new TextEncoder().encode(`signal ${name}`),
    notice: ({ code, message }: JoineryError) => new TextEncoder().encode(`notice ${code} ${message}`),
  };

  async function stageOf(signal: NonNullable<Hooks["signal"]>) {
    const stage = new HookStage({ hooks: { signal } });
    const ann = await stage.join("notes", "ann", 5, { dialect });
    const ben = await stage.join("notes", "ben", undefined, { dialect });
    const said = ({ frames }: typeof ann) =>
      frames.map((frame) => new TextDecoder().decode(frame)).filter((text) => /^(signal|notice) /.test(text));
    const send = (name: string, payload = "1", to: "all" | "server" = "all") =>
      ann.session.signal({ name, payload: new TextEncoder().encode(payload), to: { kind: to } });
    return { stage, ann, ben, send, heard: () => said(ben), told: () => said(ann) };
  }

  test("is shown what was sent, and passes it on", async () => {
    const messages: SignalMessage<unknown>[] = [];
    const { stage, ann, send, heard } = await stageOf((message) => void messages.push(message));
    send("reaction", '{"emoji":"👍"}');
    await stage.settle();
    expect(heard()).toEqual(["signal reaction"]);
    expect(messages).toEqual([
      {
        document: "notes",
        user: "ann",
        context: 5,
        session: ann.session.id,
        name: "reaction",
        payload: { emoji: "👍" },
        to: "all",
      },
    ]);
    ann.session.signal({
      name: "to ben",
      payload: new TextEncoder().encode("null"),
      to: { kind: "user", user: "ben" },
    });
    await stage.settle();
    expect(messages[1]?.to).toEqual({ user: "ben" });
  });

  test("stops what it says false to, without a word", async () => {
    const { stage, send, heard, told } = await stageOf(async ({ name }) => name !== "rude");
    send("rude");
    send("polite");
    await stage.settle();
    expect(heard()).toEqual(["signal polite"]);
    expect(told()).toEqual(["signal polite"]);
  });

  test("refuses with a reason for the client, or with none where the error is not meant for it", async () => {
    const { stage, send, heard, told } = await stageOf(({ name }) => {
      throw name === "denied" ? new AccessDenied("not you") : new Error("no database");
    });
    send("denied");
    send("broken");
    await stage.settle();
    expect(heard()).toEqual([]);
    expect(told()).toEqual([
      "notice PERMISSION_DENIED not you",
      "notice SIGNAL_REFUSED the application could not take the signal",
    ]);
    expect(stage.troubles).toEqual(["hook-failed signal notes no database"]);
  });

  test("is not shown what is no signal: that is refused as without it", async () => {
    const messages: unknown[] = [];
    const { stage, send, told } = await stageOf((message) => void messages.push(message));
    send("broken", "{");
    send("deep", "[".repeat(100) + "]".repeat(100));
    send("large", `"${"x".repeat(20_000)}"`);
    await stage.settle();
    expect(messages).toEqual([]);
    expect(told().map((text) => text.split(" ")[1])).toEqual(Array(3).fill("SIGNAL_REFUSED"));
  });

  test("keeps the order of what one session sends, and holds up nobody else", async () => {
    const held = new Held<SignalMessage<unknown>, boolean>();
    const { stage, ann, ben, send } = await stageOf(held.hook);
    send("slow");
    ann.type("after it");
    ben.type("meanwhile");
    await stage.settle();
    expect(await stage.world.storedText("notes")).toBe("meanwhile");
    await stage.advance(TIMEOUT_MS);
    expect(await stage.world.storedText("notes")).toContain("after it");
    expect(ann.closed).toBeNull();
  });
});

test("hooks are told of a new context as soon as there is one", async () => {
  const contexts: unknown[] = [];
  const stage = new HookStage({ hooks: { presence: ({ context }) => void contexts.push(context) } });
  const guest = new HookGuest("ann", "old");
  const ann = await stage.world.join("notes", { author: "ann", guest });
  ann.show({ i: 1 });
  await stage.settle();
  guest.context = "new";
  ann.show({ i: 2 });
  await stage.settle();
  expect(contexts).toEqual(["old", "new"]);
});

function encodeAll({ awareness }: { awareness: Awareness }): Uint8Array {
  return encodeAwarenessUpdate(awareness, [...awareness.getStates().keys()]);
}
