const SLAB_BYTES = 16 * 1024;
/** What is larger has memory of its own. */
const MAX_CUT_BYTES = 1024;

let slab = new ArrayBuffer(SLAB_BYTES);
let end = 0;

/**
 * Zeros, to write a small key or value into. They are cut from a larger piece: native code takes bytes by their address, and
 * V8 has to move those of a small array to one first. For what is given to the database and then let go: what is kept keeps
 * the whole piece.
 */
export function cutBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > MAX_CUT_BYTES) return new Uint8Array(length);
  if (end + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    end = 0;
  }
  const bytes = new Uint8Array(slab, end, length);
  end += length;
  return bytes;
}
