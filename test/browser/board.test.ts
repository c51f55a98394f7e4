/** The example page's whiteboard as two people see it. Uses the system's Chromium. */

import { expect, test } from "vitest";
import * as Y from "yjs";
import { openStage, type Stage } from "../interop/stage.ts";
import { findChromium, openBrowser, Person } from "./person.ts";

const BLUE_FILL = [214, 231, 247] as const;
const RED_LINE = [179, 64, 47] as const;

test("two people draw and see each other's shapes, lines in the making and pointers", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, bob } = people;

  await ann.draws("Rectangle", [100, 150], [250, 250]);
  await ann.presses("Blue");
  await ann.presses("Filled");
  await bob.seesOnBoard("Rectangle, blue");
  await bob.seesColorAt([150, 200], BLUE_FILL);

  await bob.presses("Draw");
  await bob.presses("Red");
  await bob.beginsDragging([300, 300], [400, 300], [400, 400]);
  await ann.seesPointerOf("Bob");
  await ann.seesColorAt([350, 300], RED_LINE);
  await ann.seesOnBoard("Rectangle, blue");
  await bob.page.mouse.up();
  await ann.seesOnBoard("Rectangle, blue", "Freehand line, red");
  await ann.seesColorAt([350, 300], RED_LINE);

  await ann.draws("Note", [350, 150]);
  await ann.types("Buy nails");
  await bob.seesOnBoard("Rectangle, blue", "Freehand line, red", "Note, amber: Buy nails");
  await ann.page.keyboard.press("Escape");
  for (const person of [ann, bob]) {
    await person.isTold("Saved");
    expect(person.errors).toEqual([]);
  }
});

test("undo takes back one's own steps only, and redo brings them again", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, bob } = people;

  await ann.draws("Ellipse", [100, 150], [200, 250]);
  await bob.seesOnBoard("Ellipse, plain");
  await bob.draws("Arrow", [250, 300], [400, 300]);
  await ann.seesOnBoard("Ellipse, plain", "Arrow, plain");
  await ann.presses("Undo");
  await bob.seesOnBoard("Arrow, plain");
  await ann.presses("Redo");
  await bob.seesOnBoard("Ellipse, plain", "Arrow, plain");
  await bob.page.keyboard.press("ControlOrMeta+z");
  await ann.seesOnBoard("Ellipse, plain");
});

test("what is selected is moved, copied, brought to the front and deleted", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, bob } = people;

  await ann.draws("Rectangle", [100, 150], [200, 250]);
  await ann.presses("Blue");
  await ann.presses("Filled");
  await ann.draws("Ellipse", [300, 150], [400, 250]);
  await ann.clicksOnBoard([150, 200]);
  await ann.presses("To the front");
  await bob.seesOnBoard("Ellipse, blue", "Rectangle, blue");
  await ann.drags([150, 200], [150, 400]);
  await bob.seesColorAt([150, 400], BLUE_FILL);
  await ann.presses("Duplicate");
  await bob.seesOnBoard("Ellipse, blue", "Rectangle, blue", "Rectangle, blue");

  await bob.presses("Select");
  await bob.drags([60, 320], [280, 520]);
  await bob.page.keyboard.press("Delete");
  await ann.seesOnBoard("Ellipse, blue");
  await ann.page.keyboard.press("Delete");
  await bob.seesOnBoard("Ellipse, blue");
});

test("while one moves a shape another colours it, and both hold", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, bob } = people;

  await ann.draws("Rectangle", [100, 150], [200, 250]);
  await ann.presses("Filled");
  await bob.seesOnBoard("Rectangle, plain");
  await bob.clicksOnBoard([150, 200]);
  await ann.beginsDragging([150, 200], [250, 400]);
  await bob.presses("Blue");
  await ann.seesOnBoard("Rectangle, blue");
  await ann.page.mouse.up();
  for (const person of [ann, bob]) {
    await person.seesOnBoard("Rectangle, blue");
    await person.seesColorAt([250, 400], BLUE_FILL);
  }
});

test("the board can be used by keys alone", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, bob } = people;
  const { keyboard } = ann.page;

  await ann.page.getByRole("application", { name: "Whiteboard" }).focus();
  for (const key of ["r", "Enter", "n", "Enter"]) await keyboard.press(key);
  await ann.types("By keys");
  for (const key of ["Escape", ",", ","]) await keyboard.press(key);
  await bob.seesOnBoard("Rectangle, plain", "Note, amber: By keys");
  await expect.poll(() => ann.page.locator("#announcer").textContent()).toContain("of 2");
  await keyboard.press("ControlOrMeta+a");
  await keyboard.press("Delete");
  await bob.seesOnBoard();
  await keyboard.press("ControlOrMeta+z");
  await bob.seesOnBoard("Rectangle, plain", "Note, amber: By keys");
});

test("elements that make no sense are left out, and the rest can be used", async ({ skip }) => {
  const people = await openBoard();
  if (people === undefined) return skip("there is no Chromium in /usr/bin");
  const { ann, stage } = people;
  const vandal = await stage.join("board").synced();

  vandal.doc.transact(() => {
    const board = vandal.doc.getMap("board");
    for (const [id, element] of Object.entries(NONSENSE)) board.set(id, element);
    for (let i = 0; i < 6000; i++) {
      const at = [(i % 100) * 40, Math.floor(i / 100) * 40];
      board.set(`many-${i}`, new Y.Map<unknown>([...shape("rectangle"), ["at", at]]));
    }
  });
  await expect
    .poll(() => ann.page.locator("#board-outline li").last().textContent(), { timeout: 20_000 })
    .toMatch(/that cannot be shown here$/);
  vandal.doc.transact(() => {
    const board = vandal.doc.getMap("board");
    for (const id of [...board.keys()]) if (id.startsWith("many-")) board.delete(id);
  });
  vandal.awareness.setLocalState({
    user: { name: "\u202e<b>", color: "url(//example.com)" },
    board: { pointer: [1e300, "x"], draft: { kind: "stroke", at: [0, 0], size: [1, 1], points: "%%%" } },
  });
  const cannotBeShown = Object.keys(NONSENSE).length - Object.keys(SHOWN).length;
  await ann.seesOnBoard(...Object.values(SHOWN), `and ${cannotBeShown} that cannot be shown here`);
  await ann.draws("Ellipse", [300, 400], [400, 480]);
  await ann.seesOnBoard(
    ...Object.values(SHOWN),
    "Ellipse, plain",
    `and ${cannotBeShown} that cannot be shown here`,
  );
  await ann.isTold("Saved");
  expect(ann.errors).toEqual([]);
});

/** What of the following is shown all the same. */
const SHOWN = { plain: "Rectangle, plain", script: "Note, plain: <img src=x onerror=alert(1)>" };
const NONSENSE: Record<string, unknown> = {
  number: 7,
  text: new Y.Text("not an element"),
  list: new Y.Array(),
  record: { kind: "rectangle", at: [0, 0], size: [10, 10] },
  empty: new Y.Map(),
  kindless: new Y.Map([...shape("rectangle"), ["kind", "__proto__"]]),
  far: new Y.Map([...shape("rectangle"), ["at", [1e300, 0]]]),
  nowhere: new Y.Map([...shape("rectangle"), ["at", [Number.NaN, 0]]]),
  huge: new Y.Map([...shape("ellipse"), ["size", [1e9, 1e9]]]),
  wordy: new Y.Map([...shape("line"), ["size", ["1", "2"]]]),
  pointless: new Y.Map([...shape("stroke"), ["points", new Uint8Array([0xff, 0xff, 0xff])]]),
  scribble: new Y.Map([...shape("stroke"), ["points", "AAAA"]]),
  ["long".repeat(100)]: new Y.Map(shape("rectangle")),
  plain: new Y.Map([
    ...shape("rectangle"),
    ["color", "url(//example.com)"],
    ["lineWidth", -1],
    ["isFilled", "yes"],
  ]),
  script: new Y.Map([...shape("note"), ["order", 2], ["text", new Y.Text("<img src=x onerror=alert(1)>")]]),
};

function shape(kind: string): [string, unknown][] {
  return [
    ["kind", kind],
    ["at", [40, 100]],
    ["size", [120, 90]],
    ["order", 1],
  ];
}

/** Two people at an empty board. */
async function openBoard(): Promise<{ ann: Person; bob: Person; stage: Stage } | undefined> {
  const chromium = findChromium();
  if (chromium === undefined) return undefined;
  const stage = await openStage();
  const profile = await openBrowser(chromium);
  const open = async (name: string) => Person.open(await profile(), name, stage.server.url, "board");
  const [ann, bob] = await Promise.all([open("Ann"), open("Bob")]);
  return { ann, bob, stage };
}
