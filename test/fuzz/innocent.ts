import * as decoding from "lib0/decoding";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import type { Rooms } from "../../server/src/engine/rooms.ts";
import type { Principal } from "../../server/src/protocols/admission.ts";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { type Edit, makeEdit } from "./edit.ts";
import { Finding } from "./finding.ts";
import { Link } from "./link.ts";

/** The root that it writes probes into. */
export const PROBES = "probes";

/** A person with a real Y.Doc, who does what the `y-websocket` provider does. */
export class Innocent {
  readonly name: string;
  readonly doc: Y.Doc;
  readonly awareness: Awareness;
  readonly link: Link;
  /** Update events of its document, local and remote. */
  events = 0;
  /** The server's state vector when it last asked. */
  asked: Uint8Array | null = null;
  readonly #clientId: number;
  #turn = 0;

  /** Opens the document. @param state What it has from before, as an update. */
  constructor(
    rooms: Rooms,
    path: string,
    options: { name: string; clientId: number; principal: Principal; state?: Uint8Array },
  ) {
    this.name = options.name;
    this.#clientId = options.clientId;
    this.doc = new Y.Doc({ guid: options.name });
    this.doc.clientID = options.clientId;
    if (options.state) Y.applyUpdate(this.doc, options.state);
    this.link = new Link(rooms, path, options.principal);
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      this.events++;
      if (origin !== this) this.link.receive(Y_WEBSOCKET.update(update));
    });
    this.awareness = new Awareness(this.doc);
    // It renews itself by a timer of its own, on the real clock.
    clearInterval(this.awareness._checkInterval);
    // The provider echoes what it hears.
    this.awareness.on("update", (changes: Record<"added" | "updated" | "removed", number[]>) => {
      this.#announce([...changes.added, ...changes.updated, ...changes.removed]);
    });
    this.link.receive(Y_WEBSOCKET.ask(Y.encodeStateVector(this.doc)));
    this.show();
  }

  /** Takes what has arrived. Returns whether there was anything. */
  read(): boolean {
    const frames = this.link.arrived.splice(0);
    for (const frame of frames) this.#take(frame);
    return frames.length > 0;
  }

  edit(edit: Edit): void {
    try {
      makeEdit(this.doc, edit);
    } catch (cause) {
      throw new Finding("nobody is silenced", `${this.name} cannot edit: ${String(cause)}`, { cause });
    }
  }

  /** Writes something that can be looked for. */
  probe(): Probe {
    const from = this.clock;
    const text = this.doc.getText(PROBES);
    const word = `${this.name[0]}${this.#turn++};`;
    const { events } = this;
    try {
      text.insert(text.length, word);
    } catch (cause) {
      throw new Finding("nobody is silenced", `${this.name} cannot write: ${String(cause)}`, { cause });
    }
    if (this.events === events) {
      throw new Finding("nobody is silenced", `an edit of ${this.name} was not announced`);
    }
    return { client: this.doc.clientID, from, to: this.clock, word };
  }

  /** Says who it is, anew each time. */
  show(): void {
    this.awareness.setLocalState({ name: this.name, turn: this.#turn++ });
  }

  /** What it says of itself. */
  get shown(): string {
    return JSON.stringify(this.awareness.getLocalState());
  }

  /** What it takes another to say. */
  sees(clientId: number): string {
    return JSON.stringify(this.awareness.getStates().get(clientId) ?? null);
  }

  get clock(): number {
    return Y.getState(this.doc.store, this.doc.clientID);
  }

  /** @throws Finding when it is not as an innocent has to be. */
  check(): void {
    const { doc, name, link } = this;
    if (link.closed) {
      const { code, message } = link.closed;
      throw new Finding("innocents stay connected", `${name} was closed: ${code}: ${message}`);
    }
    if (doc._transaction !== null || doc._transactionCleanups.length > 0) {
      throw new Finding("nobody is silenced", `a transaction of ${name} is stuck`);
    }
    if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null) {
      throw new Finding("nothing is pending", `${name} waits for what never comes`);
    }
    if (doc.clientID !== this.#clientId) {
      throw new Finding("ids stay with their owners", `${name} had to take another client id`);
    }
  }

  leave(): void {
    this.link.leave();
  }

  #announce(clientIds: number[]): void {
    this.link.receive(Y_WEBSOCKET.presence(encodeAwarenessUpdate(this.awareness, clientIds)));
  }

  #take(frame: Uint8Array): void {
    try {
      const decoder = decoding.createDecoder(frame);
      const kind = decoding.readVarUint(decoder);
      if (kind === 0) {
        const isQuestion = decoding.readVarUint(decoder) === 0;
        const payload = decoding.readVarUint8Array(decoder);
        if (isQuestion) this.#answer(payload);
        else Y.applyUpdate(this.doc, payload, this);
      } else if (kind === 1) {
        applyAwarenessUpdate(this.awareness, decoding.readVarUint8Array(decoder), this);
      }
    } catch (cause) {
      if (cause instanceof Finding) throw cause;
      const detail = `${this.name} cannot take what it was sent: ${String(cause)}`;
      throw new Finding("nobody is silenced", detail, { cause });
    }
  }

  #answer(stateVector: Uint8Array): void {
    this.asked = stateVector;
    this.link.receive(Y_WEBSOCKET.catchUp(Y.encodeStateAsUpdate(this.doc, stateVector), true));
  }
}

/** Something that an innocent wrote, and between which of its clocks; formats may come with it. */
export interface Probe {
  readonly client: number;
  readonly from: number;
  readonly to: number;
  readonly word: string;
}

/** Whether a document shows what was written; somebody may have put something in between. */
export function hasProbe({ store }: Y.Doc, { client, from, to, word }: Probe): boolean {
  if (Y.getState(store, client) < to) return false;
  let shown = "";
  for (let clock = from; clock < to; clock++) {
    const struct: unknown = Y.getItem(store, Y.createID(client, clock));
    if (struct instanceof Y.Item && !struct.deleted && struct.content instanceof Y.ContentString) {
      shown += struct.content.str[clock - struct.id.clock];
    }
  }
  return shown === word;
}
