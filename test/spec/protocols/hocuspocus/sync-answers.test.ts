import { expect, test } from "vitest";
import { SyncAnswers } from "../../../../server/src/protocols/hocuspocus/sync-answers.ts";

/** How many are due now; they are sent. */
function take(answers: SyncAnswers): number {
  const { due } = answers;
  answers.sent(due);
  return due;
}

/** Answers whose provider has said what it has and was answered for it. */
function begun(): SyncAnswers {
  const answers = new SyncAnswers();
  answers.restarted();
  answers.logged(answers.step2(), 0);
  expect(take(answers)).toBe(1);
  return answers;
}

test("an answer that brings nothing is saved at once: nothing new has to be on disk", () => {
  const answers = new SyncAnswers();
  answers.restarted();
  answers.logged(answers.step2(), 0);
  expect(take(answers)).toBe(1);
  expect(take(answers)).toBe(0);
});

test("updates are saved when the batch that has them is on disk, each once", () => {
  const answers = begun();
  const numbers = [answers.update(), answers.update(), answers.update()];
  answers.logged(numbers[1] as number, 1);
  answers.logged(numbers[2] as number, 2);
  expect(take(answers)).toBe(0);
  answers.durable(1);
  expect(take(answers)).toBe(2);
  answers.durable(1);
  expect(take(answers)).toBe(0);
  answers.durable(2);
  expect(take(answers)).toBe(1);
});

test("what is on disk before it is said to be in the log is saved at once", () => {
  const answers = begun();
  answers.durable(5);
  answers.logged(answers.update(), 5);
  expect(take(answers)).toBe(1);
});

test("an answer to a question of the server's own is not answered: the provider did not count it", () => {
  const answers = begun();
  const update = answers.update();
  const asked = answers.step2();
  // The engine may tell of both by the number of the last one.
  expect(asked).toBe(update);
  answers.logged(asked, 1);
  answers.durable(1);
  expect(take(answers)).toBe(1);
});

test("an update that is refused is answered, with what comes after it, once the engine says that all is in the log", () => {
  const answers = begun();
  const numbers = [answers.update(), answers.update(), answers.update()];
  answers.logged(numbers[0] as number, 1);
  answers.durable(1);
  expect(take(answers)).toBe(1);
  answers.logged(answers.step2(), 2);
  answers.durable(2);
  expect(take(answers)).toBe(2);
});

test("an update from before the provider has said what it has is not answered", () => {
  const answers = new SyncAnswers();
  answers.logged(answers.update(), 0);
  expect(take(answers)).toBe(0);
  answers.restarted();
  answers.logged(answers.step2(), 0);
  expect(take(answers)).toBe(1);
});

test("a provider that says again what it has counts from one: older edits are not answered any more", () => {
  const answers = begun();
  const updates = [answers.update(), answers.update()];
  answers.restarted();
  answers.logged(updates[1] as number, 1);
  answers.durable(1);
  expect(take(answers)).toBe(0);
  const step2 = answers.step2();
  const later = answers.update();
  answers.logged(step2, 1);
  expect(take(answers)).toBe(1);
  answers.logged(later, 2);
  answers.durable(2);
  expect(take(answers)).toBe(1);
});

test("of more batches than are told apart the newest are answered together, none before its time", () => {
  const answers = begun();
  for (let seq = 1; seq <= 1000; seq++) answers.logged(answers.update(), seq);
  answers.durable(999);
  expect(take(answers)).toBe(63);
  answers.durable(1000);
  expect(take(answers)).toBe(1000 - 63);
});
