import { DEFAULT_LIMITS, type Limits } from "@joinery/shared";
import * as Y from "yjs";
import type { Hooks } from "../../../server/src/extensions/hooks/hooks.ts";
import { hooksPlugin } from "../../../server/src/extensions/hooks/hooks-plugin.ts";
import { HookGuest } from "../../../server/src/extensions/hooks/visitors.ts";
import type { Plugin, PluginEvent, PluginServer } from "../../../server/src/extensions/plugin.ts";
import type { AdmissionRequest } from "../../../server/src/protocols/admission.ts";
import { type Client, type ClientOptions, World, type WorldOptions } from "../../support/world.ts";

export const TIMEOUT_MS = 10_000;
export const STORE_DELAY_MS = 2000;
export const MAX_STORE_DELAY_MS = 8000;

export interface HookStageOptions extends WorldOptions {
  readonly hooks: Hooks;
}

/** The engine with an application's hooks, on a clock of the test's own. */
export class HookStage {
  readonly world: World;
  readonly plugin: Plugin;
  readonly reported: PluginEvent[] = [];
  readonly limitHits: string[] = [];

  constructor({ hooks, ...options }: HookStageOptions) {
    this.plugin = hooksPlugin(hooks, {
      timeoutMs: TIMEOUT_MS,
      storeDelayMs: STORE_DELAY_MS,
      maxStoreDelayMs: MAX_STORE_DELAY_MS,
    });
    const { observer } = this.plugin;
    this.world = new World({ ...options, ...(observer && { observer }) });
    void this.plugin.start(this.#server({ ...DEFAULT_LIMITS, ...options.limits }));
  }

  #server(limits: Limits): PluginServer {
    const { rooms, clock } = this.world;
    return {
      rooms,
      clock,
      limits,
      report: (event) => this.reported.push(event),
      countLimit: (limit) => this.limitHits.push(limit),
    };
  }

  /** Opens a document as somebody whom `authenticate` has let in. */
  async join(document: string, user = "", context?: unknown, options: ClientOptions = {}): Promise<Client> {
    return await this.world.join(document, { ...options, author: user, guest: new HookGuest(user, context) });
  }

  async settle(): Promise<void> {
    await this.world.settle();
  }

  async advance(ms: number): Promise<void> {
    await this.world.advance(ms);
  }

  /** What was told of hooks that did not do well. */
  get troubles(): string[] {
    return this.reported.map(({ type, hook, document, error }) =>
      [type, hook, document, error?.message].filter(Boolean).join(" "),
    );
  }
}

/** The edit of somebody who is not there. */
export function typed(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

export function textOf(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

export function asking(stage: HookStage, request: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    connection: {
      id: "1",
      number: 1,
      token: null,
      address: "192.0.2.1",
      url: "/notes?a=b",
      headers: { host: "example.org" },
    },
    document: stage.world.name("notes"),
    dialect: "joinery.v1",
    token: "token",
    agent: "test 1",
    requestToken: () => undefined,
    ...request,
  };
}

/** A hook whose calls end when and as the test says. */
export class Held<Payload, Result = void> {
  readonly calls: Payload[] = [];
  readonly #ends: PromiseWithResolvers<Result>[] = [];

  readonly hook = (payload: Payload): Promise<Result> => {
    const end = Promise.withResolvers<Result>();
    this.calls.push(payload);
    this.#ends.push(end);
    return end.promise;
  };

  get last(): Payload {
    return this.calls.at(-1) as Payload;
  }

  end(result: Result, index: number = this.calls.length - 1): void {
    this.#ends[index]?.resolve(result);
  }

  fail(error: Error, index: number = this.calls.length - 1): void {
    this.#ends[index]?.reject(error);
  }
}
