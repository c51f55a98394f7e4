import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { resolveJwt } from "../../../server/src/access/jwt/jwt-options.ts";
import { TokenVerifier } from "../../../server/src/access/jwt/token-verifier.ts";
import { VerifiedTokens } from "../../../server/src/access/jwt/verified-tokens.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { JwtStage, refused, SECRET } from "./jwt-stage.ts";

const withSecret = (more: object = {}) => new JwtStage({ jwt: { secret: SECRET, ...more } });

describe("documents", () => {
  test("that a token does not name are those of the options; without them it names none", async () => {
    const without = withSecret();
    const token = await without.sign({ documents: undefined });
    await expect(without.admit(token)).rejects.toEqual(
      refused("PERMISSION_DENIED", /^the token names no documents$/),
    );
    const stage = withSecret({ documents: { "public/*": "read" } });
    expect((await stage.admit(token, "public/a")).rights).toBe(Rights.READER);
    await expect(stage.admit(token, "a")).rejects.toEqual(refused("PERMISSION_DENIED"));
    await expect(stage.admit(await stage.sign({ documents: {} }), "public/a")).rejects.toEqual(
      refused("PERMISSION_DENIED"),
    );
  });

  test("are those of the token's tenant only, whatever its patterns say", async () => {
    const stage = withSecret({ tenantClaim: "org" });
    const documents = { "**": "manage", "b/**": "manage", "../b/*": "manage", "/b/x": "manage" };
    const token = await stage.sign({ org: "a", documents });
    for (const name of ["a/x", "a/b/x", "a/", "a/../b"]) {
      expect((await stage.admit(token, name)).rights, name).toBe(Rights.MANAGER);
    }
    for (const name of ["b/x", "a", "", "ab/x", "A/x", "/a/x", "b/a/x", "x"]) {
      await expect(stage.admit(token, name), name).rejects.toEqual(refused("PERMISSION_DENIED"));
    }
  });

  test("are never another tenant's: property", async () => {
    const stage = withSecret({ tenantClaim: "org" });
    const text = fc.stringMatching(/^[ab/*.]{1,6}$/).filter((pattern) => !/\*\*[^/]|[^/]\*\*/.test(pattern));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(text, { maxLength: 4 }),
        fc.stringMatching(/^[ab/.]{0,6}$/),
        async (all, name) => {
          const documents = Object.fromEntries(all.map((pattern) => [pattern, "manage"]));
          const admitted = await stage.admit(await stage.sign({ org: "a", documents }), name).then(
            () => true,
            () => false,
          );
          if (!name.startsWith("a/")) expect(admitted).toBe(false);
        },
      ),
      { numRuns: 200, seed: 90 },
    );
  });
});

describe("without a token", () => {
  test.each([null, ""])("%j: one is needed, by default", async (token) => {
    const stage = withSecret();
    expect(stage.admissions).toMatchObject({ needsToken: true, isAuthenticating: true });
    await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED", /^a token is needed$/));
  });

  test("the anonymous policy says what nobody in particular may do, by whole names", async () => {
    const jwt = { secret: SECRET, tenantClaim: "org" };
    const stage = new JwtStage({ jwt, anonymous: { "public/**": "read" } });
    expect(stage.admissions).toMatchObject({ needsToken: false, isAuthenticating: true });
    expect(await stage.admit(null, "public/a")).toMatchObject({ author: "", rights: Rights.READER });
    await expect(stage.admit(null, "a")).rejects.toEqual(refused("UNAUTHENTICATED", "a token is needed"));
    expect(new JwtStage({ jwt, anonymous: { "**": "none" } }).admissions.needsToken).toBe(true);
  });

  test("a bad token does not make somebody anonymous", async () => {
    const stage = new JwtStage({ jwt: { secret: SECRET }, anonymous: "write" });
    await expect(stage.admit("bad")).rejects.toEqual(refused("UNAUTHENTICATED"));
  });

  test("a session goes on with no token: its client comes back with it", async () => {
    const stage = new JwtStage({ jwt: { secret: SECRET }, anonymous: "read" });
    const { renew } = await stage.admit(null);
    await expect(renew?.(await stage.sign())).rejects.toEqual(refused("UNAUTHENTICATED", "connect anew"));
  });
});

describe("while a session goes on", () => {
  test("a new token brings new rights and a new end", async () => {
    const stage = withSecret();
    const { renew, recheck } = await stage.admit(await stage.sign());
    stage.clock.advance(30_000);
    const next = await stage.sign({ documents: { "**": "read" } });
    expect(await renew?.(next)).toMatchObject({
      rights: Rights.READER,
      expiresAt: stage.clock.now() + 65_000,
    });
    expect(await recheck?.()).toBe(Rights.READER);
  });

  test.each([
    ["somebody else's", { sub: "bob" }, "somebody else's"],
    ["another tenant's", { org: "b" }, "somebody else's"],
    ["for other documents", { documents: { other: "write" } }, "may not open"],
  ])("a new token is refused that is %s, and the old one stays", async (_, claims, message) => {
    const stage = withSecret({ tenantClaim: "org" });
    const { renew, recheck } = await stage.admit(await stage.sign({ org: "a" }), "a/notes");
    const next = await stage.sign({ org: "a", ...claims });
    await expect(renew?.(next)).rejects.toEqual(refused("PERMISSION_DENIED", message));
    await expect(renew?.("bad")).rejects.toEqual(refused("UNAUTHENTICATED"));
    expect(await recheck?.()).toBe(Rights.WRITER);
  });

  test("what was decided is looked at anew, without what is remembered", async () => {
    const stage = withSecret();
    const { recheck } = await stage.admit(await stage.sign());
    expect(await recheck?.()).toBe(Rights.WRITER);
    stage.clock.advance(65_000);
    await expect(recheck?.()).rejects.toEqual(refused("UNAUTHENTICATED", "has expired"));
  });
});

describe("a token that was checked", () => {
  test("is checked once for all who come with it at the same time, also when it is refused", async () => {
    const clock = new FakeClock();
    const verifier = new TokenVerifier(resolveJwt({ secret: SECRET }), clock, null);
    const check = vi.spyOn(verifier, "verify");
    const tokens = new VerifiedTokens({ verifier, clock, remote: null, maxVerifiedTokens: 10 });
    const good = await withSecret().sign();
    const all = await Promise.all(Array.from({ length: 200 }, () => tokens.verify(good)));
    expect(new Set(all).size).toBe(1);
    expect(check).toHaveBeenCalledTimes(1);
    const bad = await Promise.allSettled([tokens.verify("bad"), tokens.verify("bad")]);
    expect(bad.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(check).toHaveBeenCalledTimes(2);
    await expect(tokens.verify("bad")).rejects.toEqual(refused("UNAUTHENTICATED"));
    expect(check).toHaveBeenCalledTimes(3);
  });

  test("is not checked again for another document: the answer is there at once", async () => {
    const stage = withSecret();
    const token = await stage.sign({ documents: { "notes/*": "write" } });
    const first = stage.ask(token, "notes/1");
    expect(first).toBeInstanceOf(Promise);
    await first;
    expect(stage.ask(token, "notes/2")).toMatchObject({ author: "ann" });
    expect(() => stage.ask(token, "other")).toThrow(refused("PERMISSION_DENIED"));
  });

  test("is forgotten when others were shown since", async () => {
    const stage = new JwtStage({ jwt: { secret: SECRET }, maxVerifiedTokens: 2 });
    const tokens = await Promise.all(["a", "b", "c"].map((sub) => stage.sign({ sub })));
    const [a, b, c] = tokens as [string, string, string];
    await stage.admit(a);
    await stage.admit(b);
    await stage.admit(a);
    await stage.admit(c);
    expect(stage.ask(a)).not.toBeInstanceOf(Promise);
    expect(stage.ask(c)).not.toBeInstanceOf(Promise);
    const again = stage.ask(b);
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toMatchObject({ author: "b" });
  });

  test("is never remembered where that is turned off, nor when it was refused", async () => {
    const stage = new JwtStage({ jwt: { secret: SECRET }, maxVerifiedTokens: 0 });
    const token = await stage.sign();
    for (let i = 0; i < 2; i++) {
      const asked = stage.ask(token);
      expect(asked).toBeInstanceOf(Promise);
      await asked;
    }
    const bad = await stage.sign({}, "another secret of at least 32 bytes, for tests");
    for (let i = 0; i < 2; i++) await expect(stage.ask(bad)).rejects.toEqual(refused("UNAUTHENTICATED"));
  });
});
