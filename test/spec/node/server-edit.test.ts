import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, defineHooks, type Server, type ServerOptions } from "@joinery/server";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Doc } from "yjs";
import { SILENT } from "../../support/silent-logger.ts";

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-edit-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function serverOn(data: string, options: ServerOptions = {}): Server {
  const server = createServer({ data, logger: SILENT, ...options });
  onTestFinished(async () => void (await server.close()));
  return server;
}

async function textOf(server: Server, name: string): Promise<string> {
  let text = "";
  await server.edit(name, (doc) => {
    text = doc.getText("text").toString();
  });
  return text;
}

const insert = (text: string) => (doc: Doc) => doc.getText("text").insert(0, text);

describe("editing by code", () => {
  test("is there after a restart, with its origin, in the same document", async () => {
    const data = await newFolder();
    const first = serverOn(data);
    const one = await first.edit("plan/ä b", insert("one"), { origin: "importer" });
    await first.close();
    const second = serverOn(data);
    const two = await second.edit("plan/ä b", (doc) => doc.getText("text").insert(3, " two"));
    expect([one.seq, two.seq, two.lineage]).toEqual([1, 2, one.lineage]);
    expect(await textOf(second, "plan/ä b")).toBe("one two");
  });

  test("takes turns with itself: no edit is made upon what another one has not seen", async () => {
    const server = serverOn(await newFolder());
    const edits = Array.from({ length: 20 }, () => {
      return server.edit("count", (doc) => {
        const map = doc.getMap<number>("map");
        map.set("n", (map.get("n") ?? 0) + 1);
      });
    });
    await Promise.all(edits);
    let n: number | undefined;
    await server.edit("count", (doc) => {
      n = doc.getMap<number>("map").get("n");
    });
    expect(n).toBe(20);
  });

  test("is told to the hooks as a change by its origin, and not as somebody who comes and goes", async () => {
    const told: string[] = [];
    const hooks = defineHooks({
      connect: ({ user }) => void told.push(`connect ${user}`),
      disconnect: ({ user }) => void told.push(`disconnect ${user}`),
      change: ({ document, authors }) => void told.push(`change ${document} ${authors.join()}`),
    });
    const server = serverOn(await newFolder(), { hooks });
    await server.edit("notes", insert("x"), { origin: "importer" });
    await server.close();
    expect(told).toEqual(["change notes importer"]);
  });

  test("reaches the documents that Hocuspocus extensions see", async () => {
    const seen: string[] = [];
    const extension = {
      onChange: ({ document }: { document: Doc }) => {
        seen.push(document.getText("text").toString());
        return Promise.resolve();
      },
    };
    const server = serverOn(await newFolder(), { extensions: [extension] });
    await server.edit("notes", insert("b"));
    await server.edit("notes", insert("a"));
    await server.close();
    expect(seen).toEqual(["b", "ab"]);
  });

  test("is refused for a name that is none, and by a server that was closed", async () => {
    const server = serverOn(await newFolder());
    await expect(server.edit("", insert("x"))).rejects.toMatchObject({ code: "INVALID_NAME" });
    await server.close();
    await expect(server.edit("notes", insert("x"))).rejects.toThrow(/closed/);
  });
});

describe("the word that a server leaves in its folder", () => {
  test("is for the folder's owner alone, names where it listens, and has another key each time", async () => {
    const data = await newFolder();
    const file = join(data, "server.json");
    const keys = new Set<string>();
    for (let i = 0; i < 2; i++) {
      const server = serverOn(data);
      await server.ready();
      // Left behind by a process that was killed, and readable by all.
      await writeFile(file, "{}", { mode: 0o644 });
      const { url } = await server.listen({ port: 0 });
      const left = JSON.parse(await readFile(file, "utf8")) as { pid: number; url: string; key: string };
      expect(left).toMatchObject({ pid: process.pid, url });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      keys.add(left.key);
      const asked = await fetch(`${url}/api/v1/sessions`, {
        headers: { Authorization: `Bearer ${left.key}` },
      });
      expect(asked.status).toBe(200);
      expect((await fetch(`${url}/api/v1/sessions`)).status).not.toBe(200);
      await server.close();
    }
    expect(keys.size).toBe(2);
  });
});
