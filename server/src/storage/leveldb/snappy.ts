import { ByteReader } from "@joinery/shared";

const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;

/**
 * Decompresses a raw Snappy block, as LevelDB keeps blocks of its tables.
 *
 * @throws JoineryError MALFORMED_UPDATE when it is none. Source: Snappy's format_description.txt.
 */
export function decompressSnappy(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes, "Snappy block");
  const length = reader.varUint();
  // The best that a copy of three bytes can do is 64: a length beyond that is not allocated for.
  if (length > bytes.length * 32) reader.fail("length is more than the bytes can hold");
  const out = new Uint8Array(length);
  let at = 0;
  while (reader.remaining > 0) {
    const tag = reader.byte();
    if ((tag & 3) === LITERAL) {
      const short = tag >> 2;
      const count = 1 + (short < 60 ? short : littleEndian(reader, short - 59));
      const start = reader.position;
      reader.skip(count);
      if (at + count > length) reader.fail("literal is longer than the block");
      out.set(bytes.subarray(start, start + count), at);
      at += count;
      continue;
    }
    const { count, distance } = copyOf(reader, tag);
    if (distance === 0 || distance > at || at + count > length) reader.fail("copy reaches beyond the block");
    // Byte by byte: a copy may repeat what it has just written.
    for (const end = at + count; at < end; at++) out[at] = out[at - distance] as number;
  }
  if (at !== length) reader.fail("block is shorter than its length");
  return out;
}

function copyOf(reader: ByteReader, tag: number): { count: number; distance: number } {
  const kind = tag & 3;
  if (kind === COPY_1) return { count: 4 + ((tag >> 2) & 7), distance: ((tag >> 5) << 8) | reader.byte() };
  return { count: 1 + (tag >> 2), distance: littleEndian(reader, kind === COPY_2 ? 2 : 4) };
}

function littleEndian(reader: ByteReader, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value += reader.byte() * 256 ** i;
  return value;
}
