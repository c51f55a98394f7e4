import type { Config, JwtOptions, RightsSpec } from "@joinery/server";

/** Who comes in and who does not, as a start of the server says it. */
export interface AccessSummary {
  readonly lines: readonly string[];
  /** Whether nobody is asked who they are: that should be seen. */
  readonly isOpen: boolean;
}

/** @param config That a server was made with, so that everything in it is what it must be. */
export function summarizeAccess(config: Config): AccessSummary {
  const { jwt, anonymous } = config.access ?? {};
  const lines = [
    ...(jwt ? tokenLines(jwt) : []),
    ...(asksHooks(config) ? [`${jwt ? "and " : ""}your hooks decide who may do what`] : []),
  ];
  if (lines.length === 0) return { lines: openLines(config), isOpen: true };
  if (jwt || anonymous !== undefined) lines.push(`without a token: ${rightsOf(anonymous ?? "none")}`);
  return { lines: [...lines, ...pageLines(config)], isOpen: false };
}

function tokenLines({ secret, publicKey, jwks, issuer, audience, tenantClaim }: JwtOptions): string[] {
  const keys = [
    ...(secret === undefined ? [] : ["with the secret"]),
    ...(publicKey === undefined ? [] : [`with your public key${Array.isArray(publicKey) ? "s" : ""}`]),
    ...(jwks === undefined ? [] : [`with the keys at ${placeOf(jwks)}`]),
  ];
  const demands = [
    ...(issuer === undefined ? [] : [`issued by ${listOf(issuer)}`]),
    ...(audience === undefined ? [] : [`for ${listOf(audience)}`]),
    ...(tenantClaim === undefined ? [] : [`each for its tenant's documents ("${tenantClaim}")`]),
  ];
  return [
    `JSON Web Tokens, checked ${keys.join(" or ")}`,
    ...(demands.length > 0 ? [demands.join(", ")] : []),
  ];
}

/** Without the query, where some have a key of their own. */
function placeOf(jwks: string): string {
  const url = URL.parse(jwks);
  return url === null ? "an address that is none" : url.origin + url.pathname;
}

function asksHooks({ hooks, extensions = [], hocuspocus }: Config): boolean {
  const theirs = [...extensions, ...(hocuspocus ? [hocuspocus] : [])] as Readonly<Record<string, unknown>>[];
  const isAsking = theirs.some((one) => one.onAuthenticate !== undefined || one.onConnect !== undefined);
  return isAsking || hooks?.authenticate !== undefined || hooks?.authorize !== undefined;
}

function openLines(config: Config): string[] {
  const { access, host, allowPublicWithoutAuthentication } = config;
  const anonymous = access?.anonymous;
  const what = anonymous === undefined ? [] : [`everybody: ${rightsOf(anonymous)}`];
  if (allowPublicWithoutAuthentication && host !== undefined && !isThisMachine(host)) {
    const may = what.length > 0 ? what : ["everybody: read and write"];
    return [`no authentication: for everybody who reaches this machine`, ...may, ...pageLines(config)];
  }
  const others = othersOf(config);
  const pages = others === null ? "" : `, and pages of ${others}`;
  return [`no authentication, therefore for programs and pages of this machine only${pages}`, ...what];
}

/** As the server has it, which listens nowhere else without authentication unless it is told to. */
export function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || host.startsWith("127.");
}

function pageLines(config: Pick<Config, "origins">): string[] {
  const others = othersOf(config);
  return others === null ? [] : [`pages of ${others} may connect`];
}

/** Whose pages may connect besides the server's own; `null` for nobody's. */
function othersOf({ origins = [] }: Pick<Config, "origins">): string | null {
  if (origins === "*" || origins.includes("*")) return "all sites";
  return origins.length === 0 ? null : origins.join(", ");
}

const LEVELS = {
  none: "nothing",
  read: "read",
  write: "read and write",
  manage: "read, write and manage",
} as const;

function rightsOf(rights: RightsSpec | Readonly<Record<string, RightsSpec>>): string {
  if (typeof rights === "string") return LEVELS[rights];
  if (Array.isArray(rights)) return rights.join(", ");
  const patterns = Object.entries(rights as Readonly<Record<string, RightsSpec>>);
  const shown = patterns.slice(0, MAX_PATTERNS).map(([pattern, spec]) => `${pattern} ${wordsOf(spec)}`);
  return [
    ...shown,
    ...(patterns.length > MAX_PATTERNS ? [`and ${patterns.length - MAX_PATTERNS} more`] : []),
  ].join(", ");
}

const MAX_PATTERNS = 4;

function wordsOf(spec: RightsSpec): string {
  return typeof spec === "string" ? spec : `(${spec.join(", ")})`;
}

function listOf(texts: string | readonly string[]): string {
  return typeof texts === "string" ? texts : texts.join(" or ");
}
