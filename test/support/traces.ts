/**
 * Recordings of people typing, and how to replay them. Where they come from: test/fixtures/traces/README.md.
 */

import { readFileSync } from "node:fs";
import { setTimeout as delay, setImmediate as endOfTurn } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import * as Y from "yjs";

/** Where, how many characters go, and which come. */
type Patch = readonly [position: number, deleteCount: number, insert: string];

export interface Transaction {
  readonly patches: readonly Patch[];
}

/** One person typing. */
export interface SequentialTrace {
  /** Each one's positions are those of the text that the one before it left. */
  readonly transactions: readonly Transaction[];
  readonly endContent: string;
}

interface ConcurrentTransaction extends Transaction {
  /** Who made it. */
  readonly agent: number;
  /** Indexes of the transactions whose merge the positions refer to; all earlier ones. */
  readonly parents: readonly number[];
}

/** Several people typing at once. */
export interface ConcurrentTrace {
  readonly transactions: readonly ConcurrentTransaction[];
  readonly agents: number;
  readonly endContent: string;
}

/** 259,778 edits of one person, one a transaction. */
export function readSequentialTrace(): SequentialTrace {
  const { txns, endContent } = readTrace<{ txns: Transaction[]; endContent: string }>("automerge-paper");
  assertUtf16Positions(txns);
  return { transactions: txns, endContent };
}

/** 26,078 edits of two people. */
export function readConcurrentTrace(): ConcurrentTrace {
  const file = readTrace<{ txns: ConcurrentTransaction[]; numAgents: number; endContent: string }>(
    "friendsforever",
  );
  assertUtf16Positions(file.txns);
  return { transactions: file.txns, agents: file.numAgents, endContent: file.endContent };
}

function readTrace<T>(name: string): T {
  const file = new URL(`../fixtures/traces/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")) as T;
}

/** The files count in code points and Yjs in UTF-16 units: the same, as long as nothing is outside the BMP. */
function assertUtf16Positions(transactions: readonly Transaction[]): void {
  for (const { patches } of transactions) {
    for (const [, , insert] of patches) {
      if (/[\ud800-\udfff]/.test(insert))
        throw new Error("trace has characters outside the BMP: convert its positions");
    }
  }
}

/** Applies one transaction as one Yjs transaction, as an editor would. */
export function applyTransaction(text: Y.Text, { patches }: Transaction): void {
  const apply = () => {
    for (const [position, deleteCount, insert] of patches) {
      if (deleteCount > 0) text.delete(position, deleteCount);
      if (insert.length > 0) text.insert(position, insert);
    }
  };
  if (text.doc === null) throw new Error("text is not part of a document");
  text.doc.transact(apply);
}

/** Where two texts part, with what follows there; `null` when they are equal. For a message that can be read. */
export function firstDifference(actual: string, expected: string): string | null {
  if (actual === expected) return null;
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const shown = (text: string) => `${JSON.stringify(text.slice(at, at + 40))} of ${text.length} characters`;
  return `at ${at}: ${shown(actual)} where ${shown(expected)} was expected`;
}

export interface ReplayOptions {
  /** First transaction; the text must be what the ones before it left. */
  readonly from?: number;
  /** Where to stop, not included. */
  readonly to?: number;
  /** How many are applied before other work of this process gets its turn. */
  readonly perTurn?: number;
  /** Pause after each turn; none unless told. */
  readonly pauseMs?: number;
  /** Asked once a turn; `false` ends the replay early. */
  readonly goOn?: () => boolean;
}

/**
 * Types a trace into a text, transaction by transaction, without a pause but with turns for the sockets.
 *
 * @returns The index of the first transaction that was not applied.
 */
export async function replay(
  text: Y.Text,
  trace: SequentialTrace,
  options: ReplayOptions = {},
): Promise<number> {
  const { from = 0, to = trace.transactions.length, perTurn = 200, pauseMs, goOn = () => true } = options;
  let next = from;
  while (next < to && goOn()) {
    const turnEnd = Math.min(to, next + perTurn);
    for (const transaction of trace.transactions.slice(next, turnEnd)) applyTransaction(text, transaction);
    next = turnEnd;
    await (pauseMs === undefined ? endOfTurn() : delay(pauseMs));
  }
  return next;
}

/** One transaction of a concurrent trace as its agent's editor would have sent it. */
export interface AgentUpdate {
  /** Yjs v1 update. */
  readonly update: Uint8Array;
  /** How many updates of each agent its author had seen when it was made. */
  readonly seen: readonly number[];
  /** Its agent's clock with it. */
  readonly clock: number;
}

/**
 * Turns a concurrent trace into each agent's Yjs updates, made on documents that hold exactly what each
 * transaction's parents imply.
 *
 * @param root Name of the Y.Text that is typed into.
 * @returns For each agent its updates in order; the agent's client id is {@link agentClientId}.
 * Cost: integrates every update once an agent.
 */
export function concurrentUpdates(trace: ConcurrentTrace, root: string): AgentUpdate[][] {
  const authors = Array.from({ length: trace.agents }, (_, agent) => new Author(agent, trace.agents, root));
  // What a transaction's author had seen, by the transaction's index, with itself. An agent has always seen all of
  // its own, so a count an agent says it all.
  const after: (readonly number[])[] = [];
  for (const transaction of trace.transactions) {
    const seen = Array.from({ length: trace.agents }, (_, agent) =>
      Math.max(0, ...transaction.parents.map((parent) => after[parent]?.[agent] ?? 0)),
    );
    authors[transaction.agent]?.make(transaction, seen, authors);
    after.push(seen.map((count, agent) => (agent === transaction.agent ? count + 1 : count)));
  }
  return authors.map((author) => author.updates);
}

/** The client id of an agent in the updates of {@link concurrentUpdates}. */
export function agentClientId(agent: number): number {
  return agent + 1;
}

class Author {
  readonly updates: AgentUpdate[] = [];
  readonly #agent: number;
  readonly #text: Y.Text;
  readonly #doc = new Y.Doc();
  readonly #applied: number[];
  #latest: Uint8Array | null = null;

  constructor(agent: number, agents: number, root: string) {
    this.#agent = agent;
    this.#applied = new Array<number>(agents).fill(0);
    this.#doc.clientID = agentClientId(agent);
    this.#text = this.#doc.getText(root);
    this.#doc.on("update", (update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local }: Y.Transaction) => {
      if (local) this.#latest = update;
    });
  }

  make(transaction: ConcurrentTransaction, seen: readonly number[], authors: readonly Author[]): void {
    if (seen[this.#agent] !== this.updates.length)
      throw new Error("an agent has not seen all of its own edits");
    for (const [agent, author] of authors.entries()) {
      if (agent !== this.#agent) this.#catchUp(author.updates, agent, seen[agent] ?? 0);
    }
    this.#latest = null;
    applyTransaction(this.#text, transaction);
    if (this.#latest === null) throw new Error("a transaction changes nothing");
    const clock = Y.getState(this.#doc.store, this.#doc.clientID);
    this.updates.push({ update: this.#latest, seen, clock });
  }

  #catchUp(updates: readonly AgentUpdate[], agent: number, count: number): void {
    const applied = this.#applied[agent] ?? 0;
    if (applied > count) throw new Error("an agent forgot what it had seen");
    for (const { update } of updates.slice(applied, count)) Y.applyUpdate(this.#doc, update);
    this.#applied[agent] = count;
  }
}
