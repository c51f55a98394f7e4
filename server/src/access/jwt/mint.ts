/** Makes tokens, and keys for them: for tests and for trying out. The server itself checks tokens and never makes one. */

import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { JoineryError } from "@joinery/shared";
import { type JWTPayload, SignJWT } from "jose";
import { type JwtOptions, resolveJwt } from "./jwt-options.ts";
import type { JwtAlgorithm } from "./key-ring.ts";
import { algorithmsOf, MIN_SECRET_BYTES } from "./read-keys.ts";
import { TokenVerifier } from "./token-verifier.ts";

/** A key that signs. */
export interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: JwtAlgorithm;
  /** What tokens call it (`kid`); `null` for a key without a name. */
  readonly id: string | null;
}

export async function mintToken(claims: Readonly<Record<string, unknown>>, key: SigningKey): Promise<string> {
  const header = { alg: key.algorithm, typ: "JWT", ...(key.id !== null && { kid: key.id }) };
  return await new SignJWT(claims as JWTPayload).setProtectedHeader(header).sign(key.key);
}

/**
 * Reads what signs: a secret, a private key in PEM, or a private JWK.
 *
 * @param text As it is in a file, where a line break at the end does not belong to it; or the bytes of a secret.
 * @param name Where it comes from, for messages, which show nothing of it.
 * @throws JoineryError INVALID_OPTION (never retry), saying what it is instead.
 */
export function readSigningKey(text: string | Uint8Array, name: string): SigningKey {
  if (typeof text !== "string") return readSecretBytes(text, name);
  if (text.includes("-----BEGIN ")) return readPrivatePem(text, name);
  const json = parseObject(text);
  return json === null
    ? readSecretBytes(Buffer.from(withoutLineBreak(text)), name)
    : readPrivateJwk(json, name);
}

/** What the text of a file with a key is as options of the server: a secret, or public keys. */
export function keyOptionsOf(text: string): Pick<JwtOptions, "secret" | "publicKey"> {
  if (text.includes("-----BEGIN ")) return { publicKey: text };
  const json = parseObject(text);
  return json === null ? { secret: withoutLineBreak(text) } : { publicKey: json };
}

/**
 * Checks a token as a server would.
 *
 * @param options Of the server. Keys that are somewhere else are not asked for: it is taken for signed rightly then, as
 * it is where there are no keys.
 * @returns Why it would be refused; `null` if it would not.
 */
export async function refusalOfToken(
  token: string,
  key: SigningKey,
  options: JwtOptions,
): Promise<string | null> {
  const { secret, publicKey, jwks, ...others } = options;
  const hasKeys = jwks === undefined && (secret !== undefined || publicKey !== undefined);
  try {
    const resolved = resolveJwt(hasKeys ? options : { ...others, ...checkedBy(key) });
    await new TokenVerifier(resolved, { now: Date.now }, null).verify(token);
    return null;
  } catch (error) {
    if (error instanceof JoineryError) return error.message;
    throw error;
  }
}

function checkedBy({ key }: SigningKey): Pick<JwtOptions, "secret" | "publicKey"> {
  if (key.type === "secret") return { secret: key.export() };
  return { publicKey: createPublicKey(key).export({ type: "spki", format: "pem" }).toString() };
}

/** 256 random bits, as 43 characters. */
export function newSecret(): string {
  return randomBytes(MIN_SECRET_BYTES).toString("base64url");
}

const NEW_KEYS = {
  es256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  eddsa: () => generateKeyPairSync("ed25519"),
  rs256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
} as const;

export type KeyKind = keyof typeof NEW_KEYS;

export const KEY_KINDS = Object.keys(NEW_KEYS) as readonly KeyKind[];

/** @returns Both keys in PEM: PKCS #8, and SPKI for the server. Cost: some 0.1 s for RSA. */
export function newKeyPair(kind: KeyKind): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = NEW_KEYS[kind]();
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

function readSecretBytes(bytes: Uint8Array, name: string): SigningKey {
  if (bytes.length < MIN_SECRET_BYTES) {
    throw refused(name, `has ${bytes.length} bytes: a secret must have at least ${MIN_SECRET_BYTES}`);
  }
  return { key: createSecretKey(bytes), algorithm: "HS256", id: null };
}

function readPrivatePem(text: string, name: string): SigningKey {
  if (!text.includes("PRIVATE KEY-----")) throw refused(name, PUBLIC);
  if (text.includes("ENCRYPTED")) throw refused(name, "is encrypted: give it decrypted, as PKCS #8");
  return signingKey(
    importing(name, () => createPrivateKey(text)),
    null,
    name,
  );
}

function readPrivateJwk(jwk: JsonWebKey, name: string): SigningKey {
  if (Array.isArray(jwk.keys)) throw refused(name, "is a JWK Set: give one private key of it");
  if (jwk.kty === "oct") throw refused(name, "is a secret as a JWK: give the secret itself");
  if (jwk.d === undefined) throw refused(name, PUBLIC);
  const { kid } = jwk;
  const key = importing(name, () => createPrivateKey({ key: jwk, format: "jwk" }));
  return signingKey(key, typeof kid === "string" ? kid : null, name);
}

const PUBLIC = "is a public key, which checks tokens but cannot sign them: give the private one";

function signingKey(key: KeyObject, id: string | null, name: string): SigningKey {
  const [algorithm] = algorithmsOf(createPublicKey(key), name);
  return { key, algorithm: algorithm as JwtAlgorithm, id };
}

function importing(name: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new JoineryError("INVALID_OPTION", `${name} cannot be read as a private key`, { cause });
  }
}

/** `null` for what is no JSON object, as no secret should be. */
function parseObject(text: string): JsonWebKey | null {
  if (!text.trimStart().startsWith("{")) return null;
  try {
    return JSON.parse(text) as JsonWebKey;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, "");
}

function refused(name: string, what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `${name} ${what}`);
}
