/** What was typed, as far as an update has it. */

import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import * as Y from "yjs";

/** Between pieces that were typed in different places. */
const ELSEWHERE = " … ";

/**
 * The text that an update inserts, in the order in which it was typed; what stands in different places is apart. What
 * was deleted before the update was made is not in it.
 *
 * @param maxLength Of the beginning that is returned, in UTF-16 units.
 * @throws JoineryError MALFORMED_UPDATE (never retry). Cost: linear in the update's bytes, and memory for its structs.
 */
export function insertedText(update: Uint8Array, maxLength: number): string {
  inspectUpdate(update, NO_UPDATE_LIMITS);
  let text = "";
  let last: { readonly client: number; readonly end: number } | null = null;
  for (const struct of Y.decodeUpdate(update).structs) {
    if (text.length >= maxLength) break;
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) continue;
    const { client, clock } = struct.id;
    const isNext =
      last?.client === client && struct.origin?.clock === last.end - 1 && struct.origin.client === client;
    text += (text === "" || isNext ? "" : ELSEWHERE) + struct.content.str;
    last = { client, end: clock + struct.length };
  }
  return text.slice(0, maxLength);
}
