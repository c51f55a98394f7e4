import { generateKeyPairSync } from "node:crypto";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { type AccessOptions, resolveAccess } from "../../../server/src/access/access-options.ts";
import { anonymousAdmissions } from "../../../server/src/access/anonymous.ts";
import type { DocumentPatterns } from "../../../server/src/access/patterns.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { NO_REQUEST } from "../../../server/src/protocols/admission.ts";

const SECRET = "a secret of at least 32 bytes, for tests";
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = ec.publicKey.export({ type: "spki", format: "pem" }).toString();
const privatePem = ec.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const jwk = ec.publicKey.export({ format: "jwk" });

function messageOf(options: unknown): string {
  try {
    resolveAccess(options as AccessOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    return (error as JoineryError).message;
  }
  throw new Error("nothing was refused");
}

test("nothing is needed: then nobody looks at tokens, and nothing is said of who has none", () => {
  expect(resolveAccess()).toEqual({
    jwt: null,
    anonymous: null,
    recheckMs: 300_000,
    revocationMs: 30 * 86_400_000,
  });
});

test("with tokens, who has none may do nothing unless that is said", () => {
  expect(resolveAccess({ jwt: { secret: SECRET } }).anonymous?.isNothing).toBe(true);
  const { anonymous } = resolveAccess({ jwt: { secret: SECRET }, anonymous: { "a/*": "read" } });
  expect(anonymous?.rightsFor("a/b")).toBe(Rights.READER);
  expect(resolveAccess({ anonymous: "read" }).anonymous?.rightsFor("x")).toBe(Rights.READER);
});

test("where nobody looks at tokens, the policy alone says what everybody may do", () => {
  const { anonymous } = resolveAccess({ anonymous: { "public/*": "read" } });
  const admissions = anonymousAdmissions(anonymous as DocumentPatterns);
  expect(admissions).toMatchObject({ needsToken: false, isAuthenticating: false });
  const admit = (document: string) =>
    admissions.admit({
      connection: NO_REQUEST,
      document: document as DocumentName,
      dialect: "joinery",
      token: "anything",
      agent: null,
      requestToken: () => undefined,
    });
  expect(admit("public/a")).toEqual({ author: "", rights: Rights.READER });
  expect(() => admit("a")).toThrow("you may not open this document");
});

test("the defaults of tokens are the strict ones", () => {
  expect(resolveAccess({ jwt: { secret: SECRET } }).jwt).toMatchObject({
    jwks: null,
    algorithms: ["HS256"],
    issuers: [],
    audiences: [],
    clockToleranceS: 5,
    maxTokenAgeS: null,
    allowWithoutExpiry: false,
    userClaim: "sub",
    documentsClaim: "documents",
    documents: null,
    tenantClaim: null,
  });
});

describe("algorithms", () => {
  test.each([
    [{ secret: SECRET }, ["HS256"]],
    [{ secret: Buffer.from(SECRET) }, ["HS256"]],
    [{ publicKey: pem }, ["ES256"]],
    [{ publicKey: [pem, jwk], secret: SECRET }, ["HS256", "ES256"]],
    [{ jwks: "https://a.example/keys" }, ["RS256", "ES256", "EdDSA", "Ed25519"]],
    [{ jwks: "https://a.example/keys", algorithms: ["ES256"] }, ["ES256"]],
    [{ publicKey: { ...jwk, alg: "ES256" } }, ["ES256"]],
    [{ secret: SECRET, algorithms: ["ES256", "HS256"] }, ["HS256"]],
  ])("follow from the keys: %#", (jwt, algorithms) => {
    expect(resolveAccess({ jwt: jwt as AccessOptions["jwt"] & object }).jwt?.algorithms).toEqual(algorithms);
  });
});

describe("keys on this machine may come over HTTP:", () => {
  test.each(["http://localhost/k", "http://127.0.0.1:8080/k", "http://[::1]:1/k", "https://a.example/k?x=1"])(
    "%s",
    (url) => {
      expect(resolveAccess({ jwt: { jwks: url } }).jwt?.jwks?.href).toBe(url);
    },
  );
});

test.each<[string, unknown, RegExp]>([
  ["no object", 1, /"access" is 1, it must be an object/],
  ["a list", [], /"access" is a list/],
  ["an unknown name", { jwts: {} }, /no option "access\.jwts"; there are jwt, anonymous/],
  ["an unknown name of jwt", { jwt: { secrets: "" } }, /no option "access\.jwt\.secrets"/],
  ["null for jwt", { jwt: null }, /"access\.jwt" is null/],
  ["no key", { jwt: {} }, /"access\.jwt" needs "secret", "publicKey" or "jwks"/],
  ["a short secret", { jwt: { secret: "x".repeat(31) } }, /"access\.jwt\.secret" has 31 bytes.* at least 32/],
  ["a number for a secret", { jwt: { secret: 5 } }, /"access\.jwt\.secret" must be a text or bytes/],
  ["a public key for a secret", { jwt: { secret: pem } }, /"access\.jwt\.secret" is a key in PEM/],
  ["a text for a key", { jwt: { publicKey: "key" } }, /"access\.jwt\.publicKey" must be a public key in PEM/],
  ["a private key", { jwt: { publicKey: privatePem } }, /"access\.jwt\.publicKey" is a private key/],
  ["a private JWK", { jwt: { publicKey: { ...jwk, d: "eA" } } }, /publicKey" is a private key or a secret/],
  [
    "a secret JWK",
    { jwt: { publicKey: { kty: "oct", k: "eA" } } },
    /publicKey" is a private key or a secret/,
  ],
  ["a private one in a set", { jwt: { publicKey: { keys: [{ ...jwk, d: "eA" }] } } }, /has a private key/],
  ["a JWK for secrecy", { jwt: { publicKey: { ...jwk, use: "enc" } } }, /something else than signatures/],
  [
    "a JWK of another algorithm",
    { jwt: { publicKey: { ...jwk, alg: "ES512" } } },
    /another algorithm than ES256/,
  ],
  ["a damaged key", { jwt: { publicKey: pem.replace("\nMF", "\n//") } }, /publicKey" cannot be read/],
  [
    "a damaged key of several",
    { jwt: { publicKey: [pem, { kty: "EC" }] } },
    /publicKey\[1\]" cannot be read/,
  ],
  ["no keys in a list", { jwt: { publicKey: [] } }, /publicKey" has no key/],
  ["no keys in a set", { jwt: { publicKey: { keys: [] } } }, /publicKey" has no key/],
  [
    "a certificate",
    { jwt: { publicKey: pem.replaceAll("PUBLIC KEY", "CERTIFICATE") } },
    /"BEGIN CERTIFICATE", it must be "BEGIN PUBLIC KEY"/,
  ],
  ["a weak key", { jwt: { publicKey: weakPem() } }, /RSA key of less than 2048 bits/],
  [
    "a curve that is none of ours",
    { jwt: { publicKey: curvePem("P-384") } },
    /must be a key for RS256, ES256/,
  ],
  [
    "no address",
    { jwt: { jwks: "keys" } },
    /"access\.jwt\.jwks" is "keys", it must be an address with "https:"/,
  ],
  ["an address without TLS", { jwt: { jwks: "http://a.example/k" } }, /"access\.jwt\.jwks"/],
  [
    "a name that only begins with localhost",
    { jwt: { jwks: "http://localhost.evil/k" } },
    /"access\.jwt\.jwks"/,
  ],
  ["a file's address", { jwt: { jwks: "file:///etc/passwd" } }, /"access\.jwt\.jwks"/],
  ["a password", { jwt: { jwks: "https://a:hidden@b.example/" } }, /must not have a user or a password/],
  ["no algorithms", { jwt: { secret: SECRET, algorithms: [] } }, /"access\.jwt\.algorithms"/],
  [
    "the algorithm none",
    { jwt: { secret: SECRET, algorithms: ["none"] } },
    /"access\.jwt\.algorithms" is "none"/,
  ],
  [
    "algorithms without a key",
    { jwt: { secret: SECRET, algorithms: ["RS256"] } },
    /none that the keys are for: HS256/,
  ],
  ["an empty issuer", { jwt: { secret: SECRET, issuer: "" } }, /"access\.jwt\.issuer" is ""/],
  ["no issuers", { jwt: { secret: SECRET, issuer: [] } }, /"access\.jwt\.issuer" is a list/],
  ["a number for an audience", { jwt: { secret: SECRET, audience: [1] } }, /"access\.jwt\.audience" is 1/],
  [
    "a negative tolerance",
    { jwt: { secret: SECRET, clockToleranceS: -1 } },
    /"access\.jwt\.clockToleranceS" is -1/,
  ],
  ["an age of nothing", { jwt: { secret: SECRET, maxTokenAgeS: 0 } }, /"access\.jwt\.maxTokenAgeS" is 0/],
  [
    "yes",
    { jwt: { secret: SECRET, allowWithoutExpiry: "yes" } },
    /"access\.jwt\.allowWithoutExpiry" is "yes"/,
  ],
  ["no claim", { jwt: { secret: SECRET, userClaim: "" } }, /"access\.jwt\.userClaim"/],
  ["a list for a claim", { jwt: { secret: SECRET, documentsClaim: [] } }, /"access\.jwt\.documentsClaim"/],
  ["no tenant", { jwt: { secret: SECRET, tenantClaim: null } }, /"access\.jwt\.tenantClaim" is null/],
  [
    "a bad pattern",
    { jwt: { secret: SECRET, documents: { "a**": "read" } } },
    /"access\.jwt\.documents" has a pattern/,
  ],
  [
    "bad rights",
    { anonymous: "reader" },
    /"access\.anonymous" must be "none", "read".* or an object of patterns/,
  ],
  ["an age that is none", { recheckMs: 1.5 }, /"access\.recheckMs" is 1\.5/],
  ["a revocation that is forgotten at once", { revocationMs: 0 }, /"access\.revocationMs" is 0/],
])("%s is refused by name", (_, options, message) => {
  expect(messageOf(options)).toMatch(message);
});

test("no message shows a key", () => {
  for (const secret of [
    { hidden: 1 },
    "hidden-and-short",
    Buffer.from("hidden"),
    "-----BEGIN hidden-----".repeat(3),
  ]) {
    expect(messageOf({ jwt: { secret } })).not.toContain("hidden");
  }
  for (const publicKey of ["hidden", { kty: "hidden" }, { kty: "oct", k: "hidden" }, ["hidden"]]) {
    expect(messageOf({ jwt: { publicKey } })).not.toContain("hidden");
  }
  expect(messageOf({ jwt: { jwks: "https://a:hidden@b.example/" } })).not.toContain("hidden");
});

function weakPem(): string {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

function curvePem(namedCurve: string): string {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}
