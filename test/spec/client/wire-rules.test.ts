/** Rules of the wire that a client keeps to, seen in the frames that it sends. */

import { type ClientOptions, JoineryClient } from "@joinery/client";
import { ERRORS, retryAfterClose } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { type ScriptedLink, ScriptedServer } from "../../support/client-scripted-server.ts";

class Stage {
  readonly server = new ScriptedServer();
  readonly environment = new FakeEnvironment(this.server.connect);
  readonly client: JoineryClient;

  constructor(options: Partial<ClientOptions> = {}) {
    this.client = new JoineryClient({ url: "ws://test", environment: this.environment, ...options });
    onTestFinished(() => this.client.close());
  }

  get link(): ScriptedLink {
    return this.server.link;
  }

  settle(): Promise<void> {
    return this.environment.settle();
  }
}

/** How many frames with edits have come. */
function edits(link: ScriptedLink): number {
  return link.types().filter((type) => ["update", "answer", "fragment", "seed"].includes(type)).length;
}

describe("edits", () => {
  test("[O5] made before the document is open stay here until the server has said that it is", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    notes.doc.getText("text").insert(0, "early ");
    await stage.settle();
    notes.doc.getText("text").insert(6, "and later");
    await stage.environment.advance(5_000);
    expect(stage.link.types()).toContain("open");
    expect(edits(stage.link)).toBe(0);
    expect(notes.unsaved.count).toBe(2);
    stage.link.welcome("notes");
    await stage.settle();
    expect(edits(stage.link)).toBe(1);
    const received = new Y.Doc();
    Y.applyUpdate(received, stage.link.last("answer").update);
    expect(received.getText("text").toString()).toBe("early and later");
  });

  test("[O5] made while the line is broken stay here until the document is open again", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes");
    await stage.settle();
    stage.link.welcome("notes");
    await stage.settle();
    stage.link.lose();
    notes.doc.getText("text").insert(0, "offline");
    await stage.environment.advance(1_000);
    expect(stage.server.links).toHaveLength(2);
    expect(stage.link.types()).toContain("open");
    expect(edits(stage.link)).toBe(0);
    const { revision } = stage.link.last("open");
    stage.link.welcome("notes", { beginning: revision ? "continue" : "exchange" });
    await stage.settle();
    expect(edits(stage.link)).toBe(1);
  });
});

describe("a seed", () => {
  test("[S6] is offered by who has nothing, and by nobody else", async () => {
    const seed = () => undefined;
    const written = new Y.Doc();
    written.getText("text").insert(0, "mine");
    const erased = new Y.Doc();
    erased.getText("text").insert(0, "gone");
    erased.getText("text").delete(0, 4);
    const stage = new Stage();
    stage.client.open("empty", { seed });
    stage.client.open("written", { seed, doc: written });
    // What was deleted was there once: somebody has begun.
    stage.client.open("erased", { seed, doc: erased });
    stage.client.open("without");
    await stage.settle();
    const offers = stage.link.all("open").map(({ document, offersSeed }) => [document, offersSeed]);
    expect(Object.fromEntries(offers)).toEqual({
      empty: true,
      written: false,
      erased: false,
      without: false,
    });
  });

  test("[S6] is not offered any more once the copy has content", async () => {
    const stage = new Stage();
    const notes = stage.client.open("notes", { seed: () => undefined });
    await stage.settle();
    expect(stage.link.last("open").offersSeed).toBe(true);
    stage.link.lose();
    notes.doc.getText("text").insert(0, "typed meanwhile");
    await stage.environment.advance(1_000);
    expect(stage.link.last("open").offersSeed).toBe(false);
  });
});

describe("a connection that is closed", () => {
  const codes = [...new Set(Object.values(ERRORS).map(({ closeCode }) => closeCode))].sort();
  const permanent = [...codes.filter((code) => retryAfterClose(code) === "never"), 4450, 4499];
  const transient = codes.filter((code) => retryAfterClose(code) === "backoff");

  test.each(permanent)("[R3] with %i is not tried again, and its status says why", async (closeCode) => {
    const stage = new Stage();
    stage.client.open("notes");
    await stage.settle();
    stage.link.lose(closeCode, "because of this");
    await stage.environment.advance(600_000);
    expect(stage.server.links).toHaveLength(1);
    expect(stage.client.status).toMatchObject({ kind: "refused", reason: "because of this" });
    // Somebody who has done something about it may try.
    stage.client.connect();
    await stage.settle();
    expect(stage.server.links).toHaveLength(2);
  });

  test.each(transient)("with %i is tried again", async (closeCode) => {
    const stage = new Stage();
    stage.client.open("notes");
    await stage.settle();
    stage.link.lose(closeCode, "for now");
    await stage.environment.advance(30_000);
    expect(stage.server.links.length).toBeGreaterThan(1);
    expect(stage.client.status.kind).toBe("online");
  });
});

describe("a token", () => {
  test("[W1] in HELLO is the connection's, and one in OPEN its document's", async () => {
    const stage = new Stage({ token: () => "of the connection" });
    stage.client.open("plain");
    stage.client.open("guarded", { token: "of the document" });
    await stage.settle();
    expect(stage.link.last("hello").token).toBe("of the connection");
    const tokens = stage.link.all("open").map(({ document, token }) => [document, token]);
    expect(Object.fromEntries(tokens)).toEqual({ plain: "", guarded: "of the document" });
    expect(stage.link.channelOf("plain")).not.toBe(stage.link.channelOf("guarded"));
  });
});
