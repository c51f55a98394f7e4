import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Guard, SessionInput } from "../../../server/src/engine/guard.ts";
import type { ObservedRoom, RoomObserver } from "../../../server/src/engine/observer.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import type { Session } from "../../../server/src/engine/session.ts";
import { BoundedGuest, Guests, guestOf } from "../../../server/src/extensions/guests.ts";
import type { Plugin, PluginServer } from "../../../server/src/extensions/plugin.ts";
import { combinePlugins } from "../../../server/src/extensions/plugins.ts";
import type { Admission, AdmissionRequest, Admissions } from "../../../server/src/protocols/admission.ts";
import { World } from "../../support/world.ts";

function plugin(parts: Partial<Plugin> = {}): Plugin {
  return { admissions: null, observer: null, start: () => Promise.resolve(), ...parts };
}

function combined(...parts: readonly Partial<Plugin>[]): Plugin {
  return combinePlugins(parts.map(plugin)) as Plugin;
}

function admitting(admission: Partial<Admission>, needsToken = false): Pick<Plugin, "admissions"> {
  const whole: Admission = { author: "", rights: Rights.WRITER, ...admission };
  return { admissions: { admit: () => whole, needsToken, isAuthenticating: needsToken } };
}

async function admit(...parts: readonly Partial<Plugin>[]): Promise<Admission> {
  // reason: these look at nothing of it.
  return await (combined(...parts).admissions as Admissions).admit({} as AdmissionRequest);
}

class Ticket {
  readonly number = 7;
}

class Badge {
  readonly color = "red";
}

test("none are nothing, and one is itself", () => {
  const only = plugin();
  expect(combinePlugins([])).toBeNull();
  expect(combinePlugins([only])).toBe(only);
});

test("begin one after the other, and end together, whichever fails", async () => {
  const order: string[] = [];
  const naming = (name: string, parts: Partial<Plugin> = {}): Partial<Plugin> => ({
    start: async () => void order.push(`${name} starts`),
    listening: async ({ port }) => void order.push(`${name} hears of ${port}`),
    draining: async () => void order.push(`${name} drains`),
    close: async () => void order.push(`${name} closes`),
    ...parts,
  });
  const failing = { draining: () => Promise.reject(new Error("not stored")) };
  const both = combined(naming("a", failing), naming("b"), {});
  // reason: these look at nothing of it.
  await both.start({} as PluginServer);
  await both.listening?.({ host: "localhost", port: 1 });
  await expect(both.draining?.()).rejects.toThrow("not stored");
  await both.close?.();
  expect(order).toEqual([
    "a starts",
    "b starts",
    "a hears of 1",
    "b hears of 1",
    "b drains",
    "a closes",
    "b closes",
  ]);
});

test("a request is answered by the first who does, and any of them may refuse a WebSocket", async () => {
  const asked: string[] = [];
  const answering = (name: string, answer: boolean): Partial<Plugin> => ({
    request: async () => {
      asked.push(name);
      return answer;
    },
    upgrade: async () => {
      asked.push(name);
      return answer;
    },
  });
  // reason: these look at nothing of it.
  const [request, response, socket] = [{} as IncomingMessage, {} as ServerResponse, {} as Duplex];
  const plugins = [answering("a", false), answering("b", true), answering("c", false)];
  expect(await combined(...plugins).request?.(request, response)).toBe(true);
  expect(await combined(...plugins).upgrade?.(request, socket, Buffer.alloc(0))).toBe(false);
  expect(asked).toEqual(["a", "b", "a"]);
  expect(await combined({}, {}).request?.(request, response)).toBe(false);
  expect(await combined({}, answering("b", true)).upgrade?.(request, socket, Buffer.alloc(0))).toBe(true);
});

describe("a client", () => {
  test("is let in by all, as the strictest has it, and each keeps what it knows", async () => {
    const badge = new Badge();
    const ticket = new Ticket();
    const admission = await admit(
      admitting({ guest: ticket }),
      admitting({ author: "ann", rights: Rights.READER, guest: badge }),
      {},
    );
    expect(admission).toMatchObject({ author: "ann", rights: Rights.READER });
    const session = { guest: admission.guest ?? null };
    expect([guestOf(session, Ticket), guestOf(session, Badge)]).toEqual([ticket, badge]);
    expect(guestOf(session, Guests)).toBe(admission.guest);
    expect(guestOf(session, Date)).toBeNull();
    expect(guestOf({ guest: badge }, Badge)).toBe(badge);
    expect(guestOf({ guest: null }, Badge)).toBeNull();
  });

  test("is known to those who are asked later", async () => {
    const known: unknown[] = [];
    const asking = (author: string): Pick<Plugin, "admissions"> => {
      const admit = ({ user }: AdmissionRequest) => {
        known.push(user);
        return { author, rights: Rights.WRITER };
      };
      return { admissions: { admit, needsToken: false, isAuthenticating: false } };
    };
    await admit(asking(""), asking("ann"), asking(""));
    expect(known).toEqual([undefined, undefined, "ann"]);
  });

  test("is refused when one refuses, and when two take it for somebody else", async () => {
    const refusing: Admissions = {
      admit: () => Promise.reject(new JoineryError("PERMISSION_DENIED", "not you")),
      needsToken: true,
      isAuthenticating: true,
    };
    await expect(admit(admitting({}), { admissions: refusing })).rejects.toThrow("not you");
    await expect(admit(admitting({ author: "ann" }), admitting({ author: "ben" }))).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    expect((await admit(admitting({ author: "ann" }), admitting({ author: "ann" }))).author).toBe("ann");
  });

  test("is waited for with its token if one needs it, and nobody is asked if none has a say", () => {
    expect(combined(admitting({}), admitting({}, true)).admissions?.needsToken).toBe(true);
    expect(combined(admitting({}), admitting({})).admissions?.needsToken).toBe(false);
    expect(combined(admitting({}), admitting({}, true)).admissions?.isAuthenticating).toBe(true);
    expect(combined(admitting({}), admitting({})).admissions?.isAuthenticating).toBe(false);
    expect(combined({}, {}).admissions).toBeNull();
    const one = admitting({});
    expect(combined(one, {}).admissions).toBe(one.admissions);
  });

  test("gives all who want it a new token, and the strictest holds still", async () => {
    const renewed: string[] = [];
    const renewing = (permission: "read" | "write") => ({
      renew: async (token: string) => {
        renewed.push(token);
        return { rights: Rights.from(permission) };
      },
    });
    const admission = await admit(
      admitting(renewing("write")),
      admitting({}),
      admitting({ rights: Rights.READER, ...renewing("write") }),
    );
    expect(admission.rights.permission).toBe("read");
    expect(await admission.renew?.("new")).toMatchObject({ rights: Rights.WRITER });
    expect(renewed).toEqual(["new", "new"]);
    expect((await admit(admitting({}), admitting({}))).renew).toBeUndefined();
    const reader = await admit(admitting({ rights: Rights.READER }), admitting(renewing("write")));
    expect(await reader.renew?.("new")).toMatchObject({ rights: Rights.READER });
  });

  test("is let in for as long as the first token lasts, as of the first that was issued", async () => {
    const admission = await admit(
      admitting({ expiresAt: 900, issuedAt: 200, tokenId: "a" }),
      admitting({ expiresAt: 800, issuedAt: 100, tokenId: "b" }),
      admitting({}),
    );
    expect(admission).toMatchObject({ expiresAt: 800, issuedAt: 100, tokenId: "a" });
    const endless = await admit(admitting({}), admitting({}));
    expect(endless).not.toHaveProperty("expiresAt");
    expect(endless).not.toHaveProperty("issuedAt");
    expect(endless).not.toHaveProperty("tokenId");
  });

  test("may do what all allow, whatever each allows besides", async () => {
    const admission = await admit(
      admitting({ rights: Rights.of(["read", "write", "manage"]) }),
      admitting({ rights: Rights.of(["read", "write", "history"]) }),
    );
    expect(admission.rights).toBe(Rights.of(["read", "write"]));
  });

  test("renewed, has the times of the tokens that count now", async () => {
    const admission = await admit(
      admitting({ expiresAt: 800, renew: async () => ({ rights: Rights.WRITER, expiresAt: 2000 }) }),
      admitting({ expiresAt: 900 }),
    );
    expect(await admission.renew?.("new")).toEqual({ rights: Rights.WRITER, expiresAt: 900 });
    const others = await admit(
      admitting({ expiresAt: 800, renew: async () => ({ rights: Rights.WRITER }) }),
      admitting({ rights: Rights.READER }),
    );
    expect(await others.renew?.("new")).toEqual({ rights: Rights.READER });
  });

  test("is refused its new token, or what it may do, as soon as one of them refuses", async () => {
    const no = () => Promise.reject(new JoineryError("UNAUTHENTICATED", "not this one"));
    const admission = await admit(admitting({ renew: no, recheck: no }), admitting({}));
    await expect(admission.renew?.("new")).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    await expect(admission.recheck?.()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("decided about anew, keeps what those allow whom there is no asking", async () => {
    let rights = Rights.MANAGER;
    const admission = await admit(
      admitting({ recheck: async () => rights }),
      admitting({ rights: Rights.of(["read", "manage"]) }),
    );
    expect(await admission.recheck?.()).toBe(Rights.of(["read", "manage"]));
    rights = Rights.READER;
    expect(await admission.recheck?.()).toBe(Rights.of(["read"]));
    rights = Rights.NONE;
    expect(await admission.recheck?.()).toBe(Rights.NONE);
    expect((await admit(admitting({}), admitting({}))).recheck).toBeUndefined();
  });

  test("with a new token while it is decided anew, has what the new one gives", async () => {
    const asked = Promise.withResolvers<Rights>();
    const told: Rights[] = [];
    class Extension extends BoundedGuest {
      bound(rights: Rights): void {
        told.push(rights);
      }
    }
    const admission = await admit(
      admitting({ recheck: () => asked.promise, renew: async () => ({ rights: Rights.READER }) }),
      admitting({ guest: new Extension() }),
    );
    const rechecked = admission.recheck?.();
    expect((await admission.renew?.("new"))?.rights).toBe(Rights.READER);
    asked.resolve(Rights.WRITER);
    expect(await rechecked).toBe(Rights.READER);
    expect(told).toEqual([Rights.WRITER, Rights.READER, Rights.READER]);
  });
});

describe("a room", () => {
  /** As a class has it: its methods need to know whose they are. */
  class Noting implements RoomObserver {
    readonly #name: string;
    readonly #told: string[];

    constructor(name: string, told: string[]) {
      this.#name = name;
      this.#told = told;
    }

    joined(): void {
      this.#told.push(`${this.#name} joined`);
    }

    durable(_room: ObservedRoom, seq: number): void {
      this.#told.push(`${this.#name} durable ${seq}`);
    }
  }

  test("tells each in their order, and of nothing that nobody wants to know", async () => {
    const told: string[] = [];
    const { observer } = combined(
      { observer: new Noting("a", told) },
      { observer: new Noting("b", told) },
      { observer: { ended: () => void told.push("c ended") } },
    );
    expect(Object.keys(observer ?? {}).sort()).toEqual(["durable", "ended", "joined"]);
    const world = new World(observer ? { observer } : {});
    (await world.join("notes")).type("x");
    await world.settle();
    await world.rooms.drain(1000);
    expect(told).toEqual(["a joined", "b joined", "a durable 1", "b durable 1", "c ended"]);
    const only = new Noting("only", told);
    expect(combined({ observer: only }, {}).observer).toBe(only);
    expect(combined({}, {}).observer).toBeNull();
  });

  test("is prepared by one after the other, and goes when all let it", async () => {
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const answers = [false, true];
    const { observer } = combined(
      {
        observer: {
          loaded: async () => {
            await gate.promise;
            order.push("a");
          },
          evicting: async () => true,
        },
      },
      {
        observer: {
          loaded: () => {
            order.push("b");
            return null;
          },
          evicting: async () => answers.shift() === true,
        },
      },
      { observer: { loaded: async () => void order.push("c"), evicting: () => null } },
    );
    const world = new World({ ...(observer && { observer }), idleRoomMs: 1000 });
    const ann = await world.join("notes");
    expect(order).toEqual([]);
    gate.resolve();
    await world.settle();
    expect([order, ann.session.state]).toEqual([["a", "b", "c"], "live"]);
    ann.vanish();
    await world.advance(1000);
    expect(world.rooms.counts().rooms).toBe(1);
    await world.advance(1000);
    expect(world.rooms.counts().rooms).toBe(0);
  });

  test("waits for nobody where none has to be waited for", () => {
    const { observer } = combined(
      { observer: { loaded: () => null, evicting: () => null } },
      { observer: { loaded: () => null } },
    );
    // reason: these look at nothing of it.
    const room = {} as ObservedRoom;
    expect([observer?.loaded?.(room), observer?.evicting?.(room)]).toEqual([null, null]);
  });
});

describe("guards", () => {
  function changing(change: (text: string) => string | null | Promise<string | null>): Guard<Session> {
    return {
      before<Input extends SessionInput>(_session: Session, input: Input): Promise<Input | null> | null {
        if (input.kind !== "signal") return null;
        const { name } = input.signal;
        return Promise.resolve(change(name)).then((instead) => {
          return instead === null ? null : { ...input, signal: { ...input.signal, name: instead } };
        });
      },
      after: () => undefined,
    };
  }

  async function pass(...guards: readonly Guard<Session>[]): Promise<string | null> {
    const { observer } = combined(...guards.map((guard) => ({ observer: { guard } })));
    const signal = { to: { kind: "all" }, name: "x", payload: new Uint8Array() } as const;
    // reason: these do not look at it.
    const looked = observer?.guard?.before({} as Session, { kind: "signal", signal });
    if (!looked) return "at once";
    return (await looked)?.signal.name ?? null;
  }

  test("look at what the one before has made of it", async () => {
    const quiet: Guard<Session> = { before: () => null, after: () => undefined };
    expect(
      await pass(
        changing((name) => `${name}1`),
        quiet,
        changing((name) => `${name}2`),
      ),
    ).toBe("x12");
    expect(
      await pass(
        changing((name) => `${name}1`),
        quiet,
      ),
    ).toBe("x1");
    expect(await pass(quiet, quiet)).toBe("at once");
  });

  test("do not look at what one has stopped", async () => {
    const seen: string[] = [];
    const last = changing((name) => {
      seen.push(name);
      return name;
    });
    expect(
      await pass(
        changing(() => null),
        last,
      ),
    ).toBeNull();
    await expect(
      pass(
        changing(() => Promise.reject(new Error("no"))),
        last,
      ),
    ).rejects.toThrow("no");
    expect(seen).toEqual([]);
  });

  test("are told all what was let in", () => {
    const told: string[] = [];
    const telling = (name: string): Guard<Session> => ({
      before: () => null,
      after: (_session, { kind }) => void told.push(`${name}: ${kind}`),
    });
    const { observer } = combined(
      { observer: { guard: telling("a") } },
      { observer: { guard: telling("b") } },
    );
    // reason: these do not look at it.
    observer?.guard?.after({} as Session, { kind: "sync", stateVector: new Uint8Array() });
    expect(told).toEqual(["a: sync", "b: sync"]);
  });
});
