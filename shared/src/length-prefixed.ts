import * as encoding from "lib0/encoding";

/**
 * One-byte kinds, a length, and that many bytes, made in one piece: what frames of all dialects are.
 *
 * @param kinds Each below 128.
 * @param head What the bytes begin with. @param rest What they end with. Both are copied once.
 */
export function lengthPrefixed(kinds: readonly number[], head: Uint8Array, rest?: Uint8Array): Uint8Array {
  const payloadBytes = head.length + (rest?.length ?? 0);
  const prefix = [...kinds];
  let left = payloadBytes;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) prefix.push((left % 0x80) + 0x80);
  prefix.push(left);
  const bytes = new Uint8Array(prefix.length + payloadBytes);
  bytes.set(prefix);
  bytes.set(head, prefix.length);
  if (rest) bytes.set(rest, prefix.length + head.length);
  return bytes;
}

/** What stands before so many bytes in such a frame, for who does not copy them. */
export function lengthPrefix(kinds: readonly number[], payloadBytes: number): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const kind of kinds) encoding.writeUint8(encoder, kind);
  encoding.writeVarUint(encoder, payloadBytes);
  return encoding.toUint8Array(encoder);
}
