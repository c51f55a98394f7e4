import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type DocumentName, JoineryError } from "@joinery/shared";
import { type JWTHeaderParameters, SignJWT } from "jose";
import { expect } from "vitest";
import { jwtAdmissions } from "../../../server/src/access/jwt/jwt-admissions.ts";
import { type JwtOptions, resolveJwt } from "../../../server/src/access/jwt/jwt-options.ts";
import type { KeysEvent } from "../../../server/src/access/jwt/remote-keys.ts";
import { DocumentPatterns } from "../../../server/src/access/patterns.ts";
import { type Admission, NO_REQUEST } from "../../../server/src/protocols/admission.ts";
import { FakeClock } from "../../support/fake-clock.ts";

export const SECRET = "a secret of at least 32 bytes, for tests";

const KINDS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
} as const;

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const newKeys = (kind: keyof typeof KINDS): KeyPair => KINDS[kind]();

export const pemOf = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }).toString();

/** Matches an error of the table with this code, and a message that has this in it. */
export const refused = (code: string, message: string | RegExp = ""): unknown =>
  expect.toSatisfy((error: unknown) => {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    return true;
  });

export interface StageOptions {
  readonly jwt: JwtOptions;
  readonly anonymous?: unknown;
  readonly maxVerifiedTokens?: number;
}

/** The admissions of a server with these options, and tokens for them, under one clock. */
export class JwtStage {
  readonly clock = new FakeClock();
  readonly events: KeysEvent[] = [];
  readonly admissions;

  constructor({ jwt, anonymous, maxVerifiedTokens = 100 }: StageOptions) {
    this.admissions = jwtAdmissions(resolveJwt(jwt), {
      clock: this.clock,
      limits: { maxVerifiedTokens },
      report: (event) => this.events.push(event),
      ...(anonymous !== undefined && { anonymous: DocumentPatterns.parse(anonymous) }),
    });
  }

  /** In seconds, as tokens have it. */
  get now(): number {
    return this.clock.now() / 1000;
  }

  /** Claims of a token that is good for a minute. */
  claims(more: Record<string, unknown> = {}): Record<string, unknown> {
    const usual = { sub: "ann", documents: { "**": "write" }, iat: this.now, exp: this.now + 60 };
    return { ...usual, ...more };
  }

  async sign(
    more: Record<string, unknown> = {},
    key: KeyObject | string = SECRET,
    header: JWTHeaderParameters = { alg: "HS256" },
  ): Promise<string> {
    const claims = Object.entries(this.claims(more)).filter(([, value]) => value !== undefined);
    const bytes = typeof key === "string" ? Buffer.from(key) : key;
    return await new SignJWT(Object.fromEntries(claims)).setProtectedHeader(header).sign(bytes);
  }

  /** At once or not, as the admissions answer; use {@link admit} where that does not matter. */
  ask(token: string | null, document = "notes"): Admission | Promise<Admission> {
    return this.admissions.admit({
      connection: NO_REQUEST,
      document: document as DocumentName,
      dialect: "joinery",
      token,
      agent: null,
      requestToken: () => undefined,
    });
  }

  async admit(token: string | null, document?: string): Promise<Admission> {
    return await this.ask(token, document);
  }
}
