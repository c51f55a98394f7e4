import { JoineryError } from "@joinery/shared";
import type { Clock } from "../../engine/ports.ts";
import type { PluginEvent } from "../plugin.ts";
import type { HookName } from "./hooks.ts";

export interface HookCallsOptions {
  readonly clock: Clock;
  /** How long a call may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly report: (event: PluginEvent) => void;
  /** Default: nobody counts. */
  readonly countCall?: (hook: string) => void;
}

/** What takes longer is told, though it succeeds. */
const SLOW_MS = 1000;

/** Calls an application's functions: each has a time, and what goes wrong is told. */
export class HookCalls {
  readonly #options: HookCallsOptions;

  constructor(options: HookCallsOptions) {
    this.#options = options;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /**
   * Calls a function that decides something.
   *
   * @param document What it is about; `null` for none.
   *
   * Rejects with a JoineryError that it threw, which is its decision; with any other error as it is, which was told; and
   * with HOOK_FAILED (backoff) when it took too long.
   */
  async ask<T>(hook: HookName, document: string | null, call: () => T | Promise<T>): Promise<T> {
    const startMs = this.clock.monotonicMs();
    this.#options.countCall?.(hook);
    try {
      const result = await this.#inTime(hook, call);
      const ms = this.clock.monotonicMs() - startMs;
      if (ms >= SLOW_MS) this.#report("hook-slow", hook, document, null, ms);
      return result;
    } catch (thrown) {
      const ms = this.clock.monotonicMs() - startMs;
      if (thrown instanceof TimedOut) {
        this.#report("hook-timed-out", hook, document, thrown, ms);
        throw new JoineryError("HOOK_FAILED", thrown.message, { cause: thrown });
      }
      if (!(thrown instanceof JoineryError)) this.#report("hook-failed", hook, document, thrown, ms);
      throw thrown;
    }
  }

  /** Calls a function that is only told something. Never rejects. @returns Whether it succeeded. */
  async tell(hook: HookName, document: string, call: () => unknown): Promise<boolean> {
    const startMs = this.clock.monotonicMs();
    try {
      await this.ask(hook, document, call);
      return true;
    } catch (thrown) {
      // All else was told.
      if (thrown instanceof JoineryError && thrown.code !== "HOOK_FAILED") {
        this.#report("hook-failed", hook, document, thrown, this.clock.monotonicMs() - startMs);
      }
      return false;
    }
  }

  /** Something around a function went wrong, though not in it. */
  failed(hook: HookName, document: string, thrown: unknown): void {
    this.#report("hook-failed", hook, document, thrown, 0);
  }

  #inTime<T>(hook: HookName, call: () => T | Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = clock.setTimer(timeoutMs, () => reject(new TimedOut(hook, timeoutMs)));
    const called = new Promise<T>((returned) => returned(call()));
    called.then(resolve, reject).finally(() => timer.cancel());
    return promise;
  }

  #report(
    type: PluginEvent["type"],
    hook: string,
    document: string | null,
    thrown: unknown,
    ms: number,
  ): void {
    const error = thrown === null ? null : thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#options.report({ type, hook, document, error, ms });
  }
}

class TimedOut extends Error {
  constructor(hook: HookName, timeoutMs: number) {
    super(`${hook} took longer than ${timeoutMs} ms`);
  }
}
