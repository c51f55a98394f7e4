/**
 * The code in docs/client.md that needs a page: bundled by Vite, opened in Chromium, and used by hand, while somebody has
 * the same document open by a published y-websocket provider.
 */

import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { openStage, type Stage } from "../interop/stage.ts";
import type { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { type Pages, servePages } from "./example-pages.ts";
import { findChromium, openBrowser } from "./person.ts";

const PAGES: Pages = {
  codemirror: `import "./codemirror.ts"; import { JoineryClient } from "@joinery/client";
    // What is in the store, as another tab sees it.
    globalThis.unsaved = async () => {
      const tab = new JoineryClient({ url: "ws://127.0.0.1:1", offline: "my-app" });
      const pending = await tab.pending();
      await tab.close();
      return pending.reduce((sum, { unsaved }) => sum + unsaved, 0);
    };`,
  prosemirror: 'import "./prosemirror.ts";',
  scene: 'import "./scene-in-step.ts"; import { scene } from "./scene.ts"; globalThis.scene = scene;',
  store: 'import "./store-in-step.ts"; import { store } from "./store.ts"; globalThis.store = store;',
  react: `import { Notes } from "./react.tsx"; import { createElement, StrictMode } from "react";
    import { createRoot } from "react-dom/client";
    const root = createRoot(document.querySelector("#editor"));
    root.render(createElement(StrictMode, null, createElement(Notes, { name: "react" })));`,
  vue: `import { useNotes } from "./vue.ts"; import { createApp, h } from "vue";
    const setup = () => {
      const { notes, state, others } = useNotes("vue");
      globalThis.notes = notes;
      return () => h("output", state.value.status.kind + ", " + state.value.saved + ", " + others.value.length);
    };
    globalThis.app = createApp({ setup });
    globalThis.app.mount("#editor");`,
};

interface Window {
  readonly stage: Stage;
  readonly page: Page;
  readonly url: string;
  /** Somebody else in the document. */
  readonly ben: Peer;
}

/** Opens a page, and its document as somebody else; `null` where there is no Chromium. */
async function openWindow(name: keyof typeof PAGES, document: string): Promise<Window | null> {
  const chromium = findChromium();
  if (chromium === undefined) return null;
  const stage = await openStage();
  const ben = await stage.join(document).synced();
  ben.awareness.setLocalState({ user: { name: "Ben", color: "#b4402f" } });
  const code = PAGES[name] as string;
  const url = await servePages({ [name]: code }, stage.server.wsUrl);
  const page = await (await (await openBrowser(chromium))()).newPage();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  onTestFinished(() => expect(errors).toEqual([]));
  await page.goto(`${url}/${name}`);
  return { stage, page, url: `${url}/${name}`, ben };
}

const NO_CHROMIUM = "there is no Chromium in /usr/bin";

test("codemirror.ts: what is typed reaches others, what others type is shown, and it is there offline", async ({
  skip,
}) => {
  const window = await openWindow("codemirror", "notes/today");
  if (window === null) return skip(NO_CHROMIUM);
  const { stage, page, ben, url } = window;
  const text = ben.doc.getText("content");
  await page.locator(".cm-content").click();
  await page.keyboard.type("Typed here");
  await until("Ben to read it", () => text.toString() === "Typed here");
  text.insert(10, ", and there");
  await page.getByText("Typed here, and there").waitFor();
  const isAnn = ({ user }: Record<string, unknown>) => JSON.stringify(user).includes('"Ann"');
  await until("Ben to see Ann", () => [...ben.awareness.getStates().values()].some(isAnn));

  // One's own typing only.
  await page.keyboard.press("ControlOrMeta+z");
  await until("Ben to see it undone", () => text.toString() === ", and there");

  await until("all to be saved", async () => (await evaluate(page, "unsaved()")) === 0);
  await stage.server.kill();
  await page.keyboard.press("Home");
  await page.keyboard.type("Offline");
  await until("it to be stored", async () => (await evaluate(page, "unsaved()")) === "Offline".length);
  await page.reload();
  await page.getByText("Offline, and there").waitFor();
  await stage.server.start();
  await until("Ben to read that too", () => text.toString() === "Offline, and there");
  expect(page.url()).toBe(url);
});

test("prosemirror.ts: what is typed reaches others, and what others type is shown", async ({ skip }) => {
  const window = await openWindow("prosemirror", "article");
  if (window === null) return skip(NO_CHROMIUM);
  const { page, ben } = window;
  const content = ben.doc.getXmlFragment("content");
  await page.locator(".ProseMirror").click();
  await page.keyboard.type("Typed here");
  await until("Ben to read it", () => content.toString() === "<paragraph>Typed here</paragraph>");
  const paragraph = new Y.XmlElement("heading");
  paragraph.setAttribute("level", 1 as unknown as string);
  paragraph.insert(0, [new Y.XmlText("Typed there")]);
  content.insert(0, [paragraph]);
  await page.locator("h1").filter({ hasText: "Typed there" }).waitFor();
  await page.locator("p").filter({ hasText: "Typed here" }).waitFor();
  await page.keyboard.type(" too");
  await until("Ben to read on", () => content.toString().includes("<paragraph>Typed here too</paragraph>"));
});

test("scene-in-step.ts: elements that are drawn and erased reach others, and theirs are shown", async ({
  skip,
}) => {
  const window = await openWindow("scene", "sketch");
  if (window === null) return skip(NO_CHROMIUM);
  const { page, ben } = window;
  const shared = ben.doc.getMap<{ version: number; isDeleted: boolean; label: string }>("elements");
  const shown = () => evaluate<string[]>(page, "scene.elements.map(({ id, label }) => id + ' ' + label)");
  await ready(page, "scene");
  await evaluate(page, "scene.draw('a', 'square')");
  await until("Ben to see it", () => shared.get("a")?.label === "square");
  ben.doc.transact(() => {
    shared.set("a", { ...shared.get("a"), id: "a", label: "circle", version: 2 } as never);
    shared.set("b", { id: "b", label: "note", version: 1, isDeleted: false } as never);
  });
  await until("both to be shown", async () => (await shown()).sort().join() === "a circle,b note");
  await evaluate(page, "scene.erase('b')");
  await until("Ben to see it erased", () => shared.get("b")?.isDeleted === true);
  expect(shared.get("a")).toMatchObject({ label: "circle", version: 2 });
});

test("store-in-step.ts: shapes that are put, changed and removed reach others, and theirs are shown", async ({
  skip,
}) => {
  const window = await openWindow("store", "board");
  if (window === null) return skip(NO_CHROMIUM);
  const { page, ben } = window;
  const shared = ben.doc.getMap<{ id: string; label: string }>("shapes");
  const shown = () => evaluate<string[]>(page, "store.shapes.map(({ id, label }) => id + ' ' + label)");
  await ready(page, "store");
  await evaluate(page, "store.put([{ id: 'a', label: 'square' }, { id: 'b', label: 'note' }])");
  await until("Ben to see both", () => shared.size === 2);
  await evaluate(page, "store.put([{ id: 'a', label: 'circle' }])");
  await until("Ben to see the change", () => shared.get("a")?.label === "circle");
  await evaluate(page, "store.remove(['a'])");
  await until("Ben to see one removed", () => !shared.has("a"));
  shared.set("c", { id: "c", label: "arrow" });
  shared.delete("b");
  await until("the page to show it", async () => (await shown()).join() === "c arrow");
  expect([...shared.keys()]).toEqual(["c"]);
  await page.reload();
  await ready(page, "store");
  expect(await shown()).toEqual(["c arrow"]);
});

test("react.tsx: an editor in a component, with what is saved and who is here", async ({ skip }) => {
  const window = await openWindow("react", "react");
  if (window === null) return skip(NO_CHROMIUM);
  const { stage, page, ben } = window;
  const text = ben.doc.getText("content");
  await page.getByText("2 here").waitFor();
  await page.locator(".cm-content").click();
  await page.keyboard.type("Typed here");
  await until("Ben to read it", () => text.toString() === "Typed here");
  text.insert(0, "There, and t");
  await page.getByText("There, and tTyped here").waitFor();
  await page
    .locator("output")
    .filter({ hasText: /^Saved$/ })
    .waitFor();
  await stage.server.kill();
  await page.getByText("1 here").waitFor();
  await page.keyboard.type("...");
  await page.getByText("3 not yet saved").waitFor();
  await stage.server.start();
  await page
    .locator("output")
    .filter({ hasText: /^Saved$/ })
    .waitFor();
  await until("Ben to read the rest", () => text.toString().endsWith("..."));
});

test("vue.ts: a composable that follows a document for as long as its component lives", async ({ skip }) => {
  const window = await openWindow("vue", "vue");
  if (window === null) return skip(NO_CHROMIUM);
  const { stage, page, ben } = window;
  await page.getByText("online, true, 1").waitFor();
  await evaluate(page, "notes.doc.getText('content').insert(0, 'Typed here')");
  await until("Ben to read it", () => ben.doc.getText("content").toString() === "Typed here");
  await page.getByText("online, true, 1").waitFor();
  await stage.server.kill();
  await page.getByText("offline, true, 0").waitFor();
  await evaluate(page, "app.unmount()");
  await until(
    "the document to be closed",
    async () => (await evaluate(page, "notes.status.kind")) === "closed",
  );
});

/** Waits until the page's module has run, as its last statement shows. */
async function ready(page: Page, name: string): Promise<void> {
  await page.waitForFunction((global) => global in globalThis, name);
}

async function evaluate<T = unknown>(page: Page, expression: string): Promise<T> {
  return (await page.evaluate(expression)) as T;
}
