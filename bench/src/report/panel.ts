/** What of a scenario is drawn: a bar a server for what the scenario is about, and for its p99 latency. */
import type { Goal } from "../scenarios/scenario.ts";
import { goalValue, spreadOf } from "./comparison.ts";
import { nameOf, type ScenarioRecord, type ServerRecord } from "./record.ts";
import type { Spread } from "./statistics.ts";

export interface Panel {
  readonly title: string;
  readonly decimals: number;
  /** In the order of the table. */
  readonly bars: readonly Bar[];
  readonly goals: readonly { readonly label: string; readonly at: number }[];
}

interface Bar extends Pick<ServerRecord, "role"> {
  readonly name: string;
  readonly value: Spread;
}

const LATENCY = "latencyP99Ms";

export function panelsOf(record: ScenarioRecord): Panel[] {
  const drawn = record.metrics.filter(({ id }, i) => i === 0 || id === LATENCY);
  return drawn.map((metric) => ({
    title: metric.label,
    decimals: metric.decimals,
    bars: record.servers.map((server) => ({
      name: nameOf(server),
      role: server.role,
      value: spreadOf(metric, server),
    })),
    goals: record.goals
      .filter(({ metric: id }) => id === metric.id)
      .flatMap((goal) => {
        const at = goalValue(record, goal);
        return at === null ? [] : [{ label: goalLabel(record, goal), at }];
      }),
  }));
}

/** Says whose goal it is where that is not everybody's of us. */
function goalLabel({ servers }: ScenarioRecord, { atMost, times, of }: Goal): string {
  const titles = (isMeant: (server: ServerRecord) => boolean) =>
    servers
      .filter(isMeant)
      .map(({ title }) => title)
      .join(" and ");
  const isFor = ({ id }: ServerRecord) => of?.includes(id) ?? true;
  const isAll = servers.every((server) => server.role !== "subject" || isFor(server));
  const whose = isAll ? "" : ` for ${titles(isFor)}`;
  if (times === undefined) return `goal${whose} ${atMost}`;
  return `goal${whose} ${atMost} × ${times === "best" ? "best default peer" : titles(({ id }) => id === times)}`;
}
