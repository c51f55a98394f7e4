/**
 * The example page without a server: it opens, text and board can be used, nothing is lost, and what others wrote
 * meanwhile is merged when the server is back. Uses the system's Chromium.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { openStage, type Stage } from "../interop/stage.ts";
import { until } from "../support/until.ts";
import { CHROMIUM_ARGS, findChromium, openBrowser, Person } from "./person.ts";

const DOCUMENT = "plans";
const PAGE = fileURLToPath(new URL("../../examples/editor/dist/", import.meta.url));

test("text and board are edited offline, kept over a reload, and merged with what another wrote", async ({
  skip,
}) => {
  const path = findChromium();
  if (path === undefined) return skip("there is no Chromium in /usr/bin");
  const stage = await openStage();
  const profile = await openBrowser(path);
  const context = await profile();
  const ann = await Person.open(context, "Ann", stage.server.url, DOCUMENT);
  const bob = await Person.open(await profile(), "Bob", stage.server.url, DOCUMENT);
  await ann.goesToText();
  await ann.types("Together. ");
  await bob.reads("Together. ");
  await pageIsKept(ann);

  await context.setOffline(true);
  await ann.page.reload();
  await ann.isTold("Offline");
  await ann.reads("Together. ");
  await ann.goesToText();
  await ann.types("By Ann. ");
  await ann.draws("Rectangle", [100, 150], [200, 250]);
  await ann.isTold("Offline, 9 edits not yet saved");
  await bob.goesToText("ControlOrMeta+Home");
  await bob.types("By Bob. ");
  await bob.draws("Arrow", [300, 150], [400, 250]);
  await bob.isTold("Saved");

  await ann.page.reload();
  await ann.isTold("Offline, 9 edits not yet saved");
  await ann.reads("Together. By Ann. ");
  await ann.seesOnBoard("Rectangle, plain");

  await context.setOffline(false);
  for (const person of [ann, bob]) {
    await person.reads("By Bob. Together. By Ann. ");
    await person.isTold("Saved");
    await until(
      `${person.name} to see both shapes`,
      async () => {
        const shapes = await person.page.locator("#board-outline li").allTextContents();
        return shapes.toSorted().join() === "Arrow, plain,Rectangle, plain";
      },
      {},
    );
    expect(person.errors).toEqual([]);
  }
});

test("a browser that is killed with unsaved edits has them when it is started again, and saves them", async ({
  skip,
}) => {
  const path = findChromium();
  if (path === undefined) return skip("there is no Chromium in /usr/bin");
  const stage = await openStage();
  const folder = await mkdtemp(join(tmpdir(), "joinery-profile-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  const first = await startChromium(path, folder);
  const before = await Person.open(first.context, "Ann", stage.server.url, DOCUMENT);
  await pageIsKept(before);

  await stage.server.kill();
  await before.seesState("offline");
  await before.goesToText();
  await before.page.keyboard.insertText("Written before the fall.");
  await before.draws("Ellipse", [100, 150], [200, 250]);
  await before.isTold("Offline, 2 edits not yet saved");
  await isStored(before, "Written before the fall.");
  await isStored(before, "ellipse");
  await first.kill();

  const second = await startChromium(path, folder);
  const after = Person.at(await second.context.newPage(), "Ann");
  await after.page.goto(`${stage.server.url}/d/${DOCUMENT}`);
  await after.isTold("Offline, 2 edits not yet saved");
  await after.reads("Written before the fall.");
  await after.seesOnBoard("Ellipse, plain");

  await stage.server.start();
  await after.isTold("Saved");
  await newcomerReads(stage, path, "Written before the fall.");
});

test("an edit that the server refuses stays here, with the reason and ways to save it as files", async ({
  skip,
}) => {
  const path = findChromium();
  if (path === undefined) return skip("there is no Chromium in /usr/bin");
  const folder = await mkdtemp(join(tmpdir(), "joinery-config-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = join(folder, "joinery.config.mjs");
  await writeFile(config, "export default { limits: { maxUpdateStructs: 1 } };");
  const stage = await openStage({ args: ["--config", config] });
  const profile = await openBrowser(path);
  const ann = await Person.open(await profile(), "Ann", stage.server.url, DOCUMENT);
  await ann.goesToText();
  await ann.page.keyboard.insertText("Small enough.");
  await ann.isTold("Saved");

  await ann.draws("Rectangle", [100, 150], [200, 250]);
  await ann.isTold("Refused, 1 edit not yet saved");
  await ann.page.getByRole("alert").filter({ hasText: "structs" }).waitFor();
  expect(await ann.page.locator(".cm-content").getAttribute("aria-readonly")).toBe("true");
  for (const [button, file] of [
    ["Save the text", `${DOCUMENT}.md`],
    ["Save the board’s picture", `${DOCUMENT}.png`],
    ["Save everything", `${DOCUMENT}.yjs`],
  ] as const) {
    const [download] = await Promise.all([
      ann.page.waitForEvent("download"),
      ann.page.getByRole("button", { name: button }).click(),
    ]);
    expect(download.suggestedFilename()).toBe(file);
    expect((await readFile(await download.path())).length).toBeGreaterThan(10);
  }
  await ann.page.reload();
  await ann.isTold("Refused, 1 edit not yet saved");
  await ann.seesOnBoard("Rectangle, plain");
  expect(ann.errors).toEqual([]);
});

test("a new version of the page replaces the old one, also for when there is no network", async ({
  skip,
}) => {
  const path = findChromium();
  if (path === undefined) return skip("there is no Chromium in /usr/bin");
  const folder = await mkdtemp(join(tmpdir(), "joinery-page-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(PAGE, folder, { recursive: true });
  const stage = await openStage({ args: ["--page", folder] });
  const profile = await openBrowser(path);
  const context = await profile();
  const ann = await Person.open(context, "Ann", stage.server.url, DOCUMENT);
  await pageIsKept(ann);

  for (const version of ["second", "third"]) {
    await edit(join(folder, "index.html"), (html) =>
      html.replace("<body", `<body data-version="${version}"`),
    );
    await edit(join(folder, "service-worker.js"), (code) =>
      code.replace(/PAGE_VERSION=("|`)[^"`]*\1/, `PAGE_VERSION="${version}"`),
    );
    // A server that was stopped has forgotten what its files looked like.
    await stage.server.stop();
    await stage.server.start();
    await ann.page.reload();
    await ann.page.locator(`body[data-version="${version}"]`).waitFor();
    await until(`the ${version} version to be kept`, async () => {
      const versions = await ann.page.evaluate(() => caches.keys());
      return versions.length === 2 && versions[1] === `joinery-page-${version}`;
    });
  }
  await context.setOffline(true);
  await ann.page.reload();
  await ann.page.locator('body[data-version="third"]').waitFor();
  await ann.isTold("Offline");
});

test.for([
  { choice: "Keep mine as a copy", copy: true, text: "New life. " },
  { choice: "Merge both", copy: false, text: /^(New life\. Old life\. |Old life\. New life\. )$/ },
  { choice: "Discard mine", copy: false, text: "New life. " },
])(
  "another document under the same name is not merged unasked: $choice",
  async ({ choice, copy, text }, { skip }) => {
    const path = findChromium();
    if (path === undefined) return skip("there is no Chromium in /usr/bin");
    const stage = await openStage();
    const profile = await openBrowser(path);
    const ann = await Person.open(await profile(), "Ann", stage.server.url, DOCUMENT);
    await ann.goesToText();
    await ann.types("Old life. ");
    await ann.isTold("Saved");
    await stage.server.kill();
    await rm(stage.server.dataFolder, { recursive: true });
    await ann.seesState("offline");
    const elsewhere = await profile();
    // Somebody who has never met the old document is there first.
    await ann.page.context().setOffline(true);
    await stage.server.start();
    const bob = await Person.open(elsewhere, "Bob", stage.server.url, DOCUMENT);
    await bob.goesToText();
    await bob.types("New life. ");
    await bob.isTold("Saved");

    await ann.page.context().setOffline(false);
    await ann.seesState("refused");
    const dialog = ann.page.getByRole("dialog", { name: "This is another document now" });
    await dialog.waitFor();
    await ann.reads("Old life. ");
    await dialog.getByRole("button", { name: choice }).click();
    await ann.isTold("Saved");
    if (copy) {
      await ann.reads("Old life. ");
      await expect.poll(() => decodeURIComponent(ann.page.url())).toContain(`/d/${DOCUMENT} (copy `);
      await ann.page.goto(`${stage.server.url}/d/${DOCUMENT}`);
    }
    await expect.poll(() => ann.text(), { timeout: 20_000 }).toMatch(text);
    await expect.poll(() => bob.text(), { timeout: 20_000 }).toMatch(text);
    expect(ann.errors).toEqual([]);
  },
);

async function edit(file: string, change: (content: string) => string): Promise<void> {
  const content = await readFile(file, "utf8");
  const changed = change(content);
  expect(changed).not.toBe(content);
  await writeFile(file, changed);
}

/** Resolves once the browser has the page's own files. */
async function pageIsKept({ page }: Person): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
}

/** Resolves once the browser's database has a value in which the words stand. */
async function isStored({ page, name }: Person, words: string): Promise<void> {
  const look = () =>
    page.evaluate(async (words) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      for (const { name = "" } of await indexedDB.databases()) {
        const database = await done(indexedDB.open(name));
        const stores = [...database.objectStoreNames];
        const values = await Promise.all(
          stores.map((store) => done(database.transaction(store).objectStore(store).getAll())),
        );
        database.close();
        const texts = values.flat().map((value) => new TextDecoder().decode(value as Uint8Array));
        if (texts.some((text) => text.includes(words))) return true;
      }
      return false;
    }, words);
  await until(`${name}'s browser to have stored ${words}`, look);
}

async function newcomerReads(stage: Stage, path: string, text: string): Promise<void> {
  const profile = await openBrowser(path);
  const bob = await Person.open(await profile(), "Bob", stage.server.url, DOCUMENT);
  await bob.reads(text);
  await bob.seesOnBoard("Ellipse, plain");
}

interface RunningChromium {
  readonly context: BrowserContext;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

/** Starts Chromium on a profile folder as a process of our own, which Playwright would not let us kill. */
async function startChromium(path: string, folder: string): Promise<RunningChromium> {
  const portFile = join(folder, "DevToolsActivePort");
  await rm(portFile, { force: true });
  const args = [
    ...CHROMIUM_ARGS,
    "--headless=new",
    "--window-size=1280,800",
    "--remote-debugging-port=0",
    `--user-data-dir=${folder}`,
  ];
  // A group of its own, so that what it has started ends with it.
  const child = spawn(path, [...args, "about:blank"], { detached: true, stdio: "ignore" });
  onTestFinished(() => killGroup(child));
  let port = "";
  await until("Chromium to listen", async () => {
    port = await readFile(portFile, "utf8").then(
      (text) => text.split("\n")[0] ?? "",
      () => "",
    );
    return port !== "";
  });
  const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
  const [context] = browser.contexts();
  if (context === undefined) throw new Error("Chromium has no profile open");
  return { context, kill: () => killGroup(child) };
}

async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await ended;
}
