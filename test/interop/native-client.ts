import {
  type ClientOptions,
  type DocumentHandle,
  type DocumentSnapshot,
  JoineryClient,
} from "@joinery/client";
import type { Logger } from "@joinery/server";
import { onTestFinished } from "vitest";
import type * as Y from "yjs";
import { TEXT } from "../support/peer.ts";
import { until } from "../support/until.ts";

const ignore = () => undefined;

/** For servers in the test's process, where it is known what they would warn of. */
export const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A client that is closed when the test is over. */
export function openClient(options: ClientOptions): JoineryClient {
  const client = new JoineryClient(options);
  onTestFinished(() => client.close());
  return client;
}

export function textOf(handle: DocumentHandle): Y.Text {
  return handle.doc.getText(TEXT);
}

/** Waits until this is true of a document. */
export async function becomes(
  handle: DocumentHandle,
  what: string,
  holds: (snapshot: DocumentSnapshot) => boolean,
): Promise<void> {
  await until(`${handle.name} to be ${what}`, () => holds(handle.getSnapshot()), {
    saw: () => JSON.stringify({ ...handle.getSnapshot(), doc: undefined }),
  });
}

export async function isRefused(handle: DocumentHandle, code: string): Promise<void> {
  await becomes(handle, `refused with ${code}`, ({ status }) => {
    return status.kind === "refused" && status.code === code;
  });
}

/** Waits until a document's text is this. */
export async function reads(handle: DocumentHandle, expected: string): Promise<void> {
  await until(`${handle.name} to read as expected`, () => textOf(handle).toString() === expected, {
    saw: () => JSON.stringify(textOf(handle).toString().slice(0, 200)),
  });
}
