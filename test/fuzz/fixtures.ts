/** Scripts that once broke a rule, kept as files: hexadecimal frames, what they are, and what has to come of them. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { BaseDocument } from "./base-documents.ts";
import type { Edit } from "./edit.ts";
import type { CheckDepth, Script, Step } from "./script.ts";
import type { Setting } from "./stage.ts";

const FOLDER = new URL("fixtures/", import.meta.url);

interface FixtureFile {
  /** What it is, in a sentence. */
  readonly sentence: string;
  /** Answers that the last message of an attacker may get. Empty: any. */
  readonly expected: readonly string[];
  /** It breaks a rule still: whoever mends that takes this out. */
  readonly isOpen?: true;
  /** The document before, as one update. */
  readonly before: string;
  readonly setting: Setting;
  readonly steps: readonly FixtureStep[];
}

type FixtureStep =
  | { readonly attacker: number; readonly frame: string }
  | { readonly innocent: "ann" | "ben"; readonly edit: Edit }
  | { readonly waitMs: number }
  | { readonly check: CheckDepth };

export interface Fixture {
  readonly name: string;
  readonly sentence: string;
  readonly expected: readonly string[];
  readonly isOpen: boolean;
  readonly script: Script;
}

export function readFixtures(): Fixture[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => {
      const name = file.slice(0, -".json".length);
      const read = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as FixtureFile;
      const { sentence, expected, isOpen = false, before, setting, steps } = read;
      const base: BaseDocument = { name, state: bytes(before), later: [] };
      return { name, sentence, expected, isOpen, script: { base, setting, steps: steps.map(readStep) } };
    });
}

/** @returns Where it was written. */
export function writeFixture({ name, sentence, expected, isOpen, script }: Fixture): string {
  mkdirSync(FOLDER, { recursive: true });
  const { base, setting, steps } = script;
  const file: FixtureFile = {
    sentence,
    expected,
    ...(isOpen && { isOpen }),
    before: hex(base.state),
    setting,
    steps: steps.map(writeStep),
  };
  const path = new URL(`${name}.json`, FOLDER);
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`);
  return path.pathname;
}

function writeStep(step: Step): FixtureStep {
  switch (step.by) {
    case "attacker":
      return { attacker: step.who, frame: hex(step.frame) };
    case "time":
      return { waitMs: step.ms };
    case "check":
      return { check: step.depth };
    default:
      return { innocent: step.by, edit: step.edit };
  }
}

function readStep(step: FixtureStep): Step {
  if ("attacker" in step) return { by: "attacker", who: step.attacker, frame: bytes(step.frame) };
  if ("waitMs" in step) return { by: "time", ms: step.waitMs };
  if ("check" in step) return { by: "check", depth: step.check };
  return { by: step.innocent, edit: step.edit };
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

export function hex(data: Uint8Array): string {
  return Buffer.from(data).toString("hex");
}
