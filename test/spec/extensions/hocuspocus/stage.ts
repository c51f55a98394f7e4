/** A server with Hocuspocus extensions, without a socket: the real engine on a clock of the test's own. */

import { DEFAULT_LIMITS, type LimitName, type Limits } from "@joinery/shared";
import type { Dialect } from "../../../../server/src/engine/ports.ts";
import type { AnyExtension } from "../../../../server/src/extensions/hocuspocus/hooks.ts";
import {
  type HocuspocusOptions,
  hocuspocusExtensions,
} from "../../../../server/src/extensions/hocuspocus/index.ts";
import type { HostInstance } from "../../../../server/src/extensions/hocuspocus/instance.ts";
import type { Plugin, PluginCounts, PluginEvent } from "../../../../server/src/extensions/plugin.ts";
import type { Admission, Admissions } from "../../../../server/src/protocols/admission.ts";
import { type Client, sayingDialect, World, type WorldOptions } from "../../../support/world.ts";

const SIGNAL = 200;

/** What clients of the stage speak: as in other worlds, and stateless messages. */
const DIALECT: Dialect = {
  ...sayingDialect("stage"),
  signal: ({ payload }) => Uint8Array.of(SIGNAL, ...payload),
};

interface Visitor {
  /** What the client calls its session. */
  readonly session?: string;
  readonly token?: string | null;
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: string;
  readonly socketId?: string;
  readonly address?: string;
}

export interface StageOptions extends WorldOptions {
  readonly configuration?: HocuspocusOptions;
  /** Overrides of what extensions are bounded by. */
  readonly pluginLimits?: Partial<Limits>;
}

export class Stage {
  readonly world: World;
  readonly plugin: Plugin & { readonly counts: PluginCounts };
  readonly reports: PluginEvent[] = [];
  /** How often a client was asked for a token. */
  tokenRequests = 0;
  readonly admissions = new Map<Client, Admission>();
  readonly limitHits: LimitName[] = [];
  readonly #limits: Partial<Limits>;
  #visitors = 0;

  static async with(
    extensions: readonly AnyExtension[],
    options: StageOptions = {},
  ): Promise<Stage & { readonly instance: HostInstance }> {
    const stage = new Stage(extensions, options);
    await stage.start();
    return stage as Stage & { readonly instance: HostInstance };
  }

  /** What hooks have as `instance`. */
  instance: HostInstance | null = null;

  constructor(
    extensions: readonly AnyExtension[],
    { configuration, pluginLimits = {}, ...options }: StageOptions,
  ) {
    this.#limits = pluginLimits;
    const last: AnyExtension = {
      priority: Number.NEGATIVE_INFINITY,
      extensionName: "stage",
      onConfigure: ({ instance }: { instance: HostInstance }) => {
        this.instance = instance;
      },
    };
    this.plugin = hocuspocusExtensions([...extensions, last], configuration);
    this.world = new World({ ...(this.plugin.observer && { observer: this.plugin.observer }), ...options });
  }

  async start(): Promise<void> {
    const { rooms, clock } = this.world;
    await this.plugin.start({
      rooms,
      clock,
      limits: { ...DEFAULT_LIMITS, ...this.#limits },
      report: (event) => this.reports.push(event),
      countLimit: (limit) => this.limitHits.push(limit),
    });
  }

  /** Asks to be let in. Rejects as a client is refused. */
  async ask(document: string, visitor: Visitor = {}): Promise<Admission> {
    const id = visitor.socketId ?? `socket-${++this.#visitors}`;
    const { url = "/", headers = {}, address = "" } = visitor;
    const admissions = this.plugin.admissions as Admissions;
    const answer = admissions.admit({
      connection: { id, number: this.#visitors, address, url, headers, token: null },
      document: this.world.name(document),
      dialect: "stage",
      ...(visitor.session !== undefined && { session: visitor.session }),
      token: visitor.token ?? null,
      agent: visitor.agent ?? null,
      requestToken: () => {
        this.tokenRequests++;
      },
    });
    return await answer;
  }

  /** A client that was let in and is caught up. */
  async join(document: string, visitor: Visitor = {}): Promise<Client> {
    const client = await this.enter(document, visitor);
    await this.settle();
    return client;
  }

  /** A client that was let in. */
  async enter(document: string, visitor: Visitor = {}): Promise<Client> {
    const admission = await this.ask(document, visitor);
    const { author, rights, guest } = admission;
    const client = this.world.open(document, {
      author,
      permission: rights.permission,
      dialect: DIALECT,
      ...(guest && { guest }),
    });
    this.admissions.set(client, admission);
    return client;
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) await this.world.settle();
  }

  async advance(ms: number): Promise<void> {
    await this.settle();
    this.world.clock.advance(ms);
    await this.settle();
  }

  /** Stateless messages that a client was sent. */
  heard(client: Client): unknown[] {
    const signals = client.frames.filter(([kind]) => kind === SIGNAL);
    return signals.map((bytes) => JSON.parse(new TextDecoder().decode(bytes.subarray(1))));
  }

  /** A client sends a stateless message. */
  say(client: Client, text: string): void {
    const payload = new TextEncoder().encode(JSON.stringify(text));
    client.session.signal({ to: { kind: "server" }, name: "stateless", payload });
  }

  /** What was reported, as `hook: what`. */
  get reported(): string[] {
    return this.reports.map(({ hook, type, error }) => `${hook} ${type}: ${error?.message ?? ""}`);
  }
}
