import { DEFAULT_LIMITS, JoineryError, LIMITS, type LimitName, type Limits } from "@joinery/shared";
import { MAX_FRAGMENT_OVERHEAD_BYTES } from "@joinery/shared/protocol";
import { type AccessOptions, type ResolvedAccess, resolveAccess } from "../access/access-options.ts";
import { DEFAULT_FLUSH, type FlushOptions } from "../engine/flush-window.ts";
import { pendingSignalBytesFor } from "../engine/pending-signals.ts";
import type { Storage } from "../engine/ports.ts";
import type { HocuspocusExtension, HocuspocusOptions } from "../extensions/hocuspocus/index.ts";
import { HOOK_NAMES, type Hooks } from "../extensions/hooks/hooks.ts";
import { isOrigin } from "../http/origin.ts";
import { hasPage } from "../http/page.ts";
import { type MetricsOptions, type ResolvedMetrics, resolveMetrics } from "../metrics/metrics-options.ts";
import {
  checkBoolean,
  checkNumber,
  checkText,
  invalid,
  refuseUnknown,
  requireObject,
} from "../option-checks.ts";
import { DEFAULT_HEARTBEAT, type HeartbeatOptions } from "../transports/connections.ts";
import type { Logger } from "./log.ts";

export { refuseUnknown } from "../option-checks.ts";

/** How a server is made. Everything has a default. */
export interface ServerOptions<Context = unknown> {
  /** Folder where the documents are kept; created if it is not there. Default `./data`. */
  readonly data?: string;
  /** Where to keep documents instead of a folder. */
  readonly storage?: Storage;
  /** Folder of static files to serve as a page. Default: none. */
  readonly page?: string;
  /**
   * Origins of pages that may connect besides the server's own, as browsers write them: `https://app.example.com`,
   * or `null`. `*` allows all. Default: none. Programs, which send no `Origin`, may always.
   */
  readonly origins?: readonly string[] | "*";
  /**
   * How many reverse proxies of yours a request passes before it comes here; the client's address is then taken from
   * `X-Forwarded-For`, for the limits that one address has. Default 0: the header is not looked at.
   */
  readonly trustProxy?: number;
  /** Overrides of the table of limits. */
  readonly limits?: Partial<Limits>;
  /** How long updates are collected before they are sent: adaptive (the default) or a fixed throttle. */
  readonly flush?: FlushOptions;
  /** When connections are pinged and given up. Default every 15 s, given up 30 s after an unanswered ping. */
  readonly heartbeat?: HeartbeatOptions;
  /** How long a document stays in memory after the last client left, in milliseconds. Default 30,000. */
  readonly idleRoomMs?: number;
  /** How long `close` waits for the storage, in milliseconds. Default 6,000. */
  readonly drainTimeoutMs?: number;
  /** Where log lines go; a pino logger fits. Default: warnings and errors as JSON to standard error. */
  readonly logger?: Logger;
  /** Who may come in, by tokens: docs/access.md. Default: everybody, who may write. */
  readonly access?: AccessOptions;
  /**
   * Whether the server may listen on an address that others reach though it asks nobody who they are. Whoever reaches it
   * may then read and write every document. Default false.
   */
  readonly allowPublicWithoutAuthentication?: boolean;
  /** Functions of yours that the server calls: docs/hooks.md. Default: none. */
  readonly hooks?: Hooks<Context>;
  /** How long one call of a hook may take, in milliseconds. Default 10,000. */
  readonly hookTimeoutMs?: number;
  /** How long nobody must have changed a document before the hook `store` is called, in milliseconds. Default 2,000. */
  readonly storeDelayMs?: number;
  /** How long that may be put off while people go on writing, in milliseconds. Default 10,000. */
  readonly maxStoreDelayMs?: number;
  /** Extensions written for Hocuspocus 4, which are called as there: docs/hocuspocus.md. Default: none. */
  readonly extensions?: readonly HocuspocusExtension[];
  /** What Hocuspocus' own configuration has for them: hooks, which are called last, and times. */
  readonly hocuspocus?: HocuspocusOptions;
  /** Who may read `/metrics`: docs/metrics.md. `false`: it is not there. Default: who may manage the whole server. */
  readonly metrics?: MetricsOptions | false;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly data: string;
  readonly storage: Storage | null;
  readonly page: string | null;
  readonly origins: readonly string[];
  readonly trustProxy: number;
  readonly limits: Limits;
  readonly flush: FlushOptions;
  readonly heartbeat: HeartbeatOptions;
  readonly idleRoomMs: number;
  readonly drainTimeoutMs: number;
  readonly logger: Logger | null;
  readonly access: ResolvedAccess;
  readonly allowPublicWithoutAuthentication: boolean;
  readonly hooks: Hooks | null;
  readonly hookTimeoutMs: number;
  readonly storeDelayMs: number;
  readonly maxStoreDelayMs: number;
  readonly extensions: readonly HocuspocusExtension[];
  readonly hocuspocus: HocuspocusOptions | null;
  readonly metrics: ResolvedMetrics | null;
}

/** Total by type: an option that is not here does not compile. */
const KNOWN: { readonly [name in keyof Required<ServerOptions>]: true } = {
  data: true,
  storage: true,
  page: true,
  origins: true,
  trustProxy: true,
  limits: true,
  flush: true,
  heartbeat: true,
  idleRoomMs: true,
  drainTimeoutMs: true,
  logger: true,
  access: true,
  allowPublicWithoutAuthentication: true,
  hooks: true,
  hookTimeoutMs: true,
  storeDelayMs: true,
  maxStoreDelayMs: true,
  extensions: true,
  hocuspocus: true,
  metrics: true,
};

/** Names of all options of a server. */
export const SERVER_OPTION_NAMES: readonly string[] = Object.keys(KNOWN);

/**
 * Fills in defaults and checks everything, because options come from files and from JavaScript too.
 *
 * @throws JoineryError INVALID_OPTION (never retry), naming the option and what it may be.
 */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  refuseUnknown(options, SERVER_OPTION_NAMES, "");
  return {
    data: checkText("data", options.data ?? "./data"),
    storage: checkObject("storage", options.storage, ["open", "load", "append", "close"], "a Storage"),
    page: options.page === undefined ? null : checkPage(options.page),
    origins: resolveOrigins(options.origins),
    trustProxy: checkNumber("trustProxy", options.trustProxy ?? 0, 0, 16, "proxies"),
    limits: resolveLimits(options.limits),
    flush: resolveFlush(options.flush),
    heartbeat: resolveHeartbeat(options.heartbeat),
    idleRoomMs: checkNumber("idleRoomMs", options.idleRoomMs ?? 30_000, 0, 86_400_000, "ms"),
    drainTimeoutMs: checkNumber("drainTimeoutMs", options.drainTimeoutMs ?? 6_000, 0, 600_000, "ms"),
    logger: checkObject("logger", options.logger, ["debug", "info", "warn", "error"], "a logger"),
    access: resolveAccess(options.access),
    allowPublicWithoutAuthentication: checkBoolean(
      "allowPublicWithoutAuthentication",
      options.allowPublicWithoutAuthentication ?? false,
    ),
    hooks: options.hooks === undefined ? null : checkHooks(options.hooks),
    hookTimeoutMs: checkNumber("hookTimeoutMs", options.hookTimeoutMs ?? 10_000, 10, 600_000, "ms"),
    storeDelayMs: checkNumber("storeDelayMs", options.storeDelayMs ?? 2_000, 0, 3_600_000, "ms"),
    maxStoreDelayMs: checkNumber("maxStoreDelayMs", options.maxStoreDelayMs ?? 10_000, 0, 3_600_000, "ms"),
    ...resolveExtensions(options),
    metrics: resolveMetrics(options.metrics),
  };
}

function resolveOrigins(origins: readonly string[] | "*" = []): readonly string[] {
  if (origins === "*") return ["*"];
  if (!Array.isArray(origins)) throw invalid("origins", origins, 'a list of origins, or "*"');
  for (const origin of origins) {
    if (origin === "*" || (typeof origin === "string" && isOrigin(origin))) continue;
    throw invalid("origins", origin, 'origins such as "https://app.example.com", as browsers write them');
  }
  return [...origins];
}

function resolveLimits(overrides: Partial<Limits> = {}): Limits {
  refuseUnknown(overrides, Object.keys(LIMITS), "limits.");
  const limits: { -readonly [name in LimitName]: number } = { ...DEFAULT_LIMITS };
  for (const [name, value] of Object.entries(overrides) as [LimitName, number | undefined][]) {
    if (value === undefined) continue;
    const { min, max, unit } = LIMITS[name];
    limits[name] = checkNumber(`limits.${name}`, value, min, max, unit);
  }
  for (const bound of BOUNDS) requireBound(limits, overrides, bound);
  return limits;
}

/** A limit that has to be so much, at least or at most, for another one to mean anything. */
interface Bound {
  readonly name: LimitName;
  readonly other: LimitName;
  readonly kind: "least" | "most";
  readonly of: (other: number) => number;
  /** Why, as the end of a sentence. */
  readonly reason: string;
}

const BOUNDS: readonly Bound[] = [
  {
    name: "maxFragmentBytes",
    other: "maxMessageBytes",
    kind: "most",
    of: (maxMessageBytes) => maxMessageBytes - MAX_FRAGMENT_OVERHEAD_BYTES,
    reason: "a fragment, with its head, goes in one message",
  },
  {
    name: "maxPendingSignalBytes",
    other: "maxSignalBytes",
    kind: "least",
    of: pendingSignalBytesFor,
    reason: "the largest signal has to find room in the quarter of one document",
  },
];

/** Refuses a limit that was given and contradicts another; a default gives way. */
function requireBound(
  limits: { -readonly [name in LimitName]: number },
  overrides: Partial<Limits>,
  { name, other, kind, of, reason }: Bound,
): void {
  const bound = of(limits[other]);
  const isKept = kind === "most" ? limits[name] <= bound : limits[name] >= bound;
  if (isKept) return;
  if (overrides[name] === undefined) {
    limits[name] = bound;
    return;
  }
  throw new JoineryError(
    "INVALID_OPTION",
    `option "limits.${name}" is ${limits[name]} and "limits.${other}" is ${limits[other]}: the first must be at ${kind} ${bound}, because ${reason}`,
  );
}

function resolveFlush(flush: FlushOptions = DEFAULT_FLUSH): FlushOptions {
  requireObject("flush", flush);
  if (flush.kind === "fixed") {
    refuseUnknown(flush, ["kind", "windowMs"], "flush.");
    return { kind: "fixed", windowMs: checkNumber("flush.windowMs", flush.windowMs, 0, 10_000, "ms") };
  }
  if (flush.kind !== "adaptive")
    throw invalid("flush.kind", (flush as { kind?: unknown }).kind, `"adaptive" or "fixed"`);
  refuseUnknown(flush, ["kind", "share", "maxWindowMs"], "flush.");
  return {
    kind: "adaptive",
    share: checkNumber("flush.share", flush.share, 0.001, 1),
    maxWindowMs: checkNumber("flush.maxWindowMs", flush.maxWindowMs, 0, 10_000, "ms"),
  };
}

function resolveHeartbeat(heartbeat: HeartbeatOptions = DEFAULT_HEARTBEAT): HeartbeatOptions {
  refuseUnknown(heartbeat, ["intervalMs", "timeoutMs"], "heartbeat.");
  const { intervalMs, timeoutMs } = heartbeat;
  return {
    intervalMs: checkNumber("heartbeat.intervalMs", intervalMs, 10, 3_600_000, "ms"),
    timeoutMs: checkNumber("heartbeat.timeoutMs", timeoutMs, 10, 3_600_000, "ms"),
  };
}

function checkPage(folder: unknown): string {
  const path = checkText("page", folder);
  if (hasPage(path)) return path;
  throw invalid("page", folder, "a folder with an index.html");
}

/** What is in these is checked where they are made a plugin of. */
function resolveExtensions(options: ServerOptions): Pick<ResolvedOptions, "extensions" | "hocuspocus"> {
  const { extensions = [], hocuspocus = null } = options;
  if (!Array.isArray(extensions)) throw invalid("extensions", extensions, "a list of extensions");
  if (hocuspocus !== null) requireObject("hocuspocus", hocuspocus);
  return { extensions: [...extensions], hocuspocus };
}

/** Methods of a class are hooks too. */
function checkHooks(hooks: Hooks): Hooks {
  refuseUnknown(hooks, HOOK_NAMES, "hooks.");
  for (const name of HOOK_NAMES) {
    const hook: unknown = hooks[name as keyof Hooks];
    if (hook !== undefined && typeof hook !== "function") throw invalid(`hooks.${name}`, hook, "a function");
  }
  return hooks;
}

/** Something that somebody made: it has at least these methods. */
function checkObject<T extends object>(
  name: string,
  value: T | undefined,
  methods: readonly (keyof T & string)[],
  what: string,
): T | null {
  if (value === undefined) return null;
  const isOne = typeof value === "object" && value !== null;
  if (isOne && methods.every((method) => typeof value[method] === "function")) return value;
  throw invalid(name, value, `${what}, with the methods ${methods.join(", ")}`);
}
