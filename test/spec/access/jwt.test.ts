import { createHmac } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import { JwtStage, type KeyPair, newKeys, pemOf, refused, SECRET } from "./jwt-stage.ts";

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

const withSecret = (more: object = {}) => new JwtStage({ jwt: { secret: SECRET, ...more } });

describe("a token", () => {
  let rsa: KeyPair;

  beforeAll(() => {
    rsa = newKeys("RS256");
  });

  test.each(["RS256", "ES256", "EdDSA"] as const)("signed by %s is good by its public key", async (kind) => {
    const keys = kind === "RS256" ? rsa : newKeys(kind);
    const forms = [pemOf(keys.publicKey), keys.publicKey.export({ format: "jwk" })];
    for (const publicKey of [...forms, { keys: [forms[1]] } as never]) {
      const stage = new JwtStage({ jwt: { publicKey } });
      const token = await stage.sign({}, keys.privateKey, { alg: kind });
      const admission = await stage.admit(token);
      expect(admission).toMatchObject({ author: "ann", rights: Rights.WRITER });
      await expect(stage.admit(await stage.sign())).rejects.toEqual(refused("UNAUTHENTICATED", kind));
    }
  });

  test("by EdDSA may call it Ed25519 too", async () => {
    const keys = newKeys("EdDSA");
    const stage = new JwtStage({ jwt: { publicKey: pemOf(keys.publicKey) } });
    const token = await stage.sign({}, keys.privateKey, { alg: "Ed25519" });
    expect((await stage.admit(token)).author).toBe("ann");
  });

  test("says who it is, what it may do, when it was issued, what it is called and until when it is good", async () => {
    const stage = withSecret();
    const token = await stage.sign({ jti: "t-1", documents: { "notes/*": "read" } });
    expect(await stage.admit(token, "notes/a")).toMatchObject({
      author: "ann",
      rights: Rights.READER,
      issuedAt: stage.clock.now(),
      tokenId: "t-1",
      // And 5 s for clocks that are apart.
      expiresAt: stage.clock.now() + 65_000,
    });
    await expect(stage.admit(token, "other")).rejects.toEqual(refused("PERMISSION_DENIED", "may not open"));
  });

  test("may be signed with any of several keys, with or without a name of them", async () => {
    const [first, second] = [newKeys("ES256"), newKeys("ES256")];
    const jwk = { ...second.publicKey.export({ format: "jwk" }), kid: "second" };
    const stage = new JwtStage({ jwt: { publicKey: [pemOf(first.publicKey) + pemOf(rsa.publicKey), jwk] } });
    const sign = (keys: KeyPair, header: object) =>
      stage.sign({}, keys.privateKey, { alg: "ES256", ...header });
    for (const token of [
      await sign(first, {}),
      await sign(first, { kid: "anything" }),
      await sign(second, {}),
      await sign(second, { kid: "second" }),
      await stage.sign({}, rsa.privateKey, { alg: "RS256" }),
    ]) {
      expect((await stage.admit(token)).author).toBe("ann");
    }
    await expect(stage.admit(await sign(second, { kid: "first" }))).rejects.toEqual(
      refused("UNAUTHENTICATED", "not signed with a key"),
    );
  });
});

describe("F88 a token is refused", () => {
  const cases: [string, object, Record<string, unknown>, RegExp][] = [
    ["that has expired", {}, { exp: 1_700_000_000 }, /has expired/],
    ["that says no end", {}, { exp: undefined }, /no claim "exp"/],
    ["whose end is in milliseconds", {}, { exp: 1_900_000_000_000 }, /"exp" in seconds/],
    ["whose end is a text", {}, { exp: "tomorrow" }, /"exp" as a number/],
    ["that is not good yet", {}, { nbf: 1_800_000_000 }, /not good yet.*"nbf"/],
    ["that was issued in the future", {}, { iat: 1_800_000_000, exp: 1_900_000_000 }, /future.*"iat"/],
    ["that is too old", { maxTokenAgeS: 60 }, { iat: 1_700_000_000 }, /older than 60 s.*"iat"/],
    ["without an age where there is a greatest", { maxTokenAgeS: 60 }, { iat: undefined }, /no claim "iat"/],
    ["of another issuer", { issuer: "https://a" }, { iss: "https://b" }, /"iss" as "https:\/\/a"$/],
    ["of no issuer", { issuer: ["a", "b"] }, {}, /no claim "iss"/],
    ["for another audience", { audience: ["a", "b"] }, { aud: ["c"] }, /"aud" with "a" or "b"$/],
    ["for no audience", { audience: "a" }, {}, /no claim "aud"/],
    ["without a user", {}, { sub: undefined }, /"sub" as a text/],
    ["with an empty user", {}, { sub: "" }, /"sub" as a text/],
    ["with a number for a user", {}, { sub: 7 }, /"sub" as a text/],
    ["with a user that controls text", {}, { sub: "ann\u001b[2J" }, /"sub" as a text/],
    ["with a user that turns text around", {}, { sub: "ann\u202e" }, /"sub" as a text/],
    ["with a user of 257 characters", {}, { sub: "a".repeat(257) }, /"sub" as a text/],
    [
      "without the user's claim",
      { userClaim: "https://x.example/user.name" },
      {},
      /"https:\/\/x.example\/user.name"/,
    ],
    ["with documents that are no patterns", {}, { documents: ["read"] }, /"documents" must be an object/],
    ["with a level for all documents", {}, { documents: "write" }, /"documents" must be an object/],
    ["with null for documents", {}, { documents: null }, /"documents" must be an object/],
    ["with rights that there are not", {}, { documents: { a: "own" } }, /"documents" .*other than "none"/],
    ["without a tenant", { tenantClaim: "org" }, {}, /"org" as one part/],
    ["with a tenant of two parts", { tenantClaim: "org" }, { org: "a/b" }, /"org" as one part/],
    ["with a star for a tenant", { tenantClaim: "org" }, { org: "*" }, /"org" as one part/],
    ["with an empty tenant", { tenantClaim: "org" }, { org: "" }, /"org" as one part/],
    ["with a tenant that is no name", { tenantClaim: "org" }, { org: ".." }, /"org" as one part/],
    ["with a name that is none", {}, { jti: 5 }, /"jti" as a text/],
  ];

  test.each(cases)("%s", async (_, options, claims, message) => {
    const stage = withSecret(options);
    await expect(stage.admit(await stage.sign(claims))).rejects.toEqual(refused("UNAUTHENTICATED", message));
  });

  test.each([
    ["that is none", "x"],
    ["of two parts", "a.b"],
    ["of four parts", `${base64({ alg: "HS256" })}.e30.x.x`],
    ["whose header is a list", `${base64([])}.e30.eA`],
    ["whose header is not JSON", "eA.e30.eA"],
    ["that is nothing but dots", ".."],
    ["with a line break", "e30.\n.eA"],
  ])("%s", async (_, token) => {
    await expect(withSecret().admit(token)).rejects.toEqual(
      refused("UNAUTHENTICATED", "is not a JSON Web Token"),
    );
  });

  test("whose algorithm is none, however that is spelt and signed", async () => {
    const stage = withSecret();
    for (const alg of [
      "none",
      "None",
      "NONE",
      "",
      null,
      ["HS256"],
      { toString: "HS256" },
      "HS512",
      "__proto__",
    ]) {
      for (const signature of ["", "eA"]) {
        const token = `${base64({ alg })}.${base64(stage.claims())}.${signature}`;
        await expect(stage.admit(token), token).rejects.toEqual(refused("UNAUTHENTICATED"));
      }
    }
  });

  test("whose secret is the public key that the server checks with, in any form of it", async () => {
    const keys = newKeys("RS256");
    const pem = pemOf(keys.publicKey);
    const jwk = keys.publicKey.export({ format: "jwk" });
    const der = keys.publicKey.export({ type: "spki", format: "der" });
    const [withOne, withBoth] = [{ publicKey: pem }, { publicKey: [pem, jwk], secret: SECRET }];
    for (const jwt of [withOne, withBoth]) {
      const stage = new JwtStage({ jwt });
      for (const secret of [
        pem,
        pem.trim(),
        der,
        JSON.stringify(jwk),
        Buffer.from(jwk.n as string, "base64url"),
      ]) {
        for (const alg of ["HS256", "RS256"]) {
          const signed = `${base64({ alg })}.${base64(stage.claims())}`;
          const signature = createHmac("sha256", secret).update(signed).digest("base64url");
          await expect(stage.admit(`${signed}.${signature}`)).rejects.toEqual(refused("UNAUTHENTICATED"));
        }
      }
    }
  });

  test("that is signed with another key", async () => {
    const stage = withSecret();
    const forged = await stage.sign({}, `${SECRET}.`);
    await expect(stage.admit(forged)).rejects.toEqual(refused("UNAUTHENTICATED", "not signed with a key"));
  });

  test("that brings its own key", async () => {
    const [own, other] = [newKeys("ES256"), newKeys("ES256")];
    const stage = new JwtStage({ jwt: { publicKey: pemOf(own.publicKey) } });
    const jwk = other.publicKey.export({ format: "jwk" });
    const token = await stage.sign({}, other.privateKey, {
      alg: "ES256",
      jwk,
      jku: "http://127.0.0.1:1/",
    } as never);
    await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED", "not signed with a key"));
  });

  test("that says something critical which nobody here knows", async () => {
    const stage = withSecret();
    const header = base64({ alg: "HS256", crit: ["exp"], exp: 1 });
    const signed = `${header}.${base64(stage.claims())}`;
    const signature = createHmac("sha256", SECRET).update(signed).digest("base64url");
    await expect(stage.admit(`${signed}.${signature}`)).rejects.toEqual(refused("UNAUTHENTICATED"));
  });

  test.each(["HS256", "ES256"] as const)(
    "by %s with any one character changed, left out or added",
    async (alg) => {
      const keys = newKeys("ES256");
      const stage = new JwtStage({ jwt: { secret: SECRET, publicKey: pemOf(keys.publicKey) } });
      const token = await stage.sign({}, alg === "HS256" ? SECRET : keys.privateKey, { alg });
      expect((await stage.admit(token)).author).toBe("ann");
      const character = fc.constantFrom(..."ABCDEFGHabcdefghwxyz0189-_.=+/ ");
      const change = fc.tuple(
        fc.nat(token.length - 1),
        fc.constantFrom(0, 1),
        fc.oneof(character, fc.constant("")),
      );
      await fc.assert(
        fc.asyncProperty(change, async ([at, removed, put]) => {
          const other = token.slice(0, at) + put + token.slice(at + removed);
          fc.pre(other !== token);
          await expect(stage.admit(other)).rejects.toEqual(refused("UNAUTHENTICATED"));
        }),
        { numRuns: 300, seed: 88 },
      );
      // Of the last character, some bits mean nothing: all others that it might be are tried.
      for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
        const other = token.slice(0, -1) + last;
        if (other === token) continue;
        await expect(stage.admit(other), last).rejects.toEqual(refused("UNAUTHENTICATED"));
      }
    },
  );

  test("that was cut off, anywhere", async () => {
    const stage = withSecret();
    const token = await stage.sign();
    for (let length = 1; length < token.length; length++) {
      await expect(stage.admit(token.slice(0, length))).rejects.toEqual(refused("UNAUTHENTICATED"));
    }
  });

  test("of a megabyte, before anything is done with it", () => {
    const stage = withSecret();
    // Thrown at once: nothing was hashed, decoded or waited for.
    expect(() => stage.ask("a".repeat(1_048_576))).toThrow(/longer than 8192 characters/);
    expect(() => stage.ask("a".repeat(8193))).toThrow(/longer than 8192 characters/);
  });

  test("with JSON as deep as it can be", async () => {
    const stage = withSecret();
    const sign = (header: string, payload: string) => {
      const signed = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
      return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
    };
    const deep = `${"[".repeat(2_500)}${"]".repeat(2_500)}`;
    for (const token of [
      sign('{"alg":"HS256"}', deep),
      sign(`{"alg":"HS256","x":${deep.slice(600, -600)}}`, "{}"),
      sign('{"alg":"HS256"}', `{"sub":"ann","exp":1800000000,"documents":${deep}}`),
      sign('{"alg":"HS256"}', `{"sub":"ann","exp":1800000000,"documents":{"a":${deep}}}`),
    ]) {
      await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED"));
    }
  });

  test("without a word of it in the message", async () => {
    const stage = withSecret({ issuer: "https://a", audience: "b", tenantClaim: "org" });
    const evil = "\u001b[31mEVIL";
    const good = { iss: "https://a", aud: "b", org: "o" };
    for (const claims of [
      { iss: evil },
      { ...good, aud: [evil] },
      { ...good, sub: evil },
      { ...good, org: evil },
      { ...good, documents: { [`${evil}**`]: "read" } },
      { ...good, documents: { a: evil } },
      { ...good, jti: evil },
    ]) {
      const token = await stage.sign(claims);
      const error = await stage.admit(token).then(String, (thrown: Error) => thrown.message);
      expect(error).not.toContain("EVIL");
      expect(error).not.toContain("\u001b");
      expect(error).toMatch(/^the token('s)? /);
    }
  });
});

describe("what is accepted", () => {
  test("is later by the tolerance, and ends with it", async () => {
    const stage = withSecret({ clockToleranceS: 10 });
    const token = await stage.sign({ iat: stage.now + 9, nbf: stage.now + 9, exp: stage.now + 20 });
    expect((await stage.admit(token)).expiresAt).toBe(stage.clock.now() + 30_000);
    stage.clock.advance(29_999);
    expect((await stage.admit(token)).author).toBe("ann");
    stage.clock.advance(1);
    await expect(stage.admit(token)).rejects.toEqual(refused("UNAUTHENTICATED", "has expired"));
  });

  test("is a token without an end, where that is allowed, up to the age that it may have", async () => {
    const forEver = withSecret({ allowWithoutExpiry: true });
    const token = await forEver.sign({ exp: undefined });
    expect(await forEver.admit(token)).not.toHaveProperty("expiresAt");
    const aged = withSecret({ allowWithoutExpiry: true, maxTokenAgeS: 100 });
    expect((await aged.admit(token)).expiresAt).toBe(aged.clock.now() + 105_000);
    const early = await aged.sign({ exp: aged.now + 50 });
    expect((await aged.admit(early)).expiresAt).toBe(aged.clock.now() + 55_000);
  });

  test("are claims by their whole names", async () => {
    const stage = withSecret({ userClaim: "https://x.example/user.id", documentsClaim: "a.b" });
    const token = await stage.sign({
      "https://x.example/user.id": "bob",
      a: { b: {} },
      "a.b": { notes: "read" },
    });
    expect(await stage.admit(token)).toMatchObject({ author: "bob", rights: Rights.READER });
  });

  test("N11 is a claim only if the token has it itself", async () => {
    const stage = withSecret({ userClaim: "constructor", documentsClaim: "toString" });
    await expect(stage.admit(await stage.sign())).rejects.toEqual(
      refused("UNAUTHENTICATED", '"constructor"'),
    );
    const token = await stage.sign({ constructor: "ann" });
    await expect(stage.admit(token)).rejects.toEqual(refused("PERMISSION_DENIED", "names no documents"));
  });

  test("of several issuers and audiences is any", async () => {
    const stage = withSecret({ issuer: ["a", "b"], audience: ["c", "d"] });
    expect((await stage.admit(await stage.sign({ iss: "b", aud: ["x", "d"] }))).author).toBe("ann");
  });

  test("are the algorithms that are named, of those that the keys are for", async () => {
    const keys = newKeys("ES256");
    const stage = withSecret({ publicKey: pemOf(keys.publicKey), algorithms: ["ES256"] });
    expect((await stage.admit(await stage.sign({}, keys.privateKey, { alg: "ES256" }))).author).toBe("ann");
    await expect(stage.admit(await stage.sign())).rejects.toEqual(
      refused("UNAUTHENTICATED", /algorithms ES256$/),
    );
  });
});
