/**
 * What HTTP answers to who writes is true when the process is killed at any moment: what was answered is there, once.
 * `CRASH_ROUNDS` asks for more rounds, `CRASH_SEED` for those of an earlier run.
 */

import { setTimeout as delay } from "node:timers/promises";
import { create, int31 } from "lib0/prng";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 2);
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** An edit takes a few milliseconds. */
const MAX_DELAY_MS = 300;

interface Written {
  readonly mark: string;
  readonly etag: string;
}

/** Somebody who writes marks one after the other, by edits and by updates in turn, until the server is gone. */
async function writeMarks(server: ServerProcess, name: string): Promise<Written[]> {
  const written: Written[] = [];
  for (let number = 1; ; number++) {
    const mark = `${name}:${number}`;
    try {
      const answer = number % 2 === 0 ? await update(server, mark) : await edit(server, mark);
      expect(answer.status).toBe(200);
      written.push({ mark, etag: answer.headers.get("etag") ?? "" });
    } catch (error) {
      // It was killed while this one was on its way.
      if (error instanceof TypeError) return written;
      throw error;
    }
  }
}

function edit(server: ServerProcess, mark: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}/api/v1/documents/marks/edit`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ edits: [{ op: "insert", path: ["marks"], values: [mark] }] }),
  });
}

function update(server: ServerProcess, mark: string): Promise<Response> {
  const doc = new Y.Doc();
  doc.getArray("marks").push([mark]);
  return fetch(`${server.url}/api/v1/documents/marks/update`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: Uint8Array.from(Y.encodeStateAsUpdate(doc)),
  });
}

async function read(server: ServerProcess): Promise<{ readonly marks: string[]; readonly etag: string }> {
  const answer = await fetch(`${server.url}/api/v1/documents/marks/json`);
  const { marks } = (await answer.json()) as { readonly marks: string[] };
  return { marks, etag: answer.headers.get("etag") ?? "" };
}

test(`what was answered is there after the server was killed, once (CRASH_SEED=${SEED})`, async () => {
  const random = create(SEED);
  const server = await startServer();
  onTestFinished(() => server.dispose());
  const answered: string[] = [];
  // Its worker has started by then, as it has after the last edit of each round.
  expect((await edit(server, "before")).status).toBe(200);
  answered.push("before");
  for (let round = 1; round <= ROUNDS; round++) {
    const people = ["ann", "ben", "cid"].map((name) => writeMarks(server, `${round}.${name}`));
    await delay(int31(random, 0, MAX_DELAY_MS));
    await server.kill();
    const written = (await Promise.all(people)).flat();
    answered.push(...written.map(({ mark }) => mark));
    await server.start();
    const { marks, etag } = await read(server);
    expect(marks).toEqual(expect.arrayContaining(answered));
    expect(new Set(marks).size).toBe(marks.length);
    // Who builds upon what is there goes on from it, whoever wrote last before.
    const after = await edit(server, `${round}.after`, { "If-Match": etag });
    expect(after.status, await after.text()).toBe(200);
    const stale = await edit(server, "lost", { "If-Match": etag });
    expect(stale.status).toBe(412);
    answered.push(`${round}.after`);
  }
  const { marks } = await read(server);
  expect(marks).toEqual(expect.arrayContaining(answered));
  expect(marks).not.toContain("lost");
  // With nothing answered but these, nothing would have been shown.
  expect(answered.length).toBeGreaterThan(1 + ROUNDS);
});
