import type { Compression } from "./ports.ts";

/** What is smaller is sent as it is: the round trip through a thread takes longer than it saves on the line. */
const MIN_BYTES = 4 * 1024;
/** What is larger would keep a thread for seconds, and who joins waiting. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * What large pieces of a document are compressed: each once, shared by all who are sent it, and kept for as long as the
 * piece itself.
 */
export class Deflated {
  readonly #compression: Compression | null;
  /** `null` for what does not get smaller. */
  readonly #deflated = new WeakMap<Uint8Array, Uint8Array | null>();
  readonly #running = new WeakMap<Uint8Array, Promise<void>>();

  constructor(compression: Compression | null) {
    this.#compression = compression;
  }

  /** The piece, compressed; `null` if it is not, or not yet. */
  of(piece: Uint8Array): Uint8Array | null {
    return this.#deflated.get(piece) ?? null;
  }

  /** Compresses those of the pieces that are worth it. @returns `null` when there is nothing to wait for. */
  prepare(pieces: readonly Uint8Array[]): Promise<void> | null {
    const compression = this.#compression;
    if (!compression) return null;
    const wanted = pieces.filter(
      (piece) => piece.length >= MIN_BYTES && piece.length <= MAX_BYTES && !this.#deflated.has(piece),
    );
    if (wanted.length === 0) return null;
    return Promise.all(wanted.map((piece) => this.#deflateOnce(piece, compression))).then(() => undefined);
  }

  #deflateOnce(piece: Uint8Array, compression: Compression): Promise<void> {
    let running = this.#running.get(piece);
    if (!running) {
      running = this.#deflate(piece, compression);
      this.#running.set(piece, running);
    }
    return running;
  }

  async #deflate(piece: Uint8Array, compression: Compression): Promise<void> {
    try {
      const deflated = await compression.deflate(piece);
      this.#deflated.set(piece, deflated.length < piece.length ? deflated : null);
    } catch {
      // The piece itself is as good, if larger.
      this.#deflated.set(piece, null);
    }
  }
}
