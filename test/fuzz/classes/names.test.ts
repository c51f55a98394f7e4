import { expect, test } from "vitest";
import { ANONYMOUS } from "../../../server/src/protocols/admission.ts";
import { checkAll } from "../final-checks.ts";
import { Innocent } from "../innocent.ts";
import { Link } from "../link.ts";
import { baseNamed } from "../script.ts";
import { Stage } from "../stage.ts";

test.each([
  ["NUL", "a%00b"],
  ["a newline", "a%0Ab"],
  ["an escape", "%1B[31m"],
  ["right-to-left override", "a%E2%80%AEb"],
  ["100,000 characters", "a".repeat(100_000)],
  ["nothing", ""],
  ["bytes that are not UTF-8", "%FF"],
  ["a lone surrogate", "%ED%A0%80"],
  ["a percent sign", "100%"],
])("F17 a document name of, or with, %s: is refused", async (_, path) => {
  const stage = await Stage.open(baseNamed("nothing"));
  const link = new Link(stage.rooms, path, ANONYMOUS);
  await stage.settle();
  expect(link.closed?.code).toBe("INVALID_NAME");
  expect(stage.rooms.counts().rooms).toBe(2);
  await checkAll(stage);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty", "..%2F..%2Fetc%2Fpasswd", "*", "a:b"])(
  "F18 a document named %s: is a document like any other",
  async (path) => {
    const stage = await Stage.open(baseNamed("nothing"));
    const ann = new Innocent(stage.rooms, path, { name: "ann", clientId: 1, principal: ANONYMOUS });
    await stage.settle();
    ann.read();
    ann.probe();
    await stage.settle();
    const ben = new Innocent(stage.rooms, path, { name: "ben", clientId: 2, principal: ANONYMOUS });
    await stage.settle();
    ben.read();
    expect(ben.doc.getText("probes").toString()).toBe(ann.doc.getText("probes").toString());
    expect(ben.doc.getText("probes").length).toBeGreaterThan(0);
    for (const { link } of [ann, ben]) link.leave();
    await checkAll(stage);
  },
);
