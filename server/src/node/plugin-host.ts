/** Runs what an application adds to a server: all plugins as one, at the right moments. */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { RoomObserver } from "../engine/observer.ts";
import type { Plugin, PluginCounts, PluginServer } from "../extensions/plugin.ts";
import { combinePlugins, NOTHING_COUNTED } from "../extensions/plugins.ts";
import { type RequestHandler, respondText } from "../http/page.ts";
import { type Admissions, ANONYMOUS, admitAs } from "../protocols/admission.ts";
import { respondRaw } from "./http-server.ts";
import { withinMs } from "./within.ts";

export type PluginHostOptions = Omit<PluginServer, "rooms">;

/** Without authentication. */
const EVERYBODY = admitAs(ANONYMOUS);
/** What it may still want to do when everybody has gone. */
const CLOSE_TIMEOUT_MS = 1_500;

export class PluginHost {
  readonly admissions: Admissions;
  readonly #plugin: Plugin | null;
  readonly #options: PluginHostOptions;
  readonly #begun = Promise.withResolvers<void>();
  #hasBegun = false;

  constructor(plugins: readonly Plugin[], options: PluginHostOptions) {
    this.#plugin = combinePlugins(plugins);
    this.#options = options;
    this.admissions = this.#plugin ? this.#once(this.#plugin.admissions ?? EVERYBODY) : EVERYBODY;
    // Whoever waits to be let in is told.
    this.#begun.promise.catch(() => undefined);
  }

  get observer(): RoomObserver | null {
    return this.#plugin?.observer ?? null;
  }

  get counts(): PluginCounts {
    return this.#plugin?.counts ?? NOTHING_COUNTED;
  }

  /** Rejects as the plugins do: then the server must not begin. */
  async begin(rooms: PluginServer["rooms"]): Promise<void> {
    try {
      await this.#plugin?.start({ ...this.#options, rooms });
    } catch (error) {
      this.#begun.reject(error);
      throw error;
    }
    this.#hasBegun = true;
    this.#begun.resolve();
  }

  async listening(address: { readonly host: string; readonly port: number }): Promise<void> {
    await this.#plugin?.listening?.(address);
  }

  /** Asks the plugins whether they answer a request, where they can. */
  handle(others: RequestHandler): RequestHandler {
    const plugin = this.#plugin;
    if (!plugin?.request) return others;
    return (request, response) => {
      plugin.request?.(request, response).then(
        (isAnswered) => {
          if (!isAnswered) others(request, response);
        },
        (thrown: unknown) => {
          this.#failed("request", thrown);
          if (response.headersSent) response.destroy();
          else respondText(response, 500, "Internal Server Error\n");
        },
      );
    };
  }

  /** Asks the plugins whether a WebSocket may be accepted, where they have a say. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, accept: () => void): void {
    if (!this.#plugin?.upgrade) {
      accept();
      return;
    }
    this.#plugin.upgrade(request, socket, head).then(
      (mayBe) => {
        if (mayBe && !socket.destroyed) accept();
      },
      (thrown: unknown) => {
        this.#failed("upgrade", thrown);
        respondRaw(socket, 500);
      },
    );
  }

  /** What is to be stored elsewhere is, within that time. `null` where nobody wants to. */
  draining(timeoutMs: number): Promise<void> | null {
    if (!this.#hasBegun || !this.#plugin?.draining) return null;
    const drained = this.#plugin.draining().catch((thrown: unknown) => this.#failed("draining", thrown));
    return withinMs(drained, timeoutMs);
  }

  async close(): Promise<void> {
    if (!this.#hasBegun || !this.#plugin?.close) return;
    const closed = this.#plugin.close().catch((thrown: unknown) => this.#failed("close", thrown));
    await withinMs(closed, CLOSE_TIMEOUT_MS);
  }

  /** A server that is attached has clients before it has begun. */
  #once(admissions: Admissions): Admissions {
    return {
      needsToken: admissions.needsToken,
      isAuthenticating: admissions.isAuthenticating,
      ignoresRequests: admissions.ignoresRequests === true,
      admit: (request) => {
        if (this.#hasBegun) return admissions.admit(request);
        return this.#begun.promise.then(() => admissions.admit(request));
      },
    };
  }

  #failed(hook: string, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#options.report({ type: "hook-failed", hook, document: null, error, ms: 0 });
  }
}
