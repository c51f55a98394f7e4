/** Vue refs over what the client and its documents tell. */

import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import type { Observable } from "./observable.ts";

/** Follows a client, a document, or a document's `presence`, for as long as the component lives. */
export function useSnapshot<T>(observable: Observable<T>): Readonly<ShallowRef<T>> {
  const snapshot = shallowRef(observable.getSnapshot());
  onScopeDispose(
    observable.subscribe(() => {
      snapshot.value = observable.getSnapshot();
    }),
  );
  return snapshot;
}
