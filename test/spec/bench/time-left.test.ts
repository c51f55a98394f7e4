import { expect, test } from "vitest";
import type { Scenario } from "../../../bench/src/scenarios/scenario.ts";
import type { Plan, Run } from "../../../bench/src/suite.ts";
import { TimeLeft } from "../../../bench/src/time-left.ts";
import { scenarioRecord } from "./records.ts";

const TIMING = { warmUpSeconds: 2, measuredSeconds: 6, trafficBytes: 1, isQuick: false, seed: 1 };

/** Two rounds of two servers in each scenario. */
function plan(...ids: string[]): Plan {
  const peers = [{ id: "joinery" }, { id: "peer" }];
  // reason: nothing else is looked at.
  const scenarios = ids.map((id) => ({ id }) as Scenario);
  return { scenarios, servers: () => peers as never, rounds: 2, timing: TIMING };
}

function run(scenario: string, peer: string): Run {
  return { scenario: { id: scenario }, peer: { id: peer }, round: 1 } as Run;
}

test("what is not known takes what the plan says, until one run of the scenario is known", () => {
  const left = new TimeLeft(plan("meeting"), []);
  const unknown = left.seconds / 4;
  expect(unknown).toBeGreaterThan(TIMING.warmUpSeconds + TIMING.measuredSeconds);
  left.measured(run("meeting", "joinery"), 20);
  expect(left.seconds).toBe(3 * 20);
  left.measured(run("meeting", "peer"), 50);
  expect(left.seconds).toBe(20 + 50);
});

test("what was measured for as long before is expected to take as long again", () => {
  expect(new TimeLeft(plan("meeting"), [scenarioRecord()]).seconds).toBe(4 * 10);
  const { circumstances, ...rest } = scenarioRecord();
  const shorter = { ...rest, circumstances: { ...circumstances, measuredSeconds: 1 } };
  expect(new TimeLeft(plan("meeting"), [shorter]).seconds).toBe(new TimeLeft(plan("meeting"), []).seconds);
});

test("a scenario that failed has nothing left", () => {
  const left = new TimeLeft(plan("meeting", "cursors"), [scenarioRecord()]);
  left.measured(run("cursors", "joinery"), 7);
  left.abandoned("meeting");
  expect(left.seconds).toBe(3 * 7);
});
