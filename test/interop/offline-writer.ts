/**
 * Writes to an offline store as fast as it can and prints what it did; for `offline-store.test.ts`,
 * which ends it at some moment. Its document is the numbers from 1 on: those of the server are even.
 *
 *   node test/interop/offline-writer.ts <folder>
 */

import { openLevelStore } from "../../client/src/offline/level-store.ts";

const BRANCH = "0123456789abcdef";
const LINEAGE = "00112233445566778899aabbccddeeff";

const store = await openLevelStore(process.argv[2] as string);
const document = await store.open("notes", (error) => {
  throw error;
});
const decode = (update: Uint8Array) => [...new Uint32Array(update.slice().buffer)];
const encode = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const has = new Set(document.copy.updates.flatMap(decode));
const unsaved = document.copy.unsaved.flatMap(decode);
// Goes on after the highest number of the process before it, with an even one.
const highest = Math.max(0, ...has);
let next = highest + 2 - (highest % 2);
// What was not flushed may be there in part: the rest is made, or brought by the server, once more.
for (let number = 2; number < next; number++) {
  if (has.has(number)) continue;
  has.add(number);
  if (number % 2 === 0) document.addRemote(encode(number));
  else {
    document.addLocal(encode(number));
    unsaved.push(number);
  }
}

for (let round = 1; ; round++) {
  document.addRemote(encode(next));
  document.addLocal(encode(next + 1));
  unsaved.push(next + 1);
  for (const number of [next, next + 1]) has.add(number);
  next += 2;
  if (round % 3 === 0) {
    const saved = unsaved.splice(0, Math.ceil(unsaved.length / 2));
    // Before it happens: a pipe is written at once.
    print({ saving: saved.at(-1) });
    document.saved(saved.length);
    document.setRevision({ lineage: LINEAGE, seq: next - 2, branch: BRANCH }, LINEAGE);
  }
  if (document.compactionDueInMs === 0) document.compact(encode(...has));
  if (round % 4 !== 0) continue;
  await document.flush();
  print({ flushed: next - 1 });
}
