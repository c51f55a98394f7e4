import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Guard, SessionInput } from "../../../server/src/engine/guard.ts";
import type { Session } from "../../../server/src/engine/session.ts";
import { type Client, sayingDialect, World } from "../../support/world.ts";
import { encode, typed } from "./observer-stage.ts";

describe("a guard", () => {
  interface Looked {
    readonly input: SessionInput;
    readonly decide: PromiseWithResolvers<SessionInput | null>;
  }

  /** Has every input wait for the test to decide. */
  function guarding() {
    const looked: Looked[] = [];
    const after: string[] = [];
    const guard: Guard<Session> = {
      before<Input extends SessionInput>(_session: Session, input: Input): Promise<Input | null> {
        const decide = Promise.withResolvers<SessionInput | null>();
        looked.push({ input, decide });
        return decide.promise as Promise<Input | null>;
      },
      after: (_session, { kind }) => after.push(kind),
    };
    const kinds = () => looked.map(({ input }) => input.kind);
    const allow = async (world: World) => {
      for (let i = 0; i < looked.length; i++) {
        looked[i]?.decide.resolve((looked[i] as Looked).input);
        await world.settle();
      }
      looked.length = 0;
    };
    return { observer: { guard }, looked, after, kinds, allow };
  }

  test("has what comes later wait, in order, while the client is not read", async () => {
    const { observer, looked, after, kinds, allow } = guarding();
    const world = new World({ observer });
    const ann = await world.join("notes");
    expect(kinds()).toEqual(["sync"]);
    expect(ann.pauses).toBe(1);
    ann.type("a");
    ann.type("b");
    ann.show({ name: "Ann" });
    expect(kinds()).toEqual(["sync"]);
    looked[0]?.decide.resolve((looked[0] as Looked).input);
    await world.settle();
    // What asks is what the room has: that is none of the client's inputs.
    expect(kinds()).toEqual(["sync", "update"]);
    await allow(world);
    // What it was asked for when it came is the first.
    expect(after).toEqual(["sync", "update", "update", "update", "presence"]);
    expect(ann.pauses).toBe(0);
    expect(await world.storedText("notes")).toBe("ab");
  });

  test("refuses an edit with its number, and what has waited behind it is not let in", async () => {
    const { observer, looked, allow } = guarding();
    const world = new World({ observer });
    const closed: number[] = [];
    const dialect = { ...sayingDialect("numbering"), refused: () => null };
    const ann = await world.join("notes", { dialect, syncs: false });
    await allow(world);
    const close = ann.close.bind(ann);
    ann.close = (error: JoineryError, details?: { number: number }) => {
      closed.push(details?.number ?? -1);
      close(error);
    };
    ann.session.update(typed("no"), 7);
    ann.session.update(typed("behind"), 8);
    looked[0]?.decide.reject(new JoineryError("PERMISSION_DENIED", "not this"));
    await world.settle();
    expect(ann.closed?.message).toBe("not this");
    expect(closed).toEqual([7]);
    expect(looked).toHaveLength(1);
    expect(await world.storedText("notes")).toBe("");
  });

  test("cannot make an edit disappear: its sender is told", async () => {
    const { observer, looked, allow } = guarding();
    const world = new World({ observer });
    const ann = await world.join("notes", { syncs: false });
    await allow(world);
    ann.type("x");
    looked[0]?.decide.resolve(null);
    await world.settle();
    expect(ann.sent("refused")).toHaveLength(1);
    expect(await world.storedText("notes")).toBe("");
  });

  test("decides what is let in: an edit, presence, a signal", async () => {
    const { observer, looked, allow } = guarding();
    const world = new World({ observer });
    const dialect = { ...sayingDialect("hearing"), signal: ({ name }: { name: string }) => encode(name) };
    const people = await Promise.all(["a", "b"].map(() => world.join("notes", { dialect })));
    const [ann, ben] = people as [Client, Client];
    await allow(world);
    for (const { awareness } of people) awareness.setLocalState(null);
    ann.session.update(typed("one thing"));
    looked.at(-1)?.decide.resolve({ kind: "update", update: typed("another"), isAnswer: false });
    await world.settle();
    expect(ben.text).toBe("another");
    ann.show({ name: "Ann" });
    const { input } = looked.at(-1) as Looked;
    if (input.kind !== "presence") throw new Error(`it was ${input.kind}`);
    const entries = input.entries.map((entry) => ({ ...entry, state: encode('{"name":"Anna"}') }));
    looked.at(-1)?.decide.resolve({ ...input, entries });
    await world.settle();
    expect(ben.people).toEqual(["Anna"]);
    const signal = { to: { kind: "all" }, name: "asked", payload: encode("1") } as const;
    ann.session.signal(signal);
    looked.at(-1)?.decide.resolve({ kind: "signal", signal: { ...signal, name: "let in" } });
    await world.settle();
    expect(ben.frames).toContainEqual(encode("let in"));
    expect(looked).toHaveLength(3);
  });

  test("refuses presence and signals by a notice, or drops them without a word", async () => {
    const { observer, looked, after, allow } = guarding();
    const world = new World({ observer });
    const dialect = {
      ...sayingDialect("polite"),
      notice: ({ message }: JoineryError) => encode(message),
      signal: () => encode("signal"),
    };
    const ann = await world.join("notes", { dialect, syncs: false });
    await allow(world);
    after.length = 0;
    ann.show({ name: "Ann" });
    looked[0]?.decide.reject(new JoineryError("PERMISSION_DENIED", "nobody may be seen"));
    await world.settle();
    expect(ann.frames).toContainEqual(encode("nobody may be seen"));
    const said = ann.frames.length;
    const signal = { to: { kind: "all" }, name: "hi", payload: encode("1") } as const;
    ann.session.signal(signal);
    looked[1]?.decide.resolve(null);
    ann.show({ name: "Ann" });
    await world.settle();
    looked[2]?.decide.resolve(null);
    await world.settle();
    expect(ann.frames).toHaveLength(said);
    expect(after).toEqual([]);
    expect([ann.closed, ann.session.state, ann.pauses]).toEqual([null, "open", 0]);
  });

  test("that throws refuses what it looked at, and only that", async () => {
    const guard: Guard<Session> = {
      before: (_session, { kind }) => {
        if (kind === "update") throw new JoineryError("PERMISSION_DENIED", "a bug");
        return null;
      },
      after: () => undefined,
    };
    const world = new World({ observer: { guard } });
    const ann = await world.join("notes");
    ann.type("x");
    await world.settle();
    expect(ann.sent("refused").length).toBeGreaterThan(0);
    expect(ann.session.state).toBe("live");
  });

  test("lets nothing in of who left meanwhile", async () => {
    const { observer, looked, after, allow } = guarding();
    const world = new World({ observer });
    const ann = await world.join("notes", { syncs: false });
    await allow(world);
    after.length = 0;
    ann.type("x");
    ann.vanish();
    looked[0]?.decide.resolve((looked[0] as Looked).input);
    await world.settle();
    expect(after).toEqual([]);
    expect(await world.storedText("notes")).toBe("");
  });
});
