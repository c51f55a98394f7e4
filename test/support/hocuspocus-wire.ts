/** One connection of the Hocuspocus dialect at the level of messages, written and read by lib0, as providers do. */

import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import type { Admissions } from "../../server/src/protocols/admission.ts";
import { bySubprotocol } from "../../server/src/protocols/by-subprotocol.ts";
import { Loopback, type LoopbackConnection, type Socket } from "../../server/src/transports/loopback.ts";
import type { NativeStage } from "./native-wire.ts";

/** What a server can say, with whom it is said to; `null` for the connection. */
export type Heard = { readonly to: string | null } & (
  | { readonly say: "step1" | "step2" | "update" | "awareness"; readonly bytes: Uint8Array }
  | { readonly say: "authenticated" | "denied" | "stateless" | "close"; readonly text: string }
  | { readonly say: "saved" | "unsaved" | "token?" | "pong" }
);

type Write = (encoder: encoding.Encoder) => void;

/** A message to an address. */
function message(address: string, ...write: Write[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, address);
  for (const part of write) part(encoder);
  return encoding.toUint8Array(encoder);
}

const kinds =
  (...numbers: number[]): Write =>
  (encoder) => {
    for (const number of numbers) encoding.writeVarUint(encoder, number);
  };
const text =
  (value: string): Write =>
  (encoder) =>
    encoding.writeVarString(encoder, value);
const bytes =
  (value: Uint8Array): Write =>
  (encoder) =>
    encoding.writeVarUint8Array(encoder, value);

/** What providers send. */
export const providerMessages = {
  auth: (address: string, token: string, version?: string): Uint8Array =>
    message(address, kinds(2, 0), text(token), ...(version === undefined ? [] : [text(version)])),
  step1: (address: string, stateVector: Uint8Array = Uint8Array.of(0)): Uint8Array =>
    message(address, kinds(0, 0), bytes(stateVector)),
  step2: (address: string, update: Uint8Array = Uint8Array.of(0, 0)): Uint8Array =>
    message(address, kinds(0, 1), bytes(update)),
  update: (address: string, update: Uint8Array): Uint8Array => message(address, kinds(0, 2), bytes(update)),
  awareness: (address: string, update: Uint8Array): Uint8Array => message(address, kinds(1), bytes(update)),
  query: (address: string): Uint8Array => message(address, kinds(3)),
  /** Answers what is asked only once, as servers say among themselves; clients may too. */
  reply: (address: string, step: number, payload: Uint8Array): Uint8Array =>
    message(address, kinds(4, step), bytes(payload)),
  stateless: (address: string, payload: string): Uint8Array => message(address, kinds(5), text(payload)),
  close: (address: string): Uint8Array => message(address, kinds(7)),
  /** Something that no provider sends. */
  kind: (address: string, ...numbers: number[]): Uint8Array => message(address, kinds(...numbers)),
};

/** Reads what a server sent, to the last byte. */
export function hear(message: Uint8Array): Heard {
  if (message.length === 1 && message[0] === 10) return { to: null, say: "pong" };
  const decoder = decoding.createDecoder(message);
  const to = decoding.readVarString(decoder);
  const heard = { to, ...hearFrame(decoder) } as Heard;
  if (decoding.hasContent(decoder)) throw new Error(`bytes left over in ${message.join()}`);
  return heard;
}

function hearFrame(decoder: decoding.Decoder): object {
  const kind = decoding.readVarUint(decoder);
  switch (kind) {
    case 0:
      return {
        say: ["step1", "step2", "update"][decoding.readVarUint(decoder)],
        bytes: decoding.readVarUint8Array(decoder),
      };
    case 1:
      return { say: "awareness", bytes: decoding.readVarUint8Array(decoder) };
    case 2: {
      const say = ["token?", "denied", "authenticated"][decoding.readVarUint(decoder)];
      return say === "token?" ? { say } : { say, text: decoding.readVarString(decoder) };
    }
    case 5:
      return { say: "stateless", text: decoding.readVarString(decoder) };
    case 7:
      return { say: "close", text: decoding.readVarString(decoder) };
    case 8:
      return { say: decoding.readVarInt(decoder) === 1 ? "saved" : "unsaved" };
    default:
      throw new Error(`a server sent a message of kind ${kind}`);
  }
}

/** A connection; what it says first is what makes it one of this dialect. */
export class HocuspocusWire {
  readonly socket: Socket;
  readonly connection: LoopbackConnection;
  readonly #stage: NativeStage;
  closed: { readonly code: number; readonly reason: string } | null = null;
  /** All messages that came, as they came. */
  readonly messages: Uint8Array[] = [];
  #taken = 0;

  constructor(stage: NativeStage, admissions?: Admissions) {
    const { rooms, clock, limits } = stage;
    this.#stage = stage;
    const start = bySubprotocol({
      clock,
      limits,
      agent: "joinery",
      keepAliveMs: 15_000,
      capabilities: 0,
      onLimit: (limit) => stage.limitHits.push(limit),
    });
    const loopback = new Loopback({ rooms, clock, limits, start, ...(admissions && { admissions }) });
    this.socket = loopback.connect("ws://server/any/path", "", {
      opened: () => undefined,
      message: (bytes) => this.messages.push(bytes),
      closed: (code, reason) => {
        this.closed = { code, reason };
      },
    });
    [this.connection] = [...loopback.open] as [LoopbackConnection];
  }

  /** Sends messages, and lets everything happen that follows. */
  async send(...messages: readonly Uint8Array[]): Promise<void> {
    for (const bytes of messages) this.socket.send(bytes);
    await this.#stage.settle();
  }

  /** What came since the last time. */
  take(): Heard[] {
    const heard = this.messages.slice(this.#taken).map(hear);
    this.#taken = this.messages.length;
    return heard;
  }

  /** The same, without bytes and to whom. */
  takeSaid(): string[] {
    return this.take().map((heard) => ("text" in heard ? `${heard.say} ${heard.text}` : heard.say));
  }
}

/** Somebody to whom all has been said that is said at the beginning. */
export async function joinedBy(
  stage: NativeStage,
  address = "notes",
  admissions?: Admissions,
): Promise<HocuspocusWire> {
  const wire = new HocuspocusWire(stage, admissions);
  await wire.send(providerMessages.auth(address, "token"), providerMessages.step1(address));
  await wire.send(providerMessages.step2(address));
  wire.take();
  return wire;
}
