import { describe, expect, test } from "vitest";
import { Acks } from "../../../server/src/engine/acks.ts";

type Step =
  | "taken"
  | "left out"
  | "answer"
  | "answer with a rest"
  | "answer of a reader"
  | "unasked answer with a rest";

/** What is acknowledged after each input; `null` when nothing new is. */
function acknowledged(steps: readonly Step[]): (number | null)[] {
  const acks = new Acks(true);
  return steps.map((step, i) => {
    if (step.startsWith("answer")) acks.ask();
    if (step === "answer of a reader") acks.permit(false);
    acks.permit(true);
    acks.begin(i + 1, step.includes("answer"));
    if (step === "left out" || step.endsWith("with a rest")) acks.leftOut();
    acks.end();
    return acks.take();
  });
}

describe("what may be acknowledged", () => {
  test.each<[string, Step[], (number | null)[]]>([
    ["each update that was taken in", ["taken", "taken"], [1, 2]],
    ["nothing from one on that was left out", ["taken", "left out", "taken"], [1, null, null]],
    ["all, once an answer had no rest", ["left out", "taken", "answer"], [null, null, 3]],
    ["nothing more, as long as answers have a rest", ["left out", "answer with a rest"], [null, null]],
    ["all, after an answer with a rest and one without", ["answer with a rest", "answer"], [null, 2]],
    [
      "what came before what is left out later",
      ["answer", "left out", "answer", "left out"],
      [1, null, 3, null],
    ],
    [
      "nothing by an answer of somebody who may have been allowed to read only",
      ["left out", "answer of a reader", "answer"],
      [null, null, 3],
    ],
    [
      "nothing by an answer that is not known to be all",
      ["left out", "unasked answer with a rest"],
      [null, null],
    ],
  ])("is %s", (_, steps, expected) => {
    expect(acknowledged(steps)).toEqual(expected);
  });

  test("is said once", () => {
    const acks = new Acks(true);
    acks.begin(1, false);
    acks.end();
    expect([acks.isDue, acks.take(), acks.isDue, acks.take()]).toEqual([true, 1, false, null]);
  });

  test("is nothing where updates have no numbers, whatever is left out", () => {
    const acks = new Acks(true);
    acks.begin(0, false);
    acks.leftOut();
    acks.end();
    expect([acks.isDue, acks.isUnsettled]).toEqual([false, false]);
  });

  test("asks again after an answer that may not have been all, once the client may write", () => {
    const acks = new Acks(true);
    acks.begin(1, false);
    acks.leftOut();
    expect([acks.end(), acks.ask(), acks.ask()]).toEqual([false, true, false]);
    acks.permit(false);
    acks.permit(true);
    acks.begin(2, true);
    expect([acks.end(), acks.ask()]).toEqual([true, true]);
    acks.permit(false);
    acks.begin(3, true);
    expect([acks.end(), acks.take()]).toEqual([false, null]);
  });
});
