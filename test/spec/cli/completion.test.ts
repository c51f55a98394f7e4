/** What the scripts for shells complete, as the shells themselves say. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { joineryCommand } from "../../../cli/src/main.ts";
import { joinery } from "./stage.ts";

let folder = "";
const scripts: Record<"bash" | "zsh" | "fish", string> = { bash: "", zsh: "", fish: "" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "joinery-completion-"));
  await mkdir(join(folder, "a folder"));
  await writeFile(join(folder, "a file.bin"), "");
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const { code, stdout } = await joinery(["completion", shell]);
    expect(code).toBe(0);
    scripts[shell] = join(folder, `script.${shell}`);
    await writeFile(scripts[shell], stdout);
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const COMMANDS = (await joineryCommand()).commands.map((command) => command.name());

function has(shell: string): boolean {
  return spawnSync(shell, ["--version"]).status === 0;
}

/** What bash puts into COMPREPLY for the last of these words. */
function inBash(...words: readonly string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=(joinery "$@"); COMP_CWORD=$#; _joinery; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "-c", program, "bash", scripts.bash, ...words];
  return execFileSync("bash", args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] })
    .toString()
    .split("\n")
    .filter((word) => word !== "");
}

describe("bash completes", () => {
  test("commands, and nothing else in their place", () => {
    expect(inBash("")).toEqual([...COMMANDS, "help", "--help", "-h", "--version", "-V"]);
    expect(inBash("comp")).toEqual(COMMANDS.filter((name) => name.startsWith("comp")));
    expect(inBash("help", "dif")).toEqual(["diff"]);
    expect(inBash("nonsense", "--")).toEqual([]);
  });

  test("the options of each command, and its help", async () => {
    for (const command of (await joineryCommand()).commands) {
      const flags = command.options
        .flatMap(({ long, short }) => [long, short])
        .filter((flag) => flag != null);
      expect(inBash(command.name(), "-").sort()).toEqual([...flags, "--help", "-h"].sort());
    }
    expect(inBash("ls", "notes/", "--so")).toEqual(["--sort"]);
  });

  test("what an option or an argument may be", () => {
    expect(inBash("ls", "--sort", "")).toEqual(["name", "size", "changed"]);
    expect(inBash("ls", "--sort", "=", "s")).toEqual(["size"]);
    expect(inBash("ls", "--sort", "=")).toEqual(["name", "size", "changed"]);
    expect(inBash("export", "it", "--format", "up")).toEqual(["update", "update-v2"]);
    expect(inBash("completion", "")).toEqual(["bash", "zsh", "fish"]);
  });

  test("files and folders with spaces in their names, where these are wanted", () => {
    expect(inBash("export", "it", "a")).toEqual(["a file.bin", "a folder"]);
    expect(inBash("ls", "--data", "a")).toEqual(["a folder"]);
    expect(inBash("ls", "--config", "a")).toEqual(["a file.bin", "a folder"]);
    // Values of options do not count as arguments.
    expect(inBash("export", "--format", "json", "--data", "=", "x", "it", "a fi")).toEqual(["a file.bin"]);
    expect(inBash("export", "a")).toEqual([]);
  });

  test("no options behind --, nor where a value is wanted that nobody can know", () => {
    expect(inBash("ls", "--", "-")).toEqual([]);
    expect(inBash("export", "--", "-draft", "a fi")).toEqual(["a file.bin"]);
    expect(inBash("log", "--limit", "-")).toEqual([]);
  });
});

/** Runs another shell, if this machine has it. */
function inShell(shell: string, ...args: readonly string[]): string {
  return execFileSync(shell, args).toString();
}

test.skipIf(!has("fish"))("fish completes commands, options, and what these may be", () => {
  const program = 'source $argv[1]; complete -C "$argv[2]"';
  const inFish = (line: string) =>
    inShell("fish", "--no-config", "-c", program, scripts.fish, line)
      .split("\n")
      .map((row) => row.split("\t")[0]);
  expect(inFish("joinery ")).toEqual(expect.arrayContaining([...COMMANDS, "help"]));
  expect(inFish("joinery ls --so")).toContain("--sort");
  expect(inFish("joinery ls --sort ")).toEqual(expect.arrayContaining(["name", "size", "changed"]));
});

test.skipIf(!has("zsh"))("zsh takes the script, and knows by it how to complete the command", () => {
  const program = 'autoload -Uz compinit; compinit -u -D; source "$1"; print -r -- "$_comps[joinery]"';
  expect(inShell("zsh", "-f", "-c", program, "zsh", scripts.zsh)).toBe("_joinery\n");
});
