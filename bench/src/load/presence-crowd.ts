import { setTimeout as sleep } from "node:timers/promises";
import { POLL_MS } from "../config.ts";
import { Bystander } from "./bystander.ts";
import { Client } from "./client.ts";
import { inGroups } from "./in-groups.ts";
import { Ledger } from "./ledger.ts";
import type { Member } from "./member.ts";
import { playSteps } from "./play.ts";
import type { Step } from "./timetable.ts";

/** Very many who show presence in one document: a few read everything, the others count what they are sent. */
export class PresenceCrowd {
  readonly edits = new Ledger();
  readonly presence = new Ledger();
  readonly #members: readonly Member[];
  readonly #readers: ReadonlyMap<number, Client>;
  readonly #bystanders = new Map<number, Bystander>();

  /** @param readers How many read, spread over the crowd: servers send in the order of joining. */
  constructor(members: readonly Member[], readers: number) {
    this.#members = members;
    const stride = Math.max(1, Math.floor(members.length / readers));
    this.#readers = new Map(
      members.flatMap(({ actor, wire }, i) =>
        i % stride === 0
          ? [[i, new Client(actor, wire, this, { sampled: true, keepsUpdates: false })] as const]
          : [],
      ),
    );
  }

  async join(port: number): Promise<void> {
    await inGroups(this.#members, ({ wire }, i) => this.#join(i, port, wire));
  }

  async #join(index: number, port: number, wire: Member["wire"]): Promise<void> {
    const reader = this.#readers.get(index);
    if (reader) await reader.join(port);
    else this.#bystanders.set(index, await Bystander.join(port, wire));
  }

  /** Sends every step at its time; see {@link playSteps}. */
  play(steps: readonly Step[]): Promise<number[]> {
    return playSteps(steps, ({ client, frame }) => this.#send(client, frame));
  }

  #send(index: number, frame: Uint8Array): void {
    const reader = this.#readers.get(index);
    if (reader) {
      reader.assertWell();
      reader.send("presence", frame);
      return;
    }
    const bystander = this.#bystanders.get(index) as Bystander;
    bystander.assertWell();
    this.presence.send((this.#members[index] as Member).actor.id, performance.now());
    bystander.send(frame);
  }

  /** Waits until every reader has everybody's newest state, but no longer than that. Returns whether they have. */
  async settled(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (this.missing > 0 && performance.now() < deadline) {
      for (const client of this.#all()) client.assertWell();
      await sleep(POLL_MS);
    }
    return this.missing === 0;
  }

  /** From now on readers time what they receive, into the list that this returns. */
  sampleLatencies(): number[] {
    const latenciesMs: number[] = [];
    for (const { presence } of this.#readers.values()) {
      if (presence) presence.latenciesMs = latenciesMs;
    }
    return latenciesMs;
  }

  /** States that readers should have been sent, or newer ones, and were not. */
  get missing(): number {
    let missing = 0;
    for (const { presence } of this.#readers.values()) missing += presence?.missing ?? 0;
    return missing;
  }

  /** All states that readers should have been sent. */
  get due(): number {
    let due = 0;
    for (const { actor } of this.#readers.values())
      due += this.presence.total - this.presence.ticksOf(actor.id);
    return due;
  }

  /** Frames and bytes that the server has sent to all clients so far. */
  received(): { readonly frames: number; readonly bytes: number } {
    const total = { frames: 0, bytes: 0 };
    for (const { frames, bytes } of this.#ends()) {
      total.frames += frames;
      total.bytes += bytes;
    }
    return total;
  }

  close(): void {
    for (const client of this.#all()) client.close();
  }

  *#all(): Generator<Client | Bystander> {
    yield* this.#readers.values();
    yield* this.#bystanders.values();
  }

  *#ends(): Generator<{ readonly frames: number; readonly bytes: number }> {
    for (const { connection } of this.#readers.values()) yield connection;
    yield* this.#bystanders.values();
  }
}
