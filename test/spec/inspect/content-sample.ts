/** Documents to look at: what is stored of them, and a source of them in memory. */

import { type DocumentName, JoineryError, parseDocumentName } from "@joinery/shared";
import * as Y from "yjs";
import type { LogEntry, Snapshot, StoredDocument } from "../../../server/src/engine/ports.ts";
import { contentOf, type DocumentContent } from "../../../server/src/inspect/content.ts";
import type { RootKind } from "../../../server/src/inspect/content-roots.ts";
import type { DocumentListing, DocumentSource } from "../../../server/src/inspect/source.ts";

export const NAME: DocumentName = parseDocumentName("notes/ein Tag – 日");
export const LINEAGE = "0123456789abcdef0123456789abcdef" as StoredDocument["lineage"];
/** 2026-11-21T10:00:00Z; each batch comes a minute after the one before. */
export const START_MS: number = Date.UTC(2026, 10, 21, 10);
export const MINUTE_MS = 60_000;

/** A document whose edits are kept as a log, each with its author. */
export class Recording {
  readonly doc: Y.Doc = new Y.Doc({ guid: "" });
  readonly entries: LogEntry[] = [];

  constructor(clientId = 1) {
    this.doc.clientID = clientId;
  }

  /** What one transaction does becomes a batch. */
  write(author: string, edit: (doc: Y.Doc) => void): this {
    const before = Y.encodeStateVector(this.doc);
    let update: Uint8Array | null = null;
    const keep = (bytes: Uint8Array) => {
      update = bytes;
    };
    this.doc.once("update", keep);
    this.doc.transact(() => edit(this.doc));
    const seq = this.entries.length + 1;
    const time = START_MS + seq * MINUTE_MS;
    const parts = [{ author, update: update ?? Y.encodeStateAsUpdate(this.doc, before) }];
    this.entries.push({ seq, time, parts });
    return this;
  }

  content(as?: ReadonlyMap<string, RootKind>): DocumentContent {
    return contentOfDoc(this.doc, as);
  }
}

export function contentOfDoc(doc: Y.Doc, as?: ReadonlyMap<string, RootKind>): DocumentContent {
  return contentOfUpdate(Y.encodeStateAsUpdate(doc), as);
}

export function contentOfUpdate(update: Uint8Array, as?: ReadonlyMap<string, RootKind>): DocumentContent {
  const facts = { document: NAME, lineage: LINEAGE, seq: 1, time: START_MS, damage: null };
  return contentOf({ ...facts, updates: [update] }, as);
}

/** Every type that Yjs has, values of all kinds, and what was deleted. */
export function writeEverything(doc: Y.Doc): void {
  const body = doc.getText("body");
  body.insert(0, "Hello bold and linked\nsecond line");
  body.format(6, 4, { bold: true });
  body.format(15, 6, { link: "https://x.example" });
  body.insertEmbed(21, { image: "a.png" });
  body.insert(0, "gone ");
  body.delete(0, 5);
  body.setAttribute("language", "en");

  const settings = doc.getMap<unknown>("settings");
  settings.set("theme", "dark");
  settings.set("size", 12.5);
  settings.set("nothing", null);
  settings.set("missing", undefined);
  settings.set("big", 1234567890123456789n);
  settings.set("nan", Number.NaN);
  settings.set("when", new Date(0));
  settings.set(
    "bytes",
    Uint8Array.from({ length: 20 }, (_, i) => i),
  );
  settings.set("object", { a: [1, { b: "deep" }], c: "something that does not fit into a line of it" });
  settings.set("nested", new Y.Map([["text", new Y.Text("inside")]]));
  settings.set("sub", new Y.Doc({ guid: "sub-1", meta: { title: "Sub" } }));
  settings.set("dropped", 1);
  settings.delete("dropped");

  const list = doc.getArray<unknown>("list");
  list.push(["a", 1, true, null, new Y.Array(), new Y.Map([["k", "v"]])]);
  list.delete(1, 1);

  const page = doc.getXmlFragment("page");
  const heading = new Y.XmlElement("heading");
  heading.setAttribute("level", "1");
  heading.insert(0, [new Y.XmlText("Title & more")]);
  const paragraph = new Y.XmlElement("paragraph");
  const text = new Y.XmlText();
  text.insert(0, "plain ");
  text.insert(6, "strong", { bold: {} });
  paragraph.insert(0, [text]);
  const hook = new Y.XmlHook("widget");
  hook.set("state", "on");
  // reason: Yjs takes hooks among XML, its types do not say so.
  const asElement = hook as unknown as Y.XmlElement;
  page.insert(0, [heading, paragraph, asElement, new Y.XmlElement("hr")]);

  const empty = doc.getMap("was here");
  empty.set("a", 1);
  empty.delete("a");
}

/** A source that has these entries of one document, and perhaps a snapshot that replaced those before. */
export function sourceOf(entries: readonly LogEntry[], snapshot: Snapshot | null = null): DocumentSource {
  const from = snapshot?.seq ?? 0;
  const kept = entries.filter(({ seq }) => seq > from);
  const last = entries.at(-1);
  return {
    damage: [],
    describe: () => "memory",
    list: () => {
      throw new Error("nobody lists here");
    },
    names: () => {
      throw new Error("nobody lists here");
    },
    listing: async (document) => {
      if (document !== NAME) return null;
      return {
        document,
        lineage: LINEAGE,
        bornAt: START_MS,
        changedAt: last?.time ?? 0,
        seq: last?.seq ?? 0,
        damage: null,
      } as DocumentListing;
    },
    load: async (document, until = Number.POSITIVE_INFINITY) => {
      if (document !== NAME) return null;
      if (until < from) throw new JoineryError("INVALID_OPTION", "before what is kept");
      const tail = kept.filter(({ seq }) => seq <= until);
      return { lineage: LINEAGE, bornAt: START_MS, snapshot, tail, branches: [], damage: null };
    },
    log: async (_, after, maxBytes) => {
      const behind = kept.filter(({ seq }) => seq > after);
      return maxBytes === 0 ? behind.slice(0, 1) : behind.slice(0, 2);
    },
    verify: async () => null,
    close: async () => undefined,
  };
}

/** A snapshot of the first entries. */
export function snapshotOf(entries: readonly LogEntry[], seq: number): Snapshot {
  const updates = entries.slice(0, seq).flatMap(({ parts }) => parts.map(({ update }) => update));
  return { seq, time: START_MS + seq * MINUTE_MS, update: Y.mergeUpdates(updates) };
}
