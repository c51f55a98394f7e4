/** Finds ticks in the bytes of a text, of which each is a UTF-16 unit, without decoding it. */

/** A tick of a text that begins a character, and the offset of that. */
export interface TickMark {
  tick: number;
  offset: number;
}

/** Goes on to the last character that does not begin behind a tick, or to the end. */
function advance(utf8: Uint8Array, mark: TickMark, tick: number): void {
  while (mark.tick < tick && mark.offset < utf8.length) {
    const first = utf8[mark.offset] as number;
    const units = first < 0xf0 ? 1 : 2;
    if (mark.tick + units > tick) return;
    mark.tick += units;
    mark.offset += first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  }
}

/** Some ticks of a text: whole characters, and at both ends there may be half of one. */
export interface TickSpan {
  readonly bytes: Uint8Array;
  readonly isFirstHalf: boolean;
  readonly isLastHalf: boolean;
}

/** @param mark Where to begin; moves to the character that `to` is in, or to the end. */
export function spanOf(utf8: Uint8Array, mark: TickMark, from: number, to: number): TickSpan {
  advance(utf8, mark, from);
  const isFirstHalf = mark.tick < from;
  if (isFirstHalf) advance(utf8, mark, from + 1);
  const start = mark.offset;
  advance(utf8, mark, to);
  return { bytes: utf8.subarray(start, mark.offset), isFirstHalf, isLastHalf: mark.tick < to };
}
