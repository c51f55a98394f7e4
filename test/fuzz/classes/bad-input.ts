import { SeededRandom } from "../../simulation/seeded-random.ts";
import { checkAll } from "../final-checks.ts";
import { Attack } from "../generators/attack.ts";
import { type FrameKind, frameOf } from "../generators/frames.ts";
import { encodeUpdate } from "../model/encode.ts";
import type { Update } from "../model/update.ts";
import { baseNamed, depthAfter, playStep, type Step } from "../script.ts";
import { ANN, type Answer, BEN, type Setting, Stage } from "../stage.ts";

/** One kind of bad input: how to make it, and what may come of it. */
export interface BadInput {
  /** Its number in the threat model: `F27`. */
  readonly id: string;
  readonly title: string;
  /** Frames that one attacker sends, one after the other. */
  messages(attack: Attack): readonly Uint8Array[];
  /** What each of them may be answered. */
  readonly answers: readonly Answer[];
}

/** A `y-websocket` frame with an update. */
export function sending(update: Update, kind: FrameKind = "update"): Uint8Array {
  return frameOf(kind, encodeUpdate(update));
}

const BASES = ["nothing", "text with formats and embeds", "content that was collected", "an article"];
const SETTINGS: readonly Setting[] = ["named", "anonymous"];

/**
 * Makes the input for several documents and settings, as updates and as answers, and sends it, with an innocent
 * typing between. Every rule is checked after every message and at the end.
 *
 * @returns What the messages were answered.
 * @throws Finding The first rule that is broken.
 */
export async function answersTo(input: BadInput): Promise<Set<Answer>> {
  const answers = new Set<Answer>();
  for (const [i, name] of BASES.entries()) {
    const setting = SETTINGS[i % SETTINGS.length] as Setting;
    const stage = await Stage.open(baseNamed(name), setting);
    for (let turn = 0; turn < 3; turn++) {
      const random = new SeededRandom(1000 * i + turn);
      for (const frame of input.messages(attackOn(stage, random))) {
        const { answer } = await send(stage, { by: "attacker", who: turn % 2, frame });
        if (answer) answers.add(answer);
      }
      await send(stage, { by: "ann", edit: { kind: "insert", at: 0.5, text: "typing" } });
    }
    await checkAll(stage);
  }
  return answers;
}

function attackOn(stage: Stage, random: SeededRandom): Attack {
  const mine = [random.upTo(2 ** 31), 2 ** 31 + random.upTo(2 ** 30)];
  return new Attack({ random, base: stage.base, doc: stage.ann.doc, innocents: [ANN, BEN], mine });
}

async function send(stage: Stage, step: Step): Promise<{ answer: Answer | null }> {
  const answer = await playStep(stage, step);
  const depth = step.by === "attacker" ? depthAfter(step.frame) : "edits";
  await playStep(stage, { by: "check", depth });
  return { answer };
}
