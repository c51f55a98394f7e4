/** A whole message as a client sends it: one frame of RFC 6455, masked as a client has to. */
export function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  if (length > 0xffff) throw new Error(`a message of ${length} bytes is more than clients of this load send`);
  const header = length < 126 ? [length | 0x80] : [126 | 0x80, length >> 8, length & 0xff];
  const mask = crypto.getRandomValues(new Uint8Array(4));
  const frame = Uint8Array.of(opcode | 0x80, ...header, ...mask, ...payload);
  for (let i = 0, at = frame.length - length; at < frame.length; i++, at++) {
    (frame[at] as number) ^= mask[i % 4] as number;
  }
  return frame;
}
