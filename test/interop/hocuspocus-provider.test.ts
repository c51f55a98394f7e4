/** The published Hocuspocus providers, of versions 2, 3 and 4, against the real server process. */

import { describe, expect, onTestFinished, test } from "vitest";
import {
  HocuspocusPeer,
  type HocuspocusPeerOptions,
  openProviderSocket,
  PROVIDER_VERSIONS,
  type ProviderVersion,
} from "../support/hocuspocus-peer.ts";
import { until } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

function join(
  stage: Stage,
  version: ProviderVersion,
  document = "notes",
  options?: HocuspocusPeerOptions,
): HocuspocusPeer {
  const peer = new HocuspocusPeer(version, `${stage.server.wsUrl}/any/path`, document, options);
  onTestFinished(() => peer.leave());
  return peer;
}

describe.each(PROVIDER_VERSIONS)("provider %i", (version) => {
  test("joins, says who may write, and is synced with nothing unsaved", async () => {
    const stage = await openStage();
    const ann = await join(stage, version).synced();
    await ann.saved();
    expect(ann.provider.isAuthenticated).toBe(true);
    expect(ann.provider.authorizedScope).toBe("read-write");
    expect(ann.denials).toEqual([]);
  });

  test("edits both ways, with one of its kind and with a y-websocket provider", async () => {
    const stage = await openStage();
    const [ann, ben] = [await join(stage, version).synced(), await join(stage, version).synced()];
    const cid = await stage.join("notes").synced();
    ann.text.insert(0, "ann ");
    await Promise.all([ben.reads("ann "), cid.reads("ann ")]);
    ben.text.insert(4, "ben ");
    cid.text.insert(0, "cid ");
    for (const peer of [ann, ben, cid]) await until("all to arrive", () => peer.text.length === 12);
    expect(ann.text.toString()).toBe("cid ann ben ");
    await Promise.all([ann.saved(), ben.saved()]);
    await join(stage, version).reads("cid ann ben ");
  });

  test("shows and sees presence, and its end", async () => {
    const stage = await openStage();
    const [ann, ben] = [await join(stage, version).synced(), await join(stage, version).synced()];
    ann.awareness.setLocalState({ name: "Ann" });
    await ben.sees(ann.doc.clientID, ({ name }) => name === "Ann");
    const late = await join(stage, version).synced();
    await late.sees(ann.doc.clientID, ({ name }) => name === "Ann");
    ann.socket.destroy();
    await ben.seesNo(ann.doc.clientID);
    await late.seesNo(ann.doc.clientID);
  });

  test("comes back after a restart with what it wrote meanwhile", async () => {
    const stage = await openStage();
    const [ann, ben] = [await join(stage, version).synced(), await join(stage, version).synced()];
    ann.text.insert(0, "before ");
    await ann.saved();
    await ben.reads("before ");
    await stage.server.stop();
    await until("ann to be off line", () => !ann.provider.synced);
    ann.text.insert(7, "ann ");
    ben.text.insert(7, "ben ");
    await stage.server.start();
    for (const peer of [ann, ben])
      await until("all to arrive", () => peer.text.length === 15, { saw: () => peer.text.toString() });
    await Promise.all([ann.saved(), ben.saved()]);
    expect(ann.text.toString()).toBe(ben.text.toString());
    expect(ann.denials).toEqual([]);
  });

  test("has several documents on one connection, which do not mix", async () => {
    const stage = await openStage();
    const socket = openProviderSocket(version, stage.server.wsUrl);
    onTestFinished(() => socket.destroy());
    const notes = await join(stage, version, "notes", { socket }).synced();
    const plans = await join(stage, version, "plans/ünï", { socket }).synced();
    notes.text.insert(0, "notes");
    plans.text.insert(0, "plans");
    await Promise.all([notes.saved(), plans.saved()]);
    await join(stage, version, "notes").reads("notes");
    notes.provider.destroy();
    await (await stage.join("plans/ünï").synced()).reads("plans");
    plans.text.insert(5, "!");
    await plans.saved();
    await (await stage.join("plans/ünï").synced()).reads("plans!");
  });

  test("is told why it may not open a document, and the other one on its connection goes on", async () => {
    const stage = await openStage();
    const socket = openProviderSocket(version, stage.server.wsUrl);
    onTestFinished(() => socket.destroy());
    const bad = await join(stage, version, "\u202enotes", { socket });
    const ann = await join(stage, version, "notes", { socket }).synced();
    await until("the refusal", () => bad.denials.length > 0);
    expect(bad.denials[0]).toMatch(/direction of text/);
    ann.text.insert(0, "on");
    await ann.saved();
    expect(bad.denials).toHaveLength(1);
  });

  test("counts what is saved exactly, whatever asks in between", async () => {
    const stage = await openStage();
    const ann = await join(stage, version).synced();
    await ann.saved();
    for (let i = 0; i < 50; i++) {
      ann.text.insert(ann.text.length, "x");
      if (i % 10 === 0) ann.provider.forceSync();
    }
    await ann.saved();
    expect(ann.provider.unsyncedChanges).toBe(0);
    ann.text.insert(0, "y");
    expect(ann.provider.unsyncedChanges).toBe(1);
    await ann.saved();
    await stage.server.kill();
    await stage.server.start();
    await (await stage.join("notes").synced()).reads(`y${"x".repeat(50)}`);
  });
});

test("two providers with one name share a connection by session awareness, and each is a session of its own", async () => {
  const stage = await openStage();
  const socket = openProviderSocket(4, stage.server.wsUrl);
  onTestFinished(() => socket.destroy());
  const options = { socket, sessionAwareness: true };
  const [ann, ben] = [join(stage, 4, "notes", options), join(stage, 4, "notes", options)];
  await Promise.all([ann.synced(), ben.synced()]);
  ann.text.insert(0, "hello");
  await ben.reads("hello");
  ben.awareness.setLocalState({ name: "Ben" });
  await ann.sees(ben.doc.clientID, ({ name }) => name === "Ben");
  ben.leave();
  await ann.seesNo(ben.doc.clientID);
  ann.text.insert(5, "!");
  await ann.saved();
});

test("providers of all versions, in one document, end with the same text", async () => {
  const stage = await openStage();
  const peers = PROVIDER_VERSIONS.map((version) => join(stage, version));
  await Promise.all(peers.map((peer) => peer.synced()));
  for (let i = 0; i < 100; i++) {
    for (const { text, version } of peers) text.insert(Math.floor(text.length / 2), String(version));
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(peers.map((peer) => peer.saved()));
  for (const { text } of peers) await until("all to arrive", () => text.length === 300);
  expect(new Set(peers.map(({ text }) => text.toString())).size).toBe(1);
});
