import { describe, expect, test } from "vitest";
import { DiskSpace } from "../../../server/src/storage/disk-space.ts";

const MIB = 1024 * 1024;

/** A disk on which a test says how much is free, and a clock that it sets. */
function disk({ minFreeBytes = 100 * MIB } = {}) {
  const state = { free: 1000 * MIB, now: 0, asked: 0 };
  const space = new DiskSpace({
    folder: "/data",
    minFreeBytes,
    freeBytes: async () => {
      state.asked++;
      return state.free;
    },
    monotonicMs: () => state.now,
  });
  return { space, state };
}

describe("a disk", () => {
  test("is nearly full below the least that has to be free, and says how much there is", async () => {
    const { space, state } = disk();
    state.free = 100 * MIB;
    expect(await space.check(1)).toBeNull();
    state.free -= 1;
    state.now += 1000;
    expect(await space.check(1)).toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: "storage is not available: the disk is nearly full: 99 MiB left, 100 MiB wanted",
    });
  });

  test("is asked once a second, however much is asked for", async () => {
    const { space, state } = disk();
    for (let i = 0; i < 50; i++) await space.check(1000);
    state.now = 999;
    await space.check(1000);
    expect(state.asked).toBe(1);
    state.now = 1000;
    await space.check(1000);
    expect(state.asked).toBe(2);
  });

  test("is asked sooner when much was written", async () => {
    const { space, state } = disk();
    await space.check(1);
    for (let i = 0; i < 15; i++) await space.check(MIB);
    expect(state.asked).toBe(1);
    state.free = 0;
    expect(await space.check(MIB)).not.toBeNull();
    expect(state.asked).toBe(2);
  });

  test("is asked the sooner, the less it has above the least", async () => {
    const { space, state } = disk();
    state.free = 108 * MIB;
    await space.check(1);
    await space.check(MIB);
    expect(state.asked).toBe(1);
    state.free = 99 * MIB;
    expect(await space.check(MIB)).not.toBeNull();
    expect(state.asked).toBe(2);
  });

  test("that was nearly full is written to again when it has a quarter more, and is asked once a second till then", async () => {
    const { space, state } = disk();
    state.free = 50 * MIB;
    expect(await space.check(1)).not.toBeNull();
    state.free = 124 * MIB;
    for (let i = 0; i < 50; i++) expect(await space.check(MIB)).not.toBeNull();
    expect(state.asked).toBe(1);
    state.now = 1000;
    expect(await space.check(1)).toMatchObject({
      message: expect.stringContaining("124 MiB left, 125 MiB wanted"),
    });
    state.free = 125 * MIB;
    state.now = 2000;
    expect(await space.check(1)).toBeNull();
    state.free = 101 * MIB;
    state.now = 3000;
    expect(await space.check(1)).toBeNull();
  });

  test("is never full when nothing has to be free", async () => {
    const { space, state } = disk({ minFreeBytes: 0 });
    state.free = 0;
    expect(await space.check(100 * MIB)).toBeNull();
    expect(state.asked).toBe(0);
  });

  test("that does not say how full it is is written to", async () => {
    const space = new DiskSpace({
      folder: "/data",
      minFreeBytes: 1,
      freeBytes: () => Promise.reject(new Error("no such folder")),
    });
    expect(await space.check(1)).toBeNull();
  });

  test("is the one that the folder is on", async () => {
    expect(await new DiskSpace({ folder: ".", minFreeBytes: 1 }).check(1)).toBeNull();
    expect(await new DiskSpace({ folder: ".", minFreeBytes: 2 ** 60 }).check(1)).not.toBeNull();
  });
});

test("what makes room later may take half of what is to be left free, for each of its bytes twice", async () => {
  const { space, state } = disk();
  state.free = 100 * MIB;
  expect(await space.checkReserve(25 * MIB)).toBeNull();
  expect(await space.checkReserve(25 * MIB + 1)).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  state.free = 50 * MIB - 1;
  expect(await space.checkReserve(0)).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  const unbounded = disk({ minFreeBytes: 0 });
  unbounded.state.free = 0;
  expect(await unbounded.space.checkReserve(MIB)).toBeNull();
});
