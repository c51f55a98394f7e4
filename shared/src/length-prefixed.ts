/**
 * One-byte kinds, a length, and that many bytes, made in one piece: what frames of all dialects are.
 *
 * @param kinds Each below 128.
 * @param head What the bytes begin with. @param rest What they end with. Both are copied once.
 */
export function lengthPrefixed(kinds: readonly number[], head: Uint8Array, rest?: Uint8Array): Uint8Array {
  const payloadBytes = head.length + (rest?.length ?? 0);
  const bytes = new Uint8Array(kinds.length + varUintBytes(payloadBytes) + payloadBytes);
  bytes.set(kinds);
  const at = putVarUint(bytes, kinds.length, payloadBytes);
  bytes.set(head, at);
  if (rest) bytes.set(rest, at + head.length);
  return bytes;
}

function varUintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function putVarUint(target: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) + 0x80;
  target[at++] = rest;
  return at;
}
