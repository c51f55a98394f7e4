import { expect, test } from "vitest";
import { Rounds } from "../../../server/src/engine/rounds.ts";

/** Rounds in which ann and ben have waited and gone on at once, 5 ms after they were told, often enough. */
function stage() {
  const rounds = new Rounds<string>();
  const at = { ms: 0, seq: 0 };
  const write = (...who: readonly string[]) => {
    for (const one of who) rounds.wrote(one, at.ms);
  };
  const append = () => rounds.appended(++at.seq, at.ms);
  const tell = () => rounds.told(at.seq, at.ms);
  /** All write and are told, and some time passes. */
  const play = (who: readonly string[], pauseMs: number) => {
    write(...who);
    append();
    at.ms += 10;
    tell();
    at.ms += pauseMs;
  };
  for (let i = 0; i < 4; i++) play(["ann", "ben"], 5);
  return { rounds, at, write, append, tell, play };
}

test("a round is over when the last one who was told has written, after a few of them", () => {
  const { rounds, write } = stage();
  write("ann");
  expect(rounds.isOver(2)).toBe(false);
  write("ben");
  expect(rounds.isOver(2)).toBe(true);
});

test("one is under way while somebody is to come, or to be told, if half of those who are there write", () => {
  const { rounds, write, append, tell } = stage();
  write("ann");
  expect(rounds.isUnderWay(4)).toBe(true);
  expect(rounds.isUnderWay(5)).toBe(false);
  append();
  write("ben");
  expect(rounds.isUnderWay(2)).toBe(true);
  tell();
  write("ann");
  expect(rounds.isUnderWay(2)).toBe(false);
});

test("it is not while fewer than half of those who are there have written", () => {
  const { rounds, write } = stage();
  write("ann", "ben");
  expect(rounds.isOver(4)).toBe(true);
  expect(rounds.isOver(5)).toBe(false);
});

test("who writes before being told does not wait", () => {
  const { rounds, write, append, play } = stage();
  write("ann", "ben");
  append();
  write("ann");
  play([], 5);
  write("ann", "ben");
  expect(rounds.isOver(2)).toBe(false);
  for (let i = 0; i < 3; i++) play(["ann", "ben"], 5);
  write("ann", "ben");
  expect(rounds.isOver(2)).toBe(true);
});

test("who wrote once more before being told of the first waits again from the next time on", () => {
  const { rounds, write, append, tell, play } = stage();
  write("ann", "ben");
  append();
  write("ann");
  tell();
  // Told of both, one soon after the other.
  append();
  tell();
  for (let i = 0; i < 5; i++) play(["ann", "ben"], 5);
  write("ann");
  expect(rounds.isOver(2)).toBe(false);
  write("ben");
  expect(rounds.isOver(2)).toBe(true);
});

test("who types does not wait: the next key comes some time after being told", () => {
  const { rounds, write, play } = stage();
  for (let i = 0; i < 5; i++) play(["ann", "ben"], 80);
  write("ann", "ben");
  expect(rounds.isOver(2)).toBe(false);
});

test("nor does who goes on after longer than it took to be told; where that took long, it may take as long", () => {
  for (const [tookMs, isOver] of [
    [50, false],
    [90, true],
  ] as const) {
    const { rounds, at, write, append, tell } = stage();
    write("ann", "ben");
    append();
    at.ms += tookMs;
    tell();
    at.ms += 80;
    write("ann", "ben");
    expect(rounds.isOver(2)).toBe(isOver);
  }
});

test("who is told later is waited for, and then they go on together", () => {
  const { rounds, write, append, tell } = stage();
  write("ann");
  append();
  write("ben");
  expect(rounds.isOver(2)).toBe(false);
  tell();
  expect(rounds.isOver(2)).toBe(false);
  write("ann");
  expect(rounds.isOver(2)).toBe(true);
});

test("one of several batches that are on their way to disk tells those who wrote in it, and no others", () => {
  const { rounds, at, write, append } = stage();
  write("ann");
  append();
  write("ben");
  append();
  rounds.told(at.seq - 1, at.ms);
  write("ann");
  expect(rounds.isOver(2)).toBe(false);
  append();
  rounds.told(at.seq, at.ms);
  write("ben", "ann");
  expect(rounds.isOver(2)).toBe(true);
});

test("who stops is waited for once, and who leaves is not", () => {
  const { rounds, at, write, play, append, tell } = stage();
  write("ann");
  rounds.forget("ben");
  expect(rounds.isOver(1)).toBe(true);
  append();
  tell();
  write("ann", "cat");
  for (let i = 0; i < 3; i++) play(["ann", "cat"], 5);
  write("ann");
  expect(rounds.isOver(1)).toBe(false);
  append();
  at.ms += 50;
  tell();
  for (let i = 0; i < 3; i++) play(["ann"], 5);
  write("ann");
  expect(rounds.isOver(1)).toBe(true);
});
