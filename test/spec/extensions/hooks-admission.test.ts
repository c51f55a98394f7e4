import { defineConfig } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import { AccessDenied, defineHooks, type Hooks } from "../../../server/src/extensions/hooks/hooks.ts";
import { HookGuest } from "../../../server/src/extensions/hooks/visitors.ts";
import type { Admission } from "../../../server/src/protocols/admission.ts";
import { asking, Held, HookStage, TIMEOUT_MS } from "./hooks-stage.ts";

async function admitted(hooks: Hooks): Promise<{ stage: HookStage; admission: Admission }> {
  const stage = new HookStage({ hooks });
  return { stage, admission: (await stage.plugin.admissions?.admit(asking(stage))) as Admission };
}

async function refused(hooks: Hooks): Promise<{ stage: HookStage; error: JoineryError }> {
  const stage = new HookStage({ hooks });
  try {
    await stage.plugin.admissions?.admit(asking(stage));
  } catch (error) {
    return { stage, error: error as JoineryError };
  }
  throw new Error("it was let in");
}

describe("authenticate", () => {
  test("is given what a client shows and how it came, and says who it is", async () => {
    const asked: unknown[] = [];
    const { admission, stage } = await admitted({
      authenticate: (request) => {
        asked.push(request);
        return { user: "ann", permission: "read", context: { team: 7 } };
      },
    });
    expect(asked).toEqual([
      {
        token: "token",
        dialect: "joinery.v1",
        agent: "test 1",
        connection: { id: "1", address: "192.0.2.1", url: "/notes?a=b", headers: { host: "example.org" } },
      },
    ]);
    expect(admission).toMatchObject({ author: "ann", rights: Rights.READER });
    expect(admission.guest).toEqual(new HookGuest("ann", { team: 7 }));
    expect(stage.plugin.admissions?.needsToken).toBe(true);
    expect(stage.troubles).toEqual([]);
  });

  test("lets nobody in particular write, if it says no more", async () => {
    const { admission } = await admitted({ authenticate: async () => ({}) });
    expect(admission).toMatchObject({ author: "", rights: Rights.WRITER });
  });

  test("refuses with a reason that is meant for the client, which is no failure", async () => {
    const throwing = [
      () => {
        throw new AccessDenied("the trial is over");
      },
      () => Promise.reject(new AccessDenied("the trial is over")),
    ];
    for (const authenticate of throwing) {
      const { error, stage } = await refused({ authenticate });
      expect([error.code, error.message]).toEqual(["PERMISSION_DENIED", "the trial is over"]);
      expect(stage.troubles).toEqual([]);
    }
  });

  test("refuses with another error of the table, such as to come back", async () => {
    const full = new JoineryError("SERVER_FULL", "too many of you");
    const { error } = await refused({ authenticate: () => Promise.reject(full) });
    expect(error).toBe(full);
  });

  test("tells clients nothing of other errors, and the log all", async () => {
    const { error, stage } = await refused({
      authenticate: () => Promise.reject(new Error("no database at 10.0.0.3")),
    });
    expect([error.code, error.message]).toEqual(["PERMISSION_DENIED", "permission denied"]);
    expect(stage.troubles).toEqual(["hook-failed authenticate no database at 10.0.0.3"]);
  });

  test.each([
    [undefined, "authenticate returned nothing"],
    [{ permission: "admin" }, "permission is admin"],
    [{ permission: ["read", "wirte"] }, "permission is read,wirte"],
    [{ permission: { read: true } }, "permission is [object Object]"],
    [{ permission: null }, "permission is null"],
    [{ user: 7 }, "user must be a text"],
    [{ tokenId: "" }, "tokenId must be a text"],
    [{ expiresAt: "tomorrow" }, "expiresAt is tomorrow"],
    [{ expiresAt: Number.NaN }, "expiresAt is NaN"],
    [{ expiresAt: new Date("?") }, "expiresAt is Invalid Date"],
    [{ expiresAt: 1_900_000_000 }, "in milliseconds"],
    [{ issuedAt: 1_900_000_000 }, "issuedAt is 1900000000"],
  ])("refuses where it returns %j, and says what is wrong", async (answer, trouble) => {
    const { error, stage } = await refused({ authenticate: () => answer as never });
    expect(error.code).toBe("PERMISSION_DENIED");
    expect(stage.troubles[0]).toContain(trouble);
  });

  test("that takes too long sends the client away to come back", async () => {
    const stage = new HookStage({ hooks: { authenticate: new Held<unknown, object>().hook } });
    const asked = stage.plugin.admissions?.admit(asking(stage)) as Promise<Admission>;
    const outcome = expect(asked).rejects.toMatchObject({ code: "HOOK_FAILED", row: { retry: "backoff" } });
    await stage.advance(TIMEOUT_MS);
    await outcome;
    expect(stage.troubles).toEqual([
      `hook-timed-out authenticate authenticate took longer than ${TIMEOUT_MS} ms`,
    ]);
    expect(stage.world.clock.pendingTimers).toBe(0);
  });

  test("is told of when it is slow, and counts all the same", async () => {
    const held = new Held<unknown, object>();
    const stage = new HookStage({ hooks: { authenticate: held.hook } });
    const asked = stage.plugin.admissions?.admit(asking(stage));
    await stage.advance(1500);
    held.end({ user: "ann" });
    expect(await asked).toMatchObject({ author: "ann" });
    expect(stage.reported).toMatchObject([
      { type: "hook-slow", hook: "authenticate", ms: 1500, error: null },
    ]);
  });
});

describe("authorize", () => {
  test.each([
    ["manage", "manage", Rights.MANAGER],
    ["manage", ["read", "history"], Rights.of(["read", "history"])],
    [["read", "write"], ["read", "signal"], Rights.of(["read"])],
    ["write", "manage", Rights.WRITER],
    // Nothing was said before: then this alone holds.
    [undefined, "manage", Rights.MANAGER],
  ] as const)("after authenticate said %j, says %j: what both allow holds", async (first, second, rights) => {
    const { admission } = await admitted({
      authenticate: () => (first ? { permission: first } : {}),
      authorize: () => second,
    });
    expect(admission.rights).toBe(rights);
  });

  test.each([
    ["write", "write", "write"],
    ["write", "read", "read"],
    ["read", "write", "read"],
    ["read", "read", "read"],
  ] as const)(
    "after authenticate said %s, says %s: the stricter holds, %s",
    async (first, second, permission) => {
      const asked: unknown[] = [];
      const { admission } = await admitted({
        authenticate: () => ({ user: "ann", permission: first, context: 5 }),
        authorize: (visitor) => {
          asked.push(visitor);
          return second;
        },
      });
      expect(admission.rights.permission).toBe(permission);
      expect(asked).toEqual([{ document: "notes", user: "ann", context: 5 }]);
    },
  );

  test.each<Hooks>([
    { authorize: () => null },
    { authorize: () => "none" },
    { authorize: () => [] },
    { authorize: () => ["write"] },
    { authenticate: () => ({ permission: "none" }) },
    { authenticate: () => ({ permission: "none" }), authorize: () => "manage" },
  ])("or authenticate says nothing may be done, and the document is closed to them: %s", async (hooks) => {
    const { error } = await refused(hooks);
    expect([error.code, error.message]).toEqual(["PERMISSION_DENIED", "you may not open this document"]);
  });

  test("without authenticate is asked about nobody in particular, and no token is waited for", async () => {
    const { admission, stage } = await admitted({ authorize: ({ user }) => (user === "" ? "read" : null) });
    expect(admission).toMatchObject({ author: "", rights: Rights.READER });
    expect(stage.plugin.admissions?.needsToken).toBe(false);
  });

  test.each<[string, Hooks, string]>([
    ["a token says so", {}, "ann"],
    ["authenticate does not", { authenticate: () => ({}) }, "ann"],
    ["authenticate says another", { authenticate: () => ({ user: "ben" }) }, "ben"],
  ])("is told who somebody is where %s", async (_where, hooks, expected) => {
    const users: string[] = [];
    const authorize: Hooks["authorize"] = ({ user }) => {
      users.push(user);
      return "write";
    };
    const stage = new HookStage({ hooks: { ...hooks, authorize } });
    await stage.plugin.admissions?.admit(asking(stage, { user: "ann" }));
    expect(users).toEqual([expected]);
  });

  test.each([
    ["readonly", "authorize returned readonly"],
    [undefined, "authorize returned undefined"],
    [true, "authorize returned true"],
    [["read", "Write"], "authorize returned read,Write"],
  ])("refuses where it returns %j", async (answer, trouble) => {
    const { error, stage } = await refused({ authorize: () => answer as never });
    expect(error.message).toBe("permission denied");
    expect(stage.troubles[0]).toContain(trouble);
  });
});

describe("a new token", () => {
  const hooks: Hooks = {
    authenticate: ({ token }) => {
      if (token === "expired") throw new AccessDenied("expired");
      return { user: token === "ben's" ? "ben" : "ann", context: token };
    },
    authorize: ({ context }) => (context === "for readers" ? "read" : "write"),
  };

  test("changes what the session may do, and the context that other hooks are given", async () => {
    const { admission } = await admitted(hooks);
    expect(await admission.renew?.("for readers")).toEqual({ rights: Rights.READER });
    expect(admission.guest).toMatchObject({ context: "for readers" });
  });

  test.each([
    ["expired", "expired"],
    ["ben's", "the new token is somebody else's"],
  ])("%s ends the session, and changes nothing before", async (token, reason) => {
    const { admission } = await admitted(hooks);
    await expect(admission.renew?.(token)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: reason,
    });
    expect(admission.guest).toMatchObject({ user: "ann", context: "token" });
  });
});

test("hooks that are not there cost nothing: the engine is not asked for what they would need", () => {
  const on = (hooks: Hooks) => {
    const { admissions, observer } = new HookStage({ hooks }).plugin;
    return [admissions !== null, Object.keys(observer ?? {}).sort()];
  };
  const hook = () => undefined as never;
  expect(on({})).toEqual([false, []]);
  expect(on({ authorize: hook })).toEqual([true, []]);
  expect(on({ load: hook })).toEqual([false, ["loaded"]]);
  expect(on({ change: hook })).toEqual([false, ["appended", "durable"]]);
  expect(on({ store: hook })).toEqual([false, ["durable", "ended", "evicting", "loaded"]]);
  expect(on({ presence: hook })).toEqual([false, ["announced", "joined", "left"]]);
  expect(on({ connect: hook })).toEqual([false, ["joined", "left"]]);
  expect(on({ signal: hook })).toEqual([false, ["guard"]]);
});

test("the context has the type of what authenticate gives", () => {
  const hooks = defineHooks({
    authenticate: ({ token }) => ({ user: token ?? "", context: { team: 7 } }),
    authorize: ({ context }) => {
      expectTypeOf(context).toEqualTypeOf<{ team: number } | undefined>();
      return "write";
    },
    presence: ({ context }) => expectTypeOf(context).toEqualTypeOf<{ team: number } | undefined>(),
  });
  const { hooks: others } = defineConfig({
    hooks: {
      authenticate: async () => ({ context: "a text" }),
      connect: ({ context }) => expectTypeOf(context).toEqualTypeOf<string | undefined>(),
    },
  });
  expect([Object.keys(hooks), Object.keys(others ?? {})]).toEqual([
    ["authenticate", "authorize", "presence"],
    ["authenticate", "connect"],
  ]);
});
