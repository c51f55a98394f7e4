import { Window } from "happy-dom";
import { describe, expect, test } from "vitest";
import { plot } from "../../../bench/src/report/plot.ts";
import { scaleFor } from "../../../bench/src/report/scale.ts";
import { scenarioRecord, serverRecord } from "./records.ts";

/** @throws Error when it is not well-formed. */
function parse(svg: string) {
  const document = new new Window().DOMParser().parseFromString(svg, "image/svg+xml");
  const error = document.querySelector("parsererror");
  if (error !== null) throw new Error(error.textContent);
  const attributes = (selector: string, ...names: string[]) =>
    [...document.querySelectorAll(selector)].map((element) =>
      names.map((name) => element.getAttribute(name)),
    );
  const texts = [...document.querySelectorAll("text")].map(({ textContent }) => textContent);
  return { attributes, texts, bars: attributes("rect:not(.page)", "class", "width") };
}

const JOINERY = serverRecord("joinery", "subject", { cpu: [10, 20, 40] });
const PEER = serverRecord("peer", "default", { cpu: [80, 80, 80] });
const CPU = { id: "cpu", label: "CPU, µs", decimals: 0 };

describe("a scenario's plot", () => {
  test("has a bar a server in the order of the table, for what it is about and for the p99", () => {
    const { bars, texts } = parse(plot(scenarioRecord()));
    expect(bars.map(([role]) => role)).toEqual([
      "subject",
      "default",
      "tuned",
      "subject",
      "default",
      "tuned",
    ]);
    const titles = texts.filter((text) => /^(Joinery|Peer)/.test(text));
    expect(titles).toEqual([
      "Joinery 1",
      "Peer <2> ●",
      "Peer, 50 ms",
      "Joinery 1",
      "Peer <2> ●",
      "Peer, 50 ms",
    ]);
    expect(texts).toContain("CPU per edit, µs");
    expect(texts).toContain("latency p99, ms");
    expect(texts).not.toContain("peak memory, MiB");
  });

  test("is well-formed whatever names and texts hold", () => {
    const hostile = `</text><script>"'&\u0000\u001b`;
    const server = serverRecord("x", "subject", { cpu: [1] }, hostile);
    const svg = plot(
      scenarioRecord({
        summary: hostile,
        servers: [server],
        metrics: [{ ...CPU, label: hostile }],
        goals: [],
      }),
    );
    expect(parse(svg).texts).toContain(`</text><script>"'&`);
    expect(svg).not.toContain("<script");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: reason: they are what must not be there.
    expect(svg).not.toMatch(/[\u0000-\u0008\u001b]/);
  });

  test("draws bars as long as medians, and whiskers from the smallest round to the largest", () => {
    const { bars, attributes } = parse(
      plot(scenarioRecord({ servers: [JOINERY, PEER], metrics: [CPU], goals: [] })),
    );
    const [[, joinery], [, peer]] = bars as [string[], string[]];
    expect(Number(joinery) / Number(peer)).toBeCloseTo(20 / 80, 2);
    const start = Number(attributes("rect:not(.page)", "x")[0]?.[0]);
    const [whisker] = attributes(".whisker", "d")[0] as string[];
    const [from, , to] = [...(whisker ?? "").matchAll(/M([\d.]+) /g)].map(([, x]) => x);
    expect((Number(from) - start) / Number(peer)).toBeCloseTo(10 / 80, 2);
    expect((Number(to) - start) / Number(peer)).toBeCloseTo(40 / 80, 2);
  });

  test("draws a goal where it lies beside the bars", () => {
    const goals = [
      { metric: "cpu", atMost: 0.5, times: "best" },
      { metric: "cpu", atMost: 60 },
    ];
    const { attributes, bars, texts } = parse(
      plot(scenarioRecord({ servers: [JOINERY, PEER], metrics: [CPU], goals })),
    );
    const start = Number(attributes("rect:not(.page)", "x")[0]?.[0]);
    const full = Number((bars[1] as string[])[1]);
    const at = [...new Set(attributes("line.goal", "x1").map(([x]) => Number(x)))];
    expect(at.map((x) => Math.round(((x - start) / full) * 80))).toEqual([40, 60]);
    expect(texts).toContain("goal 0.5 × best default peer");
    expect(texts).toContain("goal 60");
  });

  test("keeps a goal's label on the page, however many servers it is for", () => {
    const names = ["native", "as Hocuspocus", "deflate", "other"].map((name) => `Joinery 1.10.100, ${name}`);
    const subjects = names.map((name) => serverRecord(name, "subject", { cpu: [10] }, name));
    const of = names.slice(0, 3);
    for (const atMost of [0.5, 70]) {
      const goals = [{ metric: "cpu", of, atMost }];
      const svg = plot(scenarioRecord({ servers: [...subjects, PEER], metrics: [CPU], goals }));
      const { attributes, texts } = parse(svg);
      const label = texts.find((text) => text.startsWith("goal")) as string;
      expect(label).toBe(`goal for ${of.join(" and ")} ${atMost}`);
      const [[x, anchor]] = attributes("text.goal-label", "x", "text-anchor") as [[string, string]];
      const width = label.length * 6;
      const start = Number(x) - (anchor === "end" ? width : 0);
      expect(start).toBeGreaterThanOrEqual(0);
      expect(start + width).toBeLessThanOrEqual(820);
    }
  });

  test("does not say whose a goal is that is everybody's of us", () => {
    const goals = [{ metric: "cpu", of: ["joinery"], atMost: 60 }];
    const { texts } = parse(plot(scenarioRecord({ servers: [JOINERY, PEER], metrics: [CPU], goals })));
    expect(texts).toContain("goal 60");
  });

  test("says so where bars differ so much that it draws logarithms", () => {
    const far = serverRecord("peer", "default", { cpu: [4000, 4000, 4000] });
    const { texts } = parse(plot(scenarioRecord({ servers: [JOINERY, far], metrics: [CPU], goals: [] })));
    expect(texts[0]).toBe("CPU, µs (logarithmic)");
  });
});

describe("a scale", () => {
  test("begins at zero and ends at a round number, where values are alike", () => {
    const scale = scaleFor([3, 47]);
    expect(scale.ticks).toEqual([0, 10, 20, 30, 40, 50]);
    expect([0, 25, 50, 99, -1].map((value) => scale.at(value))).toEqual([0, 0.5, 1, 1, 0]);
  });

  test("has a tick a power of ten, where they differ by more than thirty times", () => {
    const scale = scaleFor([0.02, 5, 0]);
    expect(scale.isLog).toBe(true);
    expect(scale.ticks.map((tick) => tick.toPrecision(1))).toEqual(["0.01", "0.1", "1", "1e+1"]);
    expect(scale.at(0)).toBe(0);
    expect(scale.at(10)).toBe(1);
  });

  test("exists where nothing was measured but zeros, and less", () => {
    expect(scaleFor([0, -3]).at(0)).toBe(0);
  });
});
