import { decodeServerFrame, forEachFrame } from "@joinery/shared/protocol";
import type { Dialect } from "../../server/src/engine/ports.ts";
import { sayingDialect } from "../support/world.ts";

const talkative = sayingDialect("talkative");
/** Like y-websocket's: it has no words for what is durable, nor for a refusal. */
const laconic: Dialect = {
  ...sayingDialect("laconic"),
  skipsOwn: true,
  durable: () => null,
  refused: () => null,
};

export const DIALECTS: readonly Dialect[] = [talkative, laconic];

const EMPTY = new Uint8Array();

/** The first byte of each kind of frame, as the dialect itself writes it. */
export const FRAME_KIND = {
  update: talkative.update(EMPTY)[0],
  catchUp: talkative.catchUp(EMPTY, false)[0],
  caughtUp: talkative.catchUp(EMPTY, true)[0],
  ask: talkative.ask(EMPTY)[0],
  presence: talkative.presence(EMPTY)[0],
  durable: talkative.durable(0)?.[0],
};

/** The seq that a frame says is durable; `null` when the frame says something else. */
export function durableSeq(frame: Uint8Array): number | null {
  if (frame[0] === FRAME_KIND.durable) return Number(new TextDecoder().decode(frame.subarray(1)));
  return (frame[0] as number) < FIRST_NATIVE_FRAME ? null : nativeDurableSeq(frame);
}

/** The ordinary dialects count their frames from 0. */
const FIRST_NATIVE_FRAME = 0x10;

function nativeDurableSeq(frame: Uint8Array): number | null {
  let seq: number | null = null;
  forEachFrame(frame, (raw) => {
    const said = decodeServerFrame(raw);
    if (said?.type === "durable") seq = said.seq;
    else if (said && "durableSeq" in said) seq = said.durableSeq;
  });
  return seq;
}
