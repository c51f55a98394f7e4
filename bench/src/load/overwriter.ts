import * as prng from "lib0/prng";
import * as Y from "yjs";

const MAP = "values";

/**
 * Somebody whose every edit replaces their last one: any amount of traffic, and a document that stays as small as
 * what they wrote last. The edits are those of a real Y.Doc, and build on nobody else's.
 */
export class Overwriter {
  /** The Yjs client id. */
  readonly id: number;
  readonly #values: Y.Map<string>;
  readonly #filler: string;
  #edits = 0;
  #lastUpdate: Uint8Array | null = null;

  /** @param valueBytes How much an edit writes. */
  constructor(id: number, valueBytes: number, random: prng.PRNG) {
    this.id = id;
    this.#filler = prng.word(random, valueBytes, valueBytes);
    const doc = new Y.Doc();
    doc.clientID = id;
    doc.on("update", (update: Uint8Array) => {
      this.#lastUpdate = update;
    });
    this.#values = doc.getMap<string>(MAP);
  }

  /** The next edit's update: one tick of this client. */
  overwrite(): Uint8Array {
    const number = String(this.#edits++);
    this.#values.set(String(this.id), number + this.#filler.slice(number.length));
    if (this.#lastUpdate === null) throw new Error("Yjs emitted no update for a value");
    return this.#lastUpdate;
  }

  /** Whether a document holds what this one wrote last. */
  isLastIn(doc: Y.Doc): boolean {
    const key = String(this.id);
    return doc.getMap<string>(MAP).get(key) === this.#values.get(key);
  }
}
