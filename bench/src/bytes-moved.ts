/**
 * `npm run bench:bytes`: what moves when somebody opens a document, comes back to it, and comes back when one
 * keystroke was made meanwhile. Real clients, real servers, bytes counted on the TCP connections. See ../README.md.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { JoineryClient } from "@joinery/client";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket-2";
import * as Y from "yjs";
import { churned, paper } from "./bytes-load.ts";
import { CountingProxy, type Traffic } from "./counting-proxy.ts";
import { joinery } from "./peers/joinery.ts";
import type { Peer } from "./peers/peer.ts";
import { yWebsocketServer } from "./peers/y-websocket.ts";
import { pinLoadGenerator } from "./pinning.ts";
import { markdownTable } from "./report/table.ts";
import { ServerProcess } from "./server-process.ts";
import { exitOnSignals } from "./signals.ts";
import { waitUntil } from "./wait.ts";

const TIMEOUT_MS = 120_000;
/** Nothing moved for this long: it is over. */
const QUIET_MS = 400;

/** Somebody with the document open. */
interface Reader {
  readonly doc: Y.Doc;
  readonly isSynced: boolean;
  connect(): void;
  disconnect(): void;
  close(): void;
}

type MakeReader = (port: number, document: string) => Reader;

function yWebsocketReader(port: number, document: string): Reader {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, document, doc, {
    disableBc: true,
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
  });
  return {
    doc,
    get isSynced() {
      return provider.synced;
    },
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    close: () => {
      provider.destroy();
      // Its timer would keep the process.
      provider.awareness.destroy();
    },
  };
}

function nativeReader(port: number, document: string): Reader {
  const client = new JoineryClient({ url: `ws://127.0.0.1:${port}` });
  const handle = client.open(document);
  return {
    doc: handle.doc,
    get isSynced() {
      return handle.synced && handle.saved && handle.status.kind === "online";
    },
    connect: () => client.connect(),
    disconnect: () => client.disconnect(),
    close: () => void client.close(),
  };
}

interface Setup {
  readonly title: string;
  readonly peer: Peer;
  readonly makeReader: MakeReader;
}

const SETUPS: readonly Setup[] = [
  { title: "y-websocket, its reference server", peer: yWebsocketServer, makeReader: yWebsocketReader },
  { title: "y-websocket, Joinery", peer: joinery, makeReader: yWebsocketReader },
  { title: "@joinery/client, Joinery", peer: joinery, makeReader: nativeReader },
];

interface Subject {
  readonly title: string;
  readonly name: string;
  readonly state: Uint8Array;
}

interface Moved {
  readonly join: Traffic;
  readonly rejoin: Traffic;
  readonly missingOne: Traffic;
}

/** Bytes until nothing moves any more. */
async function trafficOf(proxy: CountingProxy, action: () => void, isDone: () => boolean): Promise<Traffic> {
  const before = proxy.traffic;
  action();
  await waitUntil(isDone, TIMEOUT_MS, () => "the reader did not get everything");
  let last = proxy.traffic;
  let quietSinceMs = performance.now();
  while (performance.now() - quietSinceMs < QUIET_MS) {
    await sleep(20);
    const { traffic } = proxy;
    if (traffic.up !== last.up || traffic.down !== last.down) quietSinceMs = performance.now();
    last = traffic;
  }
  return { up: last.up - before.up, down: last.down - before.down };
}

function hasAllOf(doc: Y.Doc, other: Y.Doc): boolean {
  return Y.equalSnapshots(Y.snapshot(doc), Y.snapshot(other));
}

async function measure({ peer, makeReader }: Setup, subject: Subject): Promise<Moved> {
  const { pin } = pinLoadGenerator();
  const server = await ServerProcess.start(peer, pin);
  const proxy = await CountingProxy.start(server.port);
  // The author is not counted, and stays: the reference server forgets a document that nobody has open.
  const author = yWebsocketReader(server.port, subject.name);
  Y.applyUpdate(author.doc, subject.state);
  await waitUntil(
    () => author.isSynced,
    TIMEOUT_MS,
    () => "the author did not sync",
  );
  const witness = yWebsocketReader(server.port, subject.name);
  const isThere = () => hasAllOf(witness.doc, author.doc);
  await waitUntil(isThere, TIMEOUT_MS, () => "the server does not have the document");
  witness.close();
  try {
    let reader: Reader | null = null;
    const has = () => reader?.isSynced === true && hasAllOf(reader.doc, author.doc);
    const join = await trafficOf(
      proxy,
      () => {
        reader = makeReader(proxy.port, subject.name);
      },
      has,
    );
    const come = () => (reader as Reader | null)?.connect();
    const leave = async () => {
      (reader as Reader | null)?.disconnect();
      await waitUntil(
        () => reader?.isSynced === false,
        TIMEOUT_MS,
        () => "the reader did not leave",
      );
      await sleep(QUIET_MS);
    };
    await leave();
    const rejoin = await trafficOf(proxy, come, has);
    await leave();
    author.doc.getText("text").insert(0, "x");
    await sleep(QUIET_MS);
    const missingOne = await trafficOf(proxy, come, has);
    (reader as Reader | null)?.close();
    return { join, rejoin, missingOne };
  } finally {
    author.close();
    await proxy.stop();
    await server.stop();
  }
}

function cell({ up, down }: Traffic): string {
  return `${(up + down).toLocaleString("en")} (${up.toLocaleString("en")} + ${down.toLocaleString("en")})`;
}

exitOnSignals();
const subjects: readonly Subject[] = [
  { title: "automerge-paper", name: "paper", state: paper() },
  { title: "a churned document", name: "churned", state: churned() },
];

for (const subject of subjects) {
  process.stderr.write(`${subject.title}, ${subject.state.length.toLocaleString("en")} bytes\n`);
  const rows = [["bytes in all (up + down)", "join", "rejoin", "rejoin, one keystroke behind"]];
  for (const setup of SETUPS) {
    const { join, rejoin, missingOne } = await measure(setup, subject);
    rows.push([setup.title, cell(join), cell(rejoin), cell(missingOne)]);
  }
  const encoded = `${subject.title}: ${subject.state.length.toLocaleString("en")} bytes encoded`;
  process.stdout.write(`${encoded}\n\n${markdownTable(rows).join("\n")}\n\n`);
}
