import { expect, test } from "vitest";
import { answersTo, type BadInput } from "./bad-input.ts";

/** A test for each: every rule holds, and nothing is answered but what may be. */
export function testBadInputs(inputs: readonly BadInput[]): void {
  test.each(inputs)("$id $title", async (input) => {
    const answers = await answersTo(input);
    const unexpected = [...answers].filter((answer) => !input.answers.includes(answer));
    expect(unexpected).toEqual([]);
  });
}
