import { encodeAwareness } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import * as Y from "yjs";

const TEXT = "text";
const ALPHABET = "etaoin shrdlu";
const COLOURS = ["#b4472c", "#2c7fb4", "#3f8f4f", "#8a4fa8"];

/** A person at an editor: what they type and where their cursor goes, as the bytes that a Yjs editor makes. */
export class Actor {
  /** The Yjs client id, 32 random bits as Yjs itself draws them. */
  readonly id: number;
  readonly #doc = new Y.Doc();
  readonly #text = this.#doc.getText(TEXT);
  #lastUpdate: Uint8Array | null = null;
  #presenceClock = 0;
  #lastState: object | null = null;

  constructor(id: number) {
    this.id = id;
    this.#doc.clientID = id;
    this.#doc.on("update", (update: Uint8Array) => {
      this.#lastUpdate = update;
    });
  }

  /**
   * One keystroke's update. The first is the end of the actor's own paragraph; all others are typed in front of
   * it, so that a character has a neighbour on both sides as in a document that others have written in. It builds
   * on nobody else's, so that the updates of different actors are valid in any order.
   */
  type(): Uint8Array {
    const typed = this.#text.length;
    if (typed === 0) this.#text.insert(0, "\n");
    else this.#text.insert(typed - 1, ALPHABET[typed % ALPHABET.length] as string);
    if (this.#lastUpdate === null) throw new Error("Yjs emitted no update for an insertion");
    return this.#lastUpdate;
  }

  /** The awareness update of one cursor movement: about 200 bytes of JSON, shaped like y-codemirror.next's. */
  moveCursor(): Uint8Array {
    const clock = ++this.#presenceClock;
    const position = { type: null, tname: TEXT, item: { client: this.id, clock }, assoc: 0 };
    const colour = COLOURS[this.id % COLOURS.length] as string;
    const user = { name: `Guest ${this.id}`, color: colour, colorLight: `${colour}33` };
    this.#lastState = { user, cursor: { anchor: position, head: position } };
    return encodeAwareness([
      { clientId: this.id, clock, state: encodeUtf8(JSON.stringify(this.#lastState)) },
    ]);
  }

  /** Everything typed so far. */
  get document(): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc);
  }

  /** The state of the last cursor movement; `null` before the first. */
  get lastState(): object | null {
    return this.#lastState;
  }
}

/** The shared text of a document that actors typed in. */
export function readText(doc: Y.Doc): string {
  return doc.getText(TEXT).toString();
}
