/**
 * What becomes of a copy whose document is refused, as the application chose. Loaded when it is needed, which is rarely.
 */

import { JoineryError } from "@joinery/shared";
import * as Y from "yjs";
import type { Content } from "./content.ts";
import type { LineageChoice } from "./document-api.ts";
import type { DocumentHost } from "./document-host.ts";
import type { Session } from "./session.ts";

export interface ChoiceTarget {
  readonly host: DocumentHost;
  readonly content: Content;
  readonly session: Session;
}

/**
 * @throws JoineryError INVALID_OPTION (never) when there is nothing to choose, or not any more; OFFLINE_STORE_FAILED
 * (never) when the copy cannot be made: then nothing changes.
 */
export async function applyChoice(
  target: ChoiceTarget,
  choice: LineageChoice,
  copyName: string,
): Promise<void> {
  const { host, content, session } = target;
  requireRefused(target, choice);
  if (choice === "keep-as-copy") {
    await keepAsCopy(target, copyName);
    requireRefused(target, choice);
  }
  const kept = choice === "merge" ? [content.encode()] : [];
  content.copy?.replace({ updates: kept, unsaved: kept, revision: null, lineage: null, confirmed: [] });
  if (choice !== "merge") {
    content.replaceDoc();
    host.events.emit("doc", content.doc);
  }
  session.replaceCopy(kept);
  host.changed();
}

function requireRefused({ host, session }: ChoiceTarget, choice: LineageChoice): void {
  if (session.state !== "refused" || (choice === "merge" && !session.snapshot().conflict)) {
    throw new JoineryError("INVALID_OPTION", `${host.name} has nothing to ${choice}`);
  }
}

async function keepAsCopy({ host, content }: ChoiceTarget, copyName: string): Promise<void> {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, content.encode());
  const copy = host.open(copyName, doc);
  // What it could not store, its own state has told.
  const close = () => copy.close().catch(() => undefined);
  try {
    await copy.whenLoaded();
    await copy.whenStored();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  // What was edited meanwhile.
  Y.applyUpdate(doc, content.encode());
  // Open until it is on the server, and if that refuses it, for the application.
  copy.whenSaved().then(close, () => undefined);
}
