import { describe, expect, test } from "vitest";
import { Turnstile } from "../../../server/src/engine/turnstile.ts";

function stage() {
  let pauses = 0;
  const turnstile = new Turnstile({
    pauseInput: () => {
      pauses++;
    },
    resumeInput: () => {
      pauses--;
    },
  });
  const passed: number[] = [];
  const pass = (...inputs: number[]) => {
    for (const input of inputs) turnstile.pass(() => passed.push(input));
  };
  return { turnstile, passed, pass, pauses: () => pauses };
}

describe("a turnstile", () => {
  test("lets in at once what comes while there is nothing to wait for", () => {
    const { passed, pass, pauses } = stage();
    pass(1);
    expect(passed).toEqual([1]);
    expect(pauses()).toBe(0);
  });

  test("keeps what comes while it is held, in order, and has reading paused once", () => {
    const { turnstile, passed, pass, pauses } = stage();
    turnstile.hold();
    turnstile.hold();
    pass(1, 2);
    turnstile.release();
    expect([passed, pauses()]).toEqual([[], 1]);
    turnstile.release();
    expect([passed, pauses()]).toEqual([[1, 2], 0]);
  });

  test("stops at an input that has to be waited for, and lets in what comes after it later", () => {
    const { turnstile, passed, pass, pauses } = stage();
    turnstile.hold();
    turnstile.pass(() => turnstile.hold());
    pass(1);
    turnstile.release();
    pass(2);
    expect([passed, pauses()]).toEqual([[], 1]);
    turnstile.release();
    expect([passed, pauses()]).toEqual([[1, 2], 0]);
  });

  test("is not overtaken by what comes while it lets in what has waited", () => {
    const { turnstile, passed, pass } = stage();
    turnstile.hold();
    turnstile.pass(() => pass(3));
    pass(1, 2);
    turnstile.release();
    expect(passed).toEqual([1, 2, 3]);
  });

  test("lets nothing in when it is closed, and leaves nothing paused", () => {
    const { turnstile, passed, pass, pauses } = stage();
    turnstile.hold();
    pass(1);
    turnstile.close();
    turnstile.close();
    turnstile.release();
    pass(2);
    expect([passed, pauses()]).toEqual([[], 0]);
  });
});
