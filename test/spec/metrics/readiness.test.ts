import { expect, test } from "vitest";
import type { StorageHealth } from "../../../server/src/engine/ports.ts";
import { Readiness } from "../../../server/src/metrics/readiness.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function stage(health?: () => Promise<StorageHealth>) {
  const clock = new FakeClock();
  const loads: PromiseWithResolvers<null>[] = [];
  const load = () => {
    const loading = Promise.withResolvers<null>();
    loads.push(loading);
    return loading.promise;
  };
  const readiness = new Readiness({ clock, storage: () => ({ load, ...(health && { health }) }) });
  return { clock, loads, readiness };
}

test("a server is not ready before its storage is open, nor when it drains", async () => {
  const { readiness } = stage();
  expect(await readiness.failedChecks()).toEqual(["starting"]);
  readiness.opened();
  expect(await readiness.failedChecks()).toEqual([]);
  readiness.draining();
  expect(await readiness.failedChecks()).toEqual(["draining"]);
});

test("a storage that says how it is is believed; who asks at the same time asks once", async () => {
  const answers: StorageHealth[] = ["unavailable", "full", "sound"];
  let asked = 0;
  const { readiness } = stage(async () => answers[asked++] as StorageHealth);
  readiness.opened();
  expect(await Promise.all([readiness.failedChecks(), readiness.failedChecks()])).toEqual([
    ["storage"],
    ["storage"],
  ]);
  expect(asked).toBe(1);
  expect(await readiness.failedChecks()).toEqual(["disk"]);
  expect(await readiness.failedChecks()).toEqual([]);
});

test("a storage that cannot say is believed again when it can read, and tried once a second", async () => {
  const { clock, loads, readiness } = stage();
  readiness.opened();
  readiness.storageFailed();
  expect(await readiness.failedChecks()).toEqual(["storage"]);
  expect(loads).toHaveLength(0);

  clock.advance(1_000);
  const failing = readiness.failedChecks();
  loads[0]?.reject(new Error("still away"));
  expect(await failing).toEqual(["storage"]);
  expect(await readiness.failedChecks()).toEqual(["storage"]);
  expect(loads).toHaveLength(1);

  clock.advance(1_000);
  const working = readiness.failedChecks();
  loads[1]?.resolve(null);
  expect(await working).toEqual([]);
  expect(await readiness.failedChecks()).toEqual([]);
  expect(loads).toHaveLength(2);
});

test("a storage that does not answer, or breaks, is not there", async () => {
  const hanging = stage(() => new Promise(() => undefined));
  hanging.readiness.opened();
  const checks = hanging.readiness.failedChecks();
  hanging.clock.advance(2_000);
  expect(await checks).toEqual(["storage"]);
  expect(hanging.clock.pendingTimers).toBe(0);

  const broken = stage(() => Promise.reject(new Error("a bug")));
  broken.readiness.opened();
  expect(await broken.readiness.failedChecks()).toEqual(["storage"]);
});
