import { createHash } from "node:crypto";

/**
 * What is kept of a secret instead of it: SHA-256 as 64 hexadecimal digits. Secrets are looked up by it and never
 * compared character by character, so how long that takes says nothing about them.
 */
export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** A JSON Web Token as it is written: header, claims and signature. */
const JWT = /^([\w-]+\.[\w-]+)\.[\w-]+$/;

/**
 * What a token is known by. Of a JSON Web Token that is what was signed, not the signature: of some algorithms (ES256)
 * whoever has one can make another that is as good, and would be somebody else's token then.
 */
export function tokenDigestOf(token: string): string {
  const [, signed = token] = JWT.exec(token) ?? [];
  return digestOf(signed);
}
