import fc from "fast-check";
import { expect, test } from "vitest";
import { Inbox } from "../../../server/src/transports/inbox.ts";

test("an inbox gives back what it was given, in its order, whoever comes when", () => {
  const step = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(null));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const inbox = new Inbox();
      const waiting: Uint8Array[] = [];
      for (const message of steps) {
        if (message === null) expect(inbox.shift()).toEqual(waiting.shift() ?? null);
        else {
          inbox.push(message);
          waiting.push(message.slice());
          message.fill(255);
        }
        expect(inbox.isEmpty).toBe(waiting.length === 0);
      }
    }),
  );
});

test("what it gave back is the taker's: what comes later does not change it", () => {
  const inbox = new Inbox();
  inbox.push(Uint8Array.of(1, 2, 3));
  const first = inbox.shift();
  inbox.push(Uint8Array.of(9, 9, 9, 9));
  expect(first).toEqual(Uint8Array.of(1, 2, 3));
});

test("an inbox that was cleared is empty", () => {
  const inbox = new Inbox();
  inbox.push(Uint8Array.of(1));
  inbox.push(Uint8Array.of());
  inbox.clear();
  expect([inbox.isEmpty, inbox.shift()]).toEqual([true, null]);
});
