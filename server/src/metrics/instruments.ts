/**
 * Metrics that are read when somebody asks: none of them is told anything while the server works. What `prom-client` has
 * for counting along makes an object a value; here the numbers are kept by who counts, and written out by it.
 */

import { Counter, Gauge, type Metric, Registry } from "prom-client";
import type { Distribution } from "../engine/meter.ts";
import type { LabelCount } from "./label-counts.ts";

/** What a metric is called, in Prometheus' conventions, and what it says to people. */
export interface Naming {
  readonly name: string;
  readonly help: string;
  /** Default: none. */
  readonly labels?: readonly string[];
}

export type Reading = Iterable<LabelCount>;

/** What `prom-client` wants of a metric that is written out. */
interface HistogramValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName: string;
}

export class Instruments {
  /** Its own: an embedder's metrics are not here, nor these in the embedder's. */
  readonly registry = new Registry();

  /** @param read Since the start; never less than the last time. */
  counter(naming: Naming, read: () => number | Reading): void {
    const counter = new Counter({
      ...this.#configOf(naming),
      collect: () => {
        counter.reset();
        for (const { labels, value } of rowsOf(naming, read())) counter.inc(labels, value);
      },
    });
  }

  gauge(naming: Naming, read: () => number | Reading | Promise<number>): void {
    const gauge = new Gauge({
      ...this.#configOf(naming),
      collect: async () => {
        const rows = rowsOf(naming, await read());
        gauge.reset();
        for (const { labels, value } of rows) gauge.set(labels, value);
      },
    });
  }

  histogram(naming: Naming, distribution: Distribution): void {
    const { name, help } = naming;
    const get = async () => ({ name, help, type: "histogram", values: valuesOf(name, distribution) });
    // `prom-client` asks nothing else of what it writes out.
    this.registry.registerMetric({ name, help, get } as unknown as Metric);
  }

  #configOf(naming: Naming) {
    const { name, help, labels = [] } = naming;
    return { name, help, labelNames: [...labels], registers: [this.registry] };
  }
}

function rowsOf(
  { labels = [] }: Naming,
  read: number | Reading,
): { readonly labels: Record<string, string>; readonly value: number }[] {
  if (typeof read === "number") return [{ labels: {}, value: read }];
  return [...read].map(({ values, count }) => {
    return { labels: Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ""])), value: count };
  });
}

/** As Prometheus has it: each bucket counts what is in those before it, too. */
function valuesOf(name: string, { bounds, counts, sum }: Distribution): HistogramValue[] {
  let count = 0;
  const buckets = [...bounds, "+Inf"].map((le, i) => {
    count += counts[i] ?? 0;
    return { value: count, labels: { le }, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { value: sum, labels: {}, metricName: `${name}_sum` },
    { value: count, labels: {}, metricName: `${name}_count` },
  ];
}
