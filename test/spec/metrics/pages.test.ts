import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createServer, MemoryStorage } from "@joinery/server";
import { LIMITS } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as namings from "../../../server/src/metrics/namings.ts";
import { parseMetrics } from "../../support/prometheus.ts";
import { SILENT } from "../../support/silent-logger.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SUFFIXES = ["", "_bucket", "_sum", "_count"];

interface Written {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

async function exposition(): Promise<string> {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT });
  const text = await server.metrics();
  await server.close();
  return text;
}

function written(text: string): Written[] {
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(([, name, help, type]) => {
    return { name: name as string, help: help as string, type: type as string };
  });
}

function labelsOf(name: string): readonly string[] {
  return Object.values(namings).find((naming) => naming.name === name)?.labels ?? [];
}

describe("metrics", () => {
  test("are all written, and each has a name by Prometheus' conventions", async () => {
    const metrics = written(await exposition());
    expect(metrics.map(({ name }) => name).sort()).toEqual(
      Object.values(namings)
        .map(({ name }) => name)
        .sort(),
    );
    for (const { name, type } of metrics) {
      expect(name).toMatch(/^joinery_[a-z]+(?:_[a-z]+)*$/);
      expect(name.endsWith("_total"), name).toBe(type === "counter");
    }
    for (const { labels = [] } of Object.values(namings)) {
      for (const label of labels) expect(["document", "user", "address", "le"]).not.toContain(label);
    }
  });

  test("have every limit from the start", async () => {
    const samples = parseMetrics(await exposition());
    for (const limit of Object.keys(LIMITS)) {
      expect(samples.get(`joinery_limit_hits_total{limit="${limit}"}`), limit).toBe(0);
    }
  });
});

test("docs/metrics.md has a row for each metric, with what the metric itself says", async () => {
  const page = readFileSync(`${ROOT}/docs/metrics.md`, "utf8");
  const rows = [...page.matchAll(/^\| `joinery_.*$/gm)].map(([row]) => row);
  const expected = written(await exposition()).map(({ name, type, help }) => {
    const labels = labelsOf(name).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${type} | ${labels.join(", ")} | ${help} |`;
  });
  expect(rows).toEqual(expected);
});

describe("examples/grafana/joinery.json", () => {
  const dashboard = JSON.parse(readFileSync(`${ROOT}/examples/grafana/joinery.json`, "utf8")) as {
    readonly uid: string;
    readonly schemaVersion: number;
    readonly panels: readonly {
      readonly id: number;
      readonly type: string;
      readonly title: string;
      readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
      readonly targets?: readonly { readonly expr: string }[];
    }[];
  };
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  test("asks only for metrics and labels that there are", async () => {
    const metrics = written(await exposition());
    const known = new Map(
      metrics.flatMap(({ name, type }) => {
        return (type === "histogram" ? SUFFIXES.slice(1) : [""]).map(
          (suffix) => [name + suffix, name] as const,
        );
      }),
    );
    const named = queries.flatMap((query) => query.match(/joinery_\w+/g) ?? []);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    for (const query of queries) {
      const labels = (query.match(/joinery_\w+/g) ?? []).flatMap((name) => labelsOf(known.get(name) ?? ""));
      const usual = ["le", "job", "instance"];
      const used = [...query.matchAll(/by \(([^)]*)\)/g), ...query.matchAll(/\{([^}]*)\}/g)].flatMap(
        ([, list = ""]) =>
          [...list.matchAll(/([a-z_]+)\s*(?:[=!]~?"[^"]*")?(?:,|$)/g)].map(([, label]) => label),
      );
      for (const label of used) expect([...labels, ...usual], `${label} in ${query}`).toContain(label);
    }
  });

  test("has panels that do not overlap, and a name that stays", () => {
    expect(dashboard.uid).toBe("joinery");
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(41);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos, type, targets } of dashboard.panels) {
      expect(title).not.toBe("");
      if (type !== "row") expect(targets?.length, title).toBeGreaterThan(0);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    }
  });
});
