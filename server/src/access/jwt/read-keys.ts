/**
 * Keys as people have them: a secret, PEM, JWK or JWKS. Reading is synchronous, so that a key that is none is known when
 * the server is made. No message shows any part of a key.
 */

import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { JoineryError } from "@joinery/shared";
import { type JwtAlgorithm, PUBLIC_KEY_ALGORITHMS, type VerifyingKey } from "./key-ring.ts";

/** As large as what HS256 makes of it (RFC 7518, section 3.2). */
export const MIN_SECRET_BYTES = 32;

/** Each may be tried on a token that does not say which it was signed with. */
const MAX_KEYS = 64;

const MIN_RSA_BITS = 2048;

/** A JWK Set as an identity provider publishes it. */
export interface JsonWebKeySet {
  readonly keys: readonly JsonWebKey[];
}

/** @throws JoineryError INVALID_OPTION (never retry), saying what it must be. */
export function readSecret(secret: unknown, name: string): VerifyingKey {
  if (typeof secret !== "string" && !(secret instanceof Uint8Array)) {
    throw refused(name, "must be a text or bytes");
  }
  const bytes = typeof secret === "string" ? Buffer.from(secret) : secret;
  if (bytes.length < MIN_SECRET_BYTES) {
    throw refused(name, `has ${bytes.length} bytes, it must have at least ${MIN_SECRET_BYTES}`);
  }
  if (typeof secret === "string" && secret.includes("-----BEGIN ")) {
    throw refused(name, 'is a key in PEM, which belongs into "publicKey"');
  }
  return { key: createSecretKey(bytes), algorithms: ["HS256"], id: null };
}

/**
 * @param value PEM (SPKI; several blocks in one text are several keys), a JWK, a JWK Set, or a list of such.
 * @param name Of the option, for messages.
 * @throws JoineryError INVALID_OPTION (never retry), saying what it must be.
 */
export function readPublicKeys(value: unknown, name: string): readonly VerifyingKey[] {
  const keys = Array.isArray(value)
    ? value.flatMap((one, i) => readPublicKey(one, `${name}[${i}]`))
    : readPublicKey(value, name);
  if (keys.length === 0) throw refused(name, "has no key");
  if (keys.length > MAX_KEYS) throw refused(name, `has more than ${MAX_KEYS} keys`);
  return keys;
}

function readPublicKey(value: unknown, name: string): readonly VerifyingKey[] {
  if (typeof value === "string") return readPem(value, name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refused(name, "must be a public key: PEM, a JWK or a JWK Set");
  }
  if ("keys" in value) return readKeySet(value, name);
  return [readJwk(value as JsonWebKey, name)];
}

/** Of a JWK Set, the keys that can check a signature that is accepted here; others are for something else. */
export function readKeySet(value: unknown, name: string): readonly VerifyingKey[] {
  const keys: unknown = typeof value === "object" && value !== null && "keys" in value ? value.keys : null;
  if (!Array.isArray(keys)) throw refused(name, 'must be a JWK Set, with a list "keys"');
  if (keys.length > MAX_KEYS) throw refused(name, `has more than ${MAX_KEYS} keys`);
  if (keys.some(isPrivate)) throw refused(name, "has a private key or a secret, which nobody must be shown");
  return keys.flatMap((jwk: JsonWebKey) => {
    try {
      return isForSignatures(jwk) ? [readJwk(jwk, name)] : [];
    } catch (error) {
      if (error instanceof JoineryError) return [];
      throw error;
    }
  });
}

function readPem(text: string, name: string): readonly VerifyingKey[] {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)];
  if (blocks.length === 0) throw refused(name, 'must be a public key in PEM, "-----BEGIN PUBLIC KEY-----"');
  return blocks.map(([block, label = ""]) => {
    if (label.endsWith("PRIVATE KEY"))
      throw refused(name, "is a private key: give the public one, which checks");
    if (label !== "PUBLIC KEY") {
      throw refused(name, `is "BEGIN ${label}", it must be "BEGIN PUBLIC KEY" (SPKI)`);
    }
    return verifyingKey(
      importing(name, () => createPublicKey(block)),
      null,
      name,
    );
  });
}

function readJwk(jwk: JsonWebKey, name: string): VerifyingKey {
  if (isPrivate(jwk)) throw refused(name, "is a private key or a secret: give the public one, which checks");
  if (!isForSignatures(jwk))
    throw refused(name, 'is a JWK for something else than signatures ("use", "key_ops")');
  const key = verifyingKey(
    importing(name, () => createPublicKey({ key: jwk, format: "jwk" })),
    typeof jwk.kid === "string" ? jwk.kid : null,
    name,
  );
  const { alg } = jwk;
  if (alg === undefined) return key;
  const algorithms = key.algorithms.filter((one) => one === alg);
  if (algorithms.length === 0)
    throw refused(name, `is for another algorithm than ${key.algorithms.join(", ")}`);
  return { ...key, algorithms };
}

function isPrivate(jwk: unknown): boolean {
  return typeof jwk === "object" && jwk !== null && ("d" in jwk || "k" in jwk);
}

function isForSignatures(jwk: unknown): jwk is JsonWebKey {
  if (typeof jwk !== "object" || jwk === null) return false;
  const { use, key_ops: operations } = jwk as JsonWebKey;
  if (use !== undefined && use !== "sig") return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
}

function verifyingKey(key: KeyObject, id: string | null, name: string): VerifyingKey {
  return { key, algorithms: algorithmsOf(key, name), id };
}

/** @throws JoineryError INVALID_OPTION (never retry) when it is for none that is accepted. */
export function algorithmsOf(key: KeyObject, name: string): readonly JwtAlgorithm[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return ["EdDSA", "Ed25519"];
  if (type === "ec" && details?.namedCurve === "prime256v1") return ["ES256"];
  if (type === "rsa") {
    if ((details?.modulusLength ?? 0) >= MIN_RSA_BITS) return ["RS256"];
    throw refused(name, `is an RSA key of less than ${MIN_RSA_BITS} bits`);
  }
  throw refused(name, `must be a key for ${PUBLIC_KEY_ALGORITHMS.join(", ")}: RSA, P-256 or Ed25519`);
}

/** The reason is OpenSSL's and means nothing to people; and it must not hold a part of the key. */
function importing(name: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new JoineryError("INVALID_OPTION", `option "${name}" cannot be read as a public key`, { cause });
  }
}

function refused(name: string, what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `option "${name}" ${what}`);
}
