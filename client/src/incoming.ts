import { JoineryError } from "@joinery/shared";
import {
  decodeServerFrame,
  type PartialFrame,
  type RawFrame,
  Reassembly,
  readReassembled,
  type ServerFrame,
} from "@joinery/shared/protocol";
import { MAX_FRAME_BYTES, MAX_WAITING_BYTES } from "./limits.ts";
import type { Environment } from "./ports.ts";

/** Who is given what came. */
export interface Receiver {
  /** The next frame; whole, and not compressed. @throws JoineryError MALFORMED_FRAME. */
  handle(frame: ServerFrame): void;
  /** What came cannot be taken. */
  broken(thrown: unknown): void;
}

/** @throws JoineryError MALFORMED_FRAME (never). */
export function readServerFrame(raw: RawFrame): ServerFrame {
  const frame = decodeServerFrame(raw);
  if (!frame) throw unexpected(raw.type);
  return frame;
}

/** What a server may not say, or not then. */
export function unexpected(type: string | number): JoineryError {
  return new JoineryError("MALFORMED_FRAME", `the server said ${type}`);
}

/** Puts together what comes in parts, inflates what is compressed, and keeps the order meanwhile. */
export class Incoming {
  readonly #environment: Environment;
  readonly #receiver: Receiver;
  /** A snapshot that comes in parts; survives a broken link. */
  #download: Reassembly | null = null;
  /** What came after something that is still being inflated. */
  #behind: ServerFrame[] | null = null;
  #behindBytes = 0;
  /** Greater for each session. */
  #session = 0;

  constructor(environment: Environment, receiver: Receiver) {
    this.#environment = environment;
    this.#receiver = receiver;
  }

  /** What OPEN says of a download that was cut off. */
  get partial(): PartialFrame | null {
    return this.#download && { id: this.#download.id, have: this.#download.have };
  }

  /** The session is over: nothing more of it is handled. */
  end(): void {
    this.#session++;
    this.#behind = null;
  }

  /** What was cut off is of no use any more. */
  forget(): void {
    this.#download = null;
  }

  /** @throws JoineryError MALFORMED_FRAME, MESSAGE_TOO_LARGE (never), TOO_SLOW (backoff). */
  receive(frame: ServerFrame): void {
    if (this.#behind) this.#wait(this.#behind, frame);
    else if (frame.type === "fragment") this.#assemble(frame);
    else if (frame.type === "catchUp" && frame.isDeflated) void this.#inflate(frame.update);
    else this.#receiver.handle(frame);
  }

  #wait(behind: ServerFrame[], frame: ServerFrame): void {
    if ("update" in frame) this.#behindBytes += frame.update.length;
    if ("bytes" in frame) this.#behindBytes += frame.bytes.length;
    if (this.#behindBytes > MAX_WAITING_BYTES) throw new JoineryError("TOO_SLOW", "too much waits");
    behind.push(frame);
  }

  #assemble(fragment: Extract<ServerFrame, { type: "fragment" }>): void {
    if (!this.#download?.isOf(fragment)) this.#download = new Reassembly(fragment, MAX_FRAME_BYTES);
    const whole = this.#download.add(fragment);
    if (!whole) return;
    this.#download = null;
    this.receive(readServerFrame(readReassembled(whole)));
  }

  async #inflate(bytes: Uint8Array): Promise<void> {
    const session = this.#session;
    const behind: ServerFrame[] = [];
    this.#behind = behind;
    this.#behindBytes = 0;
    try {
      const update = await this.#environment.inflate(bytes, MAX_FRAME_BYTES);
      if (session !== this.#session) return;
      this.#behind = null;
      this.#receiver.handle({ type: "catchUp", isDeflated: false, update });
      for (const frame of behind) if (session === this.#session) this.receive(frame);
    } catch (thrown) {
      if (session === this.#session) this.#receiver.broken(thrown);
    }
  }
}
