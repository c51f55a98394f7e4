/**
 * The example editor as two people see it, each in a browser profile of their own: they type at the same time,
 * lose the server, and go on when it is back. Uses the system's Chromium.
 */

import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { openStage, type Stage } from "../interop/stage.ts";
import { until } from "../support/until.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const STEP_MS = 20_000;

test("two people type at once, see each other, and go on after the server was killed", async ({ skip }) => {
  if (CHROMIUM === undefined) {
    // A build server that lost its browser must not turn this test off unseen.
    if (process.env.CI === "true") throw new Error("there is no Chromium in /usr/bin");
    return skip("there is no Chromium in /usr/bin");
  }
  const stage = await openStage();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  onTestFinished(() => browser.close());
  const folder = await mkdtemp(join(tmpdir(), "joinery-screenshots-"));
  process.stdout.write(`Screenshots are in ${folder}\n`);

  const ann = await Person.open(browser, stage, "Ann", folder);
  const bob = await Person.open(browser, stage, "Bob", folder);
  for (const person of [ann, bob]) await person.seesPeople(["Ann", "Bob"]);

  await ann.types("Start of the text\nEnd of the text");
  await bob.reads("Start of the text\nEnd of the text");
  await ann.presses("ControlOrMeta+Home");
  await bob.presses("ControlOrMeta+End");
  await Promise.all([ann.types("The front grows here. "), bob.types(", and the back grows there.")]);
  for (const person of [ann, bob]) {
    await person.reads("The front grows here. Start of the text\nEnd of the text, and the back grows there.");
  }
  await ann.seesCursorOf("Bob");
  await bob.seesCursorOf("Ann");
  for (const person of [ann, bob]) await person.looks("1-typed-at-once");

  await stage.server.kill();
  for (const person of [ann, bob]) await person.isConnected("offline");
  await Promise.all([ann.types("(Ann, offline) "), bob.types(" (Bob, offline)")]);
  for (const person of [ann, bob]) await person.looks("2-server-killed");

  await stage.server.start();
  for (const person of [ann, bob]) await person.isConnected("online");
  const merged =
    "The front grows here. (Ann, offline) Start of the text\nEnd of the text, and the back grows there. (Bob, offline)";
  for (const person of [ann, bob]) {
    await person.reads(merged);
    await person.seesPeople(["Ann", "Bob"]);
  }
  await bob.types(" Done.");
  await ann.reads(`${merged} Done.`);
  await ann.seesCursorOf("Bob");
  await ann.types("Yes. ");
  await bob.seesCursorOf("Ann");
  for (const person of [ann, bob]) await person.looks("3-server-back");

  for (const person of [ann, bob]) {
    expect(person.errors).toEqual([]);
    expect(person.requests.filter((url) => !url.startsWith(stage.server.url))).toEqual([]);
  }
});

/** Somebody in front of the editor. */
class Person {
  /** What scripts of the page threw. */
  readonly errors: Error[] = [];
  /** Every address that the page asked for. */
  readonly requests: string[] = [];
  readonly #page: Page;
  readonly #name: string;
  readonly #folder: string;

  private constructor(page: Page, name: string, folder: string) {
    this.#page = page;
    this.#name = name;
    this.#folder = folder;
    page.setDefaultTimeout(STEP_MS);
    page.on("pageerror", (error) => this.errors.push(error));
    page.on("request", (request) => this.requests.push(request.url()));
  }

  /** Opens the document in a profile of its own and says who it is. */
  static async open(browser: Browser, stage: Stage, name: string, folder: string): Promise<Person> {
    const context = await browser.newContext({ viewport: { width: 1000, height: 640 } });
    const page = await context.newPage();
    const person = new Person(page, name, folder);
    const response = await page.goto(`${stage.server.url}/d/${encodeURIComponent("notes/two people")}`);
    expect(response?.status(), "is the page built? npm run build:page").toBe(200);
    await person.isConnected("online");
    await page.getByRole("button", { name: "Who is here" }).click();
    await page.getByLabel("Your name").fill(name);
    await page.keyboard.press("Enter");
    await page.locator(".cm-content").focus();
    return person;
  }

  async isConnected(state: "online" | "offline"): Promise<void> {
    await this.#page.locator(`[role=status][data-state=${state}]`).waitFor();
  }

  async types(text: string): Promise<void> {
    await this.#page.keyboard.type(text, { delay: 10 });
  }

  async presses(key: string): Promise<void> {
    await this.#page.keyboard.press(key);
  }

  async reads(expected: string): Promise<void> {
    let text = "";
    const holds = async () => {
      text = await this.#text();
      return text === expected;
    };
    await until(`${this.#name} to read the text`, holds, {
      withinMs: STEP_MS,
      saw: () => JSON.stringify(text),
    });
  }

  async seesPeople(names: readonly string[]): Promise<void> {
    let seen: string[] = [];
    const holds = async () => {
      seen = await this.#page.locator("[data-person] .person-name").allTextContents();
      return seen.length === names.length && names.every((name) => seen.includes(name));
    };
    await until(`${this.#name} to see ${names}`, holds, { withinMs: STEP_MS, saw: () => seen });
  }

  async seesCursorOf(name: string): Promise<void> {
    await this.#page.locator(".cm-ySelectionInfo").filter({ hasText: name }).waitFor({ state: "attached" });
  }

  async looks(step: string): Promise<void> {
    await this.#page.screenshot({ path: join(this.#folder, `${step}-${this.#name}.png`) });
  }

  /** The editor's text, without the cursors and names of others that stand in it. */
  async #text(): Promise<string> {
    return await this.#page.locator(".cm-content").evaluate((content) => {
      const copy = content.cloneNode(true) as Element;
      for (const cursor of copy.querySelectorAll(".cm-ySelectionCaret, .cm-placeholder")) cursor.remove();
      return [...copy.querySelectorAll(".cm-line")].map((line) => line.textContent).join("\n");
    });
  }
}
