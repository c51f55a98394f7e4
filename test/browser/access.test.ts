/** The page on a server that asks for tokens, in Chromium: where the token comes from, and what each one lets people do. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { openClient } from "../interop/native-client.ts";
import { openStage } from "../interop/stage.ts";
import { findChromium, openBrowser, Person } from "./person.ts";

const NO_CHROMIUM = "there is no Chromium in /usr/bin";
const SECRET = "a secret of a test that is long enough for HS256";

function mint(user: string, rights: "read" | "write", documents = "**", life = "5m"): Promise<string> {
  return new SignJWT({ documents: { [documents]: rights } })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(life)
    .sign(new TextEncoder().encode(SECRET));
}

/** A server that asks for tokens, and who comes to its page: `null` where there is no browser. */
async function openDoor() {
  const chromium = findChromium();
  if (chromium === undefined) return null;
  const folder = await mkdtemp(join(tmpdir(), "joinery-key-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const key = join(folder, "secret.txt");
  await writeFile(key, SECRET);
  const { server } = await openStage({ args: ["--jwt-key", key] });
  const profile = await openBrowser(chromium);
  const come = async (name: string, path: string): Promise<Person> => {
    const person = Person.at(await (await profile()).newPage(), name);
    await person.page.goto(`${server.url}${path}`);
    onTestFinished(() => expect(person.errors).toEqual([]));
    return person;
  };
  return { server, come };
}

test("a token in the address is taken out of it, outlives a reload, and lets people do what it says", async ({
  skip,
}) => {
  const door = await openDoor();
  if (door === null) return skip(NO_CHROMIUM);
  const { server, come } = door;
  // An address without a document is written anew, and the token has to survive that.
  const ann = await come("Ann", `/#token=${await mint("ann", "write")}`);
  await ann.seesState("saved");
  expect(ann.page.url()).toBe(`${server.url}/d/welcome`);
  await ann.goesToText();
  await ann.types("Hello");
  await ann.draws("Rectangle", [100, 150], [250, 250]);
  await ann.presses("Blue");
  await ann.presses("Filled");
  await ann.seesOnBoard("Rectangle, blue");
  await ann.seesState("saved");
  await ann.page.reload();
  await ann.seesState("saved");
  await ann.reads("Hello");

  const write = await mint("ben", "write");
  const ben = await come("Ben", `/d/welcome#token=${await mint("ben", "read")}`);
  await ben.seesState("read-only");
  await ben.isWarned("You may read this document, not write to it.");
  expect(ben.page.url()).toBe(`${server.url}/d/welcome`);
  await ben.reads("Hello");
  await ben.seesOnBoard("Rectangle, blue");
  const witness = openClient({ url: server.wsUrl, token: write }).open("welcome");
  await witness.whenSynced();
  const board = () => witness.doc.getMap("board").toJSON();
  const before = board();
  await ben.goesToText();
  await ben.types("smuggled");
  const { page } = ben;
  expect(await page.locator("#board").getByRole("button", { name: "Ellipse" }).isDisabled()).toBe(true);
  // What is there can neither be moved nor removed, and the key of a tool draws nothing.
  await page.locator("#board-surface").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Delete");
  await page.keyboard.press("r");
  await ben.drags([300, 150], [400, 250]);
  await ann.goesToText();
  await ann.types(" again");
  for (const person of [ann, ben]) {
    await person.reads("Hello again");
    await person.seesOnBoard("Rectangle, blue");
  }
  expect(Object.keys(before)).not.toEqual([]);
  expect(board()).toEqual(before);

  // Another token in the address of the same page takes the place of the first.
  await Promise.all([
    page.waitForEvent("load"),
    page.evaluate((token) => void location.assign(`#token=${token}`), write),
  ]);
  await ben.seesState("saved");
  expect(page.url()).toBe(`${server.url}/d/welcome`);
  await ben.goesToText();
  await ben.types(", says Ben");
  await ann.reads("Hello again, says Ben");
});

test("who has no token, one for something else, or one that runs out is told what to do", async ({
  skip,
}) => {
  const door = await openDoor();
  if (door === null) return skip(NO_CHROMIUM);
  const { server, come } = door;
  const stranger = await come("somebody", "/d/notes");
  await stranger.seesState("refused");
  await stranger.isWarned(/A token is needed\..*ask for a new one: it ends with #token=/s);
  const eve = await come("Eve", `/d/secret#token=${await mint("eve", "write", "notes")}`);
  await eve.seesState("refused");
  await eve.isWarned("You may not open this document.");

  // It is good for as long again as clocks may be apart, 5 s.
  const cid = await come("Cid", `/d/notes#token=${await mint("cid", "write", "**", "1s")}`);
  await cid.seesState("saved");
  await cid.seesState("refused");
  await cid.isWarned(/Your token has expired\..*#token=/s);
  const next = await mint("cid", "write");
  await cid.page.evaluate((token) => void location.assign(`#token=${token}`), next);
  await cid.seesState("saved");

  // Without any library: a browser grants the other subprotocol, and is never sent the token back.
  const answer = await cid.page.evaluate(
    ([url, token]) =>
      new Promise<string>((resolve, reject) => {
        const socket = new WebSocket(`${url}/notes`, ["y-websocket", `joinery-token.${token}`]);
        socket.onopen = () => socket.send(Uint8Array.of(3));
        socket.onmessage = () => resolve(socket.protocol);
        socket.onclose = ({ code, reason }) => reject(new Error(`${code} ${reason}`));
      }),
    [server.wsUrl, next] as const,
  );
  expect(answer).toBe("y-websocket");
});
