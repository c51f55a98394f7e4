/** What a client is given in tests: a clock of the test's own, a network and a page that tests wake and hide. */

import { inflateRawSync } from "node:zlib";
import type { Connect, Environment, OfflineStore } from "@joinery/client";
import { JoineryError } from "@joinery/shared";
import { FakeClock } from "./fake-clock.ts";

export class FakeEnvironment implements Environment {
  readonly clock: FakeClock;
  readonly connect: Connect;
  /**
   * What `random` gives; `null` for something else each time, below one half. Backoff pauses are this part of their
   * longest.
   */
  chance: number | null = null;
  /** For tests of what is too large: nobody wants to make a document that is. */
  maxInflatedBytes = Number.POSITIVE_INFINITY;
  /** Opens the offline store; rejects while there is none. */
  store: OfflineStore | null = null;
  #draws = 0;
  readonly #onWake = new Set<() => void>();
  readonly #onOffline = new Set<() => void>();
  readonly #onHide = new Set<() => void>();
  readonly #onBackground = new Set<() => void>();

  constructor(connect: Connect, clock: FakeClock = new FakeClock()) {
    this.connect = connect;
    this.clock = clock;
  }

  /** The network is back, or the page visible. */
  wake(): void {
    for (const run of this.#onWake) run();
  }

  /** The platform says that there is no network. */
  goOffline(): void {
    for (const run of this.#onOffline) run();
  }

  hide(): void {
    this.toBackground();
    for (const run of this.#onHide) run();
  }

  /** The page is hidden, and may be shown again. */
  toBackground(): void {
    for (const run of this.#onBackground) run();
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.turn();
    }
  }

  async advance(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  random(): number {
    return this.chance ?? (++this.#draws * 0.618) % 0.5;
  }

  async inflate(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
    const inflated = new Uint8Array(inflateRawSync(bytes));
    if (inflated.length > Math.min(maxBytes, this.maxInflatedBytes)) {
      throw new JoineryError("MESSAGE_TOO_LARGE", `more than ${maxBytes} bytes`);
    }
    return inflated;
  }

  onWake(run: () => void): () => void {
    this.#onWake.add(run);
    return () => this.#onWake.delete(run);
  }

  onOffline(run: () => void): () => void {
    this.#onOffline.add(run);
    return () => this.#onOffline.delete(run);
  }

  onHide(run: () => void): () => void {
    this.#onHide.add(run);
    return () => this.#onHide.delete(run);
  }

  onBackground(run: () => void): () => void {
    this.#onBackground.add(run);
    return () => this.#onBackground.delete(run);
  }

  async openOfflineStore(name: string): Promise<OfflineStore> {
    if (!this.store) throw new JoineryError("DATA_FOLDER_UNUSABLE", `there is no store ${name}`);
    return this.store;
  }
}
