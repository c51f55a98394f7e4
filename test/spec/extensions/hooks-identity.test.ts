/** What `authenticate` said, kept with a connection: how long, for whom, and when it is asked again. */

import { describe, expect, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import {
  AccessDenied,
  type AuthenticateRequest,
  type Authentication,
  type Hooks,
  TokenRejected,
} from "../../../server/src/extensions/hooks/hooks.ts";
import type { Admission, AdmissionRequest } from "../../../server/src/protocols/admission.ts";
import { asking, Held, HookStage } from "./hooks-stage.ts";

const MINUTE_MS = 60_000;

/** One connection to a server with these hooks. */
class Line {
  readonly stage: HookStage;
  readonly asked: (string | null)[] = [];
  readonly #connection: AdmissionRequest["connection"];

  constructor(hooks: Hooks, connection: Partial<AdmissionRequest["connection"]> = {}) {
    const { authenticate } = hooks;
    const counted = (request: AuthenticateRequest) => {
      this.asked.push(request.token);
      return authenticate?.(request) as Authentication<unknown>;
    };
    this.stage = new HookStage({ hooks: { ...hooks, ...(authenticate && { authenticate: counted }) } });
    this.#connection = { ...asking(this.stage).connection, ...connection };
  }

  async open(document: string, token: string | null = "token"): Promise<Admission> {
    return await this.#ask(this.#connection, document, token);
  }

  /** From a connection of its own. */
  async openElsewhere(document: string, token: string | null = "token"): Promise<Admission> {
    return await this.#ask({ ...this.#connection }, document, token);
  }

  async #ask(connection: AdmissionRequest["connection"], document: string, token: string | null) {
    const request = { connection, document: this.stage.world.name(document), token };
    return (await this.stage.plugin.admissions?.admit(asking(this.stage, request))) as Admission;
  }

  get now(): number {
    return this.stage.world.clock.now();
  }
}

describe("authenticate is asked", () => {
  test("once a connection and token, however many documents are opened; authorize for each of them", async () => {
    const opened: string[] = [];
    const line = new Line({
      authenticate: ({ token }) => ({ user: token ?? "", context: 7 }),
      authorize: ({ document, context }) => {
        opened.push(`${document} ${context}`);
        return "write";
      },
    });
    await Promise.all([line.open("a"), line.open("b")]);
    await line.open("c");
    expect(line.asked).toEqual(["token"]);
    expect(opened).toEqual(["a 7", "b 7", "c 7"]);
    expect(await line.open("d", "other")).toMatchObject({ author: "other" });
    await line.open("e", null);
    await line.openElsewhere("f");
    expect(line.asked).toEqual(["token", "other", null, "token"]);
  });

  test("once while it thinks, and again after it failed", async () => {
    const held = new Held<AuthenticateRequest, Authentication<unknown>>();
    const line = new Line({ authenticate: held.hook });
    const both = Promise.allSettled([line.open("a"), line.open("b")]);
    await line.stage.settle();
    held.fail(new TokenRejected("not yet"));
    expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const third = line.open("a");
    await line.stage.settle();
    held.end({ user: "ann" });
    expect((await third).author).toBe("ann");
    expect(line.asked).toEqual(["token", "token"]);
  });

  test("again about tokens of a connection that has shown many others since", async () => {
    const line = new Line({ authenticate: () => ({}) });
    for (let i = 0; i < 17; i++) await line.open("a", String(i));
    await line.open("a", "16");
    expect(line.asked.length).toBe(17);
    await line.open("a", "0");
    expect(line.asked.length).toBe(18);
  });

  test("again about one that has expired, which may be good for longer now", async () => {
    const line: Line = new Line({ authenticate: () => ({ expiresAt: line.now + MINUTE_MS }) });
    await line.open("a");
    await line.stage.advance(MINUTE_MS - 1);
    await line.open("b");
    expect(line.asked.length).toBe(1);
    await line.stage.advance(1);
    expect((await line.open("c")).expiresAt).toBe(line.now + MINUTE_MS);
    expect(line.asked.length).toBe(2);
  });

  test("once about a new token that is given to many sessions, also if it is the one that they had", async () => {
    let times = 0;
    const line: Line = new Line({ authenticate: () => ({ expiresAt: line.now + ++times * MINUTE_MS }) });
    const admissions = [await line.open("a"), await line.open("b"), await line.open("c")];
    for (const expected of [2, 3]) {
      const renewals = await Promise.all(admissions.map(({ renew }) => renew?.("token")));
      expect(renewals.map((renewal) => renewal?.expiresAt)).toEqual(
        admissions.map(() => line.now + expected * MINUTE_MS),
      );
      expect(times).toBe(expected);
    }
    await Promise.all(admissions.map(({ renew }) => renew?.("other")));
    expect(line.asked).toEqual(["token", "token", "token", "other"]);
  });
});

describe("what authenticate says of the token", () => {
  test("goes with the admission, and with each that renews it", async () => {
    const line: Line = new Line({
      authenticate: ({ token }) => ({
        expiresAt: new Date(line.now + MINUTE_MS),
        issuedAt: line.now - MINUTE_MS,
        tokenId: `the ${token}`,
      }),
    });
    const times = { expiresAt: line.now + MINUTE_MS, issuedAt: line.now - MINUTE_MS };
    const admission = await line.open("notes");
    expect(admission).toMatchObject({ ...times, tokenId: "the token", rights: Rights.WRITER });
    expect(await admission.renew?.("next")).toEqual({
      ...times,
      tokenId: "the next",
      rights: Rights.WRITER,
    });
    expect(await new Line({ authenticate: () => ({}) }).open("notes")).not.toHaveProperty("expiresAt");
  });

  test("F88 that it has expired already: the client is to come back with a new one", async () => {
    const line: Line = new Line({ authenticate: () => ({ user: "ann", expiresAt: line.now }) });
    await expect(line.open("notes")).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      row: { retry: "after-auth" },
    });
    expect(line.stage.troubles).toEqual([]);
  });

  test("that it is not good, as the client is told", async () => {
    const line = new Line({
      authenticate: () => {
        throw new TokenRejected("this one was for yesterday");
      },
    });
    await expect(line.open("notes")).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
      message: "this one was for yesterday",
    });
    expect(line.stage.troubles).toEqual([]);
  });
});

describe("to decide anew", () => {
  test("asks authorize alone, with what authenticate said last", async () => {
    const visitors: unknown[] = [];
    let answer: "read" | "write" | null = "write";
    const line = new Line({
      authenticate: ({ token }) => ({ user: "ann", context: token, permission: ["read", "write"] }),
      authorize: (visitor) => {
        visitors.push(visitor);
        return answer;
      },
    });
    const { recheck, renew } = await line.open("notes");
    answer = "read";
    expect(await recheck?.()).toBe(Rights.of(["read"]));
    await renew?.("next");
    answer = null;
    expect(await recheck?.()).toBe(Rights.NONE);
    expect(visitors.map((visitor) => (visitor as { context: unknown }).context)).toEqual([
      "token",
      "token",
      "next",
      "next",
    ]);
    expect(line.asked).toEqual(["token", "next"]);
  });

  test.each([
    [new AccessDenied("the trial is over"), "PERMISSION_DENIED", "the trial is over"],
    [new TokenRejected("show it again"), "UNAUTHENTICATED", "show it again"],
    [new Error("no database"), "PERMISSION_DENIED", "permission denied"],
  ])("fails as to be let in does: %s", async (thrown, code, message) => {
    let isFailing = false;
    const line = new Line({
      authorize: () => {
        if (isFailing) throw thrown;
        return "write";
      },
    });
    const { recheck } = await line.open("notes");
    isFailing = true;
    await expect(recheck?.()).rejects.toMatchObject({ code, message });
  });

  test("there is nobody to ask where there is no authorize", async () => {
    expect((await new Line({ authenticate: () => ({}) }).open("notes")).recheck).toBeUndefined();
  });
});

describe("a token is not among what a hook is shown of a connection", () => {
  async function shown(url: string, headers: Record<string, string> = {}) {
    const connections: AuthenticateRequest["connection"][] = [];
    const authenticate = ({ connection }: AuthenticateRequest) => {
      connections.push(connection);
      return {};
    };
    await new Line({ authenticate }, { url, headers }).open("notes");
    return connections[0] as AuthenticateRequest["connection"];
  }

  test.each([
    ["/notes?token=secret", "/notes?token=***"],
    ["/notes?a=%20b&token=secret&c", "/notes?a=%20b&token=***&c"],
    ["/notes?%74oken=secret&token=secret&token=", "/notes?%74oken=***&token=***&token=***"],
    ["/notes?tokens=7&x=token", "/notes?tokens=7&x=token"],
    ["/notes?token", "/notes?token"],
    ["/notes?a#b&token=secret", "/notes?a#b&token=***"],
    ["/token=notes", "/token=notes"],
  ])("in the url %s", async (url, expected) => {
    expect((await shown(url)).url).toBe(expected);
  });

  test("in headers; cookies are as they came", async () => {
    const headers = {
      authorization: "Bearer secret",
      cookie: "id=1?token=2",
      referer: "https://example.org/?token=secret",
      "sec-websocket-protocol": "joinery.v1, joinery-token.secret",
    };
    expect((await shown("/", headers)).headers).toEqual({
      authorization: "***",
      cookie: "id=1?token=2",
      referer: "https://example.org/?token=***",
      "sec-websocket-protocol": "joinery.v1, joinery-token.***",
    });
    // Others read them: the request itself is as it was.
    expect(headers.authorization).toBe("Bearer secret");
  });
});
