/**
 * Tells extensions that a document changed, or somebody's presence in it, without waiting for them. Extensions that are
 * slower than the edits have so many calls to finish; what changes meanwhile they are told by one call.
 */

import * as Y from "yjs";
import type { HookChain } from "./hook-chain.ts";
import type { HookName } from "./hooks.ts";

/** Calls of a hook and a document that are not finished. */
const MAX_UNFINISHED = 64;

/** Calls one hook for one document, so many times at once. */
class PacedCalls {
  readonly #chain: HookChain;
  readonly #hook: HookName;
  readonly #document: string;
  readonly #onRoom: () => void;
  #unfinished = 0;

  /** @param onRoom One more call may be made, where none could. */
  constructor(chain: HookChain, hook: HookName, document: string, onRoom: () => void) {
    this.#chain = chain;
    this.#hook = hook;
    this.#document = document;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#unfinished >= MAX_UNFINISHED;
  }

  call(payload: object): void {
    this.#unfinished++;
    void this.#chain.told(this.#hook, payload, this.#document).then(() => {
      this.#unfinished--;
      this.#onRoom();
    });
  }
}

/** What was not told of a document, as what it had before. */
interface Untold {
  readonly stateVector: Uint8Array;
  readonly origin: unknown;
}

export interface ChangesOptions {
  readonly chain: HookChain;
  readonly name: string;
  readonly document: () => Y.Doc;
  /** The payload of `onChange`. */
  readonly payload: (update: Uint8Array, origin: unknown) => object;
}

/** The calls of `onChange` for one document. */
export class Changes {
  readonly #options: ChangesOptions;
  readonly #calls: PacedCalls;
  #untold: Untold | null = null;

  constructor(options: ChangesOptions) {
    this.#options = options;
    this.#calls = new PacedCalls(options.chain, "onChange", options.name, () => this.tellRest());
  }

  changed(update: Uint8Array, origin: unknown, { beforeState }: Y.Transaction): void {
    if (!this.#calls.isFull) this.#calls.call(this.#options.payload(update, origin));
    else {
      this.#untold = {
        stateVector: this.#untold?.stateVector ?? Y.encodeStateVector(beforeState),
        origin,
      };
    }
  }

  /** Tells what was not told yet; afterwards the document may go. */
  tellRest(): void {
    const untold = this.#untold;
    if (untold === null) return;
    this.#untold = null;
    const update = Y.encodeStateAsUpdate(this.#options.document(), untold.stateVector);
    this.#calls.call(this.#options.payload(update, untold.origin));
  }
}

/** Ids whose presence changed, as y-protocols says it. */
export interface PresenceChange {
  readonly added: readonly number[];
  readonly updated: readonly number[];
  readonly removed: readonly number[];
}

type Kind = keyof PresenceChange;

/** The calls of `onAwarenessUpdate` for one document. */
export class PresenceChanges {
  readonly #payload: (change: PresenceChange, origin: unknown) => object;
  readonly #calls: PacedCalls;
  readonly #untold = new Map<number, Kind>();
  #lastOrigin: unknown = null;

  constructor(chain: HookChain, name: string, payload: (change: PresenceChange, origin: unknown) => object) {
    this.#payload = payload;
    this.#calls = new PacedCalls(chain, "onAwarenessUpdate", name, () => this.#tellRest());
  }

  changed(change: PresenceChange, origin: unknown): void {
    if (!this.#calls.isFull) {
      this.#calls.call(this.#payload(change, origin));
      return;
    }
    this.#lastOrigin = origin;
    for (const kind of ["added", "updated", "removed"] as const) {
      for (const id of change[kind]) this.#note(id, kind);
    }
  }

  #note(id: number, kind: Kind): void {
    const known = this.#untold.get(id);
    if (known === "added" && kind === "updated") return;
    this.#untold.set(id, known === "removed" && kind === "added" ? "updated" : kind);
  }

  #tellRest(): void {
    if (this.#untold.size === 0) return;
    const change = {
      added: this.#take("added"),
      updated: this.#take("updated"),
      removed: this.#take("removed"),
    };
    this.#untold.clear();
    this.#calls.call(this.#payload(change, this.#lastOrigin));
  }

  #take(kind: Kind): number[] {
    return [...this.#untold].filter(([, noted]) => noted === kind).map(([id]) => id);
  }
}
