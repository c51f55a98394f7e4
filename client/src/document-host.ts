/** What a document's content and its session need of the document, and of the client. */

import type * as Y from "yjs";
import type { Connection } from "./connection.ts";
import type { DocumentEvents, OpenOptions } from "./document-api.ts";
import type { Events } from "./events.ts";
import type { LocalCopy } from "./local-copy.ts";
import type { OnCopyState } from "./offline/ports.ts";
import type { Environment } from "./ports.ts";

/** A document that is made of this one. */
interface OtherDocument {
  whenLoaded(): Promise<void>;
  whenStored(): Promise<void>;
  whenSaved(): Promise<void>;
  close(): Promise<void>;
}

/** Of the client. */
export interface DocumentContext {
  readonly connection: Connection;
  readonly environment: Environment;
  /** Whether presence is wanted: not of a document that is only being saved. */
  readonly hasPresence: boolean;
  /** Opens the copy on this device; `null` when nobody asked for one. */
  openCopy(encode: () => Uint8Array, onState: OnCopyState): Promise<LocalCopy> | null;
  /** Opens another document, with what is in a Y.Doc. @throws JoineryError INVALID_OPTION (never). */
  open(name: string, doc: Y.Doc): OtherDocument;
  /** Nobody has it open any more; its copy on this device is being closed. */
  closed(closing: Promise<void>): void;
}

export interface DocumentHost extends DocumentContext {
  readonly name: string;
  readonly options: OpenOptions;
  readonly events: Events<DocumentEvents>;
  /** The application made a mistake, as a listener that throws. */
  report(thrown: unknown): void;
  /** The state, or something else that is told of it, is different. */
  changed(): void;
  /** Who else is here, or what they say, is different. */
  othersChanged(): void;
  /** The application destroyed the Y.Doc, which tells of no edits any more. */
  destroyed(): void;
}
