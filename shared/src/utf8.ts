/** Width in bytes of the multi-byte UTF-8 sequence at `i`, or 0 when there is no valid one (RFC 3629) before `end`. */
export function utf8Width(bytes: Uint8Array, i: number, end: number): number {
  const first = bytes[i] as number;
  const width = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + width > end) return 0;
  const second = bytes[i + 1] as number;
  if (first === 0xe0 && second < 0xa0) return 0; // overlong
  if (first === 0xed && second > 0x9f) return 0; // surrogates
  if (first === 0xf0 && second < 0x90) return 0; // overlong
  if (first === 0xf4 && second > 0x8f) return 0; // above U+10FFFF
  for (let k = 1; k < width; k++) {
    if (((bytes[i + k] as number) & 0xc0) !== 0x80) return 0;
  }
  return width;
}
