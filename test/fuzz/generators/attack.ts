import * as Y from "yjs";
import type { SeededRandom } from "../../simulation/seeded-random.ts";
import type { BaseDocument } from "../base-documents.ts";
import type { Id } from "../model/update.ts";

/** How often a random struct is looked at before the wish for a special one is given up. */
const TRIES = 6;

/** What an attacker knows when it makes a message: the document as everybody sees it, and who is there. */
export class Attack {
  readonly random: SeededRandom;
  readonly base: BaseDocument;
  readonly doc: Y.Doc;
  /** Client ids of people who are connected. */
  readonly innocents: readonly number[];
  /** Client ids that the attacker uses for itself; the first is its favourite. */
  readonly mine: readonly number[];
  readonly #clients: readonly number[];

  constructor(options: {
    random: SeededRandom;
    base: BaseDocument;
    doc: Y.Doc;
    innocents: readonly number[];
    mine: readonly number[];
  }) {
    this.random = options.random;
    this.base = options.base;
    this.doc = options.doc;
    this.innocents = options.innocents;
    this.mine = options.mine;
    this.#clients = [...options.doc.store.clients.keys()];
  }

  /** The client's next clock. */
  state(client: number): number {
    return Y.getState(this.doc.store, client);
  }

  /** Somebody who has written, or is here. */
  knownClient(): number {
    return this.random.pick(this.#clients.length > 0 ? this.#clients : this.innocents);
  }

  /** Anybody: mostly those who matter. */
  anyClient(): number {
    const { random } = this;
    switch (random.upTo(9)) {
      case 0:
      case 1:
        return random.pick(this.innocents);
      case 2:
      case 3:
      case 4:
        return random.pick(this.mine);
      case 5:
        return random.pick(UNUSUAL_CLIENTS);
      default:
        return this.knownClient();
    }
  }

  struct(): Y.Item | Y.GC | null {
    if (this.#clients.length === 0) return null;
    const structs = this.doc.store.clients.get(this.knownClient());
    if (structs === undefined || structs.length === 0) return null;
    return this.random.pick(structs as (Y.Item | Y.GC)[]);
  }

  /** An item that is as wished, if one is found. */
  item(isWanted: (item: Y.Item) => boolean = anyItem): Y.Item | null {
    for (let i = 0; i < TRIES; i++) {
      const struct = this.struct();
      if (struct instanceof Y.Item && isWanted(struct)) return struct;
    }
    return null;
  }

  /** An id within some struct that is as wished; of anything that exists when none is found. */
  id(isWanted?: (struct: Y.Item | Y.GC) => boolean): Id {
    let found: Y.Item | Y.GC | null = null;
    for (let i = 0; i < TRIES; i++) {
      const struct = this.struct();
      if (struct) found = struct;
      if (struct && (!isWanted || isWanted(struct))) break;
    }
    if (!found) return { client: this.random.pick(this.innocents), clock: 0 };
    return { client: found.id.client, clock: found.id.clock + this.random.upTo(found.length - 1) };
  }

  /** Name of a root that is there or that people use. */
  rootName(): string {
    const { random } = this;
    const names = [...this.doc.share.keys()];
    return names.length > 0 && random.chance(0.7) ? random.pick(names) : random.pick(ROOT_NAMES);
  }
}

const ROOT_NAMES = ["text", "map", "array", "xml", "probes", "new", "", "__proto__", "constructor"];
const UNUSUAL_CLIENTS = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 12_345];

function anyItem(): boolean {
  return true;
}

export const isType = (struct: Y.Item | Y.GC): boolean =>
  struct instanceof Y.Item && struct.content instanceof Y.ContentType;
export const isString = (struct: Y.Item | Y.GC): boolean =>
  struct instanceof Y.Item && struct.content instanceof Y.ContentString;
export const isEntry = (struct: Y.Item | Y.GC): boolean =>
  struct instanceof Y.Item && struct.parentSub !== null;
export const isInList = (struct: Y.Item | Y.GC): boolean =>
  struct instanceof Y.Item && struct.parentSub === null;
export const isCollected = (struct: Y.Item | Y.GC): boolean => struct instanceof Y.GC;
export const isDeleted = (struct: Y.Item | Y.GC): boolean => struct.deleted;
