/** What somebody does on the page, as the command line shows it at the same time: of the folder that the server has open. */

import { expect, onTestFinished, test } from "vitest";
import { openStage } from "../interop/stage.ts";
import { runCommand, startCommand } from "../support/server-process.ts";
import { until, within } from "../support/until.ts";
import { findChromium, openBrowser, Person } from "./person.ts";

interface TailLine {
  readonly event: string;
  readonly parts?: readonly { readonly inserted: number; readonly text?: string }[];
}

test("what is typed on the page is followed, and what it changed is shown", async ({ skip }) => {
  const chromium = findChromium();
  if (chromium === undefined) return skip("there is no Chromium in /usr/bin");
  const { server } = await openStage();
  const data = ["--data", server.dataFolder];
  const profile = await openBrowser(chromium);
  const ann = Person.at(await (await profile()).newPage(), "Ann");
  await ann.page.goto(`${server.url}/d/welcome`);
  await ann.goesToText();
  await ann.types("Before. ");
  await ann.seesState("saved");
  const tail = startCommand(["tail", "welcome", "--json", "--updates", ...data]);
  onTestFinished(() => tail.kill("SIGKILL"));
  const lines = () => {
    const complete = tail.stdout.slice(0, tail.stdout.lastIndexOf("\n") + 1);
    return complete.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as TailLine]));
  };
  await until("tail to follow", () => lines().some(({ event }) => event === "start"));
  const { seq } = JSON.parse(tail.stdout.split("\n")[0] as string) as { seq: number };
  const before = new Date();
  await ann.types("Followed");
  await ann.seesState("saved");
  const typed = () => lines().flatMap(({ parts = [] }) => parts.map(({ text = "" }) => text));
  await until("tail to show it", () => typed().join("").includes("Followed"), { saw: () => tail.stdout });
  tail.kill("SIGINT");
  expect((await within("tail to end", tail.exited)).code).toBe(130);

  const diff = await runCommand(["diff", "welcome", "--from", String(seq), ...data]);
  expect(diff.code).toBe(1);
  expect(diff.stdout).toContain("Followed");
  const minute = await runCommand(["diff", "welcome", "--from", before.toISOString(), "--json", ...data]);
  expect(minute.stdout).toContain("Followed");
  const show = await runCommand(["show", "welcome", "--text", ...data]);
  expect(show.stdout).toContain("Followed");
  const then = await runCommand(["show", "welcome", "--text", "--at", String(seq), ...data]);
  expect(then.stdout).not.toContain("Followed");
});
