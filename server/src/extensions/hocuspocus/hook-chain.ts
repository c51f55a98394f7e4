/**
 * Calls the hooks of all extensions, one extension after the other: those of a greater priority first, the
 * configuration's own last. What one throws ends the chain. Nobody is waited for longer than the timeout: whoever
 * does not answer in time has thrown.
 */

import type { PluginServer } from "../plugin.ts";
import { type AnyExtension, HOOKS, type HookName, type Hooks } from "./hooks.ts";

export interface HookChainOptions {
  readonly extensions: readonly AnyExtension[];
  /** Called after those of all extensions. */
  readonly own: Hooks;
  readonly timeoutMs: number;
  /** A call that took longer is reported. */
  readonly slowMs: number;
}

export interface HookCall {
  /** The document that it is about; `null` for none. Default `null`. */
  readonly document?: string | null;
  /** Given what each hook returned, and its name, before the next one is called. */
  readonly onResult?: (result: unknown, hook: string) => void;
}

/** A hook did not answer in time. */
export class HookTimedOut extends Error {
  constructor(hook: string, timeoutMs: number) {
    super(`${hook} did not finish within ${timeoutMs} ms`);
    this.name = "HookTimedOut";
  }
}

interface Link {
  readonly name: string;
  readonly extension: Hooks;
  readonly hookName: HookName;
}

/** Calls of one document that nobody waits for: above it further ones are not made, and reported. */
const MAX_UNFINISHED = 1000;

export class HookChain {
  /** The extensions in the order in which they are called. */
  readonly extensions: readonly AnyExtension[];
  readonly #options: HookChainOptions;
  readonly #links = new Map<HookName, readonly Link[]>();
  readonly #unfinished = new Map<string | null, number>();
  #server: PluginServer | null = null;

  /** @param names Of all hooks that there are. */
  constructor(options: HookChainOptions, names: readonly HookName[]) {
    this.#options = options;
    // Sorting is stable.
    this.extensions = [...options.extensions].sort(
      (one, other) => (other.priority ?? 100) - (one.priority ?? 100),
    );
    for (const name of names) {
      const links = [...this.extensions, options.own].flatMap((extension, place) => {
        if (typeof extension[name] !== "function") return [];
        return [{ name: `${nameOf(extension, place, options.own)}.${name}`, extension, hookName: name }];
      });
      if (links.length > 0) this.#links.set(name, links);
    }
  }

  begin(server: PluginServer): void {
    this.#server = server;
  }

  /** Whether there is a hook of one of these names. */
  has(...names: readonly HookName[]): boolean {
    return names.some((name) => this.#links.has(name));
  }

  /**
   * Calls all hooks of a name. None is called before this has returned. Rejects with what one threw, as it was
   * thrown, or with {@link HookTimedOut}.
   */
  async run(name: HookName, payload: object, { document = null, onResult }: HookCall = {}): Promise<void> {
    const links = this.#links.get(name);
    if (!links) return;
    await null;
    for (const link of links) {
      const result = await this.#call(link, payload, document);
      onResult?.(result, link.name);
    }
  }

  /** As {@link run}, where nobody waits and what is thrown is only reported. */
  tell(name: HookName, payload: object, document: string | null): void {
    if (this.has(name)) void this.told(name, payload, document);
  }

  /** As {@link tell}. @returns Resolves when all of them have finished. */
  async told(name: HookName, payload: object, document: string | null): Promise<void> {
    const unfinished = this.#unfinished.get(document) ?? 0;
    if (unfinished >= MAX_UNFINISHED) {
      this.report("hook-failed", name, document, new Error(`${unfinished} calls are not finished`), 0);
      return;
    }
    this.#unfinished.set(document, unfinished + 1);
    // What it threw has been reported.
    await this.run(name, payload, { document }).catch(() => undefined);
    const left = (this.#unfinished.get(document) ?? 1) - 1;
    if (left > 0) this.#unfinished.set(document, left);
    else this.#unfinished.delete(document);
  }

  report(
    type: "hook-failed" | "hook-timed-out" | "hook-slow",
    ...[hook, document, error, ms]: [string, string | null, Error | null, number]
  ): void {
    this.#begun.report({ type, hook, document, error, ms });
  }

  async #call(
    { name, extension, hookName }: Link,
    payload: object,
    document: string | null,
  ): Promise<unknown> {
    const { timeoutMs, slowMs } = this.#options;
    const { clock } = this.#begun;
    this.#begun.countCall?.(hookName);
    const startMs = clock.monotonicMs();
    const answer = Promise.withResolvers<unknown>();
    const timer = clock.setTimer(timeoutMs, () => answer.reject(new HookTimedOut(name, timeoutMs)));
    try {
      // reason: each hook is called with the payload of its own name.
      const answered = extension[hookName]?.(payload as never);
      Promise.resolve(answered).then(answer.resolve, answer.reject);
    } catch (thrown) {
      answer.reject(thrown);
    }
    try {
      return await answer.promise;
    } catch (thrown) {
      const ms = clock.monotonicMs() - startMs;
      if (thrown instanceof HookTimedOut) this.report("hook-timed-out", name, document, thrown, ms);
      else if (isMistake(hookName, thrown)) this.report("hook-failed", name, document, errorOf(thrown), ms);
      throw thrown;
    } finally {
      timer.cancel();
      const ms = clock.monotonicMs() - startMs;
      if (ms >= slowMs && ms < timeoutMs) this.report("hook-slow", name, document, null, ms);
    }
  }

  get #begun(): PluginServer {
    if (this.#server === null) throw new Error("a hook was called before the server began");
    return this.#server;
  }
}

/** Whether it says that another extension has dealt with it, by any copy of the class. */
export function isSkip(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "SkipFurtherHooksError";
}

/** Whoever throws nothing, or no more than a code and a reason for the client, only says no: but who stores cannot. */
function isMistake(hook: HookName, thrown: unknown): boolean {
  if (isSkip(thrown)) return false;
  if (HOOKS[hook].onThrow === "retried") return true;
  if (typeof thrown !== "object" || thrown === null) return Boolean(thrown);
  return "message" in thrown ? thrown.message !== "" : !("code" in thrown || "reason" in thrown);
}

/** What was thrown, as something that can be reported. */
export function errorOf(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  const isTold = typeof thrown === "object" && thrown !== null && "message" in thrown;
  return new Error(String(isTold ? thrown.message : thrown), { cause: thrown });
}

function nameOf(extension: AnyExtension, place: number, own: Hooks): string {
  if (extension === own) return "configuration";
  const className = extension.constructor.name;
  return extension.extensionName ?? (className === "Object" ? `extension ${place + 1}` : className);
}
