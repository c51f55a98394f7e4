import { type BaseDocument, baseDocuments } from "./base-documents.ts";
import type { Edit } from "./edit.ts";
import { checkAll } from "./final-checks.ts";
import { Finding } from "./finding.ts";
import { type Answer, type Setting, Stage } from "./stage.ts";

/**
 * How much is checked: what can be seen without doing anything, or also that what an innocent writes reaches the
 * other, or also that they see each other.
 */
export type CheckDepth = "glance" | "edits" | "presence";

/** One thing that somebody did. A check is one too: innocents write something in it. */
export type Step =
  | { readonly by: "attacker"; readonly who: number; readonly frame: Uint8Array }
  | { readonly by: "ann" | "ben"; readonly edit: Edit }
  | { readonly by: "time"; readonly ms: number }
  | { readonly by: "check"; readonly depth: CheckDepth };

/** What happened to one document: enough to do it again. */
export interface Script {
  readonly base: BaseDocument;
  readonly setting: Setting;
  readonly steps: readonly Step[];
}

/** What a script came to: what each attacker's message was answered, and the rule that broke, if one did. */
export interface Outcome {
  readonly answers: readonly Answer[];
  readonly finding: Finding | null;
}

/** Plays a script on a fresh stage and checks every rule on the way. */
export async function playScript({ base, setting, steps }: Script): Promise<Outcome> {
  const answers: Answer[] = [];
  try {
    const stage = await Stage.open(base, setting);
    for (const step of steps) {
      const answer = await playStep(stage, step);
      if (answer) answers.push(answer);
    }
    await checkAll(stage);
  } catch (thrown) {
    return { answers, finding: asFinding(thrown) };
  }
  return { answers, finding: null };
}

export async function playStep(stage: Stage, step: Step): Promise<Answer | null> {
  if (step.by === "attacker") return stage.attack(step.who, step.frame);
  if (step.by === "check") {
    stage.glance();
    if (step.depth !== "glance") await stage.checkEdits();
    if (step.depth === "presence") await stage.checkPresence();
  } else if (step.by === "time") {
    await stage.wait(step.ms);
  } else {
    stage[step.by].edit(step.edit);
    await stage.settle();
  }
  return null;
}

/** What a message may have harmed. */
export function depthAfter(frame: Uint8Array): CheckDepth {
  return frame[0] === 1 ? "presence" : "edits";
}

/** The same script with a check after every message. */
export function withChecks(script: Script): Script {
  const steps = script.steps.flatMap((step): Step[] =>
    step.by === "attacker" ? [step, { by: "check", depth: depthAfter(step.frame) }] : [step],
  );
  return { ...script, steps };
}

/** What is thrown besides findings was thrown by what is tested. */
export function asFinding(thrown: unknown): Finding {
  if (thrown instanceof Finding) return thrown;
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new Finding("nothing escapes", detail, { cause: thrown });
}

export function baseNamed(name: string): BaseDocument {
  const base = baseDocuments().find((document) => document.name === name);
  if (!base) throw new Error(`there is no base document "${name}"`);
  return base;
}
