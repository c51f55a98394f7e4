import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, defineHooks, type Server, type ServerOptions } from "@joinery/server";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Doc } from "yjs";
import { LevelStorage } from "../../../server/src/storage/level.ts";
import { SILENT } from "../../support/silent-logger.ts";

async function serverWith(options: ServerOptions = {}): Promise<{ server: Server; data: string }> {
  const data = await mkdtemp(join(tmpdir(), "joinery-edit-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const server = createServer({ data, logger: SILENT, ...options });
  onTestFinished(async () => void (await server.close()));
  return { server, data };
}

describe("editing by code beside Hocuspocus extensions", () => {
  test("is no connection of theirs, and no message that they could refuse; they see what it did", async () => {
    const told: string[] = [];
    const extension = {
      connected: async () => void told.push("connected"),
      onDisconnect: async () => void told.push("onDisconnect"),
      beforeHandleMessage: async () => {
        throw new Error("no messages");
      },
      onChange: async ({ document }: { document: Doc }) => {
        told.push(document.getText("text").toString());
      },
      onStoreDocument: async ({ document }: { document: Doc }) => {
        told.push(`stored ${document.getText("text").toString()}`);
      },
    };
    const { server } = await serverWith({ extensions: [extension] });
    await server.edit("notes", (doc) => doc.getText("text").insert(0, "b"));
    await server.edit("notes", (doc) => doc.getText("text").insert(0, "a"));
    await server.close();
    expect(told).toEqual(["b", "ab", "stored ab"]);
  });
});

test("whoever reads the folder writes over HTTP past hooks that know nobody", async () => {
  const told: unknown[] = [];
  const hooks = defineHooks({
    authenticate: () => {
      throw new Error("nobody");
    },
    connect: ({ user, context }) => void told.push(["connect", user, context]),
    disconnect: ({ user }) => void told.push(["disconnect", user]),
    change: ({ authors }) => void told.push(["change", ...authors]),
  });
  const { server, data } = await serverWith({ hooks });
  const { url } = await server.listen({ port: 0 });
  const { key } = JSON.parse(await readFile(join(data, "server.json"), "utf8")) as { key: string };
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ edits: [{ op: "insert", path: ["text"], text: "x" }] });
  const edited = await fetch(`${url}/api/v1/documents/notes/edit`, { method: "POST", headers, body });
  expect(edited.status, await edited.clone().text()).toBe(200);
  const deleted = await fetch(`${url}/api/v1/documents/notes`, { method: "DELETE", headers });
  expect(deleted.status).toBe(200);
  expect((await fetch(`${url}/api/v1/documents/notes`, { method: "DELETE", headers })).status).toBe(404);
  const restored = await fetch(`${url}/api/v1/documents/notes/restore`, {
    method: "POST",
    headers,
    body: "{}",
  });
  expect(restored.status).toBe(200);
  await server.close();
  expect(told).toContainEqual(["change", "operator"]);
});

test("the word in the folder is taken back before somebody else can have the folder", async () => {
  const { server, data } = await serverWith();
  await server.listen({ port: 0 });
  const file = join(data, "server.json");
  const { close } = LevelStorage.prototype;
  const closing = vi.spyOn(LevelStorage.prototype, "close").mockImplementation(async function (
    this: LevelStorage,
  ) {
    await close.call(this);
    await writeFile(file, "of who has it now");
  });
  onTestFinished(() => closing.mockRestore());
  await server.close();
  expect(await readFile(file, "utf8")).toBe("of who has it now");
});
