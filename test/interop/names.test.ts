import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PeerOptions } from "../support/peer.ts";
import { startServer } from "../support/server-process.ts";
import { within } from "../support/until.ts";
import { openStage, Stage } from "./stage.ts";

const NAMES = [
  "plain",
  "Plain",
  "folder/note",
  "folder",
  "folder/",
  "a//b",
  "/leading",
  "with spaces, and more ",
  "🦔 hedgehog 👩‍👩‍👧",
  "مرحبا بالعالم",
  "caf\u00e9", // é as one character; as two it is no name
  "a/../b",
  "../../etc/passwd",
  "..hidden",
  "100%",
  "%2F",
  "%252F",
  "what?",
  "c#",
  "a+b&c=d;e",
  "back\\slash",
  "<script>alert(1)</script>",
  "'; drop table documents --",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "\u{10ffff}",
  "\ufeff",
  "x".repeat(512),
  "é".repeat(256),
  "🦔".repeat(128),
];

test("documents of unusual names keep their own content, also after a restart", async () => {
  const stage = await openStage();
  await Promise.all(
    NAMES.map(async (name) => {
      const [writer, reader] = await Promise.all([stage.join(name).synced(), stage.join(name).synced()]);
      writer.text.insert(0, `This is ${name}.`);
      await reader.reads(`This is ${name}.`);
      writer.leave();
      reader.leave();
    }),
  );
  await stage.server.stop();
  await stage.server.start();
  for (const name of NAMES) {
    const reader = await stage.join(name).synced();
    expect(reader.text.toString(), name).toBe(`This is ${name}.`);
    reader.leave();
  }
});

test("a name is the decoded path, whichever way it is written, and the query is no part of it", async () => {
  const stage = await openStage();
  const writer = await stage.join("folder/a note").synced();
  writer.text.insert(0, "found");
  for (const path of ["folder/a%20note", "folder%2Fa%20note", "%66older/a note", "folder/a%20note?x=/y"]) {
    await stage.join("", { path }).reads("found");
  }
});

describe("a bad name is refused for good", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = new Stage(await startServer());
  });
  afterAll(async () => await stage.close());

  const cases: [what: string, name: string, options?: PeerOptions][] = [
    ["empty", ""],
    ["513 bytes in 513 characters", "x".repeat(513)],
    ["513 bytes in 257 characters", `${"é".repeat(256)}x`],
    ["five kilobytes", "x".repeat(5_000)],
    ["NUL", "a\u0000b"],
    ["a line feed", "a\nb"],
    ["DEL", "a\u007f"],
    ["a C1 control", "a\u0085"],
    ["a line separator", "a\u2028b"],
    ["é as two characters", "cafe\u0301"],
    ["a mark that turns text around", "\u202egpj.exe"],
    ["bytes that are not UTF-8", "", { path: "%ff" }],
    ["an encoded surrogate", "", { path: "%ed%a0%80" }],
    ["half an escape", "", { path: "a%2" }],
    ["no escape", "", { path: "a%zz" }],
  ];

  test.each(cases)("%s", async (_case, name, options) => {
    const peer = stage.join(name, options);
    peer.text.insert(0, "never stored");
    const closed = new Promise<{ code: number; reason: string }>((resolve) =>
      peer.provider.once("closed", resolve),
    );
    const { code, reason } = await within("the provider to stop", closed);
    expect(code).toBe(4400);
    expect(reason).toMatch(/name/);
    expect(peer.provider.shouldConnect).toBe(false);
    expect(stage.server.isRunning).toBe(true);
  });
});
