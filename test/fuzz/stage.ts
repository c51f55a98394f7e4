/**
 * One document under attack: the production engine in memory, two innocents who have it open, a third with another
 * document, and attackers. Everything happens at once and in order, so what is done to it replays exactly.
 */

import type { ErrorCode, Limits } from "@joinery/shared";
import { DEFAULT_LIMITS, ERRORS, parseDocumentName } from "@joinery/shared";
import * as Y from "yjs";
import { MAX_ROUND_WAIT_MS } from "../../server/src/engine/flushes.ts";
import type { CompactionOptions } from "../../server/src/engine/journal.ts";
import type { Append, EngineEvent, Replicas } from "../../server/src/engine/ports.ts";
import { Rights } from "../../server/src/engine/rights.ts";
import { Rooms } from "../../server/src/engine/rooms.ts";
import { ANONYMOUS, type Principal } from "../../server/src/protocols/admission.ts";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { MemoryStorage } from "../../server/src/storage/memory.ts";
import { FakeClock } from "../support/fake-clock.ts";
import type { BaseDocument } from "./base-documents.ts";
import type { Edit } from "./edit.ts";
import { Finding } from "./finding.ts";
import { hasProbe, Innocent, PROBES } from "./innocent.ts";
import { Link } from "./link.ts";

/**
 * What an attacker's message came to: refused with a code; `asked` for what comes before it; `taken` into the log;
 * or `passed` without an effect on the document, which is how known edits and presence end.
 */
export type Answer = ErrorCode | "asked" | "taken" | "passed";

export function isRefusal(answer: Answer): boolean {
  return answer in ERRORS;
}

export const ANN = 901;
export const BEN = 1_000_902;
export const DOCUMENT = "document";

const NOTHING_MISSING = Y_WEBSOCKET.catchUp(Uint8Array.of(0, 0), true);

/** An application opens its roots before anybody can use up how many there may be. */
const EVERY_ROOT: readonly Edit[] = [
  { kind: "insert", at: 0, text: "in " },
  { kind: "set", key: "first", value: "here" },
  { kind: "push", at: 0, value: "first" },
  { kind: "element", at: 0, words: "first" },
];

/** Who opened the root that everybody probes. */
const FOUNDER = 904;

/** Rounds after which a world in which nobody does anything must have come to rest. */
const MAX_ROUNDS = 10_000;

class CountingStorage extends MemoryStorage {
  appends = 0;

  override append(append: Append): Promise<void> {
    this.appends++;
    return super.append(append);
  }
}

/**
 * How the server is set up. `named`: it knows everybody, attackers as one. `anonymous`: nobody is anybody in
 * particular. `tight`: its limits are so low that a few messages reach them.
 */
export type Setting = "named" | "anonymous" | "tight";

const TIGHT: Partial<Limits> = {
  maxUnrehearsed: 40,
  maxHeldBytes: 300,
  maxHeldUpdates: 4,
  maxRootTypes: 40,
  maxTypeDepth: 30,
  maxPresenceBytes: 200,
  maxPresenceEntries: 3,
  maxPresenceTombstones: 4,
  maxBatchBytes: 1024,
};

export class Stage {
  readonly base: BaseDocument;
  readonly clock = new FakeClock();
  readonly storage = new CountingStorage();
  readonly limits: Limits;
  readonly rooms: Rooms;
  readonly ann: Innocent;
  readonly ben: Innocent;
  /** Has a document of its own. */
  readonly kim: Innocent;
  /** Everybody who has anything open, whom frames are delivered to. */
  readonly #everybody: Innocent[] = [];
  /** Those who have left too. */
  readonly #ever: Innocent[] = [];
  readonly #attackers = new Map<number, Link>();
  readonly #mistakes: string[] = [];
  readonly #isAnonymous: boolean;
  readonly #replicas: Replicas | null;
  #presenceTurn = 0;
  #probes = 0;

  /** Sets the scene; the innocents have caught up when it resolves. */
  static async open(base: BaseDocument, setting: Setting = "named", replicas?: Replicas): Promise<Stage> {
    const stage = new Stage(base, setting, replicas ?? null);
    await stage.settle();
    for (const edit of EVERY_ROOT) stage.ann.edit(edit);
    await stage.settle();
    return stage;
  }

  private constructor(base: BaseDocument, setting: Setting, replicas: Replicas | null) {
    this.base = base;
    this.#replicas = replicas;
    this.#isAnonymous = setting === "anonymous";
    this.limits = setting === "tight" ? { ...DEFAULT_LIMITS, ...TIGHT } : DEFAULT_LIMITS;
    // Storage in memory is open when this returns, and has the document when the next call does.
    void this.storage.open();
    const parts = [base.state, openProbes()].map((update) => ({ author: "", update }));
    const birth = { lineage: "0".repeat(32) as never, bornAt: 1 };
    void this.storage.append({
      document: parseDocumentName(DOCUMENT),
      entry: { seq: 1, time: 1, parts },
      birth,
    });
    this.rooms = this.#newRooms();
    this.ann = this.join("ann", ANN);
    this.ben = this.join("ben", BEN);
    this.kim = new Innocent(this.rooms, "other", {
      name: "kim",
      clientId: 903,
      principal: this.#principal("kim"),
    });
    this.#everybody.push(this.kim);
  }

  /** Somebody opens the document. @param preferredId The client id, unless somebody has used it. */
  join(name: string, preferredId: number, state?: Uint8Array, rooms = this.rooms): Innocent {
    const principal = this.#principal(name);
    let clientId = preferredId;
    while (this.#isUsed(clientId)) clientId++;
    const innocent = new Innocent(rooms, DOCUMENT, { name, clientId, principal, ...(state && { state }) });
    this.#everybody.push(innocent);
    this.#ever.push(innocent);
    return innocent;
  }

  #isUsed(clientId: number): boolean {
    return this.#ever.some(({ doc }) => doc.clientID === clientId || Y.getState(doc.store, clientId) > 0);
  }

  /** The connection of an attacker; a new one if its last was closed. */
  attacker(who: number): Link {
    const known = this.#attackers.get(who);
    if (known && !known.closed) return known;
    const link = new Link(this.rooms, DOCUMENT, this.#principal("eve"));
    // It has nothing, and from then on is asked again when something of it leaves a gap.
    link.receive(NOTHING_MISSING);
    link.arrived.length = 0;
    this.#attackers.set(who, link);
    return link;
  }

  /** An attacker sends one message, and everything that follows from it happens. */
  async attack(who: number, frame: Uint8Array): Promise<Answer> {
    const link = this.attacker(who);
    const { appends } = this.storage;
    link.receive(frame);
    await this.settle();
    if (link.escaped !== null) {
      throw new Finding("nothing escapes", String(link.escaped), { cause: link.escaped });
    }
    if (link.closed) return link.closed.code;
    const wasAsked = link.arrived.some((arrived) => arrived[0] === 0 && arrived[1] === 0);
    link.arrived.length = 0;
    if (this.storage.appends > appends) return "taken";
    return wasAsked ? "asked" : "passed";
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let round = 0; this.#pump() || round < 2 || this.#isBusy; round++) {
      if (round > MAX_ROUNDS) throw new Finding("the world comes to rest", `it does not in ${round} rounds`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Whether something is tried on a replica, or somebody waits for a document that is loaded, a part a turn. */
  get #isBusy(): boolean {
    const isWaiting = ({ asked, link }: Innocent) => asked === null && link.closed === null;
    return this.rooms.counts().replicaJobs > 0 || this.#everybody.some(isWaiting);
  }

  /** Delivers what is under way, and what that leads to. Returns whether there was anything. */
  #pump(): boolean {
    let rounds = 0;
    for (let isBusy = true; isBusy; rounds++) {
      if (rounds > MAX_ROUNDS) throw new Finding("the world comes to rest", "messages chase each other");
      isBusy = false;
      this.clock.turn();
      for (const innocent of this.#everybody) if (innocent.read()) isBusy = true;
      for (const { link } of this.#everybody) if (link.readAgain()) isBusy = true;
      for (const link of this.#attackers.values()) if (link.readAgain()) isBusy = true;
    }
    return rounds > 1;
  }

  /** Lets time pass, in which nobody does anything. */
  async wait(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  /** What can be seen without doing anything. @throws Finding The first rule that is broken. */
  glance(): void {
    const [mistake] = this.#mistakes;
    if (mistake) throw new Finding("no mistake of ours", mistake);
    for (const innocent of this.#everybody) innocent.check();
    const { heldBytes } = this.rooms.counts();
    if (heldBytes > this.limits.maxHeldBytes) {
      throw new Finding("memory is bounded", `${heldBytes} bytes are held aside`);
    }
  }

  /** Whether an edit of an innocent reaches the other. */
  async checkEdits(): Promise<void> {
    // Each in turn: what silences a document silences both ways.
    this.#probes++;
    if (this.#probes % 2 === 0) await this.relays(this.ann, this.ben);
    else await this.relays(this.ben, this.ann);
  }

  /** Presence, after an attacker said something about it. */
  async checkPresence(): Promise<void> {
    for (const [from, to] of [
      [this.ann, this.ben],
      [this.ben, this.ann],
    ] as const) {
      from.awareness.setLocalState({ name: from.name, again: this.#presenceTurn++ });
      await this.settle();
      if (to.sees(from.doc.clientID) !== from.shown) {
        const detail = `${to.name} sees ${to.sees(from.doc.clientID)} and not ${from.shown}`;
        throw new Finding("presence is true", detail);
      }
    }
    const connections = 2 + this.#attackers.size;
    const { size } = this.ann.awareness.states;
    if (size > connections * this.limits.maxPresenceEntries) {
      throw new Finding("memory is bounded", `${size} presences of ${connections} connections`);
    }
  }

  /** What one writes reaches the others, and they announce it. */
  async relays(from: Innocent, ...others: readonly Innocent[]): Promise<void> {
    const heard = others.map(({ events }) => events);
    const probe = from.probe();
    await this.settle();
    // Where all have waited for each other so far, a batch waits a little for who has not written yet.
    if (!others.every(({ doc }) => hasProbe(doc, probe))) await this.wait(MAX_ROUND_WAIT_MS);
    for (const innocent of [from, ...others]) innocent.check();
    for (const [i, to] of others.entries()) {
      const what = `what ${from.name} wrote`;
      if (!hasProbe(to.doc, probe))
        throw new Finding("edits are relayed", `${to.name} does not have ${what}`);
      if (to.events === heard[i])
        throw new Finding("nobody is silenced", `${to.name} did not announce ${what}`);
    }
  }

  attackersLeave(): void {
    for (const link of this.#attackers.values()) link.leave();
    this.#attackers.clear();
  }

  // For the final checks.

  get mistakes(): readonly string[] {
    return this.#mistakes;
  }

  everybodyLeaves(): void {
    for (const innocent of this.#everybody.splice(0)) innocent.leave();
  }

  /** Another engine on the same storage. */
  restart(compaction: CompactionOptions): Rooms {
    return this.#newRooms(compaction);
  }

  #principal(author: string): Principal {
    return this.#isAnonymous ? ANONYMOUS : { author, rights: Rights.WRITER };
  }

  #newRooms(compaction?: CompactionOptions): Rooms {
    return new Rooms({
      storage: this.storage,
      clock: this.clock,
      random: { bytes: (length) => new Uint8Array(length) },
      log: { report: (event) => this.#reported(event) },
      limits: this.limits,
      ...(this.#replicas && { replicas: this.#replicas }),
      ...(compaction && { compaction }),
    });
  }

  #reported(event: EngineEvent): void {
    if (!("error" in event)) return;
    const { type, error } = event;
    if (type === "input-refused" && error.code !== "INTERNAL") return;
    this.#mistakes.push(`${type}: ${error.code}: ${error.message}`);
  }
}

function openProbes(): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = FOUNDER;
  doc.getText(PROBES).insert(0, "here;");
  return Y.encodeStateAsUpdate(doc);
}
