import { expect, test } from "vitest";
import type { Operation } from "../../../server/src/storage/database.ts";
import { type CommitPace, GroupCommit } from "../../../server/src/storage/group-commit.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const put = (n: number): Operation => ({ type: "put", key: Uint8Array.of(n), value: Uint8Array.of(n) });
const keys = (operations: readonly Operation[]) => operations.map(({ key }) => key[0]);

/** A group commit whose writes end when the test says so. */
function stage(pace?: CommitPace) {
  const writes: { keys: unknown[]; succeed: () => void; fail: (error: Error) => void }[] = [];
  const commits = new GroupCommit(
    (operations) =>
      new Promise((resolve, reject) =>
        writes.push({ keys: keys(operations), succeed: resolve, fail: reject }),
      ),
    pace,
  );
  /** Lets all that can go on without a write's end do so. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { commits, writes, settle };
}

test("one write at a time; what comes during it is the next, in order", async () => {
  const { commits, writes, settle } = stage();
  const first = [commits.add([put(1)]), commits.add([put(2), put(3)])];
  await settle();
  const second = [commits.add([put(4)]), commits.add([put(5)])];
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([[1, 2, 3]]);
  writes[0]?.succeed();
  await Promise.all(first);
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  writes[1]?.succeed();
  await Promise.all(second);
  await commits.idle();
});

test("a write that fails fails all that waits, without another write; what comes later is tried", async () => {
  const { commits, writes, settle } = stage();
  const given = [commits.add([put(1)])];
  await settle();
  given.push(commits.add([put(2)]), commits.add([put(3)]));
  const settled = Promise.allSettled(given);
  const error = new Error("no space left on device");
  writes[0]?.fail(error);
  expect(await settled).toEqual(given.map(() => ({ status: "rejected", reason: error })));
  expect(writes).toHaveLength(1);
  const later = commits.add([put(4)]);
  await settle();
  writes[1]?.succeed();
  await later;
});

test("what has to be looked up is written alone, and is looked up when all before it is written", async () => {
  const { commits, writes, settle } = stage();
  let isLookedUp = false;
  const given = [
    commits.add([put(1)]),
    commits.add(async () => {
      isLookedUp = true;
      return [put(2)];
    }),
    commits.add([put(3)]),
  ];
  await settle();
  expect(isLookedUp).toBe(false);
  for (const expected of [1, 2, 3]) {
    await settle();
    expect(writes.at(-1)?.keys).toEqual([expected]);
    writes.at(-1)?.succeed();
  }
  await Promise.all(given);
});

test("a look-up that fails fails alone; one that finds nothing writes nothing", async () => {
  const { commits, writes, settle } = stage();
  const failing = commits.add(() => Promise.reject(new Error("unreadable")));
  const empty = commits.add(async () => []);
  const other = commits.add([put(1)]);
  await expect(failing).rejects.toThrow("unreadable");
  await empty;
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([[1]]);
  writes[0]?.succeed();
  await other;
});

/** The same with a pace: the first write was made at the moment that the clock shows. */
async function pacedStage() {
  const clock = new FakeClock();
  const { commits, writes, settle } = stage({ clock, intervalMs: 40 });
  const first = commits.add([put(1)]);
  await settle();
  writes[0]?.succeed();
  await first;
  return { clock, commits, writes, settle };
}

test("with a pace, what comes when nothing was written for long is written at once", async () => {
  const { clock, commits, writes, settle } = await pacedStage();
  expect(writes.map((write) => write.keys)).toEqual([[1]]);
  clock.advance(40);
  const second = commits.add([put(2)]);
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([[1], [2]]);
  writes[1]?.succeed();
  await second;
});

test("with a pace, what comes soon after a write gathers until the time is over, from the write's beginning", async () => {
  const { clock, commits, writes, settle } = await pacedStage();
  clock.advance(10);
  const given = [commits.add([put(2)])];
  await settle();
  clock.advance(29);
  given.push(commits.add([put(3)]));
  await settle();
  expect(writes).toHaveLength(1);
  clock.advance(1);
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([[1], [2, 3]]);
  writes[1]?.succeed();
  await Promise.all(given);
  expect(clock.pendingTimers).toBe(0);
});

test("what somebody waits for does not gather, nor what has to be looked up, nor what is left at the end", async () => {
  for (const end of ["hurry", "lookup", "idle"] as const) {
    const { clock, commits, writes, settle } = await pacedStage();
    const second = commits.add([put(2)]);
    await settle();
    expect(writes).toHaveLength(1);
    if (end === "hurry") commits.hurry();
    else if (end === "lookup") void commits.add(async () => []);
    else void commits.idle();
    await settle();
    expect(writes.map((write) => write.keys)).toEqual([[1], [2]]);
    expect(clock.pendingTimers).toBe(0);
    writes[1]?.succeed();
    await second;
    // Once: what comes then gathers again.
    await settle();
    void commits.add([put(3)]);
    await settle();
    expect(writes).toHaveLength(2);
  }
});

test("what somebody waits for while a write is under way follows it at once", async () => {
  const { clock, commits, writes, settle } = await pacedStage();
  clock.advance(40);
  const second = commits.add([put(2)]);
  await settle();
  const third = commits.add([put(3)]);
  commits.hurry();
  writes[1]?.succeed();
  await second;
  await settle();
  expect(writes.map((write) => write.keys)).toEqual([[1], [2], [3]]);
  writes[2]?.succeed();
  await third;
});
