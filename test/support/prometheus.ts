/** Reads Prometheus' text format, as far as servers write it. */

/** Every sample by its name and labels, as written: `joinery_sessions{dialect="y-websocket"}`. */
export type Samples = ReadonlyMap<string, number>;

const SAMPLE = /^([a-z_]+)(\{[^}]*\})? (\S+)$/;

/** @throws Error at a line that is none of the format. */
export function parseMetrics(text: string): Samples {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || /^# (?:HELP|TYPE) /.test(line)) continue;
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`no sample: ${line}`);
    const key = name + labels;
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value));
  }
  return samples;
}

/** What stands between quotes in any label. */
export function labelValues(text: string): Set<string> {
  return new Set([...text.matchAll(/[{,][a-z_]+="([^"]*)"/g)].map(([, value]) => value as string));
}
