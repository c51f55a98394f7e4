import { JoineryClient } from "@joinery/client";
import { useSnapshot } from "@joinery/client/vue";
import { onScopeDispose } from "vue";

const joinery = new JoineryClient({ url: "ws://127.0.0.1:4321", offline: "my-app" });

/** In a component: `const { state } = useNotes("today")`, and `state.saved` in its template. */
export function useNotes(name: string) {
  const notes = joinery.open(name);
  onScopeDispose(() => notes.close());
  const state = useSnapshot(notes);
  const others = useSnapshot(notes.presence);
  return { notes, state, others };
}
