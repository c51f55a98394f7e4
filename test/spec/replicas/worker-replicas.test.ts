import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { DEFAULT_LIMITS, type DocumentName, type Limits, parseDocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { fold } from "../../../server/src/engine/fold.ts";
import { mergeUpdates } from "../../../server/src/engine/merge.ts";
import type { Rehearsal } from "../../../server/src/engine/ports.ts";
import { WorkerReplicas, type WorkerReplicasOptions } from "../../../server/src/replicas/worker-replicas.ts";
import * as bombs from "../../support/bombs.ts";
import {
  type AgentUpdate,
  applyTransaction,
  concurrentUpdates,
  readConcurrentTrace,
  readSequentialTrace,
} from "../../support/traces.ts";
import { until } from "../../support/until.ts";
import { block, raw, text, update } from "../shared/raw-update.ts";
import { SAMPLES } from "../shared/sample-documents.ts";

const MIB = 1024 * 1024;
const NOTES: DocumentName = parseDocumentName("notes");
const PLANS: DocumentName = parseDocumentName("plans");

const opened: WorkerReplicas[] = [];

function replicasWith(
  limits: Partial<Limits> = {},
  options: Partial<WorkerReplicasOptions> = {},
): WorkerReplicas {
  const replicas = new WorkerReplicas({ limits: { ...DEFAULT_LIMITS, ...limits }, ...options });
  opened.push(replicas);
  return replicas;
}

afterEach(async () => {
  for (const replicas of opened.splice(0)) await replicas.close();
});

/** An update to a document to which nothing was added since it was last rehearsed. */
function toDocument(known: readonly Uint8Array[], update: Uint8Array): Rehearsal {
  return { known, recent: [], update };
}

const small = (client = 1): Uint8Array => update([block(client, 0, text("x"))]);

/** Its worker takes seconds over it, unless it is stopped. */
const ENDLESS = bombs.manyRightOrigins(8000);

describe("jobs in a worker", () => {
  test("give what they give elsewhere, one after the other in the same worker", async () => {
    const replicas = replicasWith();
    for (const { updates } of SAMPLES) {
      expect(await replicas.fold(NOTES, updates)).toEqual(fold(updates));
      await replicas.rehearse(NOTES, toDocument(updates.slice(0, -1), updates.at(-1) as Uint8Array));
    }
    expect(await replicas.fold(NOTES, [])).toEqual(raw(0, 0));
    expect(replicas.workers).toBe(1);
    expect(replicas.jobs).toBe(0);
  });

  test("leave the bytes that they were given as they are, and copy no more than these", async () => {
    const replicas = replicasWith();
    const large = new Uint8Array(MIB);
    large.set(small(), 500);
    const view = large.subarray(500, 500 + small().length);
    expect(await replicas.fold(NOTES, [view])).toEqual(small());
    await replicas.rehearse(NOTES, toDocument([view], small(2)));
    expect(large.length).toBe(MIB);
    expect(view).toEqual(small());
  });

  test("take what people really write, pasted at once", async () => {
    const replicas = replicasWith();
    const doc = new Y.Doc();
    for (const transaction of readSequentialTrace().transactions.slice(0, 30_000))
      applyTransaction(doc.getText("text"), transaction);
    const paste = Y.encodeStateAsUpdate(doc);
    await replicas.rehearse(NOTES, toDocument([], paste));
    expect(await replicas.fold(NOTES, [paste])).toEqual(paste);
  });

  test("fail with the reason", async () => {
    const replicas = replicasWith();
    const gap = update([block(2, 5, text("x"))]);
    await expect(replicas.rehearse(NOTES, toDocument([small()], gap))).rejects.toMatchObject({
      code: "MALFORMED_UPDATE",
      message: expect.stringContaining("build upon something missing"),
    });
    await expect(replicas.fold(NOTES, [gap])).rejects.toMatchObject({ code: "REPLICA_FAILED" });
    await expect(replicas.rehearse(NOTES, toDocument([gap], small()))).rejects.toMatchObject({
      code: "REPLICA_FAILED",
    });
    expect(replicas.workers).toBe(1);
  });
});

describe("a job that passes its bounds", () => {
  test.each([
    ["F64 many right neighbours", bombs.manyRightOrigins(3000)],
    ["F51 20,000 root types", bombs.manyRoots(20_000)],
    ["F71 300,000 maps", bombs.manyMaps(300_000)],
    ["F69 100,000 clients", bombs.manyClients(100_000)],
    ["F53 20,000 subdocuments", bombs.manySubdocuments(20_000)],
    ["F62 every second character deleted, the last one first", bombs.alternateDeletes(100_000)],
  ])(
    "is refused: %s",
    async (_, bomb) => {
      const replicas = replicasWith({ maxReplicaMs: 500 });
      await expect(replicas.rehearse(NOTES, toDocument([], bomb))).rejects.toMatchObject({
        code: "UPDATE_TOO_COSTLY",
      });
      await replicas.rehearse(NOTES, toDocument([], small()));
    },
    60_000,
  );

  test("in time, takes its worker with it; the next gets another", async () => {
    const reached: string[] = [];
    const replicas = replicasWith({ maxReplicaMs: 100 }, { onLimit: (limit) => reached.push(limit) });
    const bomb = replicas.rehearse(NOTES, toDocument([small(2)], ENDLESS));
    const next = replicas.fold(NOTES, [small()]);
    await expect(bomb).rejects.toMatchObject({ code: "UPDATE_TOO_COSTLY" });
    expect(await next).toEqual(small());
    expect(reached).toEqual(["maxReplicaMs"]);
    // Where the document itself is the bomb, who adds to it is not to blame.
    const refused = { code: "REPLICA_FAILED" };
    await expect(replicas.fold(NOTES, [ENDLESS])).rejects.toMatchObject(refused);
    await expect(replicas.rehearse(NOTES, toDocument([ENDLESS], small(3)))).rejects.toMatchObject(refused);
    expect(await replicas.fold(NOTES, [small()])).toEqual(small());
  }, 60_000);

  test("in memory, takes its worker with it; the next gets another", async () => {
    const reached: string[] = [];
    const onLimit = (limit: string) => reached.push(limit);
    const replicas = replicasWith({ maxReplicaBytes: 32 * MIB }, { onLimit });
    const bomb = bombs.manyMaps(300_000);
    await expect(replicas.rehearse(NOTES, toDocument([], bomb))).rejects.toMatchObject({
      code: "UPDATE_TOO_COSTLY",
    });
    await expect(replicas.fold(NOTES, [bomb])).rejects.toMatchObject({ code: "REPLICA_FAILED" });
    expect(reached).toEqual(["maxReplicaBytes", "maxReplicaBytes"]);
    expect(await replicas.fold(NOTES, [small()])).toEqual(small());
  }, 60_000);
});

/** Every agent's updates, each after those that its author had seen. */
function inOrder(agents: readonly (readonly AgentUpdate[])[]): Uint8Array[] {
  const sent = agents.map(() => 0);
  const updates: Uint8Array[] = [];
  for (let isOver = false; !isOver; ) {
    isOver = true;
    for (const [agent, made] of agents.entries()) {
      const next = made[sent[agent] as number];
      if (!next?.seen.every((count, other) => other === agent || count <= (sent[other] as number))) continue;
      updates.push(next.update);
      sent[agent] = (sent[agent] as number) + 1;
      isOver = false;
    }
  }
  return updates;
}

describe("what came since the last rehearsal", () => {
  const SURELY: Partial<Limits> = { maxReplicaMs: 60_000 };
  const update = small(99);

  test("F64 is found too costly, and which of it, when each item passes all others", async () => {
    const replicas = replicasWith(SURELY);
    const [first, ...others] = bombs.manyRightOriginsOneByOne(2500);
    const recent = [mergeUpdates(others.slice(0, 1250)), mergeUpdates(others.slice(1250))];
    const verdict = await replicas.rehearse(NOTES, { known: [first as Uint8Array], recent, update });
    expect(verdict).toMatchObject({ isTried: true, isCostly: true, isRecentCostly: true });
    const [early, late] = verdict.recentMs as [number, number];
    expect(late).toBeGreaterThan(early);
  }, 120_000);

  test("is found too costly when it is only loading it that is", async () => {
    const replicas = replicasWith(SURELY);
    const [first, ...recent] = bombs.manyBranchesOneByOne(1000, 5000);
    const verdict = await replicas.rehearse(NOTES, { known: [first as Uint8Array], recent, update });
    expect(verdict).toMatchObject({ isCostly: true, isRecentCostly: true, recentMs: [] });
  }, 120_000);

  test("is not too costly when it is what two people really wrote", async () => {
    const updates = inOrder(concurrentUpdates(readConcurrentTrace(), "text"));
    const [known, recent] = [updates.slice(0, 10_000), updates.slice(10_000)];
    expect(recent.length).toBeGreaterThan(10_000);
    const verdict = await replicasWith(SURELY).rehearse(NOTES, { known, recent, update });
    expect(verdict).toMatchObject({ isTried: true, isCostly: false, isRecentCostly: false, recentMs: [] });
  }, 120_000);

  test("is to blame when it takes longer than it may; the update was not tried then", async () => {
    const reached: string[] = [];
    const replicas = replicasWith({ maxReplicaMs: 100 }, { onLimit: (limit) => reached.push(limit) });
    const verdict = await replicas.rehearse(NOTES, { known: [small(2)], recent: [ENDLESS], update });
    expect(verdict).toMatchObject({ isTried: false, isCostly: true, isRecentCostly: true });
    expect(reached).toEqual(["maxReplicaMs"]);
    await replicas.rehearse(NOTES, toDocument([small()], update));
  }, 60_000);
});

describe("a document that takes longer to read back than it may", () => {
  test("is the update's fault if it does not without it", async () => {
    const replicas = replicasWith({ maxReplicaMs: 100 });
    const [known, last] = bombs.manyBranchesAndLast(1000, 10_000);
    const recent = [small(50)];
    const costly = replicas.rehearse(NOTES, { known, recent, update: last });
    await expect(costly).rejects.toMatchObject({ code: "UPDATE_TOO_COSTLY" });
    const verdict = await replicas.rehearse(NOTES, { known, recent, update: small(51) });
    expect(verdict).toMatchObject({ isTried: true, isCostly: false });
  }, 60_000);

  test("is not the fault of what comes then", async () => {
    const replicas = replicasWith({ maxReplicaMs: 100 });
    const known = bombs.manyBranchesOneByOne(1000, 10_000);
    const verdict = await replicas.rehearse(NOTES, { known, recent: [small(50)], update: small(51) });
    expect(verdict).toMatchObject({ isTried: false, isCostly: true, isRecentCostly: false });
  }, 60_000);
});

describe("jobs that wait", () => {
  test("take turns by document", async () => {
    const replicas = replicasWith();
    const done: string[] = [];
    const note = (name: string) => () => done.push(name);
    const jobs = ["n1", "n2", "n3"].map((name) => replicas.fold(NOTES, [small()]).then(note(name)));
    jobs.push(replicas.fold(PLANS, [small()]).then(note("p1")));
    expect(replicas.jobs).toBe(4);
    await Promise.all(jobs);
    expect(done).toEqual(["n1", "n2", "p1", "n3"]);
  });

  test("are bounded: one more is told to come back", async () => {
    const reached: string[] = [];
    const onLimit = (limit: string) => reached.push(limit);
    const replicas = replicasWith({ maxReplicaQueueBytes: 128 * 1024 }, { onLimit });
    const jobs = [replicas.fold(NOTES, [small()]), replicas.rehearse(NOTES, toDocument([], small()))];
    const full = { code: "SERVER_FULL" };
    await expect(replicas.rehearse(NOTES, toDocument([], small()))).rejects.toMatchObject(full);
    await expect(replicas.fold(NOTES, [])).rejects.toMatchObject(full);
    expect(reached).toEqual(["maxReplicaQueueBytes", "maxReplicaQueueBytes"]);
    await Promise.all(jobs);
    await replicas.rehearse(NOTES, toDocument([], small()));
  });

  test("run side by side where there are several workers", async () => {
    const replicas = replicasWith({ maxReplicaMs: 60_000 }, { workers: 2 });
    const endless = expect(replicas.fold(NOTES, [ENDLESS])).rejects.toMatchObject({
      code: "SERVER_DRAINING",
    });
    expect(await replicas.fold(NOTES, [small()])).toEqual(small());
    expect(replicas.jobs).toBe(1);
    await replicas.close();
    await endless;
  });
});

describe("closing", () => {
  test("ends what runs and what waits, and takes nothing more", async () => {
    const replicas = replicasWith({ maxReplicaMs: 60_000 });
    const running = replicas.rehearse(NOTES, toDocument([], ENDLESS));
    const waiting = replicas.fold(NOTES, [small()]);
    const outcomes = Promise.allSettled([running, waiting]);
    await replicas.close();
    const ended = { status: "rejected", reason: expect.objectContaining({ code: "SERVER_DRAINING" }) };
    expect(await outcomes).toEqual([ended, ended]);
    await expect(replicas.fold(NOTES, [])).rejects.toMatchObject({ code: "SERVER_DRAINING" });
    expect(replicas.workers).toBe(0);
    expect(replicas.jobs).toBe(0);
    await replicas.close();
  });

  test("needs no worker to have been started", async () => {
    await replicasWith().close();
  });
});

test("a worker without work is ended, and started again for more", async () => {
  const replicas = replicasWith({}, { idleMs: 1 });
  await replicas.fold(NOTES, [small()]);
  await until("the worker is gone", () => replicas.workers === 0);
  expect(await replicas.fold(NOTES, [small()])).toEqual(small());
});

describe("an unused worker", () => {
  afterEach(() => vi.useRealTimers());

  test("stays for ten minutes, and for half a minute after a document that is large", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const replicas = replicasWith();
    await replicas.fold(NOTES, [small()]);
    vi.advanceTimersByTime(599_000);
    expect(replicas.workers).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(replicas.workers).toBe(0);
    await replicas.fold(NOTES, [update([block(1, 0, text("x".repeat(256 * 1024)))])]);
    vi.advanceTimersByTime(29_000);
    expect(replicas.workers).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(replicas.workers).toBe(0);
  });

  test("is there before the first job where that is near, and goes like any other", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const replicas = replicasWith();
    replicas.prepare();
    expect(replicas.workers).toBe(1);
    vi.advanceTimersByTime(600_000);
    expect(replicas.workers).toBe(0);
    replicas.prepare();
    expect(replicas.workers).toBe(1);
    expect(await replicas.fold(NOTES, [small()])).toEqual(small());
    expect(replicas.workers).toBe(1);
  });
});

test.runIf(process.platform === "linux")("a worker lets the event loop go first", async () => {
  await replicasWith().fold(NOTES, [small()]);
  // As proc(5) has it: the name in brackets is the second field, the nice value the nineteenth.
  const threads = readdirSync("/proc/self/task").map((id) =>
    readFileSync(`/proc/self/task/${id}/stat`, "utf8"),
  );
  const workers = threads.filter((stat) => stat.includes("(joinery replica"));
  expect(workers).not.toEqual([]);
  for (const stat of workers) {
    expect(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16])).toBeGreaterThan(getPriority());
  }
});

test("a worker does not keep the process alive, busy or not", () => {
  const entry = new URL("../../../server/src/replicas/worker-replicas.ts", import.meta.url).href;
  const limits = JSON.stringify({ ...DEFAULT_LIMITS, maxReplicaMs: 600_000 });
  const bombs = new URL("../../support/bombs.ts", import.meta.url).href;
  const program = `
    import { WorkerReplicas } from ${JSON.stringify(entry)};
    import { manyRightOrigins } from ${JSON.stringify(bombs)};
    const replicas = new WorkerReplicas({ limits: ${limits} });
    const ended = replicas.fold("notes", []);
    const awake = setInterval(() => undefined, 1000);
    await ended;
    clearInterval(awake);
    void replicas.fold("notes", [manyRightOrigins(20_000)]);
  `;
  // The fold takes minutes.
  execFileSync(process.execPath, ["--input-type=module", "--eval", program], { timeout: 30_000 });
}, 60_000);
