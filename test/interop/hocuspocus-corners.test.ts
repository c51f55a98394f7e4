/** The published Hocuspocus providers where applications use them in odd ways: none may be left waiting to be saved. */

import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import {
  HocuspocusPeer,
  type HocuspocusPeerOptions,
  openProviderSocket,
  PROVIDER_VERSIONS,
  type ProviderSocket,
  type ProviderVersion,
} from "../support/hocuspocus-peer.ts";
import { openStage, type Stage } from "./stage.ts";

function join(stage: Stage, version: ProviderVersion, options?: HocuspocusPeerOptions): HocuspocusPeer {
  const peer = new HocuspocusPeer(version, stage.server.wsUrl, "notes", options);
  onTestFinished(() => peer.leave());
  return peer;
}

function socketOf(stage: Stage, version: ProviderVersion): ProviderSocket {
  const socket = openProviderSocket(version, stage.server.wsUrl);
  onTestFinished(() => socket.destroy());
  return socket;
}

describe.each(PROVIDER_VERSIONS)("a provider %i", (version) => {
  test("that is made anew at once, on the same connection and of the same document, is saved", async () => {
    const stage = await openStage();
    const [socket, doc] = [socketOf(stage, version), new Y.Doc()];
    for (let i = 0; i < 5; i++) {
      const passing = new HocuspocusPeer(version, stage.server.wsUrl, "notes", { socket, doc });
      passing.text.insert(0, "x");
      if (i === 2) await passing.synced();
      passing.provider.destroy();
    }
    const last = join(stage, version, { socket, doc });
    last.text.insert(0, "y");
    await last.synced();
    await last.saved();
    await join(stage, version).reads("yxxxxx");
  });

  test("whose token takes its time, while somebody types, is saved and counts to 0", async () => {
    const stage = await openStage();
    const token = Promise.withResolvers<string>();
    const ann = join(stage, version, { token: () => token.promise });
    const open = Promise.withResolvers<void>();
    ann.provider.on("open", () => open.resolve());
    await open.promise;
    for (let i = 0; i < 5; i++) ann.text.insert(0, "x");
    token.resolve("late");
    await ann.synced();
    await ann.saved();
    expect(ann.provider.unsyncedChanges).toBe(0);
    ann.text.insert(0, "y");
    expect(ann.provider.unsyncedChanges).toBe(1);
    await ann.saved();
    await join(stage, version).reads("yxxxxx");
  });

  test("with a document that stays empty has nothing unsaved, however often it asks", async () => {
    const stage = await openStage();
    const ann = await join(stage, version).synced();
    for (let i = 0; i < 3; i++) {
      await ann.saved();
      ann.provider.forceSync();
      expect(ann.provider.unsyncedChanges).toBe(1);
    }
    await ann.saved();
  });
});

describe.each([3, 4] as const)("a provider %i", (version) => {
  test("that is detached, written to and attached again is saved", async () => {
    const stage = await openStage();
    const ann = await join(stage, version).synced();
    await ann.saved();
    const provider = ann.provider as unknown as { detach(): void; attach(): void };
    for (const text of ["a", "b"]) {
      provider.detach();
      ann.text.insert(0, text);
      provider.attach();
    }
    await ann.saved();
    expect(ann.provider.unsyncedChanges).toBe(0);
    await join(stage, version).reads("ba");
  });

  test("whose token cannot be had is let in where none is needed", async () => {
    const stage = await openStage();
    const ann = join(stage, version, { token: () => Promise.reject(new Error("no token")) });
    ann.text.insert(0, "a");
    await ann.synced();
    await ann.saved();
    expect(ann.denials).toHaveLength(1);
  });
});

describe("a provider 4", () => {
  test("that sends its edits in bundles counts each bundle once", async () => {
    const stage = await openStage();
    const ann = await join(stage, 4, { flushDelayMs: 20 }).synced();
    await ann.saved();
    for (let i = 0; i < 50; i++) {
      ann.text.insert(0, "x");
      if (i % 10 === 9) await ann.saved();
    }
    expect(ann.provider.unsyncedChanges).toBe(0);
    await join(stage, 4).reads("x".repeat(50));
  });

  test("of a document that another one on the connection has, too, is saved: both are", async () => {
    const stage = await openStage();
    const [socket, doc] = [socketOf(stage, 4), new Y.Doc()];
    const options = { socket, doc, sessionAwareness: true };
    const both = [join(stage, 4, options), join(stage, 4, options)];
    doc.getText("text").insert(0, "a");
    for (const peer of both) await peer.synced();
    for (let i = 0; i < 10; i++) doc.getText("text").insert(0, "x");
    for (const peer of both) await peer.saved();
    for (const peer of both) expect(peer.provider.unsyncedChanges).toBe(0);
  });

  test("of a document that another one has on another connection is saved: both are", async () => {
    const stage = await openStage();
    const doc = new Y.Doc();
    const both = [join(stage, 4, { doc }), join(stage, 4, { doc })];
    for (const peer of both) await peer.synced();
    for (let i = 0; i < 10; i++) doc.getText("text").insert(0, "x");
    for (const peer of both) await peer.saved();
  });
});
