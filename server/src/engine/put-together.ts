import { inspectUpdate, NO_UPDATE_LIMITS, type StructBlock } from "@joinery/shared";
import * as encoding from "lib0/encoding";

/** To look at a larger one takes longer than Yjs needs for each of a few. */
const MAX_UPDATE_BYTES = 4096;

interface Piece {
  readonly update: Uint8Array;
  readonly block: StructBlock;
}

/**
 * Merges updates that were inspected, where that is to put them one after the other: of different clients, without deletes,
 * as what several people type within a window. Yjs takes several times as long: it reads and writes each struct.
 *
 * @returns `null` where they are not such; the same as Y.mergeUpdates where they are.
 * Cost: an inspection of each, and a copy.
 */
export function putTogether(updates: readonly Uint8Array[]): Uint8Array | null {
  const pieces: Piece[] = [];
  const clients = new Set<number>();
  for (const update of updates) {
    if (update.length > MAX_UPDATE_BYTES) return null;
    const { blocks, deletesStart } = inspectUpdate(update, NO_UPDATE_LIMITS);
    // No client that deletes, and nothing behind that.
    if (deletesStart !== update.length - 1) return null;
    for (const block of blocks) {
      if (clients.has(block.client)) return null;
      clients.add(block.client);
      pieces.push({ update, block });
    }
  }
  pieces.sort((a, b) => b.block.client - a.block.client);
  return written(pieces);
}

function written(pieces: readonly Piece[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, pieces.length);
  for (const { update, block } of pieces) {
    encoding.writeVarUint(encoder, block.count);
    encoding.writeVarUint(encoder, block.client);
    encoding.writeVarUint(encoder, block.clock);
    encoding.writeUint8Array(encoder, update.subarray(block.start, block.end));
  }
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
}
