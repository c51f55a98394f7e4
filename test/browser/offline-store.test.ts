/** The offline store on a browser's IndexedDB: reload, two tabs, a quota that is used up, site data that is cleared. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import { build, type Rolldown } from "vite";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import type { openLevelStore } from "../../client/src/offline/level-store.ts";
import type { OfflineDocument, OfflineStore } from "../../client/src/offline/ports.ts";
import { BRANCH } from "../support/branch.ts";
import { findChromium, openBrowser } from "./person.ts";

const STORE = fileURLToPath(new URL("../../client/src/offline/level-store.ts", import.meta.url));
const LINEAGE = "00112233445566778899aabbccddeeff";
const MIB = 1024 * 1024;
/** How often somebody opens a document while another tab folds it. */
const LOOKS = 30;

/** What the page's script has put there. */
declare const page: {
  openLevelStore: typeof openLevelStore;
  store: OfflineStore;
  document: OfflineDocument;
  errors: string[];
  isDone: boolean;
};

/** A tab that has a document of the store open. */
class Tab {
  readonly page: Page;

  private constructor(browserPage: Page) {
    this.page = browserPage;
  }

  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const tab = new Tab(await context.newPage());
    await tab.page.goto(url);
    await tab.#openDocument();
    return tab;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.#openDocument();
  }

  /** Types the numbers, each an edit of so many bytes, and waits for the disk. Returns why that failed. */
  types(numbers: readonly number[], bytes = 1): Promise<string | null> {
    return this.page.evaluate(
      async ({ numbers, bytes }) => {
        for (const n of numbers) {
          // Random, as the browser counts what is left when it has packed it.
          const edit = new Uint8Array(bytes);
          for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(edit.subarray(at, at + 65_536));
          edit[0] = n;
          page.document.addLocal(edit);
        }
        return page.document.flush().then(
          () => null,
          (error: Error) => error.message,
        );
      },
      { numbers, bytes },
    );
  }

  flush(): Promise<string | null> {
    return this.types([]);
  }

  /** First bytes of what is in the document as it was found, in order. */
  found(): Promise<{ unsaved: number[]; updates: number[]; seq: number | undefined }> {
    return this.page.evaluate(() => {
      const { unsaved, updates, revision } = page.document.copy;
      const firsts = (list: readonly Uint8Array[]) => list.map((update) => update[0] ?? -1);
      return { unsaved: firsts(unsaved), updates: firsts(updates), seq: revision?.seq };
    });
  }

  errors(): Promise<string[]> {
    return this.page.evaluate(() => page.errors);
  }

  #openDocument(): Promise<void> {
    return this.page.evaluate(async () => {
      page.errors = [];
      page.store = await page.openLevelStore("joinery test");
      page.document = await page.store.open("notes", (error) => page.errors.push(error?.message ?? "well"));
    });
  }
}

/** The store, bundled once. */
let script: string | undefined;

async function openSite({ skip }: TestContext): Promise<{ context: BrowserContext; url: string }> {
  const chromium = findChromium();
  if (chromium === undefined) return skip("there is no Chromium in /usr/bin");
  script ??= await bundle();
  const server = createServer((request, response) => {
    const isScript = request.url === "/store.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { context: await (await openBrowser(chromium))(), url };
}

const PAGE = `<!doctype html><title>store</title><script type="module">
  import { openLevelStore } from "/store.js";
  window.page = { openLevelStore };
</script>`;

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    build: { write: false, lib: { entry: STORE, formats: ["es"], fileName: "store" } },
  });
  const [result] = [built].flat() as Rolldown.RolldownOutput[];
  const [chunk, ...others] = result?.output ?? [];
  expect(others).toEqual([]);
  return (chunk as Rolldown.OutputChunk).code;
}

test("a reload finds what was written, in order, with what is unsaved and the revision", async (context) => {
  const site = await openSite(context);
  const tab = await Tab.open(site.context, site.url);
  expect(await tab.types([1, 2, 3])).toBeNull();
  const revision = { lineage: LINEAGE, seq: 7, branch: BRANCH };
  await tab.page.evaluate(async (revision) => {
    page.document.addRemote(Uint8Array.of(9));
    page.document.saved(1);
    page.document.setRevision(revision, revision.lineage);
    await page.document.flush();
  }, revision);
  await tab.reload();
  expect((await tab.found()).unsaved, "edits of one batch are saved together").toEqual([1, 2, 3]);
  expect(await tab.page.evaluate(() => page.store.pending())).toEqual([
    { document: "notes", unsaved: 3, bytes: 3 },
  ]);
  await tab.page.evaluate(async () => {
    page.document.saved(3);
    page.document.compact(Uint8Array.of(77));
    await page.document.flush();
  });
  await tab.reload();
  expect(await tab.found()).toEqual({ unsaved: [], updates: [77], seq: 7 });
  expect(await tab.page.evaluate(() => page.store.pending())).toEqual([]);
  expect(await tab.errors()).toEqual([]);
});

test("two tabs write and fold at once, and a third one finds all of it", async (context) => {
  const site = await openSite(context);
  const [ann, bob] = [await Tab.open(site.context, site.url), await Tab.open(site.context, site.url)];
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  const [odd, even] = [numbers.filter((n) => n % 2 === 1), numbers.filter((n) => n % 2 === 0)];
  await Promise.all(
    [ann, bob].map(async (tab, i) => {
      for (const n of i === 0 ? odd : even) {
        expect(await tab.types([n])).toBeNull();
        if (n % 10 < 2) await tab.page.evaluate((n) => page.document.compact(Uint8Array.of(100 + n)), n);
      }
    }),
  );
  for (const tab of [ann, bob]) expect(await tab.flush()).toBeNull();
  const next = await Tab.open(site.context, site.url);
  const { unsaved, updates } = await next.found();
  expect(unsaved.toSorted((a, b) => a - b)).toEqual(numbers);
  expect(updates.filter((n) => n >= 100).toSorted(), "one snapshot of each").toEqual([190, 191]);
  for (const tab of [ann, bob, next]) expect(await tab.errors()).toEqual([]);
});

test("who opens a document while another tab folds it finds a whole one", async (context) => {
  const site = await openSite(context);
  const ann = await Tab.open(site.context, site.url);
  const bob = await Tab.open(site.context, site.url);
  // What came first is in every snapshot, so it is found at any moment, once or more.
  await ann.page.evaluate(async () => {
    page.document.addRemote(Uint8Array.of(1));
    await page.document.flush();
  });
  const folded = ann.page.evaluate(async () => {
    while (!page.isDone) {
      for (let i = 0; i < 20; i++) page.document.addRemote(Uint8Array.of(2));
      page.document.compact(Uint8Array.of(1));
      await page.document.flush();
    }
  });
  for (let look = 0; look < LOOKS; look++) {
    const firsts = await bob.page.evaluate(async () => {
      const document = await page.store.open("notes", (error) => page.errors.push(error?.message ?? "well"));
      await document.close();
      return document.copy.updates.map((update) => update[0]);
    });
    expect(firsts).toContain(1);
  }
  await ann.page.evaluate(() => {
    page.isDone = true;
  });
  await folded;
  expect(await bob.errors()).toEqual([]);
});

test("a quota that is used up is told once, loses nothing, and is written to again when there is room", async (context) => {
  const site = await openSite(context);
  const browser = await site.context.newCDPSession(await site.context.newPage());
  // First of all: the browser remembers for a while how much is left.
  await browser.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 3 * MIB });
  const tab = await Tab.open(site.context, site.url);
  expect(await tab.types([1, 2])).toBeNull();
  let refused: string | null = null;
  let next = 3;
  for (; refused === null && next < 50; next++) refused = await tab.types([next], MIB);
  expect(refused).toMatch(
    /^the local copy of document "notes" cannot be written, and waits in memory: .*quota/i,
  );
  expect(await tab.types([next])).toBe(refused);
  expect(await tab.errors(), "told once").toEqual([refused]);
  await browser.send("Storage.overrideQuotaForOrigin", { origin: site.url });
  expect(await tab.flush()).toBeNull();
  await tab.reload();
  expect((await tab.found()).unsaved).toEqual(Array.from({ length: next }, (_, n) => n + 1));
});

test("site data that is cleared while a tab is open is written again", async (context) => {
  const site = await openSite(context);
  const tab = await Tab.open(site.context, site.url);
  expect(await tab.types([1, 2])).toBeNull();
  const browser = await site.context.newCDPSession(tab.page);
  await browser.send("Storage.clearDataForOrigin", { origin: site.url, storageTypes: "indexeddb" });
  await tab.types([3]);
  await tab.flush();
  expect(await tab.errors()).toContain(
    'the local copy of document "notes" is not as it was written, and is written again',
  );
  await tab.reload();
  expect((await tab.found()).unsaved.toSorted()).toEqual([1, 2, 3]);
});
