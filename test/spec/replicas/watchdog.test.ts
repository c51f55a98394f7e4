import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Expiry, Watchdog } from "../../../server/src/replicas/watchdog.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Something that is watched, and uses as much of the processor as it is told. */
class Watched {
  cpuMs: number | null = 0;
  readonly expiries: Expiry[] = [];
  readonly watchdog = new Watchdog({
    cpuMs: () => (this.cpuMs === null ? null : Promise.resolve(this.cpuMs)),
    onExpired: (expiry) => this.expiries.push(expiry),
  });

  /** Time passes, and a share of it on the processor. */
  async run(ms: number, share: number): Promise<void> {
    for (let i = 0; i < ms; i += 10) {
      if (this.cpuMs !== null) this.cpuMs += 10 * share;
      await vi.advanceTimersByTimeAsync(10);
    }
  }
}

describe("a watchdog", () => {
  test("bites when the CPU time is spent", async () => {
    const watched = new Watched();
    watched.watchdog.allow(1000, 0);
    await watched.run(990, 1);
    expect(watched.expiries).toEqual([]);
    await watched.run(50, 1);
    expect(watched.expiries).toEqual(["spent"]);
    await watched.run(20_000, 1);
    expect(watched.expiries).toEqual(["spent"]);
  });

  test("waits while others have the processor", async () => {
    const watched = new Watched();
    watched.watchdog.allow(1000, 0);
    await watched.run(3900, 1 / 4);
    expect(watched.expiries).toEqual([]);
    await watched.run(200, 1 / 4);
    expect(watched.expiries).toEqual(["spent"]);
  });

  test("counts CPU time from where it was told", async () => {
    const watched = new Watched();
    watched.cpuMs = 5000;
    watched.watchdog.allow(1000, 5000);
    await watched.run(900, 1);
    watched.watchdog.allow(1000, 5900);
    await watched.run(900, 1);
    expect(watched.expiries).toEqual([]);
    await watched.run(200, 1);
    expect(watched.expiries).toEqual(["spent"]);
  });

  test("gives up on what does nothing after sixteen times as long", async () => {
    const watched = new Watched();
    watched.watchdog.allow(1000, 0);
    await watched.run(15_900, 0);
    expect(watched.expiries).toEqual([]);
    await watched.run(200, 0);
    expect(watched.expiries).toEqual(["stuck"]);
  });

  test("goes by real time where CPU time is not known", async () => {
    const watched = new Watched();
    watched.cpuMs = null;
    watched.watchdog.allow(1000, 0);
    await watched.run(1010, 0);
    expect(watched.expiries).toEqual(["spent"]);
  });

  test("does nothing once it was stopped, not even by an answer that was under way", async () => {
    const watched = new Watched();
    const answer = Promise.withResolvers<number>();
    const expiries: Expiry[] = [];
    const watchdog = new Watchdog({
      cpuMs: () => answer.promise,
      onExpired: (expiry) => expiries.push(expiry),
    });
    watchdog.allow(1000, 0);
    await vi.advanceTimersByTimeAsync(1000);
    watchdog.stop();
    answer.resolve(5000);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(expiries).toEqual([]);
    watched.watchdog.allow(10, 0);
    watched.watchdog.stop();
    await watched.run(1000, 1);
    expect(watched.expiries).toEqual([]);
  });
});
