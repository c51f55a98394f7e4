import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { listing, parseCommand } from "../../../bench/src/options.ts";
import { SCENARIOS } from "../../../bench/src/scenarios/scenarios.ts";

function run(...args: string[]) {
  const command = parseCommand(args);
  if (command.kind !== "run") throw new Error(`it is for ${command.kind}`);
  const { plan, isWhole } = command;
  return {
    isWhole,
    rounds: plan.rounds,
    servers: Object.fromEntries(
      plan.scenarios.map((scenario) => [scenario.id, plan.servers(scenario).map(({ id }) => id)]),
    ),
  };
}

async function checkout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-bench-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "cli/bin"), { recursive: true });
  await writeFile(join(folder, "cli/bin/joinery.js"), "");
  return folder;
}

describe("the benchmark's options", () => {
  test("without any, all scenarios run with all their servers, and the results are kept", () => {
    const { isWhole, servers } = run();
    expect(isWhole).toBe(true);
    expect(servers).toEqual(
      Object.fromEntries(SCENARIOS.map(({ id, servers }) => [id, servers.map((server) => server.id)])),
    );
  });

  test("a run that is longer, or of one scenario, is kept; a shorter one, or one that lacks servers, is not", async () => {
    expect(run("--rounds", "5", "--seconds", "10").isWhole).toBe(true);
    expect(run("--scenario", "join").isWhole).toBe(true);
    const lesser = [
      ["--quick"],
      ["--quick", "--rounds", "3", "--seconds", "6"],
      ["--rounds", "2"],
      ["--seconds", "5"],
      ["--peer", "joinery"],
      ["--before", await checkout()],
    ];
    for (const args of lesser) expect(run(...args).isWhole, args.join(" ")).toBe(false);
  });

  test("beside another checkout, each of Joinery's servers has its twin, and no peer is there that was not named", async () => {
    const folder = await checkout();
    expect(run("--scenario", "join", "--before", folder).servers).toEqual({
      join: [
        "joinery",
        "joinery-before",
        "joinery-hocuspocus",
        "joinery-hocuspocus-before",
        "joinery-deflate",
        "joinery-deflate-before",
      ],
    });
    const named = ["--peer", "joinery", "--peer", "hocuspocus"];
    expect(run("--scenario", "join", "--before", folder, ...named).servers).toEqual({
      join: ["joinery", "joinery-before", "hocuspocus"],
    });
  });

  test.each([
    [["--scenario", "nope"], "--scenario nope is not one of meeting, "],
    [["--peer", "nope"], "--peer nope is not one of joinery, "],
    [["--peer", "one-put", "--scenario", "meeting"], "--peer and --scenario have nothing in common"],
    [["--before", "/nowhere"], "--before /nowhere is no checkout of Joinery"],
    [["--before", tmpdir()], `--before ${tmpdir()} is no checkout of Joinery`],
    [["--rounds", "1.5"], "--rounds is not a whole number"],
    [["--rounds", "0"], "--rounds 0 is not a positive number"],
    [["--seconds", "soon"], "--seconds soon is not a positive number"],
    [["--slow"], "--slow"],
    [["meeting"], "meeting"],
  ])("%j is refused, and the reason names it", (args, reason) => {
    expect(() => parseCommand(args)).toThrow(reason);
  });

  test("the list has every scenario and every server", () => {
    const lines = listing().split("\n");
    for (const { id, servers } of SCENARIOS) {
      expect(lines).toContain(id);
      for (const server of servers) {
        const isListed = (line: string) =>
          line.startsWith(`  ${server.id} `) && line.endsWith(` ${server.title}`);
        expect(lines.filter(isListed), server.id).toHaveLength(1);
      }
    }
  });
});
