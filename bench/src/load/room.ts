import { CONNECT_TOGETHER, DRAIN_TIMEOUT_MS, SAMPLED_READERS } from "../config.ts";
import { waitUntil } from "../wait.ts";
import { Client } from "./client.ts";
import { inGroups } from "./in-groups.ts";
import { Ledger } from "./ledger.ts";
import type { Member } from "./member.ts";
import { playSteps } from "./play.ts";
import type { Step } from "./timetable.ts";

/** All clients of one document. */
export class Room {
  readonly edits = new Ledger();
  readonly presence = new Ledger();
  readonly clients: readonly Client[];

  /** Keeps what it receives, for the replay. The last to join: where few write, it is one who reads. */
  readonly witness: Client;

  constructor(members: readonly Member[]) {
    // Spread over the room: servers send in the order of joining, so the first ones would look too good.
    const stride = Math.max(1, Math.floor(members.length / SAMPLED_READERS));
    this.clients = members.map(
      ({ actor, wire }, i) =>
        new Client(actor, wire, this, { sampled: i % stride === 0, keepsUpdates: i === members.length - 1 }),
    );
    this.witness = this.clients.at(-1) as Client;
  }

  /** @param from The address that all come from, as in `Connection.open`. */
  async join(port: number, from?: string): Promise<void> {
    await inGroups(this.clients, (client) => client.join(port, from));
  }

  /** Sends every step at its time; see {@link playSteps}. */
  play(steps: readonly Step[]): Promise<number[]> {
    return playSteps(steps, ({ client: index, kind, frame }) => {
      const client = this.clients[index] as Client;
      client.assertWell();
      client.send(kind, frame);
    });
  }

  /** Waits until every client has every edit and every sampled client the presence of all. */
  async settled(): Promise<void> {
    await waitUntil(
      () => {
        this.#assertWell();
        return this.#missing() === 0;
      },
      DRAIN_TIMEOUT_MS,
      () => `${this.#missing()} deliveries are still missing`,
    );
  }

  /** From now on sampled clients time what they receive, into the lists that this returns. */
  sampleLatencies(): { readonly editMs: number[]; readonly presenceMs: number[] } {
    const editMs: number[] = [];
    const presenceMs: number[] = [];
    for (const { edits, presence } of this.clients) {
      if (presence === null) continue;
      edits.latenciesMs = editMs;
      presence.latenciesMs = presenceMs;
    }
    return { editMs, presenceMs };
  }

  /** Frames and bytes that the server has sent to all clients so far. */
  received(): { readonly frames: number; readonly bytes: number } {
    let frames = 0;
    let bytes = 0;
    for (const { connection } of this.clients) {
      frames += connection.frames;
      bytes += connection.bytes;
    }
    return { frames, bytes };
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  #missing(): number {
    let missing = 0;
    for (const { edits, presence } of this.clients) missing += edits.missing + (presence?.missing ?? 0);
    return missing;
  }

  #assertWell(): void {
    for (const client of this.clients) client.assertWell();
  }
}

/**
 * The clients of many rooms join, so many at the same time.
 *
 * @param from The address that those of a room come from, as in `Connection.open`.
 */
export async function joinAll(
  rooms: readonly Room[],
  port: number,
  from?: (room: number) => string,
): Promise<void> {
  const together = Math.max(1, Math.floor(CONNECT_TOGETHER / (rooms[0]?.clients.length ?? 1)));
  await inGroups(rooms, (room, i) => room.join(port, from?.(i)), together);
}

/** Sends the steps of many rooms, all at their times. @returns How late each was sent, in milliseconds. */
export async function playAll(
  scenes: readonly { readonly room: Room; readonly steps: readonly Step[] }[],
): Promise<number[]> {
  const lateMs = await Promise.all(scenes.map(({ room, steps }) => room.play(steps)));
  return lateMs.flat();
}
