import type { Frame } from "./frame.ts";
import { LazyWeakMap } from "./lazy-map.ts";
import type { Dialect } from "./ports.ts";

/**
 * Encodes something once a dialect. Bytes that many sessions are sent, a snapshot above all, are framed for the
 * first and shared with the rest, for as long as the bytes themselves live.
 */
export class FrameCache {
  readonly #frames = new LazyWeakMap<Uint8Array, Map<Dialect, Frame>>();

  /** @param encode Must give the same frame for the same bytes and dialect. */
  get(bytes: Uint8Array, dialect: Dialect, encode: (bytes: Uint8Array) => Frame): Frame {
    let byDialect = this.#frames.get(bytes);
    if (!byDialect) {
      byDialect = new Map();
      this.#frames.set(bytes, byDialect);
    }
    let frame = byDialect.get(dialect);
    if (!frame) {
      frame = encode(bytes);
      byDialect.set(dialect, frame);
    }
    return frame;
  }
}
