import { crc32c } from "@joinery/shared";
import { mask } from "./checksum.ts";
import { type FilePieces, withFile } from "./file-pieces.ts";
import { AFTER_CONTENT_BYTES, dataBlocks, endOf, FOOTER_BYTES, type Place, readFooter } from "./table.ts";

/**
 * Whether all of a table is as it was written. What is wrong with one that is not, `checkTable` says.
 *
 * @param bytes Its length.
 * Cost: reads it piece by piece; 0.7 ns a byte.
 */
export function isSoundTable(path: string, bytes: number): Promise<boolean> {
  return withFile(path, async (pieces) => {
    const start = bytes - FOOTER_BYTES;
    const footer = start < 0 ? null : readFooter(await pieces.read(start, FOOTER_BYTES), start);
    if (footer === null || !(await isSoundBlock(pieces, footer.index))) return false;
    const index = await pieces.read(footer.index.offset, footer.index.size + 1);
    let offset = 0;
    try {
      for (const block of dataBlocks(index)) {
        if (block.offset !== offset || !(await isSoundBlock(pieces, block))) return false;
        offset = endOf(block);
      }
    } catch {
      return false; // Whoever looks closer says what is wrong.
    }
    const filter = { offset, size: footer.metaindex.offset - offset - AFTER_CONTENT_BYTES };
    if (filter.size > 0 && !(await isSoundBlock(pieces, filter))) return false;
    return isSoundBlock(pieces, footer.metaindex);
  });
}

async function isSoundBlock(pieces: FilePieces, { offset, size }: Place): Promise<boolean> {
  let crc = 0;
  const end = offset + size + 1;
  for (let at = offset; at < end; ) {
    const part = (await pieces.from(at)).subarray(0, end - at);
    if (part.length === 0) return false;
    crc = crc32c(part, crc);
    at += part.length;
  }
  // With the next block, which follows: a read of its own for each of some 4 KB would take longer than all the rest.
  const stored = await pieces.readOn(end, 4);
  return mask(crc) === new DataView(stored.buffer).getUint32(0, true);
}
