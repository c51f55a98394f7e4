/**
 * kill -9 while five people write by the native client. What somebody was told is saved has to be there for a client
 * that never met the writers, and nothing twice. `CRASH_ROUNDS` asks for more rounds, `CRASH_SEED` for those of an
 * earlier run.
 */

import { type DocumentHandle, JoineryClient } from "@joinery/client";
import { create, int31 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import type * as Y from "yjs";
import { TEXT } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 5);
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
const NAMES = ["ann", "ben", "cid", "dot", "eve"];
/** Lines that the writers together have written when the server is killed. */
const MAX_LINES = 400;

/** Somebody who writes numbered lines, and remembers which of them were said to be saved. */
class Writer {
  readonly name: string;
  readonly client: JoineryClient;
  readonly notes: DocumentHandle;
  readonly text: Y.Text;
  lines = 0;
  /** All lines up to here were said to be saved. */
  saved = 0;

  constructor(stage: Stage, name: string) {
    this.name = name;
    this.client = new JoineryClient({ url: stage.server.wsUrl });
    this.notes = this.client.open("notes");
    this.text = this.notes.doc.getText(TEXT);
    this.notes.subscribe(() => {
      if (this.notes.saved) this.saved = this.lines;
    });
  }

  write(): void {
    this.text.insert(this.lines % 3 === 0 ? 0 : this.text.length, this.line(++this.lines));
  }

  line(number: number): string {
    return `<${this.name} ${number}>\n`;
  }
}

test(`what was said to be saved survives kill -9, once (CRASH_SEED=${SEED})`, async () => {
  const random = create(SEED);
  const stage = await openStage();
  const writers = NAMES.map((name) => new Writer(stage, name));
  onTestFinished(async () => {
    for (const { client } of writers) await client.close();
  });
  for (let round = 1; round <= ROUNDS; round++) {
    const killAfter = int31(random, 1, MAX_LINES);
    await until("everybody to be online", () => writers.every(({ notes }) => notes.status.kind === "online"));
    for (let i = 0; i < killAfter; i++) {
      (writers[int31(random, 0, writers.length - 1)] as Writer).write();
      // Some lines travel alone, others together.
      if (int31(random, 0, 3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await stage.server.kill();
    for (const { client } of writers) client.disconnect();
    const said = writers.map(({ saved }) => saved);
    await stage.server.start();

    const stranger = await stage.join("notes").synced();
    const kept = countLines(stranger.text.toString());
    for (const [i, writer] of writers.entries()) {
      for (let number = 1; number <= (said[i] as number); number++) {
        expect(kept.get(writer.line(number)), `round ${round}: saved line ${writer.line(number)}`).toBe(1);
      }
    }
    for (const { client } of writers) client.connect();
    await until("everything to be saved", () => writers.every(({ notes }) => notes.saved && notes.synced), {
      saw: () => JSON.stringify(writers.map(({ notes }) => notes.getSnapshot())),
    });
    await stranger.reads((writers[0] as Writer).text.toString());
    stranger.leave();
  }

  const visitor = await stage.join("notes").synced();
  const lines = countLines(visitor.text.toString());
  for (const writer of writers) {
    expect(writer.text.toString()).toBe(visitor.text.toString());
    for (let number = 1; number <= writer.lines; number++) expect(lines.get(writer.line(number))).toBe(1);
  }
  expect([...lines.values()].every((count) => count === 1)).toBe(true);
  expect(lines.size).toBe(writers.reduce((sum, writer) => sum + writer.lines, 0));
  // A test in which nobody was told anything would have shown nothing.
  expect(writers.every(({ saved }) => saved > 0)).toBe(true);
});

function countLines(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of text.split(/(?<=\n)/)) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
