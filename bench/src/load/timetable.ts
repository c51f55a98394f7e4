import * as prng from "lib0/prng";
import { PAUSE_SPREAD } from "../config.ts";
import type { Member } from "./member.ts";

/** What the clients of a room do, all at the same mean rates. */
export interface RoomLoad {
  /** How many rooms there are of this kind, each with clients of its own. Default: one. */
  readonly documents?: number;
  /** Of each document. */
  readonly clients: number;
  /** How many of the clients type. */
  readonly editors: number;
  /** Keystrokes of each editor. */
  readonly editsPerSecond: number;
  /** Cursor movements of each client. */
  readonly presencePerSecond: number;
}

/** One frame that one client sends. */
export interface Step {
  readonly atMs: number;
  /** Index of the client. */
  readonly client: number;
  readonly kind: "edit" | "presence";
  readonly frame: Uint8Array;
}

/**
 * Decides beforehand who sends what when, and makes all of the frames, so that the measured interval pays for
 * sending them only. Pauses of each client are uneven and clients are not in step.
 *
 * @returns Steps in the order of their times.
 */
export function timetable(
  load: RoomLoad,
  seconds: number,
  members: readonly Member[],
  random: prng.PRNG,
): Step[] {
  const steps: Step[] = [];
  members.forEach(({ actor, wire }, client) => {
    if (client < load.editors) {
      for (const atMs of moments(load.editsPerSecond, seconds, random)) {
        steps.push({ atMs, client, kind: "edit", frame: wire.update(actor.type()) });
      }
    }
    for (const atMs of moments(load.presencePerSecond, seconds, random)) {
      steps.push({ atMs, client, kind: "presence", frame: wire.presence(actor.moveCursor()) });
    }
  });
  // The sort is stable and moments ascend, so each client's frames stay in the order of their clocks.
  return steps.sort((a, b) => a.atMs - b.atMs);
}

function* moments(perSecond: number, seconds: number, random: prng.PRNG): Generator<number> {
  if (perSecond === 0) return;
  const meanMs = 1000 / perSecond;
  const { min, max } = PAUSE_SPREAD;
  let atMs = prng.real53(random) * meanMs;
  while (atMs < seconds * 1000) {
    yield atMs;
    atMs += meanMs * (min + (max - min) * prng.real53(random));
  }
}
