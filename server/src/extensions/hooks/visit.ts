/**
 * What the application is told of one session: that it began, its presence, that it has ended; in this order, one call
 * after the other. Of presence that changes faster than the application takes it, or than others are told, the newest
 * counts.
 */

import { type AwarenessEntry, equalBytes } from "@joinery/shared";
import { PresencePace, type PresencePaceLimits } from "../../engine/presence-pace.ts";
import type { HookCalls } from "./calls.ts";
import type { Hooks, VisitorSession } from "./hooks.ts";

export interface VisitOptions {
  readonly hooks: Pick<Hooks, "connect" | "disconnect" | "presence">;
  readonly calls: HookCalls;
  readonly limits: PresencePaceLimits;
  /** Asked for each call: a new token may bring another context. */
  readonly who: () => VisitorSession<unknown>;
  /** Nothing will be told any more. */
  readonly onOver: () => void;
}

export class Visit {
  readonly #options: VisitOptions;
  readonly #pace: PresencePace;
  /** What is to be told, and what was told last; `null` for an id that is gone. */
  readonly #changed = new Map<number, Uint8Array | null>();
  readonly #told = new Map<number, Uint8Array>();
  #isNew = true;
  #hasLeft = false;
  #isBusy = false;
  /** Ends a pause. */
  #goOn: () => void = () => undefined;

  constructor(options: VisitOptions) {
    this.#options = options;
    this.#pace = new PresencePace(options.limits);
    void this.#run();
  }

  announced(entries: readonly AwarenessEntry[]): void {
    for (const { clientId, state } of entries) {
      // A copy: it is a view into what the client sent.
      this.#changed.set(clientId, state && new Uint8Array(state));
    }
    if (!this.#isBusy) void this.#run();
  }

  left(): void {
    this.#hasLeft = true;
    this.#changed.clear();
    for (const clientId of this.#told.keys()) this.#changed.set(clientId, null);
    this.#goOn();
    if (!this.#isBusy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    if (this.#isNew) await this.#connect();
    for (let [next] = this.#changed; next; [next] = this.#changed) {
      const pauseMs = this.#hasLeft ? 0 : this.#pace.dueInMs(this.#options.calls.clock.monotonicMs());
      if (pauseMs > 0) await this.#pause(pauseMs);
      else await this.#tell(...next);
    }
    this.#isBusy = false;
    if (this.#hasLeft) await this.#disconnect();
  }

  async #connect(): Promise<void> {
    const { hooks, calls, who } = this.#options;
    this.#isNew = false;
    if (hooks.connect) await calls.tell("connect", who().document, () => hooks.connect?.(who()));
  }

  async #disconnect(): Promise<void> {
    const { hooks, calls, who, onOver } = this.#options;
    if (hooks.disconnect) await calls.tell("disconnect", who().document, () => hooks.disconnect?.(who()));
    onOver();
  }

  async #tell(clientId: number, bytes: Uint8Array | null): Promise<void> {
    const { hooks, calls, who } = this.#options;
    this.#changed.delete(clientId);
    const known = this.#told.get(clientId);
    // Clients say again and again that they are still here.
    if (bytes === null ? !known : known && equalBytes(known, bytes)) return;
    if (bytes) this.#told.set(clientId, bytes);
    else this.#told.delete(clientId);
    this.#pace.tell(calls.clock.monotonicMs());
    await calls.tell("presence", who().document, () => {
      const state = bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>);
      return hooks.presence?.({ ...who(), clientId, state });
    });
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.calls.clock.setTimer(ms, resolve);
    this.#goOn = () => {
      timer.cancel();
      resolve();
    };
    await promise;
  }
}
