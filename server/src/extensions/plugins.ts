/** Several plugins as one: each is asked and told in the order in which they are given. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { JoineryError } from "@joinery/shared";
import type { Guard, SessionInput } from "../engine/guard.ts";
import type { ObservedRoom, RoomObserver } from "../engine/observer.ts";
import type { Author } from "../engine/ports.ts";
import { Rights } from "../engine/rights.ts";
import type { Session } from "../engine/session.ts";
import type { Admission, AdmissionRequest, Admissions, Renewal } from "../protocols/admission.ts";
import { BoundedGuest, Guests } from "./guests.ts";
import type { Plugin, PluginCounts, PluginServer } from "./plugin.ts";

export const NOTHING_COUNTED: PluginCounts = {
  hostedDocuments: 0,
  hostedBytes: 0,
  pendingStores: 0,
  failingStores: 0,
};

/** One plugin is itself, none is `null`. */
export function combinePlugins(plugins: readonly Plugin[]): Plugin | null {
  const [first] = plugins;
  if (first === undefined) return null;
  return plugins.length === 1 ? first : new Plugins(plugins);
}

class Plugins implements Plugin {
  readonly admissions: Admissions | null;
  readonly observer: RoomObserver | null;
  readonly #plugins: readonly Plugin[];

  constructor(plugins: readonly Plugin[]) {
    this.#plugins = plugins;
    this.admissions = combineAdmissions(plugins.map(({ admissions }) => admissions).filter(isThere));
    this.observer = combineObservers(plugins.map(({ observer }) => observer).filter(isThere));
  }

  get counts(): PluginCounts {
    const all = this.#plugins.map(({ counts }) => counts ?? NOTHING_COUNTED);
    const sumOf = (name: keyof PluginCounts) => all.reduce((sum, counts) => sum + counts[name], 0);
    return {
      hostedDocuments: sumOf("hostedDocuments"),
      hostedBytes: sumOf("hostedBytes"),
      pendingStores: sumOf("pendingStores"),
      failingStores: sumOf("failingStores"),
    };
  }

  async start(server: PluginServer): Promise<void> {
    for (const plugin of this.#plugins) await plugin.start(server);
  }

  async listening(address: { readonly host: string; readonly port: number }): Promise<void> {
    for (const plugin of this.#plugins) await plugin.listening?.(address);
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    for (const plugin of this.#plugins) if (await plugin.request?.(request, response)) return true;
    return false;
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean> {
    for (const plugin of this.#plugins) {
      if (plugin.upgrade && !(await plugin.upgrade(request, socket, head))) return false;
    }
    return true;
  }

  /** All at once: they share the time that there is. */
  async draining(): Promise<void> {
    await allOf(this.#plugins.map((plugin) => plugin.draining?.()));
  }

  async close(): Promise<void> {
    await allOf(this.#plugins.map((plugin) => plugin.close?.()));
  }
}

/** Waits for all, also when some fail; rejects as the first of those. */
async function allOf(promises: readonly (Promise<void> | undefined)[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

function isThere<T>(value: T | null): value is T {
  return value !== null;
}

// Admission

/**
 * All must let a client in. What it may do is what all of them allow, and who it is, what the first says who knows.
 * Whoever else has a say has to be one of them: plugins that change rights by themselves are told what the others allow.
 */
function combineAdmissions(all: readonly Admissions[]): Admissions | null {
  const [first] = all;
  if (first === undefined) return null;
  if (all.length === 1) return first;
  return {
    admit: (request) => admitByAll(all, request),
    needsToken: all.some(({ needsToken }) => needsToken),
    isAuthenticating: all.some(({ isAuthenticating }) => isAuthenticating),
    ignoresRequests: all.every(({ ignoresRequests }) => ignoresRequests === true),
  };
}

async function admitByAll(all: readonly Admissions[], request: AdmissionRequest): Promise<Admission> {
  const admitted: Admission[] = [];
  for (const admissions of all) {
    const user = userOf(admitted);
    admitted.push(await admissions.admit(user === "" ? request : { ...request, user }));
  }
  const author = userOf(admitted);
  const decision = new CombinedDecision(admitted);
  const guest = new Guests(admitted.flatMap((one) => one.guest ?? []));
  const isRenewed = admitted.some(({ renew }) => renew !== undefined);
  const isRechecked = admitted.some(({ recheck }) => recheck !== undefined);
  return {
    ...decision.combine(),
    author,
    guest,
    ...(isRenewed && { renew: (token: string) => decision.renew(token) }),
    ...(isRechecked && { recheck: () => decision.recheck() }),
  };
}

/** @throws JoineryError PERMISSION_DENIED (never retry) when they do not agree. */
function userOf(admitted: readonly Admission[]): Author {
  const [user = "", other] = new Set(admitted.map(({ author }) => author).filter((author) => author !== ""));
  if (other === undefined) return user;
  throw new JoineryError("PERMISSION_DENIED", "the token is taken for that of two different users");
}

/** What each has said last of one client. */
class CombinedDecision {
  readonly #admitted: readonly Admission[];
  readonly #renewals: Renewal[];

  constructor(admitted: readonly Admission[]) {
    this.#admitted = admitted;
    this.#renewals = [...admitted];
  }

  async renew(token: string): Promise<Renewal> {
    for (const [i, one] of this.#admitted.entries()) {
      if (one.renew) this.#renewals[i] = await one.renew(token);
    }
    return this.combine();
  }

  async recheck(): Promise<Rights> {
    for (const [i, one] of this.#admitted.entries()) {
      const before = this.#renewals[i] as Renewal;
      const rights = await one.recheck?.();
      // A new token may have come meanwhile, about which this says nothing.
      if (rights !== undefined && this.#renewals[i] === before) this.#renewals[i] = { ...before, rights };
    }
    return this.combine().rights;
  }

  /** Rights are read last: some change without being asked. */
  combine(): Renewal {
    for (const [i, { guest }] of this.#admitted.entries()) {
      if (!(guest instanceof BoundedGuest)) continue;
      guest.bound(rightsOf(this.#renewals.filter((_, other) => other !== i)));
    }
    return strictestOf(this.#renewals);
  }
}

/** What all of them allow, as long as all of them do. */
function strictestOf(renewals: readonly Renewal[]): Renewal {
  const ends = renewals.flatMap(({ expiresAt }) => expiresAt ?? []);
  const begins = renewals.flatMap(({ issuedAt }) => issuedAt ?? []);
  const tokenId = renewals.find((one) => one.tokenId !== undefined)?.tokenId;
  return {
    rights: rightsOf(renewals),
    ...(ends.length > 0 && { expiresAt: Math.min(...ends) }),
    ...(begins.length > 0 && { issuedAt: Math.min(...begins) }),
    ...(tokenId !== undefined && { tokenId }),
  };
}

function rightsOf(renewals: readonly Renewal[]): Rights {
  return renewals.reduce((all, { rights }) => all.and(rights), Rights.MANAGER);
}

// Rooms

type Told = "joined" | "left" | "accepted" | "announced" | "appended" | "durable" | "ended";

const TOLD = [
  "joined",
  "left",
  "accepted",
  "announced",
  "appended",
  "durable",
  "ended",
] as const satisfies Told[];

/** Has a method where one of them has it: what nobody wants to know is not told. */
function combineObservers(all: readonly RoomObserver[]): RoomObserver | null {
  const [first] = all;
  if (first === undefined) return null;
  if (all.length === 1) return first;
  const guards = all.map(({ guard }) => guard ?? null).filter(isThere);
  const isPrepared = all.some(({ loaded }) => loaded !== undefined);
  const isAsked = all.some(({ evicting }) => evicting !== undefined);
  return {
    ...(guards.length > 0 && { guard: combineGuards(guards) }),
    ...(isPrepared && { loaded: (room: ObservedRoom) => loadedByAll(all, room) }),
    ...(isAsked && { evicting: (room: ObservedRoom) => evictedByAll(all, room) }),
    ...Object.fromEntries(TOLD.flatMap((name) => tellAll(all, name))),
  };
}

function tellAll(all: readonly RoomObserver[], name: Told): [Told, (...args: never[]) => void][] {
  const those = all.filter((observer) => observer[name] !== undefined);
  if (those.length === 0) return [];
  const tell = (...args: unknown[]) => {
    // reason: what one method is called with goes to the methods of the same name.
    for (const observer of those) (observer[name] as (...told: unknown[]) => void).apply(observer, args);
  };
  return [[name, tell]];
}

/** The next one is asked when the one before is done, and finds what that has written. */
function loadedByAll(all: readonly RoomObserver[], room: ObservedRoom): Promise<void> | null {
  return inOrder(all, (observer) => observer.loaded?.(room) ?? null);
}

function evictedByAll(all: readonly RoomObserver[], room: ObservedRoom): Promise<boolean> | null {
  const asked = all.map((observer) => observer.evicting?.(room) ?? null).filter(isThere);
  if (asked.length === 0) return null;
  return Promise.all(asked).then((answers) => answers.every((mayGo) => mayGo));
}

/** Calls for each; waits only where there is something to wait for. */
function inOrder<T>(items: readonly T[], call: (item: T) => Promise<void> | null): Promise<void> | null {
  for (const [i, item] of items.entries()) {
    const called = call(item);
    if (called !== null) return called.then(() => inOrder(items.slice(i + 1), call) ?? undefined);
  }
  return null;
}

function combineGuards(guards: readonly Guard<Session>[]): Guard<Session> {
  const [first] = guards;
  if (first && guards.length === 1) return first;
  return {
    before: (session, input) => beforeByAll(guards, session, input),
    after: (session, input) => {
      for (const guard of guards) guard.after(session, input);
    },
  };
}

/** Each looks at what the one before it has made of the input. */
function beforeByAll<Input extends SessionInput>(
  guards: readonly Guard<Session>[],
  session: Session,
  input: Input,
): Promise<Input | null> | null {
  for (const [i, guard] of guards.entries()) {
    const looked = guard.before(session, input);
    if (looked === null) continue;
    return looked.then((instead) => {
      if (instead === null) return null;
      const rest = beforeByAll(guards.slice(i + 1), session, instead);
      return rest ?? instead;
    });
  }
  return null;
}
