import {
  CAPABILITIES,
  CONNECTION_FRAMES,
  clientFrames,
  DOCUMENT_FRAMES,
  decodeServerFrame,
  forEachFrame,
  PROTOCOL_VERSION,
  type RawFrame,
  Reassembly,
  type Revision,
  readReassembled,
  type ServerFrame,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import {
  type Incoming,
  type IncomingOf,
  type Multiplexed,
  SKIMMED_NOTHING,
  type Skimmed,
  type Wire,
} from "./dialect.ts";
import { EMPTY_STATE_VECTOR, EMPTY_UPDATE } from "./sync-messages.ts";

const FIRST_CHANNEL = 1;
/** The answer of a session that has nothing. */
const NOTHING = clientFrames.answer(1, EMPTY_UPDATE);
/** Larger than any document here. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** Joinery's own protocol: a client that has nothing opens one document, and inflates nothing. */
export const joineryV1 = (document: string): Wire => nativeWire(document, 0);

/** The same for a client that takes catch-ups compressed, as the published client does. */
export const joineryV1Deflate = (document: string): Wire => nativeWire(document, CAPABILITIES.deflate);

function nativeWire(document: string, capabilities: number): Wire {
  const openingAt = (revision: Revision | null) => [
    Buffer.concat([hello(capabilities), ...open(FIRST_CHANNEL, document, revision)]),
  ];
  const incoming = new NativeReader();
  // The answer to the server's question is the session's first number.
  let number = 1;
  return {
    path: "/",
    subprotocol: SUBPROTOCOL,
    opening: openingAt(null),
    nothing: NOTHING,
    // It shows no presence before an application asks for it.
    arriving: ({ revision }) => ({ opening: openingAt(revision), nothing: NOTHING }),
    update: (update) => clientFrames.update(++number, update),
    presence: clientFrames.presence,
    read: (message) => incoming.read(message),
    skim,
  };
}

/** No message is larger than a fragment, and what it is wrapped in. */
function skim(message: Uint8Array, bytes: number): Skimmed {
  if (message.length < bytes) throw new Error(`the server sent a message of ${bytes} bytes`);
  let documentBytes = 0;
  let skimmed = SKIMMED_NOTHING;
  forEachFrame(message, ({ type, payload }) => {
    if (PARTS.has(type)) documentBytes += payload.length;
    else if (type === DOCUMENT_FRAMES.ask) skimmed = { ...skimmed, asks: true };
    else if (type === DOCUMENT_FRAMES.caughtUp) skimmed = { ...skimmed, joined: true };
    else if (ENDS.has(type)) skimmed = { ...skimmed, refusal: "it closed the document" };
  });
  return { ...skimmed, documentBytes };
}

const PARTS: ReadonlySet<number> = new Set([
  DOCUMENT_FRAMES.fragment,
  DOCUMENT_FRAMES.catchUp,
  DOCUMENT_FRAMES.batch,
]);
const ENDS: ReadonlySet<number> = new Set([
  CONNECTION_FRAMES.failed,
  DOCUMENT_FRAMES.close,
  DOCUMENT_FRAMES.notice,
]);

/** The same with a channel for each document. */
export function joineryV1Multiplexed(documents: readonly string[]): Multiplexed {
  const readers = documents.map(() => new NativeReader());
  let selected = 0;
  return {
    path: "/",
    subprotocol: SUBPROTOCOL,
    opening: [hello(0)],
    open: (document) => [Buffer.concat(open(FIRST_CHANNEL + document, documents[document] as string, null))],
    nothing: (document) => Buffer.concat([clientFrames.select(FIRST_CHANNEL + document), NOTHING]),
    read(message) {
      const incoming: IncomingOf[] = [];
      forEachFrame(message, (raw) => {
        const frame = decodeServerFrame(raw);
        if (frame?.type === "select") selected = frame.channel - FIRST_CHANNEL;
        else {
          const heard = (readers[selected] as NativeReader).readFrame(raw);
          incoming.push(...heard.map((one) => ({ document: selected, incoming: one })));
        }
      });
      return incoming;
    },
  };
}

function hello(capabilities: number): Uint8Array {
  return clientFrames.hello({ version: PROTOCOL_VERSION, capabilities, agent: "joinery-bench", token: "" });
}

function open(channel: number, document: string, revision: Revision | null): Uint8Array[] {
  const frame = clientFrames.open({
    document,
    revision,
    lineage: null,
    confirmed: [],
    stateVector: revision === null ? EMPTY_STATE_VECTOR : null,
    token: "",
    partial: null,
    offersSeed: false,
  });
  return [clientFrames.select(channel), frame];
}

/** What one document's frames say. */
class NativeReader {
  readonly #acks = new Acknowledgements();
  #large: Reassembly | null = null;
  #hasAsked = false;

  read(message: Uint8Array): Incoming[] {
    const incoming: Incoming[] = [];
    forEachFrame(message, (frame) => this.#frame(frame, incoming));
    return incoming;
  }

  readFrame(frame: RawFrame): Incoming[] {
    const incoming: Incoming[] = [];
    this.#frame(frame, incoming);
    return incoming;
  }

  #frame(raw: RawFrame, incoming: Incoming[]): void {
    const frame = decodeServerFrame(raw);
    if (frame?.type === "fragment") {
      this.#large ??= new Reassembly(frame, MAX_FRAME_BYTES);
      const whole = this.#large.add(frame);
      if (whole === null) return;
      this.#large = null;
      this.#frame(readReassembled(whole), incoming);
    } else if (frame?.type === "ack") {
      incoming.push({ kind: "received", upTo: this.#acks.received(frame.number, frame.seq) });
      // That it is on disk may have been said before.
      const upTo = this.#acks.durableBefore();
      if (upTo !== null) incoming.push({ kind: "durable", upTo });
    } else if (frame) {
      const heard = this.#hear(frame);
      if (heard) incoming.push(heard);
    }
  }

  #hear(frame: ServerFrame): Incoming | null {
    switch (frame.type) {
      case "batch":
        return { kind: "update", update: frame.update };
      case "catchUp":
        return { kind: "catch-up", update: frame.update, isDeflated: frame.isDeflated };
      case "caughtUp":
        return { kind: "joined" };
      case "presence":
        return { kind: "presence", update: frame.update };
      case "ask":
        // A second answer would need a number between those of updates whose frames are made already.
        if (this.#hasAsked) throw new Error("the server asked again: something that was sent did not arrive");
        this.#hasAsked = true;
        return { kind: "ask" };
      case "durable":
        return { kind: "durable", upTo: this.#acks.durable(frame.seq) };
      case "failed":
      case "close":
      case "notice":
        return { kind: "refused", reason: `${frame.code}: ${frame.message}` };
      default:
        return null;
    }
  }
}

/** How many of a session's updates are in the log, and on disk. */
class Acknowledgements {
  /** What is in the log and not known to be on disk, oldest first. */
  readonly #waiting: { readonly count: number; readonly seq: number }[] = [];
  #durable = 0;
  #durableSeq = 0;

  /** Returns how many updates that is: the answer to the server's question has a number too. */
  received(number: number, seq: number): number {
    const count = number - 1;
    this.#waiting.push({ count, seq });
    return count;
  }

  /** How many are on disk, by what was said before they were told to be in the log; `null` when that is no news. */
  durableBefore(): number | null {
    const known = this.#durable;
    const durable = this.durable(this.#durableSeq);
    return durable > known ? durable : null;
  }

  durable(seq: number): number {
    this.#durableSeq = Math.max(this.#durableSeq, seq);
    while (this.#waiting[0] && this.#waiting[0].seq <= this.#durableSeq) {
      this.#durable = (this.#waiting.shift() as { count: number }).count;
    }
    return this.#durable;
  }
}
