/** React hooks over what the client and its documents tell. */

import { useEffect, useState, useSyncExternalStore } from "react";
import type { ClientSnapshot, JoineryClient } from "./client.ts";
import type { DocumentHandle } from "./document.ts";
import type { DocumentSnapshot, OpenOptions } from "./document-api.ts";
import type { Observable } from "./observable.ts";
import type { Other } from "./presence.ts";

/** How it stands with the connection. */
export function useConnection(client: JoineryClient): ClientSnapshot {
  return useObservable(client);
}

/**
 * Opens a document while the component is mounted; `null` before it is.
 *
 * @param options As they are when it is opened; a later change of them does nothing.
 */
export function useDocument(
  client: JoineryClient,
  name: string,
  options?: OpenOptions,
): DocumentHandle | null {
  const [handle, setHandle] = useState<DocumentHandle | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: reason: an inline object differs at every rendering.
  useEffect(() => {
    const opened = client.open(name, options);
    setHandle(opened);
    return () => {
      setHandle(null);
      // What is not stored, the handle's state has told.
      opened.close().catch(() => undefined);
    };
  }, [client, name]);
  return handle;
}

/** What is true of a document. */
export function useDocumentState(handle: DocumentHandle): DocumentSnapshot {
  return useObservable(handle);
}

/** Everybody else in the document. */
export function useOthers(handle: DocumentHandle): readonly Other[] {
  return useObservable(handle.presence);
}

function useObservable<T>({ subscribe, getSnapshot }: Observable<T>): T {
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
