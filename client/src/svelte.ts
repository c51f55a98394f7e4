/** Svelte stores over what the client and its documents tell. */

import { type Readable, readable } from "svelte/store";
import type { Observable } from "./observable.ts";

/** Follows a client, a document, or a document's `presence`, for as long as somebody reads it. */
export function snapshotStore<T>(observable: Observable<T>): Readable<T> {
  return readable(observable.getSnapshot(), (set) => {
    set(observable.getSnapshot());
    return observable.subscribe(() => set(observable.getSnapshot()));
  });
}
