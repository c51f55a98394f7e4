/** Somebody in front of the page, in a browser profile of their own. */

import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, expect, onTestFinished } from "vitest";
import { until } from "../support/until.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const STEP_MS = 20_000;

export type Point = readonly [x: number, y: number];

/** Where Chromium is; `undefined`, for a test that is to be skipped, where there is none. */
export function findChromium(): string | undefined {
  const path = PATHS.find(existsSync);
  // A build server that lost its browser must not turn tests off unseen.
  if (path === undefined && process.env.CI === "true") throw new Error("there is no Chromium in /usr/bin");
  return path;
}

let browser: Browser | null = null;

afterAll(() => browser?.close());

/** A browser in which each person gets a profile, which ends with the test; the tests of a file share the browser. */
export async function openBrowser(executablePath: string): Promise<() => Promise<BrowserContext>> {
  // Not one that has crashed: that concerns the test in which it did.
  if (!browser?.isConnected()) browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
  const running = browser;
  return async () => {
    const context = await running.newContext({ viewport: { width: 1280, height: 720 } });
    onTestFinished(() => context.close());
    return context;
  };
}

export class Person {
  readonly name: string;
  readonly page: Page;
  /** What scripts of the page threw. */
  readonly errors: Error[] = [];
  /** Every address that the page asked for. */
  readonly requests: string[] = [];

  private constructor(name: string, page: Page) {
    this.name = name;
    this.page = page;
    page.setDefaultTimeout(STEP_MS);
    page.on("pageerror", (error) => this.errors.push(error));
    page.on("request", (request) => this.requests.push(request.url()));
  }

  /** Opens a document and says who it is. */
  static async open(context: BrowserContext, name: string, url: string, document: string): Promise<Person> {
    const person = new Person(name, await context.newPage());
    const response = await person.page.goto(`${url}/d/${encodeURIComponent(document)}`);
    expect(response?.status(), "is the page built? npm run build:page").toBe(200);
    await person.seesState("saved");
    await person.page.getByRole("button", { name: "Who is here" }).click();
    await person.page.getByLabel("Your name").fill(name);
    await person.page.keyboard.press("Enter");
    return person;
  }

  /** Looks at a page that is there already. */
  static at(page: Page, name: string): Person {
    return new Person(name, page);
  }

  // The header

  async seesState(
    state: "saved" | "saving" | "read-only" | "offline" | "refused" | "connecting",
  ): Promise<void> {
    await this.page.locator(`[role=status][data-state=${state}]`).waitFor();
  }

  /** Reads what is said below the header when all is not well. */
  async isWarned(words: string | RegExp): Promise<void> {
    await this.page.locator("#notice:not([hidden])").filter({ hasText: words }).waitFor();
  }

  async isTold(words: string | RegExp): Promise<void> {
    await this.page.getByRole("status").filter({ hasText: words }).waitFor();
  }

  async seesPeople(names: readonly string[]): Promise<void> {
    await this.#sees(`people ${names}`, names, async () =>
      (await this.page.locator("[data-person] .person-name").allTextContents()).sort(),
    );
  }

  // The text

  async goesToText(key: "ControlOrMeta+Home" | "ControlOrMeta+End" = "ControlOrMeta+End"): Promise<void> {
    await this.page.locator(".cm-content").focus();
    await this.page.keyboard.press(key);
  }

  async types(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 10 });
  }

  async reads(expected: string): Promise<void> {
    await this.#sees("the text", expected, () => this.text());
  }

  /** The text, without the cursors and names of others that stand in it. */
  async text(): Promise<string> {
    return await this.page.locator(".cm-content").evaluate((content) => {
      const copy = content.cloneNode(true) as Element;
      for (const cursor of copy.querySelectorAll(".cm-ySelectionCaret, .cm-placeholder")) cursor.remove();
      return [...copy.querySelectorAll(".cm-line")].map((line) => line.textContent).join("\n");
    });
  }

  async seesCursorOf(name: string): Promise<void> {
    await this.page.locator(".cm-ySelectionInfo").filter({ hasText: name }).waitFor({ state: "attached" });
  }

  // The board

  /** Presses one of the board's buttons. */
  async presses(button: string): Promise<void> {
    await this.page.locator("#board").getByRole("button", { name: button, exact: true }).click();
  }

  /** Draws with a tool from point to point, in pixels from the board's upper left corner. */
  async draws(tool: string, ...points: readonly Point[]): Promise<void> {
    await this.presses(tool);
    await this.drags(...points);
  }

  async drags(...points: readonly Point[]): Promise<void> {
    await this.beginsDragging(...points);
    await this.page.mouse.up();
  }

  /** Presses at the first point, moves to the others, and does not let go. */
  async beginsDragging(...points: readonly Point[]): Promise<void> {
    const box = await this.page.locator("#board-surface").boundingBox();
    if (box === null) throw new Error("the board is not to be seen");
    const { mouse } = this.page;
    const [first = [0, 0], ...others] = points;
    await mouse.move(box.x + first[0], box.y + first[1]);
    await mouse.down();
    for (const [x, y] of others) await mouse.move(box.x + x, box.y + y, { steps: 5 });
  }

  async clicksOnBoard(at: Point): Promise<void> {
    await this.drags(at);
  }

  /** What is on the board, from the lowest to the topmost, as those hear it who do not see it. */
  async seesOnBoard(...expected: readonly string[]): Promise<void> {
    const empty = expected.length === 0 ? ["The board is empty"] : expected;
    await this.#sees("the board", empty, () => this.page.locator("#board-outline li").allTextContents());
  }

  async seesPointerOf(name: string): Promise<void> {
    await this.page.locator(".board-cursor:not([hidden])").filter({ hasText: name }).waitFor();
  }

  /** Waits until something in this colour is drawn there. */
  async seesColorAt([x, y]: Point, [red, green, blue]: readonly [number, number, number]): Promise<void> {
    let seen = "";
    const holds = async () => {
      const color = await this.page.locator("#board-canvas").evaluate(
        (canvas, { x, y }) => {
          const layers = [...canvas.querySelectorAll("canvas")].map((layer) => {
            const scale = layer.width / layer.clientWidth;
            const pixel = layer.getContext("2d")?.getImageData(x * scale, y * scale, 1, 1).data;
            return [...(pixel ?? [])];
          });
          return layers.findLast((pixel) => pixel[3] === 255) ?? [];
        },
        { x, y },
      );
      seen = String(color);
      return seen === `${red},${green},${blue},255`;
    };
    await until(`${this.name} to see the colour at ${x}, ${y}`, holds, {
      withinMs: STEP_MS,
      saw: () => seen,
    });
  }

  async #sees<T>(what: string, expected: T, look: () => Promise<T>): Promise<void> {
    let seen = "";
    const wanted = JSON.stringify(expected);
    const holds = async () => {
      seen = JSON.stringify(await look());
      return seen === wanted;
    };
    await until(`${this.name} to see ${what}`, holds, {
      withinMs: STEP_MS,
      saw: () => `${seen} instead of ${wanted}`,
    });
  }
}
