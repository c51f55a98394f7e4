/** A document of which the oldest snapshot is damaged, so that its past begins with nothing. */

import { cp } from "node:fs/promises";
import type { DocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TYPED } from "../inspect/folder-stage.ts";
import { flipIn, on, WritingStage } from "./writing-stage.ts";

let stage: WritingStage;
let data = "";

beforeAll(async () => {
  stage = await WritingStage.open();
  data = stage.path("old snapshot");
  await cp(stage.path("sound"), data, { recursive: true });
  await flipIn(data, [{ document: TYPED as DocumentName, kind: "snapshot", seq: 10 }]);
});

afterAll(() => stage.close());

describe("what it was", () => {
  test.each(["1", "10", "12"])("at batch %s is told to be damaged, and where, with 3", async (seq) => {
    for (const args of [
      ["diff", "--from", seq, TYPED],
      ["show", "--at", seq, TYPED],
      ["export", "--at", seq, TYPED],
    ]) {
      expect(await on(data, args)).toEqual({
        code: 3,
        stdout: "",
        stderr: expect.stringMatching(/^damage: document "notes\/plan" is damaged at seq 10: [^\n]*\n$/),
      });
    }
  });

  test("from the newer snapshot on is shown", async () => {
    expect(await on(data, ["diff", "--from", "22", TYPED])).toMatchObject({ code: 1, stderr: "" });
    expect(await on(data, ["show", "--at", "20", TYPED])).toMatchObject({ code: 0, stderr: "" });
  });
});
