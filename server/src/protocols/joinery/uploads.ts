/**
 * Large frames that clients send in fragments. What has arrived outlives the connection for a while, so that somebody
 * who lost the line goes on where he was. Bounded by connection, by server and by time; what is let go has to be sent
 * again, which its client learns from the next PROGRESS.
 */

import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { type Fragment, Reassembly } from "@joinery/shared/protocol";
import type { Clock, Timer } from "../../engine/ports.ts";

interface Upload {
  readonly key: string;
  readonly reassembly: Reassembly;
  /** The connection that sends it. */
  owner: object;
  grewAtMs: number;
}

/** What became of a fragment. */
export interface Taken {
  /** Bytes of the frame that are here. */
  readonly have: number;
  /** The frame, once it is whole. */
  readonly frame: Uint8Array | null;
}

/** What an unfinished upload takes besides its bytes. */
const OVERHEAD_BYTES = 512;

export interface UploadsOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onLimit: (limit: LimitName) => void;
}

export class Uploads {
  readonly #options: UploadsOptions;
  /** The one that grew least recently is first. */
  readonly #uploads = new Map<string, Upload>();
  /** The same, of each connection. */
  readonly #byOwner = new WeakMap<object, { readonly uploads: Set<Upload>; bytes: number }>();
  #bytes = 0;
  #timer: Timer | null = null;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Memory of what is not whole yet, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes in a fragment; one without bytes asks how much of the frame is here.
   *
   * @param owner The connection.
   * @param scope Fragments with the same id belong together only within the same scope.
   * @throws JoineryError MESSAGE_TOO_LARGE or MALFORMED_FRAME (never retry).
   */
  take(owner: object, scope: string, fragment: Fragment): Taken {
    const key = `${scope}\0${fragment.id.join()}`;
    const known = this.#uploads.get(key);
    let upload = known?.reassembly.isOf(fragment) ? known : null;
    // Nothing is kept for somebody who only asks.
    if (fragment.bytes.length === 0) return { have: upload?.reassembly.have ?? 0, frame: null };
    if (known) this.#remove(known);
    if (!upload) {
      // What was let go is begun again; what the client sends meanwhile is of no use.
      if (fragment.offset > 0) return { have: 0, frame: null };
      upload = { key, reassembly: this.#newReassembly(fragment), owner, grewAtMs: 0 };
    }
    const frame = upload.reassembly.add(fragment);
    const { have } = upload.reassembly;
    if (frame) return { have, frame };
    upload.owner = owner;
    upload.grewAtMs = this.#options.clock.monotonicMs();
    this.#add(upload);
    this.#letGoBeyond(upload);
    return { have, frame: null };
  }

  #newReassembly(fragment: Fragment): Reassembly {
    const { maxUploadBytes } = this.#options.limits;
    if (fragment.total <= maxUploadBytes) return new Reassembly(fragment, maxUploadBytes);
    const message = `a frame of ${fragment.total} bytes is larger than ${maxUploadBytes}`;
    throw new JoineryError("MESSAGE_TOO_LARGE", message, { limit: "maxUploadBytes" });
  }

  #add(upload: Upload): void {
    const { owner, key } = upload;
    this.#uploads.set(key, upload);
    this.#bytes += sizeOf(upload);
    const own = this.#byOwner.get(owner) ?? { uploads: new Set(), bytes: 0 };
    own.uploads.add(upload);
    own.bytes += sizeOf(upload);
    this.#byOwner.set(owner, own);
    this.#timer ??= this.#expireLater();
  }

  #remove(upload: Upload): void {
    this.#uploads.delete(upload.key);
    this.#bytes -= sizeOf(upload);
    const own = this.#byOwner.get(upload.owner);
    if (own?.uploads.delete(upload)) own.bytes -= sizeOf(upload);
    if (this.#uploads.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** What has just grown stays: it is within the bound of a frame. */
  #letGoBeyond({ owner }: Upload): void {
    const { limits, onLimit } = this.#options;
    const own = this.#byOwner.get(owner);
    while (own && own.uploads.size > 1 && own.bytes > limits.maxUploadBytes) {
      onLimit("maxUploadBytes");
      this.#removeFirst(own.uploads);
    }
    while (this.#uploads.size > 1 && this.#bytes > limits.maxUnfinishedUploadBytes) {
      onLimit("maxUnfinishedUploadBytes");
      this.#removeFirst(this.#uploads.values());
    }
  }

  #removeFirst(uploads: Iterable<Upload>): void {
    const [first] = uploads;
    if (first) this.#remove(first);
  }

  #expireLater(): Timer {
    const { clock, limits } = this.#options;
    const [first] = this.#uploads.values();
    const atMs = (first as Upload).grewAtMs + limits.uploadTimeoutMs;
    return clock.setTimer(Math.max(0, atMs - clock.monotonicMs()), () => this.#expire());
  }

  #expire(): void {
    this.#timer = null;
    const { clock, limits, onLimit } = this.#options;
    const beforeMs = clock.monotonicMs() - limits.uploadTimeoutMs;
    for (const upload of this.#uploads.values()) {
      if (upload.grewAtMs > beforeMs) break;
      onLimit("uploadTimeoutMs");
      this.#remove(upload);
    }
    if (this.#uploads.size > 0) this.#timer ??= this.#expireLater();
  }
}

function sizeOf({ reassembly }: Upload): number {
  return reassembly.reservedBytes + OVERHEAD_BYTES;
}
