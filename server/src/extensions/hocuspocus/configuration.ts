import { JoineryError } from "@joinery/shared";
import type { AnyExtension, HookName, Hooks } from "./hooks.ts";
import type { YDocOptions } from "./hosted-document.ts";
import type { TypedHooks } from "./payloads.ts";

/** What of Hocuspocus' configuration applies here, by its own names, and what bounds extensions. */
export interface HocuspocusOptions extends TypedHooks {
  /** For log lines of extensions. Default: none. */
  readonly name?: string | null;
  /** How long a document has to be quiet before `onStoreDocument` is called, in milliseconds. Default 2,000. */
  readonly debounce?: number;
  /** After how long it is called at the latest, in milliseconds. Default 10,000. */
  readonly maxDebounce?: number;
  /** Whether `onStoreDocument` is called at once when the last client has left. Default: yes. */
  readonly unloadImmediately?: boolean;
  /** How Y.Docs are made. Default: with garbage collection. */
  readonly yDocOptions?: YDocOptions;
  /** How long a hook may take, in milliseconds; then it counts as one that threw. Default 10,000. */
  readonly hookTimeoutMs?: number;
  /** A hook that takes as long is reported, in milliseconds. Default 1,000. */
  readonly slowHookMs?: number;
  /**
   * Encoded size of all documents that extensions see, in bytes. A document that is too much is not loaded, and its
   * clients are told SERVER_FULL. Default 64 MiB, which are about 800 MB of memory.
   */
  readonly maxHostedBytes?: number;
}

/** Options with every default filled in. */
export interface Configuration {
  readonly name: string | null;
  readonly debounce: number;
  readonly maxDebounce: number;
  readonly unloadImmediately: boolean;
  readonly yDocOptions: YDocOptions;
  readonly hookTimeoutMs: number;
  readonly slowHookMs: number;
  readonly maxHostedBytes: number;
  readonly hooks: Hooks;
}

const DEFAULTS = {
  name: null,
  debounce: 2_000,
  maxDebounce: 10_000,
  unloadImmediately: true,
  yDocOptions: { gc: true },
  hookTimeoutMs: 10_000,
  slowHookMs: 1_000,
  maxHostedBytes: 64 * 1024 * 1024,
} as const;

const NUMBERS = ["debounce", "maxDebounce", "hookTimeoutMs", "slowHookMs", "maxHostedBytes"] as const;

/**
 * Fills in defaults and checks, because options come from JavaScript too.
 *
 * @param names Of all hooks that there are.
 * @throws JoineryError INVALID_OPTION (never retry), naming the option.
 */
export function resolveConfiguration(options: HocuspocusOptions, names: readonly HookName[]): Configuration {
  const hooks: { [name in HookName]?: (payload: never) => unknown } = {};
  const own: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (isHookName(name, names)) hooks[name] = checkHook(name, value);
    else if (name in DEFAULTS) own[name] = value;
    else {
      const known = Object.keys(DEFAULTS).join(", ");
      throw invalid(`there is no option "${name}" for extensions; there are ${known}, and the hooks`);
    }
  }
  const resolved = { ...DEFAULTS, ...own, hooks };
  for (const name of NUMBERS) {
    const value: unknown = resolved[name];
    if (typeof value === "number" && value >= 0) continue;
    throw invalid(`option "${name}" is ${String(value)}, it must be a number that is not negative`);
  }
  return resolved;
}

/** @throws JoineryError INVALID_OPTION (never retry). */
export function checkExtensions(extensions: readonly AnyExtension[]): readonly AnyExtension[] {
  if (!Array.isArray(extensions)) throw invalid("extensions must be a list of objects");
  for (const [place, extension] of extensions.entries()) {
    if (typeof extension === "object" && extension !== null) continue;
    throw invalid(`extension ${place + 1} is ${String(extension)}, it must be an object with hooks`);
  }
  return extensions;
}

function isHookName(name: string, names: readonly HookName[]): name is HookName {
  return (names as readonly string[]).includes(name);
}

function checkHook(name: string, value: unknown): (payload: never) => unknown {
  if (typeof value === "function") return value as (payload: never) => unknown;
  throw invalid(`hook "${name}" is ${String(value)}, it must be a function`);
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
