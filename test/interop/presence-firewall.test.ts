import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type AwarenessEntry, encodeAwareness } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { until, within } from "../support/until.ts";
import { openStage, type Stage } from "./stage.ts";

const DOCUMENT = "presence";

function entry(clientId: number, clock: number, state: unknown): AwarenessEntry {
  return { clientId, clock, state: state === null ? null : new TextEncoder().encode(JSON.stringify(state)) };
}

function isNamed(name: string) {
  return (state: Record<string, unknown>) => state.name === name;
}

/** Somebody who sends what no editor would. */
class Stranger {
  readonly #webSocket: WebSocket;
  /** 0 while the server has not closed the connection. */
  closeCode = 0;

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.on("close", (code) => {
      this.closeCode = code;
    });
  }

  static async connect(stage: Stage): Promise<Stranger> {
    const webSocket = new WebSocket(`${stage.server.wsUrl}/${DOCUMENT}`);
    const stranger = new Stranger(webSocket);
    onTestFinished(() => webSocket.terminate());
    await within("the stranger to connect", once(webSocket, "open"));
    return stranger;
  }

  announce(entries: readonly AwarenessEntry[]): void {
    this.#webSocket.send(Y_WEBSOCKET.presence(encodeAwareness(entries)));
  }

  leave(): void {
    this.#webSocket.terminate();
  }
}

test("F77 to F84: whatever a stranger says, two people go on seeing each other and nobody else", async () => {
  const stage = await openStage();
  const [ann, bob] = [await stage.join(DOCUMENT).synced(), await stage.join(DOCUMENT).synced()];
  const [annId, bobId] = [ann.doc.clientID, bob.doc.clientID];
  let deep: unknown = 1;
  for (let i = 0; i < 2000; i++) deep = { a: deep };
  const EVE = { name: "eve" };
  const attacks: [string, AwarenessEntry[], number?][] = [
    ["F77 many people", Array.from({ length: 100_000 }, (_, i) => entry(1000 + i, 1, EVE)), 4413],
    [
      "F77 some more people than allowed",
      Array.from({ length: 17 }, (_, i) => entry(1000 + i, 1, EVE)),
      4413,
    ],
    ["F78 a huge clock for somebody else", [entry(annId, Number.MAX_SAFE_INTEGER, EVE)]],
    ["F78 a huge clock for herself", [entry(99, Number.MAX_SAFE_INTEGER, EVE)]],
    [
      "F79 people who were never here, gone",
      Array.from({ length: 10_000 }, (_, i) => entry(1000 + i, 1, null)),
    ],
    ["F79 somebody else, gone", [entry(annId, 1000, null), entry(bobId, 1, null)]],
    ["F81 a number, after a good one", [entry(95, 1, EVE), entry(94, 1, 7)], 4422],
    ["F82 a deep state", [entry(97, 1, deep)], 4422],
    ["F83 a large state", [entry(96, 1, { a: "x".repeat(10_000_000) })], 4413],
    ["F84 somebody else, newer", [entry(bobId, 900, EVE), entry(annId, 900, EVE)]],
  ];
  let turn = 0;
  for (const [what, entries, code = 0] of attacks) {
    const eve = await Stranger.connect(stage);
    eve.announce(entries);
    for (const [from, to] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const said = `${what}, ${++turn}`;
      from.awareness.setLocalState({ name: said });
      await to.sees(from.doc.clientID, isNamed(said));
      expect(from.awareness.getLocalState()).toEqual({ name: said });
    }
    if (code !== 0) await until(`${what}: the stranger to be sent away`, () => eve.closeCode === code);
    expect(eve.closeCode).toBe(code);
    eve.leave();
    for (const { awareness } of [ann, bob]) {
      await until(`${what}: nobody else to be seen`, () => awareness.getStates().size === 2, {
        saw: () => JSON.stringify([...awareness.getStates()]),
      });
    }
  }
  const late = await stage.join(DOCUMENT).synced();
  await late.sees(annId, isNamed(`${attacks.at(-1)?.[0]}, ${turn - 1}`));
  expect([ann, bob].flatMap(({ closeCodes }) => closeCodes)).toEqual([]);
});

test("F84: a person whose old connection hangs has the id on a new one, and is never seen to leave", async () => {
  const stage = await openStage();
  const bob = await stage.join(DOCUMENT).synced();
  const frozen = await spawnClient(stage, 4711, "Ann");
  await bob.sees(4711);
  const removed: number[] = [];
  bob.awareness.on("change", (change: { removed: number[] }) => removed.push(...change.removed));
  // The kernel keeps its connection up; nobody is behind it.
  frozen.kill("SIGSTOP");
  const ann = await stage.join(DOCUMENT, { clientId: 4711 }).synced();
  for (const name of ["Ann", "Ann again", "Ann, moving"]) ann.awareness.setLocalState({ name });
  await bob.sees(4711, isNamed("Ann, moving"));
  expect(removed).toEqual([]);
});

test("F84: while the old connection answers, nobody has its id", async () => {
  const stage = await openStage();
  const [ann, bob] = [await stage.join(DOCUMENT).synced(), await stage.join(DOCUMENT).synced()];
  ann.awareness.setLocalState({ name: "Ann" });
  await bob.sees(ann.doc.clientID, isNamed("Ann"));
  const eve = await Stranger.connect(stage);
  // Longer than a connection may be silent when it is asked.
  for (let clock = 100; clock < 113; clock++) {
    eve.announce([entry(ann.doc.clientID, clock, { name: "eve" })]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(bob.awareness.getStates().get(ann.doc.clientID)).toEqual({ name: "Ann" });
  }
  ann.awareness.setLocalState({ name: "Ann, still" });
  await bob.sees(ann.doc.clientID, isNamed("Ann, still"));
});

async function spawnClient(stage: Stage, clientId: number, name: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("presence-client.ts", import.meta.url));
  const args = [program, stage.server.wsUrl, DOCUMENT, String(clientId), name];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  await within("the client to sync", once(child.stdout, "data"));
  return child;
}
