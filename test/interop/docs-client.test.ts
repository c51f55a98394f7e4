/**
 * The code in docs/client.md that needs no page: it is taken from there, pointed at a real server, and run. What needs a
 * page is in test/browser/native-embed.test.ts.
 */

import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentSnapshot } from "@joinery/client";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { saveState } from "../../examples/embed/save-state.ts";
import { countDocsBlocks, EXAMPLES, readDocsExamples, withServer } from "../support/docs-examples.ts";
import { ExampleProgram, openExampleFolder } from "../support/example-program.ts";
import { freePort } from "../support/free-port.ts";
import { Peer } from "../support/peer.ts";
import { until } from "../support/until.ts";
import { openClient } from "./native-client.ts";
import { openStage } from "./stage.ts";

const examples = readDocsExamples("client.md");

/** Runs a block as it is in the page, but for the server's address. */
async function run(name: string, wsUrl: string, folder: string): Promise<ExampleProgram> {
  return await ExampleProgram.start({ folder, name, code: withServer(codeOf(name), wsUrl) });
}

function codeOf(name: string): string {
  const code = examples.get(name);
  if (code === undefined) throw new Error(`docs/client.md does not show ${name}`);
  return code;
}

describe("docs/client.md", () => {
  test("shows code that is compiled: each block is a file of examples/embed", () => {
    expect(examples.size).toBe(countDocsBlocks("client.md"));
    expect(examples.size).toBeGreaterThan(10);
    for (const [name, code] of examples) expect(code, name).toBe(readFileSync(join(EXAMPLES, name), "utf8"));
  });

  test("shows all examples that use the client", () => {
    const files = readdirSync(EXAMPLES).filter((name) => /\.tsx?$/.test(name));
    const use = files.filter((name) =>
      readFileSync(join(EXAMPLES, name), "utf8").includes("@joinery/client"),
    );
    expect([...examples.keys()].sort()).toEqual(expect.arrayContaining(use.sort()));
  });
});

test("notes.ts writes, says so only when it is on the server's disk, and ends", async () => {
  const stage = await openStage();
  const folder = await openExampleFolder();
  const ben = await stage.join("notes/today").synced();
  await (await run("notes.ts", stage.server.wsUrl, folder)).ends();
  await stage.server.kill();
  await stage.server.start();
  await until("the text to be there", () => ben.doc.getText("content").toString() === "Hello. ");
  ben.doc.getText("content").insert(0, "Ben: ");
  // What is in the folder, and what Ben did, is there when it runs again.
  await (await run("notes.ts", stage.server.wsUrl, folder)).ends();
  await until("both", () => ben.doc.getText("content").toString() === "Ben: Hello. Hello. ");
});

test("choices.ts brings a seed once, and gives the server what it has lost", async () => {
  const stage = await openStage();
  const first = await run("choices.ts", stage.server.wsUrl, await openExampleFolder());
  const second = await run("choices.ts", stage.server.wsUrl, await openExampleFolder());
  const ben = stage.join("minutes");
  await until("the seed", () => ben.doc.getText("content").toString() === "# Minutes\n");
  ben.leave();
  const cid = openClient({ url: stage.server.wsUrl }).open("minutes");
  await cid.whenSynced();
  cid.doc.getText("content").insert(10, "all of it\n");
  await cid.whenSaved();
  await cid.close();
  await second.kill();

  await stage.server.kill();
  await rm(stage.server.dataFolder, { recursive: true });
  await stage.server.start();
  const dot = stage.join("minutes");
  const whole = "# Minutes\nall of it\n";
  await until("the server to have it again", () => dot.doc.getText("content").toString() === whole);
  await first.kill();
});

test("people.ts is seen, and says whom it sees", async () => {
  const stage = await openStage();
  const program = await run("people.ts", stage.server.wsUrl, await openExampleFolder());
  const ben = stage.join("notes/people");
  ben.awareness.setLocalState({ user: { name: "Ben" } });
  await program.says("somebody calls themselves { name: 'Ben' }");
  const isAnn = (state: Record<string, unknown>) => JSON.stringify(state.user).includes('"Ann"');
  await until("Ann to be seen", () => [...ben.awareness.getStates().values()].some(isAnn));
});

test("reactions.ts and reactions-server.ts talk to each other, and what the schema refuses is told", async () => {
  const folder = await openExampleFolder();
  const port = await freePort();
  const code = codeOf("reactions-server.ts");
  expect(code).toContain("port: 4321");
  await ExampleProgram.start({
    folder,
    name: "server.ts",
    code: code.replace("port: 4321", `port: ${port}`),
  });
  const url = `ws://127.0.0.1:${port}`;
  const ben = openClient({ url }).open("notes/reactions");
  const heard: unknown[] = [];
  ben.on("signal", ({ name, payload }) => heard.push([name, payload]));
  ben.on("notice", ({ code }) => heard.push(code));
  await ben.whenSynced();

  const program = await run("reactions.ts", url, folder);
  await program.says("counted { document: 'notes/reactions', emoji: '👍' } somebody");
  await program.says("reaction { emoji: '👍' } somebody");
  await until("Ben to hear it", () => heard.length === 1);
  ben.signal("reaction", { emoji: "no emoji" });
  await until("Ben to be refused", () => heard.length === 2);
  ben.signal("reaction", { emoji: "🤐" });
  await until("Ben to be answered", () => heard.length === 3);
  expect(heard).toEqual([
    ["reaction", { emoji: "👍" }],
    "SIGNAL_REFUSED",
    ["counted", { document: "notes/reactions", emoji: "🤐" }],
  ]);
  expect(program.output).not.toContain("🤐");
  const peer = new Peer(url, "notes/reactions");
  onTestFinished(() => peer.leave());
  await peer.synced();
});

test("svelte.ts tells what is true of the document, and follows it", async () => {
  const stage = await openStage();
  const folder = await openExampleFolder();
  const print = `notesState.subscribe(({ saved, status }) => console.info(status.kind, saved));
others.subscribe((people) => console.info(people.length + 1, "here"));
notes.doc.getText("content").insert(0, "svelte");`;
  const code = withServer(codeOf("svelte.ts"), stage.server.wsUrl) + print;
  const program = await ExampleProgram.start({ folder, name: "main.ts", code });
  await program.says("online true");
  const ben = await stage.join("notes/svelte").synced();
  expect(ben.doc.getText("content").toString()).toBe("svelte");
  ben.awareness.setLocalState({ name: "Ben" });
  await program.says("2 here");
  await stage.server.kill();
  await program.says("offline true");
  await program.says("1 here");
});

describe("save-state.ts", () => {
  const snapshot: DocumentSnapshot = {
    status: { kind: "online", code: null, reason: null, retryAtMs: null },
    doc: new Y.Doc(),
    isLoaded: true,
    synced: true,
    saved: true,
    unsaved: { count: 0, bytes: 0 },
    permission: "write",
    user: null,
    conflict: null,
    offlineError: null,
  };

  /** The rows of the table of what is saved, with what they show. */
  const rows = [
    ...readFileSync(new URL("../../docs/client.md", import.meta.url), "utf8").matchAll(
      /^\| (`\w+`|any, [^|]+) \| (yes|no) \| [^|]+ \| ([^|]+) \|$/gm,
    ),
  ].map(([, state = "", saved = "", words = ""]) => ({ state, saved: saved === "yes", words }));

  test("is shown for every state that a document can be in", () => {
    expect(rows).toHaveLength(10);
  });

  test.each(rows)("says “$words” where the page says that: $state, $saved", ({ state, saved, words }) => {
    const isRead = state.startsWith("any");
    const kinds = isRead ? ["online", "offline", "connecting"] : [state.replaceAll("`", "")];
    for (const kind of kinds as DocumentSnapshot["status"]["kind"][]) {
      const said = saveState({
        ...snapshot,
        status: { ...snapshot.status, kind, reason: "the reason" },
        permission: isRead ? "read" : "write",
        saved,
        unsaved: saved ? snapshot.unsaved : { count: 3, bytes: 60 },
      });
      expect(said).toBe(words);
    }
  });
});
