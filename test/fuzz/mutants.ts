import { expect, test } from "vitest";
import { GROUP, playGroup } from "./cases.ts";
import { hex } from "./fixtures.ts";
import type { Script } from "./script.ts";
import { shrink } from "./shrink.ts";
import { newTally } from "./tally.ts";

const SEED = 20_261_120;

/** The cases of a fixed seed from `first` to `end`: a test run plays them in files side by side. */
export function testCases(first: number, end: number): void {
  test(`cases ${first} to ${end - 1} of seed ${SEED} break no rule`, async () => {
    const tally = newTally();
    for (let at = first; at < end; at += GROUP) {
      const [failure] = await playGroup({ seed: SEED, first: at, tally });
      if (!failure) continue;
      const { finding, caseNumber } = failure;
      const script = await shrink(failure.script, finding.rule);
      const replay = `npm run fuzz -- --seed ${SEED} --case ${caseNumber}`;
      throw new Error(`${finding.message}\nreplay: ${replay}\n${lines(script)}`, { cause: finding });
    }
    expect(tally.cases).toBe(end - first);
    // A generator that only makes what is refused tests the inspector alone.
    const { taken = 0, asked = 0 } = tally.answers;
    expect(taken).toBeGreaterThan(tally.messages / 10);
    expect(asked).toBeGreaterThan(0);
    expect(tally.origins.structure).toBeGreaterThan(tally.messages / 2);
  }, 600_000);
}

function lines({ base, setting, steps }: Script): string {
  const shown = steps.map((step) =>
    step.by === "attacker" ? `  ${step.who} ${hex(step.frame)}` : `  ${JSON.stringify(step)}`,
  );
  return [`on "${base.name}", ${setting}:`, ...shown].join("\n");
}
