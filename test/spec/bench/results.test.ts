import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { compare, verdicts } from "../../../bench/src/report/comparison.ts";
import { writePage, writeRecord } from "../../../bench/src/report/files.ts";
import { resultsPage } from "../../../bench/src/report/markdown.ts";
import { plot } from "../../../bench/src/report/plot.ts";
import { roundRecord, type ServerRecord } from "../../../bench/src/report/record.ts";
import { goalLines } from "../../../bench/src/report/terminal.ts";
import { measurementOf } from "../../../bench/src/scenarios/arrival-metrics.ts";
import type { Measurement } from "../../../bench/src/scenarios/scenario.ts";
import { SCENARIOS } from "../../../bench/src/scenarios/scenarios.ts";
import { scenarioRecord, serverRecord } from "./records.ts";

const PLAIN = { bold: same, dim: same, good: same, bad: same };

function same(text: string): string {
  return text;
}

function withMeasurement(server: ServerRecord, changes: Partial<Measurement>): ServerRecord {
  const rounds = server.rounds.map((round) => ({
    ...round,
    measurement: { ...round.measurement, ...changes },
  }));
  return { ...server, rounds };
}

describe("what rounds come to", () => {
  test("a ratio is taken within its round, and only then the median", () => {
    const record = scenarioRecord();
    const [joinery] = record.servers;
    const { value, ratio } = compare(record, record.metrics[0] as never, joinery as never);
    expect(value).toEqual({ median: 5, min: 4, max: 30 });
    expect(ratio).toEqual({ median: 0.4, min: 0.25, max: 0.5 });
  });

  test("there is no ratio to nothing", () => {
    const id = scenarioRecord().metrics[0]?.id as string;
    const subject = serverRecord("joinery", "subject", { [id]: [0, 1] });
    const peer = serverRecord("peer", "default", { [id]: [0, 2] });
    const record = scenarioRecord({ servers: [subject, peer] });
    expect(compare(record, record.metrics[0] as never, subject).ratio).toBeNull();
  });

  test("where there is an earlier checkout, ratios are to it and not to peers", () => {
    const base = scenarioRecord();
    const before = serverRecord("joinery-before", "before", {
      cpu: [8, 10, 60],
      latencyP99Ms: [1, 1, 1],
      peakMiB: [1, 1, 1],
    });
    const record = { ...base, servers: [...base.servers, before] };
    expect(compare(record, record.metrics[0] as never, record.servers[0] as never).ratio?.median).toBe(0.5);
  });

  test("of several dialects each is compared with itself in the earlier checkout", () => {
    const server = (id: string, role: "subject" | "before" | "default", cpu: number) =>
      serverRecord(id, role, { cpu: [cpu] });
    const servers = [
      server("joinery", "subject", 50),
      server("joinery-before", "before", 100),
      server("joinery-native", "subject", 9),
      server("joinery-native-before", "before", 10),
      server("peer", "default", 20),
    ];
    const record = scenarioRecord({ servers });
    const ratios = servers.map((one) => compare(record, record.metrics[0] as never, one).ratio?.median);
    expect(ratios).toEqual([0.5, 1, 0.9, 1, 2]);
  });

  test("there is no ratio to less than nothing", () => {
    const subject = serverRecord("joinery", "subject", { cpu: [1] });
    const peer = serverRecord("peer", "default", { cpu: [-1] });
    const record = scenarioRecord({ servers: [subject, peer] });
    expect(compare(record, record.metrics[0] as never, subject).ratio).toBeNull();
  });

  test("a goal is a multiple of the best default peer, of one server, or a plain number", () => {
    const outcomes = verdicts(scenarioRecord()).map(({ base, measured, isMet }) => [
      base,
      measured?.median,
      isMet,
    ]);
    expect(outcomes).toEqual([
      ["best default peer", 0.4, true],
      ["Peer, 50 ms", 0.8, true],
      [null, 61, false],
    ]);
  });

  test("a goal is neither met nor missed where nobody took part whom it refers to", () => {
    const { servers, ...rest } = scenarioRecord();
    const [verdict] = verdicts({ ...rest, servers: servers.slice(0, 1) });
    expect(verdict).toMatchObject({ measured: null, isMet: null });
  });

  test("a metric that is no number is no result", () => {
    const measurement = scenarioRecord().servers[0]?.rounds[0]?.measurement as never;
    const metrics = [{ id: "cpu", label: "CPU", decimals: 1, value: () => Number.NaN }];
    expect(() =>
      roundRecord({ ...(SCENARIOS[0] as never as object), metrics } as never, measurement, 1),
    ).toThrow("its cpu is NaN");
  });
});

describe("the page of results", () => {
  test("has one table of all goals, and of each scenario its plot, prediction and circumstances", () => {
    const page = resultsPage([scenarioRecord(), scenarioRecord({ id: "cursors" })]);
    expect(page).toMatch(
      /^\| \[meeting\]\(#meeting\) +\| Joinery 1 \| CPU per edit, µs ≤ 0.5 × best default peer +\| ×0.40 \(0.25–0.50\) +\| met/m,
    );
    expect(page).toMatch(
      /^\| \[cursors\]\(#cursors\) .*latency p99, ms ≤ 60 +\| 61 \(50–70\) +\| \*\*missed\*\*/m,
    );
    expect(page).toContain("](meeting.svg)");
    expect(page).toContain("](cursors.svg)");
    expect(page).toContain("- Predicted before the first run: half of it");
    expect(page).toContain(
      "2026-01-02, Joinery 1.2.3 at 0123456789; 2 × a processor; not pinned; 3 rounds of 6 s",
    );
    expect(page).toContain("Checked, every one of them: 9,000 deliveries of edits.");
  });

  test("names what a server had less to do, in the table and in the plot", () => {
    const { servers } = scenarioRecord();
    const [joinery, peer] = servers as [ServerRecord, ServerRecord];
    const record = scenarioRecord({ servers: [joinery, { ...peer, load: "6 clients" }] });
    expect(resultsPage([record])).toMatch(/^\| +\| +Joinery 1 \| +Peer <2>, 6 clients ● \|$/m);
    expect(plot(record)).toContain(">Peer &lt;2&gt;, 6 clients ●</text>");
  });

  test("says of a server that was given up on that it did not deliver, and of a slow one how long it was busy", () => {
    const { servers } = scenarioRecord();
    const [joinery, peer, batching] = servers as [ServerRecord, ServerRecord, ServerRecord];
    const page = resultsPage([
      scenarioRecord({
        servers: [
          withMeasurement(joinery, { drainSeconds: 0.9 }),
          withMeasurement(peer, { drainSeconds: 10.04, owedShare: 0.633 }),
          withMeasurement(batching, { drainSeconds: 3 }),
        ],
      }),
    ]);
    expect(page).toContain(
      "- Peer <2> had not delivered 63.3 % of what was due when it was given up on, 10.0 s after the load had ended",
    );
    expect(page).toContain("- Peer, 50 ms was busy for another 3.0 s when the load had ended.");
    expect(page).not.toMatch(/^- Joinery 1 (had|was)/m);
  });

  test("says that the load generator was full, but not where it only watched the clock", () => {
    const { servers } = scenarioRecord();
    const [joinery, peer, batching] = servers as [ServerRecord, ServerRecord, ServerRecord];
    const page = resultsPage([
      scenarioRecord({
        servers: [
          withMeasurement(joinery, { generator: { share: 0.97, lateP99Ms: 1, waitsBusily: true } }),
          withMeasurement(peer, { generator: { share: 0.97, lateP99Ms: 1 } }),
          batching,
        ],
      }),
    ]);
    expect(page.match(/^- .* filled the load generator's core.*$/gm)).toEqual([
      "- Peer <2> filled the load generator's core: its times are upper bounds.",
    ]);
  });

  test("says of ratios to an earlier checkout that they are", () => {
    const { servers } = scenarioRecord();
    const before = serverRecord("joinery-before", "before", { cpu: [1], latencyP99Ms: [1], peakMiB: [1] });
    const record = scenarioRecord({ servers: [servers[0] as ServerRecord, before] });
    expect(resultsPage([scenarioRecord()])).not.toContain("other checkout");
    const page = resultsPage([record]);
    expect(page).toContain("ratio to the same server of the other checkout");
    expect(page).not.toContain("(●)");
  });

  test("a run of one scenario leaves those of others", async () => {
    const folder = await mkdtemp(join(tmpdir(), "joinery-bench-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const url = pathToFileURL(`${folder}/`);
    await writeRecord(url, scenarioRecord());
    await writeRecord(url, scenarioRecord({ id: "cursors", prediction: "an old one" }));
    await writeRecord(url, scenarioRecord({ id: "cursors", prediction: "a new one" }));
    await writePage(url, ["cursors", "not-measured", "meeting"]);
    expect((await readdir(folder)).sort()).toEqual(
      ["README.md", "cursors.json", "cursors.svg", "meeting.json", "meeting.svg"].sort(),
    );
    const page = await readFile(join(folder, "README.md"), "utf8");
    expect([...page.matchAll(/^## (.*)/gm)].map(([, title]) => title)).toEqual([
      "Goals",
      "cursors",
      "meeting",
    ]);
    expect(page).toContain("a new one");
    expect(page).not.toContain("an old one");
  });
});

describe("those who arrive together", () => {
  test("the server's CPU is beside the time in which it was used, also when that is after the last arrival", () => {
    const { serverCpuSeconds, seconds, drainSeconds, generator } = measurementOf(
      process as never,
      {
        latenciesMs: [900, 1000],
        bytes: { down: 2, up: 2 },
        arrivalSeconds: 1,
        restlessSeconds: 0.5,
        serverCpuSeconds: 1.4,
        ownCpuSeconds: 0.8,
      },
      "clients",
    );
    expect(serverCpuSeconds / seconds).toBeLessThanOrEqual(1);
    expect(drainSeconds).toBe(0.5);
    expect(generator.share).toBe(0.8);
  });
});

describe("the end of a run on a terminal", () => {
  test("says of each goal whether it was met, within 80 columns", () => {
    const long = scenarioRecord({
      id: "memory-connections",
      metrics: [
        { id: "cpu", label: "server CPU per delivered presence of somebody else, µs", decimals: 1 },
        { id: "latencyP99Ms", label: "latency p99, ms", decimals: 0 },
      ],
    });
    const lines = goalLines([scenarioRecord(), long], PLAIN);
    expect(lines[0]).toMatch(/^ {2}✓ meeting +CPU per edit +×0.40 ≤ ×0.5$/);
    expect(lines.filter((line) => line.startsWith("  ✗ ")).map((line) => line.trimEnd())).toEqual([
      expect.stringMatching(/^ {2}✗ meeting +latency p99, ms +61 > 60$/),
      expect.stringMatching(/^ {2}✗ memory-connections +latency p99, ms +61 > 60$/),
    ]);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe("the scenarios", () => {
  test("have ids of their own, a prediction, and goals for metrics and servers that they have", () => {
    expect(new Set(SCENARIOS.map(({ id }) => id)).size).toBe(SCENARIOS.length);
    for (const { id, goals, metrics, servers, prediction } of SCENARIOS) {
      expect(prediction, id).not.toBe("");
      for (const goal of goals) {
        expect(
          metrics.map((metric) => metric.id),
          id,
        ).toContain(goal.metric);
        const ids = servers.map((server) => server.id);
        for (const of of goal.of ?? ["joinery"]) expect(ids, id).toContain(of);
        if (goal.times !== undefined && goal.times !== "best") expect(ids, id).toContain(goal.times);
      }
    }
  });
});
