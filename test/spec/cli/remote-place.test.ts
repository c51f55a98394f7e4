import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { docOf, edit, Written, withStorage } from "../inspect/folder-stage.ts";
import { type Answering, answering, sendJson, sendProblem } from "./remote-stage.ts";
import { joinery } from "./stage.ts";

let parent = "";
let folder = "";

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-place-"));
  folder = join(parent, "data");
  await withStorage(folder, async (storage) => {
    const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x"));
    await new Written(storage, "in the folder").append([{ author: "", update }]);
  });
});

afterAll(() => rm(parent, { recursive: true, force: true }));

afterEach(async () => {
  await rm(join(folder, "server.json"), { force: true });
});

const KEY = "the-key";

const LISTING = {
  ...{ document: "on the server", lineage: "0".repeat(32), branch: "0".repeat(16), seq: 1, bytes: 3 },
  ...{ snapshotSeq: 0, snapshotBytes: 0, logEntries: 1, logBytes: 3, keptBytes: 0 },
  ...{ changedAt: "2026-01-31T12:00:00.000Z", bornAt: "2026-01-31T12:00:00.000Z", damage: null },
};

/** A server with one document, which says that it is a process of this number. */
function serving(pid = process.pid): RequestListener {
  return ({ url, headers }, response) => {
    if (headers.authorization !== `Bearer ${KEY}`) {
      sendProblem(response, 401, { code: "UNAUTHENTICATED", detail: "no", retry: "after-auth" });
    } else if (url === "/api/v1/stats") sendJson(response, { pid });
    else sendJson(response, { documents: [LISTING], next: null, damage: null });
  };
}

async function leaveWord(word: unknown): Promise<void> {
  await writeFile(join(folder, "server.json"), typeof word === "string" ? word : JSON.stringify(word));
}

/** What `joinery ls` lists. */
async function listed(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const { code, stdout, stderr } = await joinery(["ls", "--json", ...args]);
  const names =
    stdout === ""
      ? []
      : stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).document);
  return { code, names, stderr };
}

const FROM_FOLDER = { code: 0, names: ["in the folder"], stderr: "" };
const FROM_SERVER = { code: 0, names: ["on the server"], stderr: "" };

describe("a folder that a server has open", () => {
  test("is read through that server, with the key that it left", async () => {
    const { url } = await answering(serving());
    await leaveWord({ pid: process.pid, url, key: KEY });
    expect(await listed(["--data", folder])).toEqual(FROM_SERVER);
  });

  test("is read through that server also where it listens at all addresses", async () => {
    const { url } = await answering(serving());
    await leaveWord({ pid: process.pid, url: url.replace("127.0.0.1", "0.0.0.0"), key: KEY });
    expect(await listed(["--data", folder])).toEqual(FROM_SERVER);
  });

  test.each<[string, (server: Answering) => unknown]>([
    ["of a process that is gone", ({ url }) => ({ pid: 2 ** 22 + 1, url, key: KEY })],
    ["of another server, which listens there by now", ({ url }) => ({ pid: process.ppid, url, key: KEY })],
    ["with a key that is not good", ({ url }) => ({ pid: process.pid, url, key: "old" })],
    ["without a key", ({ url }) => ({ pid: process.pid, url })],
    ["half written", ({ url }) => JSON.stringify({ pid: process.pid, url }).slice(0, 20)],
    ["that is something else", () => "[]"],
    ["at no address", () => ({ pid: process.pid, url: "", key: KEY })],
  ])("is read itself where the word is one %s", async (_, word) => {
    await leaveWord(word(await answering(serving())));
    expect(await listed(["--data", folder])).toEqual(FROM_FOLDER);
  });

  test("is read itself where nobody answers, and where something else does", async () => {
    const gone = await answering(serving());
    await gone.close();
    await leaveWord({ pid: process.pid, url: gone.url, key: KEY });
    expect(await listed(["--data", folder])).toEqual(FROM_FOLDER);
    const other = await answering((_, response) => void response.end("<h1>Hello</h1>"));
    await leaveWord({ pid: process.pid, url: other.url, key: KEY });
    expect(await listed(["--data", folder])).toEqual(FROM_FOLDER);
  });

  test("is no folder that can be followed or watched when none has it", async () => {
    for (const [command, what] of [
      ["tail", "nobody to follow"],
      ["top", "nothing to watch"],
    ] as const) {
      const names = command === "tail" ? ["a"] : [];
      const { code, stdout, stderr } = await joinery([command, "--data", folder, ...names]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(`there is ${what}: no server has the data folder ${folder} open`);
    }
  });
});

describe("a server", () => {
  test("is named by --server or JOINERY_SERVER, its token by --token, JOINERY_TOKEN or a file", async () => {
    const { url } = await answering(serving());
    expect(await listed(["--server", url, "--token", KEY])).toEqual(FROM_SERVER);
    const file = join(parent, "token");
    await writeFile(file, `${KEY}\n`);
    expect(await listed(["--server", `${url}/`, "--token-file", file])).toEqual(FROM_SERVER);
    expect(await listed([], { JOINERY_SERVER: url, JOINERY_TOKEN: KEY })).toEqual(FROM_SERVER);
  });

  test("that refuses the token is told in one line", async () => {
    const { url } = await answering(serving());
    for (const token of [[], ["--token", "wrong"]]) {
      const { code, names, stderr } = await listed(["--server", url, ...token]);
      expect({ code, names }).toEqual({ code: 1, names: [] });
      expect(stderr).toMatch(new RegExp(`^joinery: no.*the server ${url} .*token.*\n$`));
    }
  });

  test("that is not there is told at once by what would wait for it", async () => {
    const server = await answering(serving());
    await server.close();
    for (const args of [["tail", "a"], ["top"]]) {
      const { code, stdout, stderr } = await joinery([...args, "--server", server.url]);
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: "",
        stderr: `joinery: cannot reach the server ${server.url}: nobody listens there\n`,
      });
    }
  });

  test("that was typed wins over the folder of the environment, and the other way round", async () => {
    const { url } = await answering(serving());
    const ofFolder = { JOINERY_DATA: folder };
    expect(await listed([], ofFolder)).toEqual(FROM_FOLDER);
    expect(await listed(["--server", url, "--token", KEY], ofFolder)).toEqual(FROM_SERVER);
    const ofServer = { JOINERY_SERVER: url, JOINERY_TOKEN: "old", JOINERY_DATA: "" };
    expect(await listed(["--data", folder], ofServer)).toEqual(FROM_FOLDER);
    expect(await listed(["--token", KEY], ofServer)).toEqual(FROM_SERVER);
    const file = join(parent, "good-token");
    await writeFile(file, KEY);
    expect(await listed(["--token-file", file], ofServer)).toEqual(FROM_SERVER);
  });

  test("and a folder are too much, also in the environment; two tokens too", async () => {
    const both = await listed(["--server", "http://127.0.0.1:1", "--data", folder]);
    expect(both).toMatchObject({ code: 2, names: [] });
    expect(both.stderr).toContain("--server (JOINERY_SERVER) and --data (JOINERY_DATA) are given");
    const tokens = await listed(["--server", "http://127.0.0.1:1", "--token", "a", "--token-file", "b"]);
    expect(tokens).toMatchObject({ code: 2 });
    const environment = { JOINERY_SERVER: "http://127.0.0.1:1", JOINERY_DATA: folder };
    expect(await listed([], environment)).toMatchObject({ code: 2, names: [] });
  });

  test("whose token is in a file that is not there, or empty, is not asked", async () => {
    const server = await answering(serving());
    const file = join(parent, "empty");
    await writeFile(file, "\n");
    expect((await listed(["--server", server.url, "--token-file", file])).stderr).toContain("is empty");
    const missing = await listed(["--server", server.url, "--token-file", join(parent, "missing")]);
    expect(missing.stderr).toContain("--token-file: cannot read the token: ENOENT");
    expect(server.requests).toEqual([]);
  });
});

describe("a config file", () => {
  test("says where the documents are, unless somebody types it", async () => {
    const file = join(parent, "joinery.config.mjs");
    await writeFile(file, `export default { data: ${JSON.stringify(folder)} };`);
    expect(await listed(["--config", file])).toEqual(FROM_FOLDER);
    const { code, stderr } = await listed(["--config", file, "--data", join(parent, "nowhere")]);
    expect(code).toBe(1);
    expect(stderr).toContain("there is no such folder");
  });

  test("whose documents are elsewhere is told", async () => {
    const file = join(parent, "elsewhere.config.mjs");
    await writeFile(file, "export default { storage: {} };");
    const { code, stderr } = await listed(["--config", file]);
    expect(code).toBe(1);
    expect(stderr).toContain("keeps documents in a storage of its own: name the server with --server");
  });

  test("that is not there is told", async () => {
    const { code, stderr } = await listed(["--config", join(parent, "missing.config.mjs")]);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot load config file");
  });
});
