import { describe, expect, test } from "vitest";
import { FairQueue } from "../../../server/src/replicas/fair-queue.ts";

const KIB = 1024;
/** What a job weighs that has no bytes of its own. */
const JOB = 64 * KIB;

function drain(queue: FairQueue<string>): string[] {
  const jobs: string[] = [];
  for (let job = queue.take(); job !== null; job = queue.take()) jobs.push(job);
  return jobs;
}

describe("jobs that wait", () => {
  test("come out in order when they are of one document", () => {
    const queue = new FairQueue<string>(10 * JOB);
    expect(queue.take()).toBeNull();
    queue.add("notes", "a", 1);
    queue.add("notes", "b", 1);
    expect(queue.length).toBe(2);
    expect(drain(queue)).toEqual(["a", "b"]);
    expect(queue.length).toBe(0);
  });

  test("take turns by document, however many one has", () => {
    const queue = new FairQueue<string>(100 * JOB);
    for (const job of ["a1", "a2", "a3", "a4"]) queue.add("a", job, 0);
    expect(queue.take()).toBe("a1");
    queue.add("b", "b1", 0);
    queue.add("b", "b2", 0);
    queue.add("c", "c1", 0);
    expect(drain(queue)).toEqual(["a2", "b1", "c1", "a3", "b2", "a4"]);
  });

  test("are of one document only up to a quarter of the queue", () => {
    const queue = new FairQueue<string>(8 * JOB);
    expect(queue.add("a", "a1", 0)).toBe(true);
    expect(queue.add("a", "a2", 0)).toBe(true);
    expect(queue.add("a", "a3", 0)).toBe(false);
    expect(queue.add("b", "b1", 0)).toBe(true);
    expect(queue.take()).toBe("a1");
    expect(queue.add("a", "a3", 0)).toBe(true);
    expect(drain(queue)).toEqual(["b1", "a2", "a3"]);
  });

  test("are bounded in bytes altogether; what was taken out leaves room", () => {
    const queue = new FairQueue<string>(4 * JOB);
    expect(queue.add("a", "a", JOB)).toBe(true);
    expect(queue.add("b", "b", JOB)).toBe(true);
    expect(queue.add("c", "c", 0)).toBe(false);
    expect(queue.take()).toBe("a");
    expect(queue.add("c", "c", 0)).toBe(true);
    expect(drain(queue)).toEqual(["b", "c"]);
  });

  test("are at least one, however large, of the queue and of a document's share", () => {
    const queue = new FairQueue<string>(0);
    expect(queue.add("a", "a", 1000 * KIB)).toBe(true);
    expect(queue.add("b", "b", 1)).toBe(false);
    const larger = new FairQueue<string>(10 * JOB);
    expect(larger.add("a", "small", 0)).toBe(true);
    expect(larger.add("b", "a half of it", 5 * JOB)).toBe(true);
    expect(larger.add("b", "no more", 0)).toBe(false);
  });
});
