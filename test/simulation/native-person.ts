import {
  decodeServerFrame,
  forEachFrame,
  type NewestBranch,
  type Revision,
  type ServerFrame,
} from "@joinery/shared/protocol";
import * as awarenessProtocol from "y-protocols/awareness";
import * as Y from "yjs";
import type { Opening } from "../../server/src/engine/opening.ts";
import type { Dialect } from "../../server/src/engine/ports.ts";
import { JOINERY } from "../../server/src/protocols/joinery/dialect.ts";
import type { Connection } from "./connection.ts";
import { Person, type PersonOptions } from "./person.ts";

/** An edit, of the person's own or somebody else's, that is not known to be on disk. */
interface Unsaved {
  readonly update: Uint8Array;
  /** Under which number this session has sent it; `null` if it has not. */
  number: number | null;
  /** The batch that it is in by now; `null` if that is not known. */
  seq: number | null;
}

export interface NativePersonOptions extends PersonOptions {
  /** Called when the server has said that these updates are on disk. */
  readonly onSaved: (updates: readonly Uint8Array[]) => void;
}

/** The root in which a seed leaves its mark. */
export const SEEDS = "seeds";

/**
 * Somebody whose client speaks the native dialect: it numbers its edits and keeps them until they are said to be on
 * disk, remembers how far into the log it is, and fills a new document when it is asked to.
 */
export class NativePerson extends Person {
  readonly dialect: Dialect = JOINERY;
  readonly #onSaved: NativePersonOptions["onSaved"];
  #lineage: string | null = null;
  /** The last batch that it has, and the last that it was told is on disk. */
  #seq = 0;
  #durableSeq = 0;
  /** It got everything up to here in pieces that it cannot tell apart: below it there is no revision. */
  #caughtUpTo = 0;
  #unsaved: Unsaved[] = [];
  /** Batches of others that are not on disk, for as long as the session lasts. */
  #tail: { readonly seq: number; readonly update: Uint8Array }[] = [];
  /** Where the server of the last session wrote on. */
  #branch: NewestBranch = { seq: 1, id: "", before: "" };
  #lastNumber = 0;
  #seeds = 0;
  /** Whether the session has been told all that the person made before. */
  #hasToldAll = false;

  constructor({ onSaved, ...options }: NativePersonOptions) {
    super(options);
    this.#onSaved = onSaved;
  }

  /** How many edits are not known to be on disk. */
  get unsaved(): number {
    return this.#unsaved.length;
  }

  /** What it says of its copy when it opens the document. */
  get opening(): Opening {
    const isEmpty = this.doc.store.clients.size === 0;
    const revision = this.#revision;
    return {
      revision,
      lineage: revision || this.#durableSeq === 0 ? null : this.#lineage,
      confirmed: [],
      stateVector: revision ? null : Y.encodeStateVector(this.doc),
      offersSeed: isEmpty,
    };
  }

  get #revision(): Revision | null {
    const seq = Math.min(this.#seq, this.#durableSeq);
    if (this.#lineage === null || seq === 0 || this.#durableSeq < this.#caughtUpTo) return null;
    const { seq: first, id, before } = this.#branch;
    return { lineage: this.#lineage, seq, branch: seq < first ? before : id };
  }

  override wentOnline(connection: Connection): void {
    this.connection = connection;
    this.#lastNumber = 0;
    this.#hasToldAll = false;
    // What a crash may have taken from the log is said again, be it somebody else's.
    for (const { update } of this.#tail) this.#unsaved.unshift({ update, number: null, seq: null });
    this.#tail = [];
    for (const unsaved of this.#unsaved) {
      unsaved.number = null;
      unsaved.seq = null;
    }
    if (this.awareness.getLocalState() !== null) this.tellPresence([this.doc.clientID]);
  }

  protected override edited(update: Uint8Array): void {
    const unsaved: Unsaved = { update, number: null, seq: null };
    this.#unsaved.push(unsaved);
    if (!this.connection || !this.#hasToldAll) return;
    const number = ++this.#lastNumber;
    unsaved.number = number;
    this.say((session) => session.update(update, number));
  }

  protected override tellPresence(clientIds: number[]): void {
    // It echoes nobody.
    if (clientIds.includes(this.doc.clientID)) super.tellPresence([this.doc.clientID]);
  }

  override received(message: Uint8Array): void {
    forEachFrame(message, (raw) => this.#receivedFrame(decodeServerFrame(raw) as ServerFrame));
  }

  #receivedFrame(frame: ServerFrame): void {
    switch (frame.type) {
      case "opened":
        this.#opened(frame);
        break;
      case "ask":
        this.#answer(Y.encodeStateAsUpdate(this.doc, frame.stateVector));
        break;
      case "batch":
        if (frame.seq !== this.#seq + 1) {
          throw new Error(`${this.name} has batch ${this.#seq} and was sent ${frame.seq}`);
        }
        this.apply(frame.update);
        this.#seq = frame.seq;
        this.#tail.push(frame);
        this.#durable(frame.durableSeq);
        break;
      case "catchUp":
        this.apply(frame.update);
        break;
      case "caughtUp":
        this.#seq = frame.seq;
        this.#caughtUpTo = frame.seq;
        this.#durable(frame.durableSeq);
        break;
      case "ack":
        for (const unsaved of this.#unsaved) {
          if (unsaved.number !== null && unsaved.number <= frame.number) unsaved.seq ??= frame.seq;
        }
        this.#durable(this.#durableSeq);
        break;
      case "durable":
        this.#durable(frame.seq);
        break;
      case "presence":
        awarenessProtocol.applyAwarenessUpdate(this.awareness, frame.update, this);
        break;
      case "seed":
        this.#seed();
        break;
      default:
        throw new Error(`${this.name} did not expect ${frame.type}: ${JSON.stringify(frame)}`);
    }
  }

  #opened({ lineage, branch, beginning }: ServerFrame & { type: "opened" }): void {
    const revision = this.#revision;
    if (revision && revision.lineage !== lineage) throw new Error(`${this.name} was given another document`);
    this.#lineage = lineage;
    this.#branch = branch;
    if (!revision) return;
    this.#seq = revision.seq;
    if (beginning !== "continue") {
      const stateVector = Y.encodeStateVector(this.doc);
      this.say((session) => session.sync(stateVector));
    }
    if (this.#unsaved.length > 0) this.#answer(Y.mergeUpdates(this.#unsaved.map(({ update }) => update)));
    else this.#hasToldAll = true;
  }

  #answer(update: Uint8Array): void {
    const number = ++this.#lastNumber;
    for (const unsaved of this.#unsaved) unsaved.number ??= number;
    this.#hasToldAll = true;
    this.say((session) => session.answer(update, number));
  }

  #durable(seq: number): void {
    this.#durableSeq = Math.max(this.#durableSeq, seq);
    const isSaved = (unsaved: Unsaved) => unsaved.seq !== null && unsaved.seq <= this.#durableSeq;
    const saved = this.#unsaved.filter(isSaved);
    if (saved.length > 0) this.#onSaved(saved.map(({ update }) => update));
    this.#unsaved = this.#unsaved.filter((unsaved) => !isSaved(unsaved));
    this.#tail = this.#tail.filter((batch) => batch.seq > this.#durableSeq);
  }

  #seed(): void {
    const scratch = new Y.Doc();
    // Another one each time: what is filled in twice is not to look as if it were once.
    scratch.clientID = this.doc.clientID * 1000 + ++this.#seeds;
    scratch.getArray(SEEDS).push([this.name]);
    const update = Y.encodeStateAsUpdate(scratch);
    this.say((session) => session.seed(update));
  }
}
