import type { Distribution } from "../../../server/src/engine/meter.ts";

/** How many values there are. */
export function sum({ counts }: Distribution): number {
  return counts.reduce((total, count) => total + count, 0);
}
