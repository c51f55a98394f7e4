const NEWLINE = 0x0a;

/**
 * Splits bytes into lines, without their ends.
 *
 * @param tooLong Makes the error for a line of more than `maxBytes`.
 * @returns What is behind the last line's end, which is no line.
 * Cost: memory for the longest line.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes, tooLong }: { readonly maxBytes: number; readonly tooLong: () => Error },
): AsyncGenerator<Uint8Array, Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      const line = joined(parts);
      parts = [];
      length = 0;
      start = end + 1;
      yield line;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > maxBytes) throw tooLong();
  }
  return joined(parts);
}

/** All of them behind one another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** @param bytes UTF-8; what is none of it becomes U+FFFD. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("utf8");
}
