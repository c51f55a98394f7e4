import type { DocumentName, JoineryError } from "@joinery/shared";
import * as awarenessProtocol from "y-protocols/awareness";
import * as Y from "yjs";
import type { ClientEnd, Connection, Input } from "./connection.ts";
import { FRAME_KIND } from "./frames.ts";

export interface PersonOptions {
  readonly name: string;
  readonly clientId: number;
  readonly document: DocumentName;
  readonly author: string;
}

/** What may happen to a person who did nothing wrong. */
const EXPECTED_CLOSES = new Set(["STORAGE_UNAVAILABLE", "TOO_SLOW"]);

/**
 * Somebody with a document open, online or not: a Y.Doc and an awareness that behave like those of a y-websocket
 * provider, which tells the server of every presence that it hears of, its own or not.
 */
export class Person implements ClientEnd {
  readonly name: string;
  readonly document: DocumentName;
  readonly author: string;
  readonly doc = new Y.Doc();
  readonly awareness: awarenessProtocol.Awareness;
  connection: Connection | null = null;
  #moves = 0;

  constructor(options: PersonOptions) {
    this.name = options.name;
    this.document = options.document;
    this.author = options.author;
    this.doc.clientID = options.clientId;
    this.awareness = new awarenessProtocol.Awareness(this.doc);
    // Awareness renews itself by a timer of its own, on the real clock.
    clearInterval(this.awareness._checkInterval);
    this.move();
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.edited(update);
    });
    this.awareness.on("update", ({ added, updated, removed }: Record<string, number[]>) =>
      this.tellPresence([added, updated, removed].flatMap((ids) => ids ?? [])),
    );
  }

  get text(): Y.Text {
    return this.doc.getText("text");
  }

  /** Shows another cursor than before. */
  move(): void {
    this.awareness.setLocalState({ name: this.name, at: ++this.#moves });
  }

  hide(): void {
    this.awareness.setLocalState(null);
  }

  wentOnline(connection: Connection): void {
    this.connection = connection;
    const stateVector = Y.encodeStateVector(this.doc);
    this.say((session) => session.sync(stateVector));
    if (this.awareness.getLocalState() !== null) this.tellPresence([this.doc.clientID]);
  }

  /** The person made an edit, online or not. */
  protected edited(update: Uint8Array): void {
    this.say((session) => session.update(update));
  }

  // ClientEnd

  disconnected(reason: JoineryError | null): void {
    this.connection = null;
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.doc.clientID);
    awarenessProtocol.removeAwarenessStates(this.awareness, others, this);
    if (reason && !EXPECTED_CLOSES.has(reason.code)) {
      throw new Error(`${this.name} was sent away: ${reason.code}: ${reason.message}`, { cause: reason });
    }
  }

  received(frame: Uint8Array): void {
    const payload = frame.subarray(1);
    switch (frame[0]) {
      case FRAME_KIND.update:
      case FRAME_KIND.catchUp:
      case FRAME_KIND.caughtUp:
        this.apply(payload);
        break;
      case FRAME_KIND.ask: {
        const missing = Y.encodeStateAsUpdate(this.doc, payload);
        this.say((session) => session.answer(missing));
        break;
      }
      case FRAME_KIND.presence:
        awarenessProtocol.applyAwarenessUpdate(this.awareness, payload, this);
        break;
      case FRAME_KIND.durable:
        break;
      default:
        throw new Error(`${this.name} was refused something: ${new TextDecoder().decode(payload)}`);
    }
  }

  protected say(input: Input): void {
    this.connection?.say(input);
  }

  /** Takes in what others made. */
  protected apply(update: Uint8Array): void {
    Y.applyUpdate(this.doc, update, this);
    if (hasPending(this.doc)) throw new Error(`${this.name} was sent an update before what it builds upon`);
  }

  protected tellPresence(clientIds: number[]): void {
    if (!this.connection) return;
    const update = awarenessProtocol.encodeAwarenessUpdate(this.awareness, clientIds);
    this.say((session) => session.presence(update));
  }
}

/** Whether a doc was given something that it cannot integrate yet. */
export function hasPending(doc: Y.Doc): boolean {
  return doc.store.pendingStructs !== null || doc.store.pendingDs !== null;
}
