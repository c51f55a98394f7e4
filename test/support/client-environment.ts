/** What a client is given in tests: a clock of the test's own, a network and a page that tests wake and hide. */

import { inflateRawSync } from "node:zlib";
import type { Connect, Environment, OfflineStore } from "@joinery/client";
import { JoineryError } from "@joinery/shared";
import { FakeClock } from "./fake-clock.ts";

export class FakeEnvironment implements Environment {
  readonly clock: FakeClock;
  readonly connect: Connect;
  /** What `random` gives. Backoff pauses are this part of their longest. */
  chance = 0.5;
  /** Opens the offline store; rejects while there is none. */
  store: OfflineStore | null = null;
  readonly #onWake = new Set<() => void>();
  readonly #onHide = new Set<() => void>();

  constructor(connect: Connect, clock: FakeClock = new FakeClock()) {
    this.connect = connect;
    this.clock = clock;
  }

  /** The network is back, or the page visible. */
  wake(): void {
    for (const run of this.#onWake) run();
  }

  hide(): void {
    for (const run of this.#onHide) run();
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
    return this.chance;
  }

  async inflate(bytes: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(inflateRawSync(bytes));
  }

  onWake(run: () => void): () => void {
    this.#onWake.add(run);
    return () => this.#onWake.delete(run);
  }

  onHide(run: () => void): () => void {
    this.#onHide.add(run);
    return () => this.#onHide.delete(run);
  }

  async openOfflineStore(name: string): Promise<OfflineStore> {
    if (!this.store) throw new JoineryError("DATA_FOLDER_UNUSABLE", `there is no store ${name}`);
    return this.store;
  }
}
