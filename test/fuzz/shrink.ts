/** Makes a script that breaks a rule as small as it gets while it breaks the same rule. */

import { baseDocuments } from "./base-documents.ts";
import type { Rule } from "./finding.ts";
import { frameOf } from "./generators/frames.ts";
import { copyOf } from "./generators/sound-update.ts";
import { decodeUpdate } from "./model/decode.ts";
import { encodeUpdate } from "./model/encode.ts";
import { lengthOf, type Struct, type Update } from "./model/update.ts";
import { playScript, type Script, type Step, withChecks } from "./script.ts";

/** Plays after which it is small enough. */
const MAX_PLAYS = 1500;

/**
 * Returns the script as it is when it does not break the rule again.
 *
 * @param onPlay Called each time a script is played.
 */
export async function shrink(script: Script, rule: Rule, onPlay?: () => void): Promise<Script> {
  const shrinker = new Shrinker(rule, onPlay);
  if (!(await shrinker.breaks(script))) return script;
  const checked = withChecks({ ...script, steps: script.steps.filter(({ by }) => by !== "check") });
  let smallest = await shrinker.withFewerSteps((await shrinker.breaks(checked)) ? checked : script);
  smallest = await shrinker.withAnotherBase(smallest);
  smallest = await shrinker.withSmallerUpdates(smallest);
  return shrinker.withFewerSteps(smallest);
}

class Shrinker {
  readonly #rule: Rule;
  readonly #onPlay: (() => void) | undefined;
  #plays = 0;

  constructor(rule: Rule, onPlay: (() => void) | undefined) {
    this.#rule = rule;
    this.#onPlay = onPlay;
  }

  async breaks(script: Script): Promise<boolean> {
    if (this.#plays++ > MAX_PLAYS) return false;
    this.#onPlay?.();
    const { finding } = await playScript(script);
    return finding?.rule === this.#rule;
  }

  /** Leaves out halves, quarters, eighths … of the steps, as long as that works. */
  async withFewerSteps(script: Script): Promise<Script> {
    let { steps } = script;
    for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < steps.length; ) {
        const fewer = [...steps.slice(0, from), ...steps.slice(from + size)];
        if (await this.breaks({ ...script, steps: fewer })) steps = fewer;
        else from += size;
      }
    }
    return { ...script, steps };
  }

  async withAnotherBase(script: Script): Promise<Script> {
    const smaller = baseDocuments()
      .filter(({ state }) => state.length < script.base.state.length)
      .sort((a, b) => a.state.length - b.state.length);
    for (const base of smaller) if (await this.breaks({ ...script, base })) return { ...script, base };
    return script;
  }

  async withSmallerUpdates(script: Script): Promise<Script> {
    let smallest = script;
    for (let i = 0; i < script.steps.length; i++) smallest = await this.#withSmallerUpdate(smallest, i);
    return smallest;
  }

  async #withSmallerUpdate(script: Script, index: number): Promise<Script> {
    const found = updateOf(script.steps[index] as Step);
    if (!found) return script;
    let { update } = found;
    let smallest = script;
    for (let i = 0; ; i++) {
      const smaller = smallerUpdate(update, i);
      if (smaller === null) return smallest;
      const steps = [...smallest.steps];
      steps[index] = found.stepWith(smaller);
      if (!(await this.breaks({ ...smallest, steps }))) continue;
      smallest = { ...smallest, steps };
      update = smaller;
      i = -1;
    }
  }
}

/** The update in a step, if there is one that can be taken apart. */
function updateOf(step: Step): { update: Update; stepWith(update: Update): Step } | null {
  if (step.by !== "attacker" || step.frame[0] !== 0 || step.frame[1] === 0) return null;
  const kind = step.frame[1] === 1 ? "answer" : "update";
  try {
    // Behind the kind is a length of as many bytes as it needs.
    let start = 2;
    while ((step.frame[start] as number) >= 0x80) start++;
    const update = decodeUpdate(step.frame.subarray(start + 1));
    const stepWith = (smaller: Update): Step => ({ ...step, frame: frameOf(kind, encodeUpdate(smaller)) });
    return { update, stepWith };
  } catch {
    // reason: bytes that are no update stay as they are
    return null;
  }
}

/** The `n`th way to make an update smaller; `null` when there is none left. */
function smallerUpdate(update: Update, n: number): Update | null {
  const copy = copyOf(update);
  let left = n;
  for (const [b, block] of copy.blocks.entries()) {
    if (left-- === 0) {
      copy.blocks.splice(b, 1);
      return copy;
    }
    for (const [s, struct] of block.structs.entries()) {
      if (left-- === 0) {
        block.structs.splice(s, 1);
        return copy;
      }
      for (const simplify of SIMPLER) {
        const simpler = simplify(struct);
        if (simpler && left-- === 0) {
          block.structs[s] = simpler;
          return copy;
        }
      }
    }
  }
  for (const [d, deletion] of copy.deletions.entries()) {
    if (left-- === 0) {
      copy.deletions.splice(d, 1);
      return copy;
    }
    for (const r of deletion.ranges.keys()) {
      if (left-- === 0) {
        deletion.ranges.splice(r, 1);
        return copy;
      }
    }
  }
  return null;
}

/** Ways to make one struct simpler; `null` when it is already. */
const SIMPLER: readonly ((struct: Struct) => Struct | null)[] = [
  (struct) =>
    struct.kind === "item" && struct.origin ? { ...struct, origin: null, parent: rootText } : null,
  (struct) =>
    struct.kind === "item" && struct.rightOrigin ? { ...struct, rightOrigin: null, parent: rootText } : null,
  (struct) =>
    struct.kind === "item" && struct.content.kind !== "string" && lengthOf(struct) < 100
      ? { ...struct, content: { kind: "string", text: "x".repeat(lengthOf(struct)) } }
      : null,
  (struct) =>
    struct.kind === "item" && struct.content.kind === "string" && struct.content.text.length > 1
      ? { ...struct, content: { kind: "string", text: struct.content.text.slice(0, 1) } }
      : null,
];

const rootText = { kind: "root", name: "text" } as const;
