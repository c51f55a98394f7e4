/** The application's own hooks, as one plugin: which of them there are decides what the engine is asked to tell. */

import { type DocumentName, JoineryError } from "@joinery/shared";
import type { ObservedRoom, RoomObserver } from "../../engine/observer.ts";
import type { Session } from "../../engine/session.ts";
import { isVisit } from "../../engine/visit.ts";
import type { Admissions } from "../../protocols/admission.ts";
import { guestOf } from "../guests.ts";
import type { Plugin, PluginCounts, PluginServer } from "../plugin.ts";
import { NOTHING_COUNTED } from "../plugins.ts";
import { StoredMarks } from "../stored-marks.ts";
import { HookCalls } from "./calls.ts";
import { ChangeFeed } from "./change-feed.ts";
import { DocumentStore } from "./document-store.ts";
import type { Hooks, VisitorSession } from "./hooks.ts";
import { SignalGuard } from "./signal-guard.ts";
import { Visit } from "./visit.ts";
import { HookAdmissions, HookGuest } from "./visitors.ts";

export interface HookOptions {
  /** How long one call may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How long a document must not have changed before it is stored, and how long that may be put off. */
  readonly storeDelayMs: number;
  readonly maxStoreDelayMs: number;
}

/** @param hooks Looked at once: a function that is added later is not called. */
export function hooksPlugin(hooks: Hooks, options: HookOptions): Plugin {
  return new HooksPlugin(hooks, options);
}

/** What is there once the server has begun. */
interface Running {
  readonly server: PluginServer;
  readonly calls: HookCalls;
  readonly changes: ChangeFeed;
  readonly marks: StoredMarks;
}

class HooksPlugin implements Plugin {
  readonly admissions: Admissions | null;
  readonly observer: RoomObserver | null;
  readonly #hooks: Hooks;
  readonly #options: HookOptions;
  readonly #stores = new Map<DocumentName, DocumentStore>();
  readonly #visits = new Map<Session, Visit>();
  #begun: Running | null = null;
  #lastVisit: PromiseWithResolvers<void> | null = null;

  constructor(hooks: Hooks, options: HookOptions) {
    this.#hooks = hooks;
    this.#options = options;
    const decides = hooks.authenticate !== undefined || hooks.authorize !== undefined;
    this.admissions = decides ? new HookAdmissions(hooks, () => this.#running.calls) : null;
    const observer = { ...this.#onDocuments(), ...this.#onVisits(), ...this.#onSignals() };
    this.observer = Object.keys(observer).length > 0 ? observer : null;
  }

  get counts(): PluginCounts {
    const stores = [...this.#stores.values()];
    return {
      ...NOTHING_COUNTED,
      pendingStores: stores.filter(({ isDirty }) => isDirty).length,
      failingStores: stores.filter(({ isFailing }) => isFailing).length,
    };
  }

  async start(server: PluginServer): Promise<void> {
    const { clock, limits } = server;
    const report = server.report.bind(server);
    const countCall = (hook: string) => server.countCall?.(hook);
    const calls = new HookCalls({ clock, timeoutMs: this.#options.timeoutMs, report, countCall });
    const changes = new ChangeFeed({
      hooks: this.#hooks,
      calls,
      maxWaiting: limits.maxPendingChanges,
      onLimit: () => server.countLimit("maxPendingChanges"),
    });
    this.#begun = { server, calls, changes, marks: new StoredMarks(limits.maxStoredMarks) };
  }

  async draining(): Promise<void> {
    const stored = [...this.#stores.values()].map((store) => store.whenStored({ isLast: true }));
    await Promise.all([this.#running.changes.whenIdle(), ...stored]);
  }

  /** Waits for those who have just been told that somebody has gone. */
  async close(): Promise<void> {
    if (this.#visits.size === 0) return;
    this.#lastVisit ??= Promise.withResolvers<void>();
    await this.#lastVisit.promise;
  }

  get #running(): Running {
    if (this.#begun === null) throw new Error("the hooks have not begun");
    return this.#begun;
  }

  // Documents

  #onDocuments(): RoomObserver {
    const { load, change, store } = this.#hooks;
    return {
      ...((load || store) && { loaded: (room: ObservedRoom) => this.#loaded(room) }),
      ...(change && { appended: (room, batch) => this.#running.changes.appended(room, batch) }),
      ...((change || store) && { durable: (room, seq) => this.#durable(room, seq) }),
      ...(store && {
        evicting: (room) => this.#evicting(room),
        ended: (room) => this.#ended(room),
      }),
    } satisfies RoomObserver;
  }

  #loaded(room: ObservedRoom): Promise<void> | null {
    const isNew = room.seq === 0 && room.damage === null;
    const loading = isNew && this.#hooks.load ? this.#load(room) : null;
    if (this.#hooks.store) this.#storeOf(room.document).opened(room);
    return loading;
  }

  async #load(room: ObservedRoom): Promise<void> {
    const { calls } = this.#running;
    const { document } = room;
    let update: Uint8Array | null;
    try {
      update = await calls.ask("load", document, async () => {
        const loaded: unknown = await this.#hooks.load?.({ document });
        if (loaded === null || loaded === undefined) return null;
        if (loaded instanceof Uint8Array) return loaded;
        throw new TypeError("load returned something that is no Uint8Array");
      });
    } catch (thrown) {
      // An application that has said what is wrong means it.
      if (thrown instanceof JoineryError) throw thrown;
      throw new JoineryError("HOOK_FAILED", "the document could not be loaded", { cause: thrown });
    }
    if (update === null) return;
    try {
      await room.write(update);
    } catch (thrown) {
      // The room may have ended meanwhile, which is not the fault of what was loaded.
      if (thrown instanceof JoineryError && thrown.code === "SERVER_DRAINING") throw thrown;
      calls.failed("load", document, thrown);
      throw new JoineryError("HOOK_FAILED", "what was loaded cannot be taken in", { cause: thrown });
    }
  }

  #durable(room: ObservedRoom, seq: number): void {
    if (this.#hooks.change) this.#running.changes.durable(room, seq);
    if (this.#hooks.store) this.#storeOf(room.document).changed();
  }

  #evicting({ document }: ObservedRoom): Promise<boolean> | null {
    const stored = this.#storeOf(document).whenStored();
    return stored === null ? null : stored.then(() => true);
  }

  #ended({ document }: ObservedRoom): void {
    this.#stores.get(document)?.ended();
    this.#forgetStores(document);
  }

  #storeOf(document: DocumentName): DocumentStore {
    const known = this.#stores.get(document);
    if (known) return known;
    const { calls, marks, server } = this.#running;
    const store = new DocumentStore(document, {
      hooks: this.#hooks,
      calls,
      marks,
      delayMs: this.#options.storeDelayMs,
      maxDelayMs: this.#options.maxStoreDelayMs,
      onForgotten: () => server.countLimit("maxStoredMarks"),
      onOver: () => this.#forgetStores(document),
    });
    this.#stores.set(document, store);
    return store;
  }

  #forgetStores(document: DocumentName): void {
    if (this.#stores.get(document)?.isOver) this.#stores.delete(document);
  }

  // Those who are there

  #onVisits(): RoomObserver {
    const { presence, connect, disconnect } = this.#hooks;
    if (!presence && !connect && !disconnect) return {};
    return {
      joined: (_room, session) => this.#joined(session),
      left: (_room, session) => this.#visits.get(session)?.left(),
      ...(presence && {
        announced: (_room, session, entries) => this.#visits.get(session)?.announced(entries),
      }),
    } satisfies RoomObserver;
  }

  #joined(session: Session): void {
    if (isVisit(session)) return;
    const { calls, server } = this.#running;
    const visit = new Visit({
      hooks: this.#hooks,
      calls,
      limits: server.limits,
      who: () => visitorOf(session),
      onOver: () => this.#visitIsOver(session),
    });
    this.#visits.set(session, visit);
  }

  #visitIsOver(session: Session): void {
    this.#visits.delete(session);
    if (this.#visits.size > 0) return;
    this.#lastVisit?.resolve();
    this.#lastVisit = null;
  }

  #onSignals(): RoomObserver {
    const hooks = this.#hooks;
    if (!hooks.signal) return {};
    const limits = () => this.#running.server.limits;
    return { guard: new SignalGuard({ hooks, calls: () => this.#running.calls, limits, who: visitorOf }) };
  }
}

function visitorOf(session: Session): VisitorSession<unknown> {
  const { document, author: user, id } = session;
  return { document, user, context: guestOf(session, HookGuest)?.context, session: id };
}
