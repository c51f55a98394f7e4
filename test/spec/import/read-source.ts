import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, toJoineryError } from "@joinery/shared";
import { onTestFinished } from "vitest";
import * as Y from "yjs";
import { SecondFormat } from "../../../server/src/import/second-format.ts";
import type { OpenSource } from "../../../server/src/import/source.ts";

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Reads all that a source has: of each document the text, or the code and message of what it rejects with. */
export async function readSource(
  open: OpenSource,
  place: string,
  maxBytes = 1_000_000,
): Promise<{ count: number | null; texts: Record<string, string> }> {
  const secondFormat = new SecondFormat(DEFAULT_LIMITS);
  onTestFinished(() => secondFormat.close());
  const source = await open(place, { convert: (update) => secondFormat.convert(update) });
  onTestFinished(() => source.close());
  const texts: Record<string, string> = {};
  for await (const document of source.documents()) {
    texts[document.name] = await document.read(maxBytes).then(textOf, (error: unknown) => {
      const { code, message } = toJoineryError(error);
      return `${code}: ${message}`;
    });
  }
  return { count: source.count, texts };
}

function textOf(updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}
