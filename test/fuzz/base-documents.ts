/** The documents that are attacked: of every kind of content, as Yjs' own editors made them, the same in every run. */

import * as Y from "yjs";
import { SAMPLES } from "../spec/shared/sample-documents.ts";
import {
  applyTransaction,
  concurrentUpdates,
  readConcurrentTrace,
  readSequentialTrace,
} from "../support/traces.ts";
import { decodeUpdate } from "./model/decode.ts";
import type { Update } from "./model/update.ts";

export interface BaseDocument {
  readonly name: string;
  /** What it holds when the attack starts, as one update. */
  readonly state: Uint8Array;
  /** Updates that its editors made later: sound ones, for mutating. May be empty. */
  readonly later: readonly Uint8Array[];
}

const TRACE_UPDATES = 120;
const LATER_UPDATES = 20;

let documents: readonly BaseDocument[] | null = null;

/** Cost: reads the traces the first time, which takes about a second. */
export function baseDocuments(): readonly BaseDocument[] {
  documents ??= [
    {
      name: "nothing",
      state: Uint8Array.of(0, 0),
      later: SAMPLES.flatMap(({ updates }) => updates[0] ?? []),
    },
    ...SAMPLES.flatMap(({ name, updates }) => [
      split(name, updates, updates.length),
      split(`${name}, half of it`, updates, Math.ceil(updates.length / 2)),
    ]),
    split("an article", article(), 6),
    split("one person writing", written(), TRACE_UPDATES),
    split("two people writing", writtenByTwo(), TRACE_UPDATES),
  ];
  return documents;
}

/** Updates are decoded once; whoever mutates one works on a copy. */
const decoded = new WeakMap<Uint8Array, Update>();

export function decodedUpdate(bytes: Uint8Array): Update {
  const known = decoded.get(bytes);
  if (known) return known;
  const update = decodeUpdate(bytes);
  decoded.set(bytes, update);
  return update;
}

function split(name: string, updates: readonly Uint8Array[], at: number): BaseDocument {
  const state = Y.mergeUpdates(updates.slice(0, at));
  const later = updates.slice(at, at + LATER_UPDATES);
  // A document of which nothing is left to come has its own past sent to it once more.
  return { name, state, later: later.length > 0 ? later : updates.slice(-LATER_UPDATES) };
}

/** What an editor on ProseMirror makes: blocks in blocks, text with marks, attributes. */
function article(): Uint8Array[] {
  const updates: Uint8Array[] = [];
  const doc = new Y.Doc({ guid: "article" });
  doc.clientID = 611;
  doc.on("update", (update: Uint8Array) => updates.push(update));
  const article = doc.getXmlFragment("xml");
  for (const [name, words] of [
    ["heading", "A title"],
    ["paragraph", "Some words, and some more of them."],
    ["blockquote", "Said elsewhere"],
    ["paragraph", "The end"],
  ] as const) {
    const block = new Y.XmlElement(name);
    block.setAttribute("id", name);
    block.insert(0, [new Y.XmlText(words)]);
    article.push([block]);
  }
  const [heading, paragraph, quote] = article.toArray() as Y.XmlElement[];
  const words = paragraph?.get(0) as Y.XmlText;
  words.format(5, 5, { strong: {} });
  words.insert(6, "in ", { link: { href: "https://example.org" } });
  words.delete(0, 3);
  heading?.setAttribute("level", "2");
  quote?.insert(1, [new Y.XmlElement("hard_break"), new Y.XmlText("by somebody")]);
  article.delete(3, 1);
  words.insert(0, "Again ");
  heading?.removeAttribute("level");
  return updates;
}

function written(): Uint8Array[] {
  const updates: Uint8Array[] = [];
  const doc = new Y.Doc();
  doc.clientID = 721;
  const text = doc.getText("text");
  doc.on("update", (update: Uint8Array) => updates.push(update));
  const { transactions } = readSequentialTrace();
  for (const transaction of transactions.slice(0, TRACE_UPDATES + LATER_UPDATES)) {
    applyTransaction(text, transaction);
  }
  return updates;
}

function writtenByTwo(): Uint8Array[] {
  const trace = readConcurrentTrace();
  const transactions = trace.transactions.slice(0, TRACE_UPDATES + LATER_UPDATES);
  const updates = concurrentUpdates({ ...trace, transactions }, "text");
  const next = updates.map(() => 0);
  return transactions.map(({ agent }) => {
    const i = next[agent] as number;
    next[agent] = i + 1;
    return updates[agent]?.[i]?.update as Uint8Array;
  });
}
