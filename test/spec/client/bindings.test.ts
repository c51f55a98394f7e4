// @vitest-environment happy-dom
import { JoineryClient } from "@joinery/client";
import { useConnection, useDocument, useDocumentState, useOthers } from "@joinery/client/react";
import { snapshotStore } from "@joinery/client/svelte";
import { useSnapshot } from "@joinery/client/vue";
import { act, createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { effectScope } from "vue";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { MemoryOfflineStore } from "../../support/client-memory-store.ts";
import { ScriptedServer } from "../../support/client-scripted-server.ts";

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client = new JoineryClient({ url: "ws://test", environment: this.environment });

  constructor() {
    onTestFinished(() => this.client.close());
  }

  async live(document: string): Promise<void> {
    await this.environment.settle();
    this.server.link.welcome(document);
    await this.environment.settle();
  }
}

describe("React", () => {
  test("opens a document while a component is mounted, and renders what is true of it", async () => {
    // React asks for this flag where `act` is used.
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
    const stage = new Stage();
    function State({ handle }: { handle: NonNullable<ReturnType<typeof useDocument>> }) {
      const { status, unsaved } = useDocumentState(handle);
      return createElement("i", null, `${status.kind} ${unsaved.count} ${useOthers(handle).length}`);
    }
    function App() {
      const { status } = useConnection(stage.client);
      const handle = useDocument(stage.client, "notes");
      return createElement("p", null, `${status.kind}: `, handle && createElement(State, { handle }));
    }
    const host = document.createElement("div");
    const root = createRoot(host);
    await act(async () => root.render(createElement(StrictMode, null, createElement(App))));
    await act(() => stage.live("notes"));
    expect(host.textContent).toBe("online: online 0 0");
    const notes = stage.client.open("notes");
    await act(async () => notes.doc.getText("text").insert(0, "a"));
    expect(host.textContent).toBe("online: online 1 0");
    await notes.close();
    expect(notes.status.kind).toBe("online");
    await act(async () => root.unmount());
    expect(notes.status.kind).toBe("closed");
  });
});

describe("React, when a document cannot be stored", () => {
  test("unmounts all the same, and throws nothing that nobody can catch", async () => {
    Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
    const stage = new Stage();
    const store = new MemoryOfflineStore();
    stage.environment.store = store;
    const client = new JoineryClient({ url: "ws://test", environment: stage.environment, offline: "kept" });
    onTestFinished(() => client.close());
    function App() {
      return createElement("p", null, useDocument(client, "notes")?.name);
    }
    const root = createRoot(document.createElement("div"));
    await act(async () => root.render(createElement(App)));
    await act(() => stage.environment.settle());
    store.full.add("notes");
    await act(async () => root.unmount());
    await stage.environment.settle();
    expect(store.openDocuments.size).toBe(0);
  });
});

describe("Vue", () => {
  test("follows a document until its scope ends", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    const scope = effectScope();
    const snapshot = scope.run(() => useSnapshot(notes));
    await stage.live("notes");
    expect(snapshot?.value.status.kind).toBe("online");
    scope.stop();
    stage.server.link.lose();
    await stage.environment.settle();
    expect(snapshot?.value.status.kind).toBe("online");
  });
});

describe("Svelte", () => {
  test("follows a document while somebody reads it", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    const kinds: string[] = [];
    const stop = snapshotStore(notes).subscribe(({ status }) => kinds.push(status.kind));
    await stage.live("notes");
    stop();
    stage.server.link.lose();
    await stage.environment.settle();
    expect(kinds[0]).toBe("connecting");
    expect(kinds.at(-1)).toBe("online");
  });
});
